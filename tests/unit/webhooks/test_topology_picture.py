"""The picture of a topology: well-formed, safe, complete, and readable at any size."""

from __future__ import annotations

import re
import time
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from reconciler.demo.fabric import FabricShape, build_fabric
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.passes import SyncState
from reconciler.plan.device_health import DeviceHealth, DeviceStatus
from reconciler.plan.topology import topology_of
from reconciler.status.topology_view import topology_view
from webhooks.dashboard.topology import MOST_SERVERS, svg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.json import JSONObject

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "\"><script>alert('x')</script>&\x00\ud800"
LARGE = FabricShape(spines=4, leafs=32, servers=500, vpcs=0, externals=2)


def objects(shape: FabricShape) -> list[Manifest]:
    return [
        Manifest(ObjectKey(one.body["kind"], "default", one.name), Source("a.yaml"), one.body.get("spec") or {})
        for one in build_fabric(shape)
    ]


def view(found: Iterable[Manifest], **states: SyncState) -> JSONObject:
    """The topology of these objects, in sync but for those that are named."""
    everything = list(found)
    known = {one.key: states.get(one.key.name.replace("-", "_"), SyncState.IN_SYNC) for one in everything}
    health = {
        one.key: DeviceHealth(DeviceStatus.DEGRADED, "its agent could not apply generation 3")
        for one in everything
        if one.key.kind == "Switch"
    }
    return topology_view("dc1", topology_of(everything), known, health)


def draw(topology: JSONObject) -> ET.Element:
    return ET.fromstring(svg(topology, lambda kind, name: f"/fabrics/dc1/objects/{kind}/{name}"))  # noqa: S314 - ours


def classes(picture: ET.Element, word: str) -> list[ET.Element]:
    return [one for one in picture.iter() if word in one.get("class", "").split()]


def test_every_device_leads_to_its_object() -> None:
    """Each has a link that keyboards reach, a name for screen readers, and its state in words and as a class."""
    topology = view(objects(FabricShape()), leaf_01=SyncState.CHANGED)
    nodes = classes(draw(topology), "node")

    assert len(nodes) == len(topology["nodes"]) == 2 + 4 + 16 + 1
    (leaf,) = [one for one in nodes if one.get("href") == "/fabrics/dc1/objects/Switch/leaf-01"]
    assert (leaf.tag, leaf.get("tabindex")) == (f"{SVG}a", None)
    assert leaf.get("class") == "node kind-Switch row-leaf state-changed health-Degraded"
    assert leaf.get("aria-label") == leaf.findtext(f"{SVG}title")
    assert re.match(
        r"Switch leaf-01, server-leaf, .*changed, Degraded: its agent could not", leaf.get("aria-label", "")
    )
    assert [text.text for text in leaf.iter(f"{SVG}text")] == ["leaf-01", "changed"]


def test_every_connection_is_a_line() -> None:
    """Between each two devices that it joins one, which tells its cables and leads to the connection."""
    topology = view(objects(FabricShape()))
    picture = draw(topology)

    joined = {
        (link["connection"], *(end["name"] for end in link["ends"]))
        for link in topology["links"]
        if link["ends"][0]["name"] != link["ends"][1]["name"]
    }
    assert len(classes(picture, "link")) == len(joined)
    links = [one for one in picture.iter(f"{SVG}a") if one.get("tabindex") == "-1"]
    assert {one.get("href", "").rsplit("/", 1)[1] for one in links} == {name for name, *_ in joined}
    (one, *_) = [one for one in links if "spine" in one.get("aria-label", "")]
    assert re.search(r"^Connection \S+, in sync: spine-\d+ E1/\d+ to leaf-\d+ E1/\d+", one.get("aria-label", ""))


def test_a_large_fabric() -> None:
    """4 spines, 32 leafs, 500 servers: those of the same leafs are one, nothing overlaps, and it is drawn at once."""
    topology = view(objects(LARGE), server_01=SyncState.FAILED)
    began = time.process_time()
    text = svg(topology, lambda kind, name: f"/{kind}/{name}")
    assert time.process_time() - began < 1

    assert len(text) < 300_000
    picture = draw(topology)
    groups = classes(picture, "group")
    assert (
        sum(int((one.findtext(f"{SVG}text") or "").split()[0]) for one in groups)
        + len([one for one in classes(picture, "row-server") if one not in groups])
        == 500
    )
    assert len(classes(picture, "row-server")) <= 48
    assert {(one.tag, one.get("href")) for one in groups} == {(f"{SVG}a", "/fabrics/dc1/objects/Server/")}
    assert [one.get("aria-label") for one in groups] == [one.findtext(f"{SVG}title") for one in groups]
    (failed,) = classes(picture, "state-failed")[:1]
    assert re.search(r"^\d+ servers on leaf-\d+.*: 1 failed, \d+ in sync", failed.findtext(f"{SVG}title") or "")
    assert_apart(picture)


