"""The projection of a fabric's objects into NetBox records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.demo.fabric import FABRIC_500, FabricShape, build_fabric
from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Projection, Record, Ref, natural_keys, references
from reconciler.model.netbox_schema import MODELS, ORDER, Kind
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.projection import project
from reconciler.plan.projection.names import clean, shorten, slug, word_slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value

GOLDEN = Path(__file__).parent / "golden"
POLICY = NetBoxPolicy("dc1")


def declared(kind: str, name: str, spec: JSON = None) -> Manifest:
    return Manifest(ObjectKey(kind, "default", name), Source(f"{kind}/{name}.yaml"), {} if spec is None else spec)


def record(projection: Projection, model: str, key: str) -> Record:
    return next(found for found in projection.records if found.ref == Ref(model, f"dc1/{key}"))


def plain(value: Value) -> JSON:
    """A value as the golden file spells it."""
    if isinstance(value, Ref):
        return f"-> {value}"
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def spelled(projection: Projection) -> JSONObject:
    return {
        "shared": {
            str(item.ref): {name: plain(value) for name, value in item.fields.items()} for item in projection.shared
        },
        "records": {
            str(item.ref): {name: plain(value) for name, value in item.fields.items()} for item in projection.records
        },
        "skipped": [f"{item.key}: {item.message}" for item in projection.skipped],
    }


GOLDEN_FABRIC = (
    declared("VLANNamespace", "default", {"ranges": [{"from": 2000, "to": 2999}, {"from": 1000}]}),
    declared("IPv4Namespace", "default", {"subnets": ["10.0.0.0/16", "10.1.0.7/16", "10.0.0.0/16"]}),
    declared("SwitchGroup", "eslag-1"),
    declared("SwitchProfile", "dell-s5248f-on", {"displayName": "Dell S5248F-ON", "ports": {}}),
    declared(
        "Switch",
        "leaf-01",
        {
            "role": "server-leaf",
            "profile": "dell-s5248f-on",
            "description": " rack 7\n",
            "asn": 65101,
            "boot": {"serial": "ABC123", "mac": "0c:20:12:ff:01:00"},
            "redundancy": {"group": "eslag-1", "type": "eslag"},
        },
    ),
    declared("Switch", "spine-01", {"role": "spine", "profile": "celestica-ds3000", "asn": 65100, "redundancy": {}}),
    declared("Server", "server-01", {"description": "database"}),
    declared("Server", "server-02"),
    declared("Gateway", "gateway-1", {"asn": 65534, "vtepIP": "172.30.12.1/32"}),
    declared(
        "VPC",
        "vpc-1",
        {
            "defaultRestricted": True,
            "subnets": {
                "default": {"subnet": "10.0.1.7/24", "vlan": 1001},
                "back": {"subnet": "10.0.2.0/24", "vlan": 1002, "isolated": True, "restricted": False},
                "bgp": {"subnet": "10.0.3.0/24", "hostBGP": True, "vlan": 0},
            },
        },
    ),
    declared(
        "VPC", "vpc-2", {"mode": "l3vni", "ipv4Namespace": "default", "vlanNamespace": "default", "subnets": None}
    ),
    declared("Connection", "server-01--unbundled--leaf-01", {"unbundled": {}}),
)


def test_golden() -> None:
    """The records of a small fabric with every kind that has a place in NetBox are those that were reviewed."""
    expected = json.loads((GOLDEN / "small_fabric.json").read_text())

    assert spelled(project("dc1", POLICY, GOLDEN_FABRIC)) == expected


def test_order_of_objects_does_not_matter() -> None:
    """The same objects in another order give the same projection."""
    assert project("dc1", POLICY, reversed(GOLDEN_FABRIC)) == project("dc1", POLICY, GOLDEN_FABRIC)


def test_whole_demo_fabric() -> None:
    """Of a fabric of 490 objects nothing is skipped, and every record fits into NetBox."""
    manifests = [declared(item.body["kind"], item.name, item.body.get("spec")) for item in build_fabric(FABRIC_500)]
    projection = project("dc1", POLICY, manifests)

    assert projection.skipped == ()
    assert len(projection.records) == 320
    assert_sound(projection)


@given(st.integers(1, 3), st.integers(2, 5), st.integers(0, 6), st.integers(0, 6))
def test_any_demo_fabric(spines: int, leafs: int, servers: int, vpcs: int) -> None:
    """Whatever the shape of a valid fabric, its projection is sound."""
    shape = FabricShape(spines=spines, leafs=leafs, servers=servers, vpcs=vpcs)
    manifests = [declared(item.body["kind"], item.name, item.body.get("spec")) for item in build_fabric(shape)]

    assert_sound(project("dc1", POLICY, manifests))


def assert_sound(projection: Projection) -> None:
    """References point backwards, natural keys and keys are unique, texts fit, fields exist."""
    known = {item.ref for item in projection.shared}
    places: set[object] = set()
    for item in projection.records:
        model = MODELS[item.ref.model]
        assert set(references(item.fields)) <= known
        known.add(item.ref)
        for natural in natural_keys(item.ref.model, item.fields):
            assert (item.ref.model, natural) not in places
            places.add((item.ref.model, natural))
        for name, value in item.fields.items():
            limit = model.fields[name].limit
            assert limit is None or model.fields[name].kind is not Kind.TEXT or len(str(value or "")) <= limit
    orders = [ORDER[item.ref.model] for item in projection.records]
    assert orders == sorted(orders)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        pytest.param([declared("Switch", "a", {})], ["Switch/a: spec.role: is missing"], id="no role"),
        pytest.param(
            [declared("Switch", "a", {"role": 7})], ["Switch/a: spec.role: is a number, not a text"], id="role"
        ),
        pytest.param(
            [declared("Switch", "a", {"role": "spine", "boot": []})],
            ["Switch/a: spec.boot: is a list, not an object"],
            id="boot",
        ),
        pytest.param(
            [declared("Switch", "a", {"role": "spine", "asn": True})],
            ["Switch/a: spec.asn: is a boolean, not an integer"],
            id="asn",
        ),
        pytest.param([declared("Server", "a", [])], ["Server/a: spec: is not an object"], id="spec"),
        pytest.param(
            [declared("VLANNamespace", "a", {"ranges": {}})],
            ["VLANNamespace/a: spec.ranges: is an object, not a list"],
            id="ranges",
        ),
        pytest.param([declared("VLANNamespace", "a", {})], ["VLANNamespace/a: spec.ranges: is empty"], id="no ranges"),
        pytest.param(
            [declared("VLANNamespace", "a", {"ranges": [7]})],
            ["VLANNamespace/a: spec.ranges[0]: is not a range"],
            id="range",
        ),
        pytest.param(
            [declared("VLANNamespace", "a", {"ranges": [{"from": 1}, {"from": 9, "to": 5}]})],
            ["VLANNamespace/a: spec.ranges[1]: is not a range of VLAN ids (9 to 5)"],
            id="range backwards",
        ),
        pytest.param(
            [declared("IPv4Namespace", "a", {"subnets": ["10.0.0.0/33"]})],
            ["IPv4Namespace/a: spec.subnets[0]: '10.0.0.0/33' is not a CIDR"],
            id="subnet",
        ),
        pytest.param(
            [declared("IPv4Namespace", "a", {"subnets": ["0.0.0.0/0"]})],
            ["IPv4Namespace/a: spec.subnets[0]: NetBox holds no prefix of length 0 (0.0.0.0/0)"],
            id="whole internet",
        ),
        pytest.param(
            [declared("VPC", "a", {"defaultIsolated": "yes"})],
            ["VPC/a: spec.defaultIsolated: is a text, not a boolean"],
            id="flag",
        ),
        pytest.param(
            [declared("VPC", "a", {"subnets": {"x": None, "y": {"subnet": "10.0.0.0/24", "vlan": 5000}}})],
            [
                "VPC/a: spec.subnets.x.subnet: is absent, not a CIDR",
                "VPC/a: spec.subnets.y.vlan: 5000 is not a VLAN id",
            ],
            id="subnets",
        ),
        pytest.param([declared("SwitchProfile", "a", {"displayName": 7})], [], id="profile without a name"),
        pytest.param([declared("SwitchProfile", "a", [])], ["SwitchProfile/a: spec: is not an object"], id="profile"),
    ],
)
def test_malformed_objects_are_skipped(objects: Sequence[Manifest], expected: list[str]) -> None:
    """A spec that makes no sense is skipped, with the field's path; the fabric's other objects are projected."""
    projection = project("dc1", POLICY, [*objects, declared("Server", "zz")])

    assert [f"{item.key}: {item.message}" for item in projection.skipped] == expected
    assert record(projection, "dcim/devices", "Server/zz").label == "zz"


def test_a_bad_subnet_is_skipped_alone() -> None:
    """One malformed subnet does not take the VPC or its other subnets along."""
    spec = {"subnets": {"bad": {"subnet": 7, "vlan": 1001}, "good": {"subnet": "10.0.2.0/24"}}}
    projection = project("dc1", POLICY, [declared("VPC", "vpc-1", spec)])

    assert [item.ref.key for item in projection.records] == ["dc1/VPC/vpc-1", "dc1/VPC/vpc-1#good"]


@pytest.mark.parametrize(
    ("objects", "kept", "message"),
    [
        pytest.param(
            [declared("Server", "a"), declared("Switch", "a", {"role": "spine"})],
            "dc1/Switch/a",
            "Server/a: site and name are those of dc1/Switch/a as well",
            id="a switch keeps its name",
        ),
        pytest.param(
            [
                declared("VPC", "a", {"subnets": {"x": {"subnet": "10.0.1.0/24", "vlan": 7}}}),
                declared("VPC", "b", {"subnets": {"x": {"subnet": "10.0.2.0/24", "vlan": 7}}}),
            ],
            "dc1/VPC/a#x",
            "VPC/b: group and vid are those of dc1/VPC/a#x as well",
            id="one VLAN id twice",
        ),
        pytest.param(
            [declared("VPC", "a", {"subnets": {"x": {"subnet": "10.0.1.0/24"}, "y": {"subnet": "10.0.1.9/24"}}})],
            "dc1/VPC/a#x",
            "VPC/a: vrf and prefix are those of dc1/VPC/a#x as well",
            id="one prefix twice",
        ),
    ],
)
def test_two_objects_for_one_place(objects: Sequence[Manifest], kept: str, message: str) -> None:
    """Of two objects that NetBox could not hold side by side the first is kept and the other named."""
    projection = project("dc1", POLICY, objects)

    assert kept in {item.ref.key for item in projection.records}
    assert [item.message for item in projection.skipped] == [message]


def test_overlapping_ranges_are_one() -> None:
    """Ranges of VLAN ids that overlap are joined: NetBox refuses them otherwise."""
    ranges = [{"from": 50, "to": 60}, {"from": 10, "to": 40}, {"from": 20, "to": 30}, {"from": 55, "to": 70}]
    projection = project("dc1", POLICY, [declared("VLANNamespace", "a", {"ranges": ranges})])

    assert record(projection, "ipam/vlan-groups", "VLANNamespace/a").fields["vid_ranges"] == ((10, 40), (50, 70))


def test_long_names() -> None:
    """A name that NetBox cannot hold is cut to a name of its own; the whole name stays in the key."""
    names = ["n" * 70 + "-1", "n" * 70 + "-2"]
    projection = project("dc1", POLICY, [declared("Server", name) for name in names])
    devices = [record(projection, "dcim/devices", f"Server/{name}") for name in names]

    assert [len(str(device.fields["name"])) for device in devices] == [64, 64]
    assert devices[0].fields["name"] != devices[1].fields["name"]


def test_profile_without_display_name() -> None:
    """Without a SwitchProfile the manufacturer is Hedgehog and the model the profile's name."""
    projection = project("dc1", POLICY, [declared("Switch", "a", {"role": "spine", "profile": "celestica-ds3000"})])
    fields = record(projection, "dcim/devices", "Switch/a").fields

    assert fields["device_type"] == Ref("dcim/device-types", "hedgehog/celestica-ds3000")
    models = {item.ref.key: item.fields.get("model") for item in projection.shared}
    assert models["hedgehog/celestica-ds3000"] == "celestica-ds3000"


