"""The topology that a fabric's objects make. What is malformed is left out; the rest is shown."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from reconciler.model.objects import ObjectKey
from reconciler.model.topology import LinkEnd, Node, Row, Topology, TopologyLink
from reconciler.plan.lenient import mapping, object_name, text
from reconciler.plan.wiring import links_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.json import JSONObject

DRAWN = ("Switch", "Server", "Gateway", "External", "Connection", "ExternalAttachment")
"""The kinds that a topology is made of."""

_OUTWARD = ("external", "staticExternal")
"""Types of connections with one end in the fabric."""

_ROWS = tuple(Row)

_DIGITS = re.compile(r"(\d+)")


class Wired(Protocol):
    """An object of a fabric: what the cluster holds (`Resource`) or what Git declares (`Manifest`)."""

    @property
    def key(self) -> ObjectKey: ...

    @property
    def spec(self) -> JSONObject: ...


def topology_of(objects: Iterable[Wired]) -> Topology:
    """The topology of these objects, whatever their order."""
    kinds: defaultdict[str, dict[ObjectKey, JSONObject]] = defaultdict(dict)
    for one in objects:
        kinds[one.key.kind][one.key] = mapping(one.spec)
    links = tuple(_links(kinds))
    nodes = {key: _node(key, spec) for kind in DRAWN[:4] for key, spec in kinds[kind].items()}
    for end in (end for link in links for end in link.ends):
        if end.node not in nodes:
            is_outside = end.node.kind == "Connection"
            nodes[end.node] = replace(_node(end.node, {}), is_missing=not is_outside)
    places = {key: place for place, key in enumerate(sorted(nodes, key=lambda key: _standing(nodes[key])))}
    leafs = _leafs(nodes, links, places)
    return Topology(
        tuple(replace(nodes[key], leafs=leafs.get(key, ())) for key in places),
        tuple(_from_above(link, places) for link in links),
    )


def _standing(node: Node) -> tuple[int, tuple[str, list[tuple[int, str]], str, str]]:
    return _ROWS.index(node.row), _counted(node.key)


def _from_above(link: TopologyLink, places: Mapping[ObjectKey, int]) -> TopologyLink:
    """The same link, told from the end that stands first. Of two ports of one device the order stays."""
    first, second = link.ends
    return link if places[first.node] <= places[second.node] else replace(link, ends=(second, first))


def _node(key: ObjectKey, spec: JSONObject) -> Node:
    role = text(spec.get("role")) if key.kind == "Switch" else ""
    return Node(key, _row(key.kind, role), role, text(spec.get("description")))


def _row(kind: str, role: str) -> Row:
    match kind:
        case "Switch":
            return Row.SPINE if role == "spine" else Row.LEAF
        case "Server":
            return Row.SERVER
        case _:
            return Row.EDGE


def _links(kinds: Mapping[str, Mapping[ObjectKey, JSONObject]]) -> Iterator[TopologyLink]:
    externals = _externals(kinds)
    for key in sorted(kinds["Connection"], key=_counted):
        for link in links_of(kinds["Connection"][key]):
            ends = [_end(end.side, end.port, key) for end in link.ends()]
            found = [end for end in ends if end is not None]
            if link.wiring in _OUTWARD and len(found) == 1:
                outside = externals.get(key, [key])
                yield from (TopologyLink(key, link.wiring, (found[0], LinkEnd(one))) for one in outside)
            elif len(found) == 2:  # noqa: PLR2004 - a cable has two ends
                yield TopologyLink(key, link.wiring, (found[0], found[1]))


def _externals(kinds: Mapping[str, Mapping[ObjectKey, JSONObject]]) -> Mapping[ObjectKey, list[ObjectKey]]:
    """The externals that are attached to each connection."""
    found: defaultdict[ObjectKey, list[ObjectKey]] = defaultdict(list)
    for key in sorted(kinds["ExternalAttachment"]):
        spec = kinds["ExternalAttachment"][key]
        connection = ObjectKey("Connection", key.namespace, text(spec.get("connection")))
        external = ObjectKey("External", key.namespace, object_name(spec.get("external")))
        if external.name and external not in found[connection]:
            found[connection].append(external)
    return {connection: externals for connection, externals in found.items() if externals}


def _end(side: str, port: object, connection: ObjectKey) -> LinkEnd | None:
    """The end of a link, of which the port names the device. None: it names none that can be one."""
    device, slash, name = port.partition("/") if isinstance(port, str) else ("", "", "")
    if not object_name(device) or not slash:
        return None
    kind = {"server": "Server", "gateway": "Gateway"}.get(side, "Switch")
    return LinkEnd(ObjectKey(kind, connection.namespace, device), name)


def _leafs(
    nodes: Mapping[ObjectKey, Node], links: Iterable[TopologyLink], places: Mapping[ObjectKey, int]
) -> Mapping[ObjectKey, tuple[str, ...]]:
    """The leafs that each node hangs on which is no switch."""
    found: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)
    for link in links:
        for end, other in (link.ends, link.ends[::-1]):
            if end.node.kind != "Switch" and nodes[other.node].row is Row.LEAF:
                found[end.node].add(other.node)
    return {key: tuple(leaf.name for leaf in sorted(of_node, key=places.__getitem__)) for key, of_node in found.items()}


def _counted(key: ObjectKey) -> tuple[str, list[tuple[int, str]], str, str]:
    """In the order in which people count: leaf-2 before leaf-10."""
    return key.kind, [_part(part) for part in _DIGITS.split(key.name)], key.name, key.namespace


def _part(part: str) -> tuple[int, str]:
    """Digits are not made a number: a name may have more of them than Python takes."""
    digits = part.lstrip("0")
    return (len(digits), digits) if part.isdecimal() else (0, part)