@pytest.mark.parametrize(
    "shape",
    [
        FabricShape(spines=1, leafs=1, servers=0, vpcs=0, externals=0),
        FabricShape(),
        FabricShape(leafs=8, servers=MOST_SERVERS),
        FabricShape(leafs=8, servers=MOST_SERVERS + 1),
        LARGE,
    ],
)
def test_nothing_overlaps(shape: FabricShape) -> None:
    assert_apart(draw(view(objects(shape))))


def assert_apart(picture: ET.Element) -> None:
    """No two boxes share a point, and all are within the picture."""
    _, _, width, height = map(float, picture.get("viewBox", "").split())
    boxes = []
    for rect in picture.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
        boxes.append((x, y, x + w, y + h))
    for one, two in combinations(boxes, 2):
        assert one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]


def test_whatever_is_in_it() -> None:
    """Names and descriptions come from repositories of others: none of it becomes an element or an attribute."""
    found = [
        Manifest(ObjectKey("Switch", "default", HOSTILE), Source("a"), {"role": HOSTILE, "description": HOSTILE}),
        Manifest(
            ObjectKey("Connection", "default", HOSTILE),
            Source("a"),
            {"unbundled": {"link": {"server": {"port": f"{HOSTILE}/a"}, "switch": {"port": f"{HOSTILE}/b"}}}},
        ),
    ]
    topology = view(found)
    topology["nodes"][0]["state"] = HOSTILE
    picture = draw(topology)

    assert {one.tag.removeprefix(SVG) for one in picture.iter()} <= {
        "svg",
        "title",
        "desc",
        "a",
        "g",
        "rect",
        "path",
        "text",
    }
    allowed = {
        "class", "id", "viewBox", "role", "aria-label", "aria-labelledby", "href", "tabindex", "x", "y", "rx",
        "width", "height", "d", "fill", "text-anchor", "font-size",
    }  # fmt: skip
    assert {name for one in picture.iter() for name in one.attrib} <= allowed


def test_a_device_that_is_not_declared() -> None:
    """It is drawn, and leads nowhere."""
    cable = {"link": {"server": {"port": "s1/nic"}, "switch": {"port": "leaf-9/E1/1"}}}
    found = [Manifest(ObjectKey("Connection", "d", "c"), Source("a"), {"unbundled": cable})]

    nodes = classes(draw(view(found)), "node")

    assert [(one.tag, one.get("href"), one.get("aria-label")) for one in nodes] == [
        (f"{SVG}g", None, "Switch leaf-9, missing"),
        (f"{SVG}g", None, "Server s1, missing"),
    ]


def test_no_device_at_all() -> None:
    """A fabric that was never fetched has a picture too."""
    picture = draw({"fabric": "dc1", "nodes": [], "links": []})

    assert picture.findtext(f"{SVG}desc") == "no devices; 0 connections, 0 not in sync"


def test_what_it_says_of_itself() -> None:
    """Who does not see it hears what it shows. It is no image: that would hide its links."""
    picture = draw(view(objects(FabricShape())))

    assert picture.get("role") == "group"
    ids = {one.get("id") for one in picture.iter() if one.get("id")}
    assert ids == set(picture.get("aria-labelledby", "").split())
    assert picture.findtext(f"{SVG}title") == "Topology of dc1"
    assert (picture.findtext(f"{SVG}desc") or "").startswith(
        "1 gateways and externals, 2 spines, 4 leafs, 16 servers; "
    )
    names = [one.text for one in picture.iter(f"{SVG}text") if one.get("class") == "row-name"]
    assert names == ["gateways and externals", "spines", "leafs", "servers"]


def test_links_within_a_row() -> None:
    """Of leafs that are joined to each other, the cable is a bow; one from a leaf to itself is not drawn."""
    leafs = [Manifest(ObjectKey("Switch", "d", f"leaf-{n}"), Source("a"), {"role": "server-leaf"}) for n in (1, 2, 3)]
    mesh = {"mesh": {"links": [{"leaf1": {"port": "leaf-1/E1/1"}, "leaf2": {"port": "leaf-3/E1/1"}}]}}
    loop = {"vpcLoopback": {"links": [{"switch1": {"port": "leaf-1/E1/2"}, "switch2": {"port": "leaf-1/E1/3"}}]}}
    found = [
        *leafs,
        *(Manifest(ObjectKey("Connection", "d", n), Source("a"), s) for n, s in (("m", mesh), ("l", loop))),
    ]

    (line,) = classes(draw(view(found)), "link")

    assert "Q" in line.get("d", "")


def test_it_is_the_same_each_time() -> None:
    """Pages replace it only when something changed."""
    found = objects(FabricShape(leafs=8, servers=100))

    first, second = (svg(view(order), lambda kind, name: f"{kind}-{name}") for order in (found, found[::-1]))

    assert first == second
    assert Counter(first)["<"] == Counter(first)[">"]
