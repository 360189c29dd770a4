"""The links of a connection, whatever its type: which ports they join, and where each port is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from reconciler.plan.lenient import mapping, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.problems import Path

_LISTS = ("links", "peerLinks", "sessionLinks")
_BREAKABLE = re.compile(r"E\d+/\d+")


class End(NamedTuple):
    """One side of a link (`server`, `spine`, ...): its port as written, of whatever type; the path of the port; and
    the side's whole object.
    """

    side: str
    port: JSON
    path: Path
    settings: JSONObject


class Link(NamedTuple):
    """A link of a connection of type `wiring` (`unbundled`, `fabric`, ...), and where it stands."""

    wiring: str
    path: Path
    sides: JSONObject

    def ends(self) -> Iterator[End]:
        """The sides that are objects."""
        for side, settings in self.sides.items():
            if isinstance(settings, dict):
                yield End(side, settings.get("port"), (*self.path, side, "port"), settings)


def port_of(written: str) -> str:
    """The port by its full name: `leaf-01/E1/4` is `leaf-01/E1/4/1`. The two name one port where it can break out, and
    elsewhere the second is nobody's. Device and port part at the first slash: the port's own name may hold more.
    """
    device, slash, name = written.partition("/")
    return f"{device}{slash}{name}/1" if _BREAKABLE.fullmatch(name) else written


def links_of(spec: JSONObject) -> Iterator[Link]:
    """All links in a connection's spec, also those of a type that is not known."""
    for wiring, value in spec.items():
        settings, path = mapping(value), ("spec", wiring)
        if isinstance(settings.get("link"), dict):
            yield Link(wiring, (*path, "link"), settings["link"])
        for name in _LISTS:
            for place, link in numbered(settings.get(name), (*path, name)):
                yield Link(wiring, place, mapping(link))
