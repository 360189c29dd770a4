"""What a token may do in NetBox, found out without doing any of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reconciler.errors import NetBoxAccessError
from reconciler.plan.netbox_features import QUICK_READS, without
from reconciler.plan.netbox_rights import ADD, CHANGE, DELETE
from reconciler.targets.netbox.answers import RefusedError
from reconciler.targets.netbox.client import NetBoxClient, NoGraphQLError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.plan.netbox_rights import Right
    from reconciler.targets.netbox.client import NetBoxAccess

_METHODS = {ADD: "POST", CHANGE: "PATCH", DELETE: "DELETE"}
_FORBIDDEN = 403


class NetBoxProbe:
    """Raises NetBoxUnavailableError and NetBoxAccessError."""

    def __init__(self, access: NetBoxAccess, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = NetBoxClient(access, sleep)

    @property
    def address(self) -> str:
        return self._client.address

    def version(self) -> str:
        return self._client.version()

    def token_version(self) -> str:
        """Which kind our token is of. Raises NetBoxAccessError where there is none."""
        return self._client.token_version()

    def why_rest(self) -> str | None:
        """Why records are read over REST; None where GraphQL, which is quicker, answers."""
        if (reason := without(self._client.version(), QUICK_READS)) is not None:
            return reason
        try:
            self._client.query("site_list(pagination:{limit:1}){id}")
        except NoGraphQLError as error:
            return error.message
        return None

    def denied(self, rights: Iterable[Right]) -> list[Right]:
        """The part of these rights that is not granted."""
        return [right for right in map(self._denied, rights) if right.actions]

    def _denied(self, right: Right) -> Right:
        return right.without(tuple(action for action in right.actions if self._may(right.path, action)))

    def _may(self, path: str, action: str) -> bool:
        """NetBox looks at rights before it looks at the body, and a list of no records is a fine one."""
        try:
            if action in _METHODS:
                self._client.write(_METHODS[action], path, [])
            else:
                self._client.look(path)
        except NetBoxAccessError:
            return False
        except RefusedError as error:
            return error.status != _FORBIDDEN
        return True
