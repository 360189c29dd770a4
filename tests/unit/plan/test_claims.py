"""What only one object can have, and what others use of it, read from specs of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.plan.claims import Claim, Holders, are_alike, claims_of, clashes
from reconciler.plan.immutable import immutable_change
from reconciler.plan.parts import offered, used
from reconciler.plan.ranges import Space, between, taken
from reconciler.plan.wiring import port_of
from tests.unit.plan.world import key, manifest, resource

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

CLAIMS = [
    ("Switch", {"role": "spine", "asn": 65100, "ip": "172.30.0.2/21"}, {"IP 172.30.0.2"}),
    ("Switch", {"asn": 65101, "vtepIP": "172.30.12.1/32"}, {"ASN 65101", "IP 172.30.12.1"}),
    ("Switch", {"asn": "65101", "ip": "nowhere", "protocolIP": 5}, set()),
    ("Gateway", {"protocolIP": "172.30.8.9/32", "asn": 65534}, {"IP 172.30.8.9"}),
    (
        "Connection",
        {"fabric": {"links": [{"leaf": {"port": "l/E1/1", "ip": "1.2.3.4/31"}, "spine": {"port": "s/E1/2/1"}}]}},
        {"port l/E1/1/1", "link IP 1.2.3.4", "port s/E1/2/1"},
    ),
    (
        "Connection",
        {"staticExternal": {"link": {"switch": {"port": "l/M1", "ip": "1.2.3.4/31"}}}},
        {"port l/M1"},
    ),
    ("Connection", {"unbundled": None, "bundled": {"links": ["x", {"switch": {"port": 3}}]}}, set()),
    (
        "VPC",
        {"vlanNamespace": "v", "subnets": {"a": {"vlan": 7, "subnet": "10.0.1.7/24"}}},
        {"VLAN 7 of VLANNamespace/v", "subnet 10.0.1.0/24 of IPv4Namespace/default"},
    ),
    ("VPC", {"subnets": {"a": {"vlan": 0}, "b": {"vlan": True, "subnet": "x"}, "c": None}}, set()),
    ("VPCAttachment", {"connection": "c", "subnet": "v"}, {"attached subnet v/default of Connection/c"}),
    (
        "VPCAttachment",
        {"connection": "c", "subnet": "v/s", "nativeVLAN": True},
        {"attached subnet v/s of Connection/c", "native VLAN of Connection/c"},
    ),
    ("VPCAttachment", {"connection": "c"}, set()),
    ("ExternalAttachment", {"connection": "c", "switch": {"vlan": 9}}, {"VLAN 9 of Connection/c"}),
    ("ExternalAttachment", {"connection": "c", "static": {"vlan": 8}}, {"VLAN 8 of Connection/c"}),
    ("Server", {"description": "x"}, set()),
]


ALIKE = [
    ("VPC", {"subnets": {"a": {"vlan": 7}}, "mode": "l3vni"}, {"subnets": {"a": {"vlan": 7}}}, True),
    ("VPC", {"subnets": {"a": {"vlan": 7}}, "vlanNamespace": "v"}, {"subnets": {"a": {"vlan": 7}}}, False),
    ("Switch", {"role": "spine", "asn": 1, "description": "x"}, {"role": "spine", "asn": 1}, True),
    ("Switch", {"role": "spine", "asn": 1}, {"role": "server-leaf", "asn": 1}, False),
    ("Gateway", {"ip": "1.2.3.4/32"}, {"ip": "1.2.3.5/32"}, False),
    ("Connection", {"unbundled": None}, {"bundled": None}, False),
    ("Server", {"description": "x"}, {"description": "y"}, True),
]


@pytest.mark.parametrize(("kind", "one", "other", "expected"), ALIKE)
def test_what_claims_the_same(kind: str, one: JSONObject, other: JSONObject, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """Fields in which nothing is claimed make no difference."""
    assert are_alike(manifest(kind, "o", one), manifest(kind, "o", other)) is expected


@pytest.mark.parametrize(("kind", "spec", "expected"), CLAIMS)
def test_claims(kind: str, spec: JSONObject, expected: set[str]) -> None:
    """As a person would name them."""
    assert {str(claim) for claim in claims_of(manifest(kind, "x", spec))} == expected


@pytest.mark.parametrize(
    ("port", "expected"),
    [("l/E1/4", "l/E1/4/1"), ("l/E1/4/1", "l/E1/4/1"), ("l/E1/4/2", "l/E1/4/2"), ("s/enp2s1", "s/enp2s1"), ("l", "l")],
)
def test_the_names_of_a_port(port: str, expected: str) -> None:
    """The first lane of a port that can break out has two."""
    assert port_of(port) == expected


def _subnet(value: str, within: str = "n") -> Claim:
    return Claim("subnet", value, within)


@pytest.mark.parametrize(
    ("wanted", "held", "is_held"),
    [
        (_subnet("10.0.0.0/24"), _subnet("10.0.0.0/24"), True),
        (_subnet("10.0.0.0/24"), _subnet("10.0.0.0/16"), True),
        (_subnet("10.0.0.0/16"), _subnet("10.0.3.0/24"), True),
        (_subnet("10.0.0.0/24"), _subnet("10.0.1.0/24"), False),
        (_subnet("10.0.0.0/24"), _subnet("10.0.0.0/24", "m"), False),
        (Claim("VLAN", "1", "n"), Claim("VLAN", "1", "n"), True),
        (Claim("VLAN", "1", "n"), Claim("VLAN", "1", "m"), False),
    ],
)
def test_who_holds_a_claim(wanted: Claim, held: Claim, is_held: bool) -> None:  # noqa: FBT001 - a table's column
    """Subnets exclude what overlaps with them; the index and the single comparison agree."""
    holder = key("VPC", "v")

    assert Holders({holder: {held}}).of(wanted) == ({holder} if is_held else set())
    assert clashes(wanted, {held}) is is_held


PARTS = [
    ("VPCPeering", {"permit": [{"v": {"subnets": ["a"]}, "w": {}}]}, {"VPC/v subnet a"}),
    ("ExternalPeering", {"permit": {"vpc": {"name": "v", "subnets": ["a", 3]}}}, {"VPC/v subnet a"}),
    (
        "GatewayPeering",
        {"peering": {"v": {"expose": [{"ips": [{"vpcSubnet": "a"}, {"cidr": "10.0.0.0/24"}]}]}}},
        {"VPC/v subnet a"},
    ),
    ("VPCAttachment", {"subnet": "v", "connection": "c"}, {"VPC/v subnet default"}),
    ("Server", {}, set()),
    ("VPCPeering", {"permit": "x"}, set()),
]


@pytest.mark.parametrize(("kind", "spec", "expected"), PARTS)
def test_used_parts(kind: str, spec: JSONObject, expected: set[str]) -> None:
    """What an object needs of others by name."""
    found = used(manifest(kind, "x", spec), lambda _: None)

    assert {f"{part.owner} {part}" for part in found} == expected


def test_offered_parts() -> None:
    """A switch that names no VLAN namespace has the default one."""
    assert [str(part) for part in offered(manifest("Switch", "s"))] == ["VLAN namespace default"]
    assert [str(part) for part in offered(manifest("Switch", "s", {"vlanNamespaces": [3]}))] == []
    assert offered(manifest("Server", "s")) == frozenset()


@pytest.mark.parametrize(
    ("kind", "spec", "spans"),
    [
        ("VLANNamespace", {"ranges": [{"from": 5, "to": 9}, {"from": 1}, {"from": 2, "to": 3}]}, ((1, 3), (5, 9))),
        ("VLANNamespace", {"ranges": [{"from": 1, "to": 9}, {"from": 2, "to": 3}, {"to": 3}, "x"]}, ((1, 9),)),
        ("VLANNamespace", {"ranges": None}, ()),
        ("IPv4Namespace", {"subnets": ["0.0.0.8/29", "0.0.0.0/29", 5]}, ((0, 15),)),
    ],
)
def test_spaces(kind: str, spec: JSONObject, spans: tuple[tuple[int, int], ...]) -> None:
    """In order, and joined where they touch; what is no range holds nothing."""
    assert Space.of(manifest(kind, "x", spec)).spans == spans


def _ranges(*starts: int) -> JSONObject:
    return {"ranges": [{"from": start, "to": start} for start in starts]}


def test_a_namespace_in_between_has_at_most_as_many_ranges_as_the_server_allows() -> None:
    """Then it keeps of the old ones what a VPC uses; one of another namespace does not count."""
    before = manifest("VLANNamespace", "n", _ranges(*range(10, 40, 2)))
    after = manifest("VLANNamespace", "n", _ranges(*range(50, 80, 2)))
    mine = manifest("VPC", "v", {"vlanNamespace": "n", "subnets": {"a": {"vlan": 12}}})
    other = manifest("VPC", "w", {"vlanNamespace": "m", "subnets": {"a": {"vlan": 14}}})

    assert between(before, after, [mine, other]) == _ranges(12, *range(50, 80, 2))


@pytest.mark.parametrize("subnets", [None, {"a": None, "b": {"vlan": "x", "subnet": 4}}])
def test_a_vpc_that_takes_nothing(subnets: JSON) -> None:
    """A spec of another shape is no error here."""
    one = manifest("VPC", "v", {"subnets": subnets})

    assert [*taken(one, "VLANNamespace"), *taken(one, "IPv4Namespace")] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"unbundled": {}}),
        ({"unbundled": {}}, {"unbundled": {"link": {}}}),
        ({"unbundled": {}}, {"unbundled": {}, "bundled": None}),
        ({"staticExternal": {}}, {"staticExternal": {"withinVPC": ""}}),
        ({"staticExternal": {}}, {"staticExternal": 5}),
    ],
)
def test_what_can_be_changed_in_place(before: JSONObject, after: JSONObject) -> None:
    """The type and the VPC stay."""
    assert immutable_change(manifest("Connection", "c", after), resource(manifest("Connection", "c", before))) is None
