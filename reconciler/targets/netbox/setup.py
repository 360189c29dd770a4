"""Things that NetBox has to have once, whatever the fabrics hold: read by name, made one after the other."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.errors import NetBoxUnavailableError, StalledError
from reconciler.model.netbox import Ref
from reconciler.plan.netbox_features import CHANGELOG_MESSAGES
from reconciler.plan.netbox_setup import NAME, TREATMENTS
from reconciler.targets.netbox.answers import RefusedError
from reconciler.targets.netbox.client import NetBoxClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox_setup import SetupChange, SetupThing
    from reconciler.targets.netbox.client import NetBoxAccess


class NetBoxSetup:
    """Raises NetBoxUnavailableError and NetBoxAccessError; StalledError for what NetBox refuses."""

    def __init__(self, client: NetBoxClient) -> None:
        self._client = client
        self._ids: dict[Ref, int] = {}

    @classmethod
    def at(cls, access: NetBoxAccess, sleep: Callable[[float], None] = time.sleep) -> NetBoxSetup:
        return cls(NetBoxClient(access, sleep))

    @property
    def address(self) -> str:
        return self._client.address

    def version(self) -> str:
        return self._client.version()

    def find(self, things: Iterable[SetupThing]) -> dict[Ref, JSONObject]:
        """Those of the things that are there, as REST shows them."""
        names: defaultdict[str, list[str]] = defaultdict(list)
        for thing in things:
            names[thing.ref.model].append(thing.ref.key)
        found: dict[Ref, JSONObject] = {}
        for path, wanted in names.items():
            by = TREATMENTS[path].by
            raws = self._client.listing(path, {by: wanted})
            found |= {Ref(path, raw[by]): raw for raw in raws if raw.get(by) in wanted}
        self._ids |= {ref: int(raw["id"]) for ref, raw in found.items()}
        return found

    def carry_out(self, change: SetupChange) -> None:
        """Make one change. What was made meanwhile by somebody else is refused, and there at the next look."""
        body = {name: self._plain(value) for name, value in change.fields.items()} | said(self._client)
        method, path = ("POST", change.ref.model) if change.id is None else ("PATCH", f"{change.ref.model}/{change.id}")
        try:
            answer = self._client.write(method, path, body)
        except RefusedError as error:
            kind = NetBoxUnavailableError if error.status >= 500 else StalledError  # noqa: PLR2004 - server errors
            raise kind(f"{change.ref}: NetBox refuses it: {error.message}", reason="NetBoxRejected") from None
        self._ids[change.ref] = int(answer["id"])

    def _plain(self, value: JSON) -> JSON:
        if not isinstance(value, Ref):
            return value
        if value not in self._ids:
            raise StalledError(f"it needs {value}, which does not exist in NetBox", reason="NetBoxRejected")
        return self._ids[value]


def said(client: NetBoxClient) -> JSONObject:
    """What a body says of its cause, where NetBox keeps that."""
    return {"changelog_message": NAME} if client.offers(CHANGELOG_MESSAGES) else {}
