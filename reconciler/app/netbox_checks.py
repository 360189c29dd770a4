"""What `reconciler check` says of a NetBox: its version and what that offers, and the rights of our token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.subjects import netbox_access
from reconciler.errors import NetBoxAccessError
from reconciler.plan.netbox_features import FEATURES, doubt, features
from reconciler.plan.netbox_rights import VIEW, needed_rights
from reconciler.targets.netbox import NetBoxProbe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.plan.netbox_rights import Right
    from reconciler.settings import NetBoxSettings


class NetBoxLook:
    """A look at one NetBox, in steps of which each is a check. Raises what NetBox answers."""

    def __init__(self, settings: NetBoxSettings) -> None:
        self._probe = NetBoxProbe(netbox_access(settings))
        self._lacking: list[Right] = []

    def reach(self) -> str:
        """Whether it answers, and grants what the service needs."""
        version = self._probe.version()
        self._lacking = self._probe.denied(needed_rights(version))
        denied = [right for right in self._lacking if not right.is_for_setup]
        if denied:
            raise NetBoxAccessError(f"{self._probe.address} denies {named(denied)}")
        kind = self._probe.token_version()
        return f"{self._probe.address} is NetBox {version}, and grants every right that is needed (token of {kind})"

    def judge(self) -> tuple[str, str]:
        """State and message on its version."""
        version = self._probe.version()
        why_rest = self._probe.why_rest()
        lacking = [feature for feature in FEATURES if feature not in features(version)]
        doubts = doubt(version)
        parts = [
            f"{version} offers {', '.join(features(version)) or 'nothing beyond the oldest'}",
            *([f"lacks {', '.join(lacking)}"] if lacking else []),
            f"records are read over REST, which is slower: {why_rest}" if why_rest else "records are read by GraphQL",
            *([doubts] if doubts else []),
        ]
        return "warning" if doubts else "ok", "; ".join(parts)

    @property
    def is_setup_hidden(self) -> bool:
        """Whether the token may not even look at all that `init-netbox` makes."""
        return any(right.is_for_setup and VIEW in right.actions for right in self._lacking)

    def lacking_for_setup(self) -> str | None:
        """What only `init-netbox` would miss."""
        denied = [right for right in self._lacking if right.is_for_setup]
        return f"reconciler init-netbox would need {named(denied)}" if denied else None


def named(rights: Iterable[Right]) -> str:
    """Rights as people read them: `add, change dcim.device; view dcim.site`."""
    return "; ".join(f"{', '.join(right.actions)} {right.object_type}" for right in rights)
