"""What SwitchProfiles tell: the model of a switch, and its ports. Nothing here is an error: a profile that cannot be
read is as good as absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from reconciler.plan.lenient import mapping, text
from reconciler.plan.projection.names import clean
from reconciler.plan.projection.port_types import OTHER, breakout, cage_type, kbps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject
    from reconciler.plan.projection.port_types import Breakout

_LANE = re.compile(r"(E\d+/\d+)/\d+")


class PortKind(NamedTuple):
    """Type and speed of an interface; no speed where none was chosen."""

    type: str = OTHER
    speed: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A SwitchProfile: how people call the switch, what runs on it, which ports it has."""

    display_name: str = ""
    nos_type: str = ""
    ports: JSONObject = field(default_factory=dict)
    groups: JSONObject = field(default_factory=dict)
    port_profiles: JSONObject = field(default_factory=dict)

    @classmethod
    def of(cls, spec: JSONObject) -> Profile:
        return cls(
            clean(text(spec.get("displayName"))),
            clean(text(spec.get("nosType"))),
            mapping(spec.get("ports")),
            mapping(spec.get("portGroups")),
            mapping(spec.get("portProfiles")),
        )

    def group_of(self, port: str) -> str:
        return text(mapping(self.ports.get(port)).get("group"))

    def port_profile_of(self, port: str) -> str:
        """The port's own profile, or that of its group."""
        group = mapping(self.groups.get(self.group_of(port)))
        return text(mapping(self.ports.get(port)).get("profile")) or text(group.get("profile"))

    def default_breakout(self, port: str) -> str:
        port_profile = mapping(self.port_profiles.get(self.port_profile_of(port)))
        return text(mapping(port_profile.get("breakout")).get("default"))


@dataclass(frozen=True, slots=True)
class Layout:
    """The ports of one switch: its profile, and what its spec says about them."""

    profile: Profile
    spec: JSONObject

    def kind_of(self, name: str) -> PortKind:
        """Type and speed of the port with this canonical name."""
        lane = _LANE.fullmatch(name)
        port = lane[1] if lane else name
        split = self._breakout(port)
        kind = split.lane_type if split and split.lanes > 1 else cage_type(self.profile.port_profile_of(port))
        return PortKind(kind, self._speed(port))

    def names(self) -> Iterator[str]:
        """All ports of the profile but those for management; one that is split by its lanes."""
        for port, settings in self.profile.ports.items():
            if mapping(settings).get("management") is not True:
                split = self._breakout(port)
                lanes = split.lanes if split else 1
                yield from (f"{port}/{lane}" for lane in range(1, lanes + 1)) if lanes > 1 else (port,)

    def _breakout(self, port: str) -> Breakout | None:
        return breakout(self._chosen("portBreakouts", port) or self.profile.default_breakout(port))

    def _speed(self, port: str) -> int | None:
        """The speed that was chosen for the port, its group or its lanes."""
        if split := breakout(self._chosen("portBreakouts", port)):
            return kbps(split.speed)
        group = self._chosen("portGroupSpeeds", self.profile.group_of(port))
        return kbps(self._chosen("portSpeeds", port) or group)

    def _chosen(self, setting: str, name: str) -> str:
        return text(mapping(self.spec.get(setting)).get(name))
