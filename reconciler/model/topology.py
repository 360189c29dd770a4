"""How a fabric is wired: devices in rows, and the links between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey


class Row(StrEnum):
    """Where a node stands in the picture, from above."""

    EDGE = "edge"
    """Gateways, externals, and connections that lead out of the fabric to nothing that has an object."""
    SPINE = "spine"
    LEAF = "leaf"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Node:
    """A device, an external, or what stands for the outside. `role` is that of a switch, else empty; `is_missing`:
    links lead to it, but there is no such object; `leafs` are the names of those that it hangs on, if it is no switch.
    """

    key: ObjectKey
    row: Row
    role: str = ""
    description: str = ""
    is_missing: bool = False
    leafs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One end of a link: the node, and the port there; empty where the node has none."""

    node: ObjectKey
    port: str = ""


@dataclass(frozen=True, slots=True)
class TopologyLink:
    """One cable of a connection, which is of type `wiring` (`unbundled`, `fabric`, ...); the upper end comes first."""

    connection: ObjectKey
    wiring: str
    ends: tuple[LinkEnd, LinkEnd]


@dataclass(frozen=True, slots=True)
class Topology:
    """`nodes` row by row, and each row as people count; `links` by connection."""

    nodes: tuple[Node, ...] = ()
    links: tuple[TopologyLink, ...] = ()
