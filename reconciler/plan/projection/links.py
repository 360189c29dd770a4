"""Connections between devices as interfaces, cables and LAGs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from reconciler.plan.projection.cables import claim, plug, port_at
from reconciler.plan.projection.externals import project_external_connection, project_static_external
from reconciler.plan.projection.lags import Lags
from reconciler.plan.projection.reading import MalformedError, address, flag, items, mapping, number
from reconciler.plan.projection.switch_profiles import PortKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.context import Context
    from reconciler.plan.projection.ports import Interface


class Wiring(NamedTuple):
    """A type of connection: the two sides of its links, the fields that hold them, and which of these are bundled into
    LAGs. `carries`: VPCs can be attached to it; `is_redundant`: its LAGs are those of a redundancy group; `is_routed`:
    its ports have addresses.
    """

    sides: tuple[str, str]
    fields: tuple[str, ...] = ("links",)
    bundles: tuple[str, ...] = ()
    carries: bool = False
    is_redundant: bool = False
    is_routed: bool = False


_WIRINGS = MappingProxyType(
    {
        "unbundled": Wiring(("server", "switch"), ("link",), carries=True),
        "bundled": Wiring(("server", "switch"), bundles=("links",), carries=True),
        "eslag": Wiring(("server", "switch"), bundles=("links",), carries=True, is_redundant=True),
        "mclag": Wiring(("server", "switch"), bundles=("links",), carries=True, is_redundant=True),
        "mclagDomain": Wiring(("switch1", "switch2"), ("peerLinks", "sessionLinks"), bundles=("peerLinks",)),
        "fabric": Wiring(("spine", "leaf"), is_routed=True),
        "mesh": Wiring(("leaf1", "leaf2"), is_routed=True),
        "gateway": Wiring(("switch", "gateway"), is_routed=True),
        "vpcLoopback": Wiring(("switch1", "switch2")),
    }
)
_EXTERNALS = MappingProxyType({"external": project_external_connection, "staticExternal": project_static_external})


def project_connection(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """A Connection. A link that is malformed, or leads to a device that is not there, is skipped alone. Raises
    MalformedError.
    """
    types = sorted(name for name in spec if spec[name] is not None and (name in _WIRINGS or name in _EXTERNALS))
    if len(types) != 1:
        raise MalformedError("spec", f"is of {' and '.join(types) or 'no known'} type")
    name = types[0]
    if project := _EXTERNALS.get(name):
        project(context, key, mapping(spec, name))
    else:
        _Cabling(context, key, name, mapping(spec, name)).project()


class _Cabling:
    """One connection between devices, while its links are gathered."""

    def __init__(self, context: Context, key: ObjectKey, name: str, settings: JSONObject) -> None:
        self._context = context
        self._key = key
        self._name = name
        self._settings = settings
        self._wiring = wiring = _WIRINGS[name]
        self._path = f"spec.{name}"
        self._mtu = number(settings, "mtu", self._path)
        fallback = bool(flag(settings, "fallback", self._path)) if wiring.carries and wiring.bundles else None
        self._lags = Lags(context, key, is_redundant=wiring.is_redundant, fallback=fallback)

    def project(self) -> None:
        interfaces: list[Interface] = []
        for name, path, link in self._links():
            with self._context.draft.skipping(self._key):
                ends = self._ends(path, link)
                first, second = ends
                part = "--".join(sorted((first.place, second.place)))
                plug(self._context, self._key, self._name, part, (first.ref, second.ref))
                if name in self._wiring.bundles:
                    self._lags.bundle(ends, self._mtu)
                else:
                    interfaces += ends
        if self._wiring.carries:
            self._context.carriers[self._key.name] = interfaces + self._lags.all()

    def _links(self) -> Iterator[tuple[str, str, JSON]]:
        """The links, each with the field that holds it and its path."""
        for name in self._wiring.fields:
            if name == "link":
                yield name, f"{self._path}.link", self._settings.get("link")
            else:
                for path, item in items(self._settings, name, self._path):
                    yield name, path, item

    def _ends(self, path: str, link: JSON) -> tuple[Interface, Interface]:
        """The two ports of a link, which no other has. Raises MalformedError."""
        if not isinstance(link, dict):
            raise MalformedError(path, "is no link")
        sides = [(side, mapping(link, side, path)) for side in self._wiring.sides]
        first, second = (port_at(self._context, side, settings, f"{path}.{side}") for side, settings in sides)
        claim((first, second), self._key, path)
        self._equip((first, second), sides, path)
        return first, second

    def _equip(self, ends: tuple[Interface, Interface], sides: list[tuple[str, JSONObject]], path: str) -> None:
        """What a link says about its ports beyond what they are."""
        for end, peer, (side, settings) in zip(ends, reversed(ends), sides, strict=True):
            if end.device.key.kind == "Server":
                end.kind = PortKind(peer.kind.type)
            if end.device.is_switch and self._mtu:
                end.mtu = self._mtu
            if self._wiring.is_routed and settings.get("ip"):
                with self._context.draft.skipping(self._key):
                    found = address(settings["ip"], f"{path}.{side}.ip")
                    end.give(found, self._key, vrf=self._context.underlay)
