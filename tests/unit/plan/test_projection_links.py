"""Connections as cables, LAGs and addresses, and what attachments make of their interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Ref
from tests.unit.plan.projecting import (
    NAMESPACE,
    attached,
    connection,
    declared,
    fields,
    keys,
    leaf,
    link,
    messages,
    projected,
    unbundled,
)

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Projection, Value
    from reconciler.model.objects import Manifest

PAIR = {"group": "g1", "type": "eslag"}
LEAFS = (leaf("leaf-01", redundancy=PAIR), leaf("leaf-02", redundancy=PAIR), declared("Switch", "spine", {"role": "s"}))
SERVERS = (declared("Server", "s1"), declared("Server", "s2"))
DEVICES = (*LEAFS, *SERVERS, declared("Gateway", "gw"))
BOTH = (link(server="s1/e1", switch="leaf-01/E1/1"), link(server="s1/e2", switch="leaf-02/E1/1"))
SINGLE = (link(server="s1/e1", switch="leaf-01/E1/1"), link(server="s1/e2", switch="leaf-01/E1/2"))
VPC = declared(
    "VPC",
    "v",
    {
        "subnets": {
            "default": {"subnet": "10.0.0.0/24", "vlan": 1000},
            "b": {"subnet": "10.0.1.0/24", "vlan": 1001},
            "c": {"subnet": "10.0.2.0/24", "vlan": 1002},
            "bgp": {"subnet": "10.0.3.0/24"},
        }
    },
)


def interface(projection: Projection, key: str) -> dict[str, Value]:
    return fields(projection, "dcim/interfaces", key)


def lags(projection: Projection) -> dict[str, Value]:
    """Names of LAGs by the ends of their keys."""
    found = {key: interface(projection, key) for key in keys(projection, "dcim/interfaces") if "#lag/" in key}
    return {key.removeprefix("Connection/"): lag["name"] for key, lag in found.items()}


@pytest.mark.parametrize(
    ("wiring", "ends", "expected"),
    [
        ("fabric", link(spine="spine/E1/1", leaf="leaf-01/E1/9/1"), "leaf-01/E1/9/1--spine/E1/1/1"),
        ("mesh", link(leaf1="leaf-02/E1/9", leaf2="leaf-01/E1/9"), "leaf-01/E1/9/1--leaf-02/E1/9/1"),
        ("gateway", link(switch="spine/E1/1", gateway="gw/p/0"), "gw/p/0--spine/E1/1/1"),
        ("vpcLoopback", link(switch1="leaf-01/E1/8", switch2="leaf-01/E1/9"), "leaf-01/E1/8/1--leaf-01/E1/9/1"),
        ("bundled", link(server="s1/e1", switch="leaf-01/E1/9/2"), "leaf-01/E1/9/2--s1/e1"),
        ("mclag", link(server="s1/e1", switch="leaf-01/E1/9"), "leaf-01/E1/9/1--s1/e1"),
        ("eslag", link(server="s1/e1", switch="leaf-01/E1/9"), "leaf-01/E1/9/1--s1/e1"),
    ],
)
def test_cable(wiring: str, ends: JSONObject, expected: str) -> None:
    """Each link is one cable, whose key names both ports by their full names, in order."""
    projection = projected(*DEVICES, connection("c", wiring, ends))

    assert projection.skipped == ()
    assert keys(projection, "dcim/cables") == [f"Connection/c#{expected}"]
    cable = fields(projection, "dcim/cables", f"Connection/c#{expected}")
    assert cable["custom_fields.hh_connection_type"] == wiring
    assert isinstance(cable["a"], Ref)
    assert isinstance(cable["b"], Ref)
    assert cable["a"] < cable["b"]


def test_addresses_of_links() -> None:
    """The ports of a routed link have its addresses; one that cannot be read is skipped alone."""
    ends: JSONObject = {
        "spine": {"port": "spine/E1/1", "ip": "172.30.128.0/31"},
        "leaf": {"port": "leaf-01/E1/49", "ip": "x"},
    }
    projection = projected(*DEVICES, connection("c", "fabric", ends))

    assert keys(projection, "ipam/ip-addresses") == ["Switch/spine#E1/1/1/172.30.128.0/31"]
    assert messages(projection) == ["Connection/c: spec.fabric.links[0].leaf.ip: 'x' is not an address"]
    assert len(keys(projection, "dcim/cables")) == 1


def test_long_label() -> None:
    """The label of a cable is the name of the connection, shortened where it must be."""
    name = "c" * 120
    projection = projected(*DEVICES, connection(name, "bundled", SINGLE[0]))

    (key,) = keys(projection, "dcim/cables")
    assert len(str(fields(projection, "dcim/cables", key)["label"])) == 100
    assert key.startswith(f"Connection/{name}#")
    assert len(str(lags(projection)[f"{name}#lag/leaf-01"])) == 64


def test_redundant_lags() -> None:
    """A connection to two switches has a LAG on each and one on the server, with the redundancy group of the switches;
    the MTU is that of the switches.
    """
    projection = projected(*DEVICES, connection("c", "eslag", *BOTH, mtu=9036, fallback=True))

    names = {"leaf-01": "PortChannel-c", "leaf-02": "PortChannel-c", "s1": "bond0"}
    assert lags(projection) == {f"c#lag/{device}": name for device, name in names.items()}
    found = {device: interface(projection, f"Connection/c#lag/{device}") for device in names}
    assert {lag["type"] for lag in found.values()} == {"lag"}
    assert {lag["custom_fields.hh_redundancy"] for lag in found.values()} == {"g1"}
    assert {lag["custom_fields.hh_fallback"] for lag in found.values()} == {True}
    assert {device: lag["mtu"] for device, lag in found.items()} == {"leaf-01": 9036, "leaf-02": 9036, "s1": None}
    member = interface(projection, "Switch/leaf-02#E1/1/1")
    assert (member["lag"], member["mtu"]) == (Ref("dcim/interfaces", "dc1/Connection/c#lag/leaf-02"), 9036)


def test_bundle_of_one_switch() -> None:
    """A bundle on one switch says nothing of redundancy."""
    projection = projected(*DEVICES, connection("c", "bundled", *SINGLE))

    lag = interface(projection, "Connection/c#lag/leaf-01")
    assert (lag["custom_fields.hh_redundancy"], lag["custom_fields.hh_fallback"]) == (None, False)


def test_peer_links() -> None:
    """The peer links of an MCLAG domain are bundled, its session links are not."""
    spec = {
        "peerLinks": [link(switch1="leaf-01/E1/1", switch2="leaf-02/E1/1")],
        "sessionLinks": [link(switch1="leaf-01/E1/2", switch2="leaf-02/E1/2")],
    }
    projection = projected(*DEVICES, declared("Connection", "c", {"mclagDomain": spec}))

    assert len(keys(projection, "dcim/cables")) == 2
    assert list(lags(projection)) == ["c#lag/leaf-01", "c#lag/leaf-02"]
    assert interface(projection, "Connection/c#lag/leaf-01")["custom_fields.hh_fallback"] is None
    assert interface(projection, "Switch/leaf-01#E1/2/1")["lag"] is None


@pytest.mark.parametrize(
    ("catalogs", "name"),
    [
        pytest.param({}, "PortChannel-c", id="none"),
        pytest.param({"redundancy.g1": {"c": 7}}, "PortChannel7", id="of the group"),
        pytest.param({"redundancy.g1": {"c": 7}, "switch.leaf-01": {"c": 8}}, "PortChannel7", id="the group first"),
        pytest.param({"switch.leaf-01": {"c": 8}}, "PortChannel8", id="of the switch"),
        pytest.param({"redundancy.g1": {"d": 7}}, "PortChannel-c", id="of another connection"),
        pytest.param({"redundancy.g1": 5}, "PortChannel-c", id="malformed"),
        pytest.param({"redundancy.g1": {"c": "x"}}, "PortChannel-c", id="no number"),
    ],
)
def test_names_of_lags(catalogs: dict[str, JSON], name: str) -> None:
    """A LAG of a switch has the number that the fabric gave out, or the name of its connection until it is known."""
    found = [declared("Catalog", catalog, {"portChannelIDs": numbers}) for catalog, numbers in catalogs.items()]
    projection = projected(*DEVICES, *found, connection("c", "eslag", *BOTH))

    assert lags(projection)["c#lag/leaf-01"] == name


def test_bonds_of_a_server() -> None:
    """The bonds of a server are numbered in the order of the names of its connections."""
    first = connection("d", "bundled", link(server="s1/e1", switch="leaf-01/E1/1"))
    second = connection("c", "bundled", link(server="s1/e2", switch="leaf-02/E1/1"))
    projection = projected(*DEVICES, first, second)

    assert (lags(projection)["c#lag/s1"], lags(projection)["d#lag/s1"]) == ("bond0", "bond1")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, "spec: is of no known type", id="no type"),
        pytest.param({"wireless": {}}, "spec: is of no known type", id="unknown type"),
        pytest.param({"mesh": {}, "fabric": {}}, "spec: is of fabric and mesh type", id="two types"),
        pytest.param({"mesh": 7}, "spec.mesh: is a number, not an object", id="settings"),
        pytest.param({"mesh": {"links": 7}}, "spec.mesh.links: is a number, not a list", id="links"),
        pytest.param({"mesh": {"links": [7]}}, "spec.mesh.links[0]: is no link", id="link"),
        pytest.param({"unbundled": {}}, "spec.unbundled.link: is no link", id="no link"),
        pytest.param({"unbundled": {"mtu": "x"}}, "spec.unbundled.mtu: is a text, not an integer", id="mtu"),
        pytest.param(
            {"unbundled": {"link": {"server": {"port": "s1/e1"}}}},
            "spec.unbundled.link.switch.port: '' names no port of a device",
            id="no side",
        ),
        pytest.param(
            {"unbundled": {"link": link(server="s1", switch="leaf-01/E1/1")}},
            "spec.unbundled.link.server.port: 's1' names no port of a device",
            id="no port",
        ),
        pytest.param(
            {"unbundled": {"link": link(server="s9/e1", switch="leaf-01/E1/1")}},
            "spec.unbundled.link.server.port: there is no Server s9",
            id="no device",
        ),
        pytest.param(
            {"unbundled": {"link": link(server="leaf-01/e1", switch="leaf-01/E1/1")}},
            "spec.unbundled.link.server.port: there is no Server leaf-01",
            id="a device of another kind",
        ),
        pytest.param(
            {"vpcLoopback": {"links": [link(switch1="leaf-01/E1/1", switch2="leaf-01/E1/1/1")]}},
            "spec.vpcLoopback.links[0]: leads from leaf-01/E1/1/1 to itself",
            id="to itself",
        ),
    ],
)
def test_malformed_connection(spec: JSONObject, expected: str) -> None:
    """A connection that makes no sense is named, and has no cable."""
    projection = projected(*DEVICES, declared("Connection", "c", spec))

    assert messages(projection) == [f"Connection/c: {expected}"]
    assert keys(projection, "dcim/cables") == []


def test_a_bad_link_is_skipped_alone() -> None:
    """A link to a device that is not there does not take the others along."""
    bad = link(server="s1/e2", switch="leaf-09/E1/1")
    projection = projected(*DEVICES, connection("c", "bundled", bad, SINGLE[0]))

    assert messages(projection) == ["Connection/c: spec.bundled.links[0].switch.port: there is no Switch leaf-09"]
    assert keys(projection, "dcim/cables") == ["Connection/c#leaf-01/E1/1/1--s1/e1"]


def test_a_port_used_twice() -> None:
    """Of two links on one port the first has it."""
    projection = projected(*DEVICES, unbundled("c", "s1/e1", "leaf-01/E1/1"), unbundled("d", "s2/e1", "leaf-01/E1/1/1"))

    assert messages(projection) == ["Connection/d: spec.unbundled.link: leaf-01/E1/1/1 is used by Connection/c as well"]
    assert keys(projection, "dcim/cables") == ["Connection/c#leaf-01/E1/1/1--s1/e1"]


@pytest.mark.parametrize(
    ("attachments", "mode", "untagged", "tagged"),
    [
        pytest.param([], None, None, "", id="none"),
        pytest.param([("v", True)], "access", "default", "", id="native"),
        pytest.param([("v/default", False)], "tagged", None, "default", id="tagged"),
        pytest.param([("v/c", False), ("v/b", False), ("v", True)], "tagged", "default", "bc", id="both"),
        pytest.param([("v", True), ("v", False)], "access", "default", "", id="one subnet twice"),
        pytest.param([("v/bgp", False)], None, None, "", id="no VLAN"),
    ],
)
@pytest.mark.parametrize("wiring", ["unbundled", "eslag"])
def test_attachments(
    attachments: list[tuple[str, bool]], mode: str | None, untagged: str | None, tagged: str, wiring: str
) -> None:
    """The VLANs of an interface are those of all attachments of its connection, on switches and server alike."""
    single = unbundled("c", "s1/e1", "leaf-01/E1/1")
    used = single if wiring == "unbundled" else connection("c", "eslag", *BOTH)
    uses = [attached(f"a{n}", "c", subnet, nativeVLAN=flag) for n, (subnet, flag) in enumerate(attachments)]
    projection = projected(*DEVICES, NAMESPACE, VPC, used, *uses)
    ports = ["Switch/leaf-01#E1/1/1", "Server/s1#e1"]
    carriers = ports if wiring == "unbundled" else [f"Connection/c#lag/{name}" for name in ("leaf-01", "leaf-02", "s1")]

    def vlan(name: str) -> Ref:
        return Ref("ipam/vlans", f"dc1/VPC/v#{name}")

    expected = {
        "mode": mode,
        "untagged_vlan": vlan(untagged) if untagged else None,
        "tagged_vlans": (vlan("default"),) if tagged == "default" else tuple(map(vlan, tagged)),
    }
    assert projection.skipped == ()
    for key in carriers:
        assert interface(projection, key).items() >= expected.items()
    if wiring == "eslag":
        assert interface(projection, ports[0])["mode"] is None


@pytest.mark.parametrize(
    ("attachment", "expected"),
    [
        pytest.param(attached("a", "x", "v"), "spec.connection: no Connection x carries VPCs", id="no connection"),
        pytest.param(attached("a", "m", "v"), "spec.connection: no Connection m carries VPCs", id="another type"),
        pytest.param(attached("a", "c", "w"), "spec.subnet: there is no subnet default of a VPC w", id="no VPC"),
        pytest.param(attached("a", "c", "v/x"), "spec.subnet: there is no subnet x of a VPC v", id="no subnet"),
        pytest.param(
            attached("z", "c", "v/b", nativeVLAN=True),
            "spec.nativeVLAN: Connection c has another native VLAN",
            id="two native VLANs",
        ),
        pytest.param(
            attached("a", "c", "v", nativeVLAN="yes"), "spec.nativeVLAN: is a text, not a boolean", id="no flag"
        ),
    ],
)
def test_malformed_attachment(attachment: Manifest, expected: str) -> None:
    """An attachment that makes no sense is named, and changes nothing."""
    mesh = connection("m", "mesh", link(leaf1="leaf-01/E1/5", leaf2="leaf-02/E1/5"))
    base = (*DEVICES, NAMESPACE, VPC, mesh, unbundled("c", "s1/e1", "leaf-01/E1/1"))
    projection = projected(*base, attached("b", "c", "v", nativeVLAN=True), attachment)

    assert messages(projection) == [f"{attachment.key}: {expected}"]
    assert interface(projection, "Server/s1#e1")["mode"] == "access"
