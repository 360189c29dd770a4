"""References between objects, and the waves that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.demo.fabric import FabricShape, build_fabric
from reconciler.model.kinds import DECLARABLE, KINDS
from reconciler.plan.references import controller_references_of, dependencies_of, references_of
from reconciler.plan.waves import waves_of
from tests.unit.plan.world import key, manifest, vpc

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import Manifest


def _link(**ports: str) -> JSONObject:
    return {side: {"port": port} for side, port in ports.items()}


ROWS = [
    pytest.param("Switch", {}, {"VLANNamespace/default"}, id="switch by default"),
    pytest.param(
        "Switch",
        {"vlanNamespaces": ["a", "b"], "groups": ["g"], "redundancy": {"group": "e"}, "profile": "p"},
        {"VLANNamespace/a", "VLANNamespace/b", "SwitchGroup/g", "SwitchGroup/e"},
        id="switch",
    ),
    pytest.param("Gateway", {}, {"GatewayGroup/default"}, id="gateway by default"),
    pytest.param("Gateway", {"groups": [{"name": "g"}]}, {"GatewayGroup/g"}, id="gateway"),
    pytest.param("VPC", {}, {"IPv4Namespace/default", "VLANNamespace/default"}, id="vpc by default"),
    pytest.param(
        "VPC",
        {"ipv4Namespace": "i", "vlanNamespace": "v", "subnets": {"a": {"dhcp": {"relayVPC": "other"}}, "b": None}},
        {"IPv4Namespace/i", "VLANNamespace/v", "VPC/other"},
        id="vpc",
    ),
    pytest.param(
        "VPC",
        {"subnets": {"a": {"dhcp": {"relayVPC": "one"}}}},
        {"IPv4Namespace/default", "VLANNamespace/default"},
        id="vpc that names itself",
    ),
    pytest.param("External", {"ipv4Namespace": "i"}, {"IPv4Namespace/i"}, id="external"),
    pytest.param("External", {}, {"IPv4Namespace/default"}, id="external by default"),
    pytest.param(
        "Connection",
        {"unbundled": {"link": _link(server="s/e1", switch="l/E1/1")}},
        {"Server/s", "Switch/l"},
        id="unbundled",
    ),
    pytest.param(
        "Connection",
        {"eslag": {"links": [_link(server="s/e1", switch="l1/E1/1"), _link(server="s/e2", switch="l2/E1/1")]}},
        {"Server/s", "Switch/l1", "Switch/l2"},
        id="eslag",
    ),
    pytest.param(
        "Connection",
        {"fabric": {"links": [_link(leaf="l/E1/1", spine="s/E1/2")]}},
        {"Switch/l", "Switch/s"},
        id="fabric",
    ),
    pytest.param(
        "Connection", {"mesh": {"links": [_link(leaf1="l/E1/1", leaf2="m/E1/2")]}}, {"Switch/l", "Switch/m"}, id="mesh"
    ),
    pytest.param(
        "Connection", {"gateway": {"links": [_link(switch="l/E1/1", gateway="g/e1")]}}, {"Switch/l"}, id="gateway link"
    ),
    pytest.param(
        "Connection",
        {
            "mclagDomain": {
                "peerLinks": [_link(switch1="a/E1/1", switch2="b/E1/1")],
                "sessionLinks": [_link(switch1="c/E1/1", switch2="d/E1/1")],
            }
        },
        {"Switch/a", "Switch/b", "Switch/c", "Switch/d"},
        id="mclag domain",
    ),
    pytest.param(
        "Connection",
        {"staticExternal": {"withinVPC": "v", "link": _link(switch="l/E1/1")}},
        {"VPC/v", "Switch/l"},
        id="static external",
    ),
    pytest.param(
        "Connection",
        {"bundled": {"links": [{"server": None, "switch": {"port": 5}}, "odd"]}, "odd": 7},
        set(),
        id="odd connection",
    ),
    pytest.param("VPCAttachment", {"subnet": "v/a", "connection": "c"}, {"VPC/v", "Connection/c"}, id="vpc attachment"),
    pytest.param("VPCAttachment", {"subnet": "v"}, {"VPC/v"}, id="vpc attachment to the default subnet"),
    pytest.param(
        "ExternalAttachment",
        {"external": "e", "connection": "c"},
        {"External/e", "Connection/c"},
        id="external attachment",
    ),
    pytest.param("VPCPeering", {"permit": [{"a": {}, "b": None}, "odd"]}, {"VPC/a", "VPC/b"}, id="vpc peering"),
    pytest.param(
        "ExternalPeering",
        {"permit": {"vpc": {"name": "v"}, "external": {"name": "e"}}},
        {"VPC/v", "External/e"},
        id="external peering",
    ),
    pytest.param(
        "GatewayPeering",
        {"peering": {"v": {}, "ext.e": {}}},
        {"VPC/v", "External/e", "GatewayGroup/default"},
        id="gateway peering",
    ),
    pytest.param("GatewayPeering", {"gatewayGroup": "g"}, {"GatewayGroup/g"}, id="gateway peering in a group"),
    pytest.param("Switch", {"vlanNamespaces": "v", "groups": 7}, set(), id="odd switch"),
    pytest.param("Gateway", {"groups": "g"}, set(), id="odd gateway"),
    pytest.param("VPC", {"ipv4Namespace": [], "vlanNamespace": 0}, set(), id="odd vpc"),
    pytest.param("Server", {"profile": "x"}, set(), id="server"),
    pytest.param("SwitchGroup", {}, set(), id="switch group"),
]


@pytest.mark.parametrize(("kind", "spec", "expected"), ROWS)
def test_references_of_each_kind(kind: str, spec: JSONObject, expected: set[str]) -> None:
    """Those that the server checks, with its defaults; profiles are not among them."""
    assert {str(one) for one in dependencies_of(manifest(kind, "one", spec))} == expected


PLACES = [
    pytest.param(
        "Switch",
        {"groups": ["g"], "redundancy": {"group": "e"}},
        {"spec.vlanNamespaces": "default", "spec.groups.0": "g", "spec.redundancy.group": "e"},
        id="switch",
    ),
    pytest.param("Gateway", {"groups": [{}, {"name": "g"}]}, {"spec.groups.1.name": "g"}, id="gateway"),
    pytest.param(
        "VPC",
        {"vlanNamespace": "v", "subnets": {"a": {"dhcp": {"relayVPC": "other"}}}},
        {"spec.ipv4Namespace": "default", "spec.vlanNamespace": "v", "spec.subnets.a.dhcp.relayVPC": "other"},
        id="vpc",
    ),
    pytest.param(
        "Connection",
        {"eslag": {"links": ["odd", _link(server="s/e2", switch="l2/E1/1")]}, "staticExternal": {"withinVPC": "v"}},
        {
            "spec.eslag.links.1.server.port": "s",
            "spec.eslag.links.1.switch.port": "l2",
            "spec.staticExternal.withinVPC": "v",
        },
        id="connection",
    ),
    pytest.param(
        "VPCAttachment",
        {"subnet": "v/a", "connection": "c"},
        {"spec.subnet": "v", "spec.connection": "c"},
        id="vpc attachment",
    ),
    pytest.param("VPCPeering", {"permit": [{}, {"a": {}}]}, {"spec.permit.1.a": "a"}, id="vpc peering"),
    pytest.param(
        "ExternalPeering",
        {"permit": {"vpc": {"name": "v"}, "external": {"name": "e"}}},
        {"spec.permit.vpc.name": "v", "spec.permit.external.name": "e"},
        id="external peering",
    ),
    pytest.param(
        "GatewayPeering",
        {"peering": {"ext.e": {}}},
        {"spec.gatewayGroup": "default", "spec.peering.ext.e": "e"},
        id="gateway peering",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "expected"), PLACES)
def test_a_reference_names_its_field(kind: str, spec: JSONObject, expected: dict[str, str]) -> None:
    """The field that holds the name, or would hold it where a default is meant."""
    found = references_of(manifest(kind, "one", spec))

    assert {".".join(map(str, one.path)): one.key.name for one in found} == expected


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        pytest.param("Switch", {"profile": "p"}, ["SwitchProfile/p"], id="switch"),
        pytest.param("Switch", {"profile": 7}, [], id="odd switch"),
        pytest.param("Server", {"profile": "p"}, [], id="server"),
    ],
)
def test_references_to_what_controllers_write_are_apart(kind: str, spec: JSONObject, expected: list[str]) -> None:
    """A switch refers to its profile; profiles of servers mean nothing yet."""
    found = list(controller_references_of(manifest(kind, "one", spec)))

    assert [str(one.key) for one in found] == expected
    assert all(one.path == ("spec", "profile") for one in found)


odd = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["link", "links", "switch", "port", "subnets", "permit", "peering", "groups"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from([kind.name for kind in DECLARABLE]), odd)
def test_an_odd_spec_is_no_error(kind: str, spec: JSON) -> None:
    """What is not as its schema says refers to nothing, or to less."""
    found = dependencies_of(manifest(kind, "one", spec))

    assert all(one.kind in KINDS for one in found)


def test_every_reference_of_a_fabric_leads_to_a_lower_wave() -> None:
    """In a whole fabric, nothing is applied before what it refers to."""
    documents = build_fabric(FabricShape(vpcs=12, externals=2))
    objects = [manifest(document.body["kind"], document.name, document.body.get("spec")) for document in documents]
    waves = waves_of(objects)

    for one in objects:
        for target in dependencies_of(one):
            assert waves[target] < waves[one.key], f"{one.key} before {target}"


def _relaying(name: str, *targets: str) -> Manifest:
    return vpc(name, subnets={target: {"dhcp": {"relayVPC": target}} for target in targets})


@pytest.mark.parametrize(
    ("vpcs", "steps"),
    [
        pytest.param([_relaying("a")], {"a": 0}, id="none"),
        pytest.param([_relaying("b", "a"), _relaying("a")], {"a": 0, "b": 1}, id="one"),
        pytest.param(
            [_relaying("c", "b", "a"), _relaying("b", "a"), _relaying("a")], {"a": 0, "b": 1, "c": 2}, id="longest way"
        ),
        pytest.param([_relaying("b", "elsewhere")], {"b": 0}, id="to a VPC that Git does not declare"),
        pytest.param([_relaying("a", "a")], {"a": 0}, id="to itself"),
        pytest.param([_relaying("a", "b"), _relaying("b", "a"), _relaying("c")], {"a": 1, "b": 1, "c": 0}, id="circle"),
        pytest.param(
            [_relaying("a", "b"), _relaying("b", "a"), _relaying("d", "c"), _relaying("c"), _relaying("e", "a")],
            {"a": 2, "b": 2, "c": 0, "d": 1, "e": 2},
            id="behind a circle",
        ),
    ],
)
def test_relays_come_behind_their_targets(vpcs: list[Manifest], steps: dict[str, int]) -> None:
    """One step for each VPC on the way; those in a circle, and what waits for them, last."""
    assert {one.name: wave for one, wave in waves_of(vpcs).items()} == {
        name: (30, step) for name, step in steps.items()
    }


def test_a_long_chain_of_relays_has_as_many_steps() -> None:
    """More than the distance between two kinds' waves: the chain still stays before connections."""
    waves = waves_of([manifest("Connection", "c"), *(_relaying(f"v{n}", f"v{n - 1}") for n in range(30))])

    assert waves[key("VPC", "v29")] == (30, 29)
    assert waves[key("VPC", "v29")] < waves[key("Connection", "c")]
