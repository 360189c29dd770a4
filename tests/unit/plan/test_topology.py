"""The topology of a fabric: its devices in rows, and every link, whatever type of connection it is of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.demo.fabric import FABRIC_500, build_fabric
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.topology import LinkEnd, Row, Topology
from reconciler.plan.topology import topology_of

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("RECONCILER_SHARED") or ROOT.parent / "shared")


def declared(kind: str, name: str, spec: object = None) -> Manifest:
    return Manifest(ObjectKey(kind, "default", name), Source("a.yaml"), spec or {})  # type: ignore[arg-type]


def connection(name: str, wiring: str, settings: object) -> Manifest:
    return declared("Connection", name, {wiring: settings})


def link(**ports: str) -> dict[str, dict[str, str]]:
    return {side: {"port": port} for side, port in ports.items()}


def rows(topology: Topology) -> list[tuple[str, str]]:
    return [(node.row.value, node.key.name) for node in topology.nodes]


def _spelled(end: LinkEnd) -> str:
    return f"{end.node}:{end.port}"


def ends(topology: Topology) -> list[tuple[str, str, str, str]]:
    """Connection, type, and each end as `kind/device:port`."""
    return [(one.connection.name, one.wiring, _spelled(one.ends[0]), _spelled(one.ends[1])) for one in topology.links]


SWITCHES = [
    declared("Switch", "leaf-10", {"role": "server-leaf", "description": "rack 10"}),
    declared("Switch", "leaf-2", {"role": "border-leaf"}),
    declared("Switch", "spine-1", {"role": "spine"}),
]


def test_rows() -> None:
    """Gateways and externals above, then spines, leafs and servers; each row as people count."""
    topology = topology_of(
        [
            *SWITCHES,
            declared("Server", "s1"),
            declared("Gateway", "gw1"),
            declared("External", "isp"),
            declared("VPC", "v"),
        ]
    )

    assert rows(topology) == [
        ("edge", "isp"),
        ("edge", "gw1"),
        ("spine", "spine-1"),
        ("leaf", "leaf-2"),
        ("leaf", "leaf-10"),
        ("server", "s1"),
    ]
    leaf = topology.nodes[4]
    assert (leaf.role, leaf.description, leaf.is_missing) == ("server-leaf", "rack 10", False)


@pytest.mark.parametrize(
    ("wiring", "settings", "expected"),
    [
        (
            "unbundled",
            {"link": link(server="s1/nic", switch="leaf-2/E1/1")},
            [("Switch/leaf-2:E1/1", "Server/s1:nic")],
        ),
        (
            "eslag",
            {"links": [link(server="s1/a", switch="leaf-2/E1/1"), link(server="s1/b", switch="leaf-10/E1/1")]},
            [("Switch/leaf-2:E1/1", "Server/s1:a"), ("Switch/leaf-10:E1/1", "Server/s1:b")],
        ),
        (
            "mclagDomain",
            {
                "peerLinks": [link(switch1="leaf-2/E1/1", switch2="leaf-10/E1/1")],
                "sessionLinks": [link(switch1="leaf-2/E1/2", switch2="leaf-10/E1/2")],
            },
            [
                ("Switch/leaf-2:E1/1", "Switch/leaf-10:E1/1"),
                ("Switch/leaf-2:E1/2", "Switch/leaf-10:E1/2"),
            ],
        ),
        (
            "fabric",
            {"links": [link(spine="spine-1/E1/1", leaf="leaf-2/E1/49")]},
            [("Switch/spine-1:E1/1", "Switch/leaf-2:E1/49")],
        ),
        (
            "gateway",
            {"links": [link(switch="leaf-2/E1/5", gateway="gw1/enp1s0")]},
            [("Gateway/gw1:enp1s0", "Switch/leaf-2:E1/5")],
        ),
        (
            "vpcLoopback",
            {"links": [link(switch1="leaf-2/E1/7", switch2="leaf-2/E1/8")]},
            [("Switch/leaf-2:E1/7", "Switch/leaf-2:E1/8")],
        ),
    ],
)
def test_links(wiring: str, settings: object, expected: list[tuple[str, str]]) -> None:
    """Each cable is one link with its ports, told from above, whatever the order in its document."""
    topology = topology_of([*SWITCHES, connection("c", wiring, settings)])

    assert ends(topology) == [("c", wiring, *pair) for pair in expected]


def test_the_way_out() -> None:
    """A connection that leads out ends at the externals attached to it, and without any at itself."""
    out = {"link": link(switch="leaf-2/E1/48")}
    topology = topology_of(
        [
            *SWITCHES,
            declared("External", "isp"),
            connection("uplink", "external", out),
            connection("bare", "staticExternal", out),
            declared("ExternalAttachment", "a", {"external": "isp", "connection": "uplink"}),
            declared("ExternalAttachment", "b", {"external": "isp", "connection": "uplink"}),
            declared("ExternalAttachment", "c", {"connection": "bare"}),
        ]
    )

    assert ends(topology) == [
        ("bare", "staticExternal", "Connection/bare:", "Switch/leaf-2:E1/48"),
        ("uplink", "external", "External/isp:", "Switch/leaf-2:E1/48"),
    ]
    outside = next(node for node in topology.nodes if node.key.kind == "Connection")
    assert (outside.row, outside.is_missing, outside.leafs) == (Row.EDGE, False, ("leaf-2",))


def test_what_hangs_on_leafs() -> None:
    """A server knows its leafs in the order of the row; what hangs on a spine hangs on no leaf."""
    topology = topology_of(
        [
            *SWITCHES,
            declared("Server", "s1"),
            connection(
                "c",
                "bundled",
                {
                    "links": [
                        link(server="s1/a", switch="leaf-10/E1/1"),
                        link(server="s1/b", switch="leaf-2/E1/1"),
                    ]
                },
            ),
            connection("g", "gateway", {"links": [link(switch="spine-1/E1/5", gateway="gw1/a")]}),
        ]
    )

    assert {node.key.name: node.leafs for node in topology.nodes if node.key.kind != "Switch"} == {
        "s1": ("leaf-2", "leaf-10"),
        "gw1": (),
    }


def test_links_to_nowhere() -> None:
    """A device without an object is shown as missing: it is what somebody looks for."""
    topology = topology_of([connection("c", "unbundled", {"link": link(server="s1/nic", switch="leaf-9/E1/1")})])

    assert [(node.key.name, node.is_missing, node.row) for node in topology.nodes] == [
        ("leaf-9", True, Row.LEAF),
        ("s1", True, Row.SERVER),
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"link": {"server": {"port": "s1/nic"}}},
        {"link": link(server="s1/nic", switch="leaf-2")},
        {"link": {"server": {"port": "s1/nic"}, "switch": {"port": 7}}},
        {"link": link(server="s1/nic", switch="/E1/1")},
    ],
)
def test_cables_with_a_loose_end(settings: object) -> None:
    """They are no links."""
    assert topology_of([*SWITCHES, connection("c", "unbundled", settings)]).links == ()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "/", "a/", "a/b", "leaf-2/E1/1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["link", "links", "switch", "server", "port", "external"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JUNK, st.sampled_from(["Switch", "Server", "Connection", "ExternalAttachment"]), st.sampled_from(["a", "c"]))
def test_whatever_is_malformed(junk: object, kind: str, name: str) -> None:
    """Nobody checked these documents: what makes no sense is left out, and every end of a link is a node."""
    topology = topology_of([*SWITCHES, declared(kind, name, junk), connection("d", "unbundled", junk)])

    nodes = {node.key for node in topology.nodes}
    assert {one.key for one in SWITCHES} <= nodes
    assert all(end.node in nodes for one in topology.links for end in one.ends)


def test_a_whole_fabric() -> None:
    """Of a fabric of 490 objects every device is there once, and every cable has both ends."""
    objects = [declared(one.body["kind"], one.name, one.body.get("spec")) for one in build_fabric(FABRIC_500)]

    topology = topology_of(reversed(objects))

    assert topology == topology_of(objects)
    of_kind = {kind: sum(one.key.kind == kind for one in objects) for kind in ("Switch", "Server", "External")}
    assert {kind: sum(node.key.kind == kind for node in topology.nodes) for kind in of_kind} == of_kind
    assert not [node for node in topology.nodes if node.is_missing]
    assert {one.connection for one in topology.links} == {one.key for one in objects if one.key.kind == "Connection"}
    assert all(node.leafs for node in topology.nodes if node.row is Row.SERVER)


@pytest.mark.skipif(
    not (SHARED / "tools" / "gen_wiring.py").is_file(), reason="the generator is not beside the checkout"
)
def test_a_generated_fabric(tmp_path: Path) -> None:
    """What an independent generator makes is wired without a loose end."""
    yaml = pytest.importorskip("yaml")
    command = [sys.executable, str(SHARED / "tools" / "gen_wiring.py"), "--spines", "4", "--leafs", "8"]
    command += ["--servers-per-leaf", "4", "--vpcs", "2", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    documents = [
        one for file in sorted(tmp_path.rglob("*.yaml")) for one in yaml.safe_load_all(file.read_text()) if one
    ]
    objects = [declared(one["kind"], one["metadata"]["name"], one.get("spec")) for one in documents]

    topology = topology_of(objects)

    assert not [node for node in topology.nodes if node.is_missing]
    assert {one.connection for one in topology.links} == {one.key for one in objects if one.key.kind == "Connection"}


def test_names_of_many_digits() -> None:
    """More of them than Python makes a number of; and in the order of numbers, leading zeros or not."""
    many = "9" * 5000
    names = ["leaf-3", "leaf-02", "leaf-10", "leaf-2", "leaf-00", f"leaf-1{many}", f"leaf-{many}"]

    orders = [
        [node.key.name for node in topology_of(declared("Switch", name) for name in given).nodes]
        for given in (names, names[::-1])
    ]

    assert orders[0] == orders[1]
    assert orders[0] == ["leaf-00", "leaf-02", "leaf-2", "leaf-3", "leaf-10", f"leaf-{many}", f"leaf-1{many}"]


@pytest.mark.parametrize("name", ["Leaf", "leaf_1", "-leaf", "leaf.", "a" * 254, "../login", "9" * 5000])
def test_names_that_no_object_has(name: str) -> None:
    """What no device can be called is none: neither a node nor the end of a link."""
    topology = topology_of(
        [
            *SWITCHES,
            connection("c", "unbundled", {"link": link(server=f"{name}/nic", switch="leaf-2/E1/1")}),
            connection("uplink", "external", {"link": link(switch="leaf-2/E1/48")}),
            declared("ExternalAttachment", "a", {"external": name, "connection": "uplink"}),
        ]
    )

    assert {node.key.name for node in topology.nodes} == {"leaf-2", "leaf-10", "spine-1", "uplink"}
    assert [one.connection.name for one in topology.links] == ["uplink"]
