"""The topology of a fabric as a picture. Pure.

Colours and fonts are those of the page's style sheet, by classes: `node`, `link`, `kind-Switch`, `row-leaf`,
`state-in_sync`, `health-Healthy`, `group`. There is neither a script nor a style in it, which the page would not allow.
A picture whose parts are links must not say that it is an image: screen readers would hide the links.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from html import escape
from itertools import chain
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.model.json import JSON, JSONObject

    Link = Callable[[str, str], str]

_NodeId = tuple[str, str]
"""Kind and name."""

MOST_SERVERS = 48
"""Servers that are drawn one by one; of more, those on the same leafs are drawn as one."""

_ROWS = {"edge": "gateways and externals", "spine": "spines", "leaf": "leafs", "server": "servers"}

_WORST = ("failed", "missing", "changed", "desired_only", "prune_pending", "waiting", "cluster_only", "unknown")
"""States other than `in_sync`, the worst first: what several things in one are shown as."""

_LEAST_WIDTH = 960
_CELL = 66
"""The least width of a node with the space beside it."""
_MOST_COLUMNS = 40
_WIDEST_NODE = 150
_NODE_HEIGHT = 30
_LANE = 46
_BETWEEN_ROWS = 84
_MARGIN = 34
_CHARACTER = 6.6
"""The width of a character of the size that is asked for."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node as it is drawn: one thing, or several servers on the same leafs (`count`)."""

    kind: str
    name: str
    row: str
    state: str
    label: str
    title: str
    health: str = ""
    leafs: tuple[str, ...] = ()
    count: int = 1