def test_unknown_role() -> None:
    """A role that we never heard of is a role like any other."""
    projection = project("dc1", POLICY, [declared("Switch", "a", {"role": "Super Spine"})])

    role = record(projection, "dcim/devices", "Switch/a").fields["role"]
    assert role == Ref("dcim/device-roles", slug("Super Spine"))
    assert {item.fields["name"] for item in projection.shared if item.ref == role} == {"Super Spine"}


def test_empty_fabric() -> None:
    """A fabric without objects has no records, and its prerequisites only."""
    projection = project("dc1", POLICY, [])

    assert projection.records == ()
    assert [str(item.ref) for item in projection.shared] == [
        "extras/tags hh-managed",
        "extras/custom-fields hh_key",
        "extras/custom-fields hh_asn",
        "extras/custom-fields hh_redundancy",
        "extras/custom-fields hh_mode",
        "extras/custom-fields hh_isolated",
        "extras/custom-fields hh_restricted",
        "dcim/sites dc1",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(" a\tb \n", "a b", id="blanks"),
        pytest.param("a\x00b", "a b", id="NUL"),
        pytest.param("\ud800", "?", id="lone surrogate"),
        pytest.param("Zürich", "Zürich", id="umlaut"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    """Text is what NetBox would store of it."""
    assert clean(text) == expected


@given(st.text(max_size=300), st.integers(20, 100))
def test_shorten_fits_and_tells_apart(text: str, limit: int) -> None:
    """A shortened text fits, is the same each time, and differs from that of a text with another end."""
    assert len(shorten(text, limit)) <= limit
    assert (shorten(text + "x" * limit, limit) == shorten(text + "y" * limit, limit)) is False


@given(st.text(max_size=200))
def test_slugs_are_slugs(text: str) -> None:
    """Whatever the name, its slug is one that NetBox takes."""
    for found in (slug(text), word_slug(text)[:100]):
        assert 0 < len(found) <= 100
        assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("dell-s5248f-on", "dell-s5248f-on", id="a slug itself"),
        pytest.param("a.b", "a-b-2e7336dc", id="a dot"),
        pytest.param("a-b", "a-b", id="what a dot would become"),
    ],
)
def test_slug(name: str, expected: str) -> None:
    """Different names have different slugs."""
    assert slug(name) == expected