@dataclass(slots=True)
class Line:
    """What joins two boxes, of one connection, or of all those of several servers."""

    ends: tuple[_NodeId, _NodeId]
    connections: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)
    cables: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box stands: its middle, and its width."""

    x: float
    y: float
    width: float


def svg(topology: JSONObject, link_to: Link) -> str:
    """The picture of a topology as `GET /fabrics/{name}/topology` gives it. `link_to` gives the URL of an object, by
    kind and name, and of all objects of a kind where the name is empty.
    """
    drawn, member_of = _boxes(topology["nodes"])
    lines = _lines(topology["links"], member_of)
    rows = {row: [box for box in drawn if box.row == row] for row in _ROWS}
    places, width, height = _places(rows)
    parts = chain(
        [_head(topology, rows, lines, (width, height))],
        _row_names(rows, places),
        (_line(line, places, link_to) for line in lines),
        (_box(box, places[box.kind, box.name], link_to) for box in drawn),
        ["</svg>"],
    )
    return "\n".join(part for part in parts if part)


def _boxes(nodes: Sequence[JSONObject]) -> tuple[list[Box], Mapping[_NodeId, _NodeId]]:
    """What is drawn, and in which box each node is."""
    servers = [node for node in nodes if node["row"] == "server"]
    if len(servers) <= MOST_SERVERS:
        return [_of_node(node) for node in nodes], {(n["kind"], n["name"]): (n["kind"], n["name"]) for n in nodes}
    groups: defaultdict[tuple[str, ...], list[JSONObject]] = defaultdict(list)
    for server in servers:
        groups[tuple(server["leafs"])].append(server)
    boxes = [_of_node(node) for node in nodes if node["row"] != "server"]
    member_of = {(box.kind, box.name): (box.kind, box.name) for box in boxes}
    for leafs, members in groups.items():
        box = _of_node(members[0]) if len(members) == 1 else _of_group(leafs, members)
        boxes.append(box)
        member_of.update(((one["kind"], one["name"]), (box.kind, box.name)) for one in members)
    return boxes, member_of


def _of_node(node: JSONObject) -> Box:
    kind, name, state, health = node["kind"], node["name"], node["state"], node["health"]
    about = [f"{kind} {name}", node["role"] or "", node["description"] or "", _words(state)]
    if health is not None:
        about.append(f"{health['status']}: {health['message']}")
    title = ", ".join(part for part in about if part)
    words = health["status"] if health else ""
    return Box(kind, name, node["row"], state, name, title, words, tuple(node["leafs"]))


def _of_group(leafs: tuple[str, ...], members: Sequence[JSONObject]) -> Box:
    where = " and ".join(leafs) or "no leaf"
    counted = Counter(member["state"] for member in members)
    states = ", ".join(f"{number} {_words(state)}" for state, number in sorted(counted.items()))
    title = f"{len(members)} servers on {where}: {states}"
    name = "+".join(leafs)
    return Box("Servers", name, "server", _worst(counted), f"{len(members)} servers", title, "", leafs, len(members))


def _words(state: str) -> str:
    return state.replace("_", " ")


def _worst(states: Iterable[str]) -> str:
    found = set(states)
    return next((state for state in _WORST if state in found), "in_sync")


def _lines(links: Sequence[JSONObject], member_of: Mapping[_NodeId, _NodeId]) -> list[Line]:
    """One line for each connection between two boxes. A cable from a device to itself is not drawn."""
    found: dict[tuple[_NodeId, _NodeId, str], Line] = {}
    for link in links:
        first, second = ((end["kind"], end["name"]) for end in link["ends"])
        ends = member_of[first], member_of[second]
        if ends[0] == ends[1]:
            continue
        is_of_group = any(kind == "Servers" for kind, _ in ends)
        line = found.setdefault((*ends, "" if is_of_group else link["connection"]), Line(ends))
        line.connections.add(link["connection"])
        line.states.add(link["state"])
        line.cables.append(" to ".join(_spelled(end) for end in link["ends"]))
    return list(found.values())


def _spelled(end: JSONObject) -> str:
    return f"{end['name']} {end['port']}" if end["port"] else str(end["name"])


def _places(rows: Mapping[str, Sequence[Box]]) -> tuple[dict[_NodeId, Place], int, int]:
    """Where each box stands, and the width and height of all."""
    columns = min(_MOST_COLUMNS, max(len(boxes) for name, boxes in rows.items() if name != "server"))
    width = max(_LEAST_WIDTH, columns * _CELL)
    found: dict[_NodeId, Place] = {}
    top = _MARGIN
    for boxes in rows.values():
        if boxes:
            lanes = ceil(len(boxes) * _CELL / width)
            ordered = sorted(boxes, key=lambda box: _under(box, found))
            found.update(_row(ordered, lanes, width, top))
            top += lanes * _LANE + _BETWEEN_ROWS
    return found, width, max(top - _BETWEEN_ROWS + _MARGIN, 2 * _MARGIN)


def _under(box: Box, places: Mapping[_NodeId, Place]) -> float:
    """Where the leafs of a server are, so that few lines cross; all else stays in the order in which it was given."""
    leafs = [places["Switch", name].x for name in box.leafs if ("Switch", name) in places]
    return sum(leafs) / len(leafs) if leafs else 0.0


def _row(boxes: Sequence[Box], lanes: int, width: int, top: int) -> Iterator[tuple[_NodeId, Place]]:
    columns = ceil(len(boxes) / lanes)
    cell = width / columns
    for number, box in enumerate(boxes):
        column, lane = divmod(number, lanes)
        place = Place((column + 0.5) * cell, top + lane * _LANE + _NODE_HEIGHT / 2, min(cell - 8, _WIDEST_NODE))
        yield (box.kind, box.name), place


def _head(topology: JSONObject, rows: Mapping[str, Sequence[Box]], lines: Sequence[Line], size: tuple[int, int]) -> str:
    counts = [f"{sum(box.count for box in boxes)} {_ROWS[row]}" for row, boxes in rows.items() if boxes]
    troubled = sum(_worst(line.states) != "in_sync" for line in lines)
    about = f"{', '.join(counts) or 'no devices'}; {len(lines)} connections, {troubled} not in sync"
    title = _text("title", f"Topology of {topology['fabric']}", id="topology-title")
    description = _text("desc", about, id="topology-description")
    marks = _attributes(
        {
            "class": "topology",
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {size[0]} {size[1]}",
            "role": "group",
            "aria-labelledby": "topology-title topology-description",
        }
    )
    return f"<svg {marks}>\n{title}\n{description}"


def _row_names(rows: Mapping[str, Sequence[Box]], places: Mapping[_NodeId, Place]) -> Iterator[str]:
    for row, boxes in rows.items():
        if boxes:
            top = min(places[box.kind, box.name].y for box in boxes) - _NODE_HEIGHT / 2 - 8
            yield _text("text", _ROWS[row], x="4", y=_number(top), **{"class": "row-name", "font-size": "11"})


def _line(line: Line, places: Mapping[_NodeId, Place], link_to: Link) -> str:
    first, second = sorted((places[end] for end in line.ends), key=lambda place: (place.y, place.x))
    state = _worst(line.states)
    names = sorted(line.connections)
    what = f"Connection {names[0]}" if len(names) == 1 else f"{len(names)} connections"
    title = f"{what}, {_words(state)}: {', '.join(line.cables[:8])}" + (", …" if line.cables[8:] else "")
    marks = _attributes({"class": f"link state-{_word(state)}", "fill": "none", "d": _path(first, second)})
    path = f"<path {marks}>{_text('title', title)}</path>"
    if len(names) > 1:
        return path
    # Not on the way of the Tab key: there are hundreds, and the list of objects leads to them too.
    return (
        f"<a {_attributes({'href': link_to('Connection', names[0]), 'tabindex': '-1', 'aria-label': title})}>{path}</a>"
    )


def _path(above: Place, below: Place) -> str:
    """From the lower edge of one to the upper edge of the other; in one row as a bow over what is between."""
    half = _NODE_HEIGHT / 2
    if above.y == below.y:
        top, middle = above.y - half, (above.x + below.x) / 2
        bend = f"Q{_number(middle)} {_number(top - 24)}"
        return f"M{_number(above.x)} {_number(top)} {bend} {_number(below.x)} {_number(top)}"
    return f"M{_number(above.x)} {_number(above.y + half)} L{_number(below.x)} {_number(below.y - half)}"


def _box(box: Box, place: Place, link_to: Link) -> str:
    words = ["node", f"kind-{_word(box.kind)}", f"row-{_word(box.row)}", f"state-{_word(box.state)}"]
    words += [f"health-{_word(box.health)}"] if box.health else []
    left, top = place.x - place.width / 2, place.y - _NODE_HEIGHT / 2
    size = {"x": _number(left), "y": _number(top), "width": _number(place.width), "height": _number(_NODE_HEIGHT)}
    # Who cannot tell colours apart reads the state.
    note = "" if box.state == "in_sync" else _words(box.state)
    inner = _text("title", box.title) + f"<rect {_attributes({**size, 'rx': '4'})}/>"
    inner += _label(box.label, place, -3 if note else 4, 11) + (_label(note, place, 10, 9) if note else "")
    words += ["group"] if box.count > 1 else []
    marks = {"class": " ".join(words), "aria-label": box.title}
    if box.state == "missing":  # there is nothing to lead to
        return f"<g {_attributes({**marks, 'role': 'img'})}>{inner}</g>"
    marks["href"] = link_to("Server", "") if box.count > 1 else link_to(box.kind, box.name)
    return f"<a {_attributes(marks)}>{inner}</a>"


def _label(label: str, place: Place, below: int, size: int) -> str:
    room = max(int((place.width - 4) / _CHARACTER * 11 / size), 4)
    shown = label if len(label) <= room else f"{label[: room // 2]}…{label[len(label) - (room - room // 2 - 1) :]}"
    marks = {"x": _number(place.x), "y": _number(place.y + below), "text-anchor": "middle", "font-size": str(size)}
    return _text("text", shown, **marks)


def _text(element: str, content: str, **attributes: str) -> str:
    marks = _attributes(attributes)
    return f"<{element}{' ' if marks else ''}{marks}>{_clean(content)}</{element}>"


def _attributes(values: Mapping[str, str]) -> str:
    return " ".join(f'{name}="{_clean(value)}"' for name, value in values.items())


def _clean(value: str) -> str:
    """For text and attributes alike, without what no document may hold."""
    return escape("".join(one for one in value if one.isprintable()))


def _word(value: JSON) -> str:
    """A part of a class's name."""
    return re.sub(r"[^A-Za-z0-9_-]", "", str(value))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
