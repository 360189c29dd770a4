"""The projection of a fabric's objects into NetBox records."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.demo.fabric import FABRIC_500, FabricShape, build_fabric
from reconciler.model.netbox import Ref, natural_keys
from reconciler.model.netbox_schema import MODELS, ORDER, Kind
from reconciler.plan.projection.names import clean, json_text, shorten, slug, word_slug
from tests.unit.plan.projecting import WHOLE_FABRIC, declared, fields, keys, messages, projected, record, refs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Projection, Value
    from reconciler.model.objects import Manifest

GOLDEN = Path(__file__).parent / "golden"


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
        "skipped": [*messages(projection)],
    }


def demo(shape: FabricShape) -> list[Manifest]:
    return [declared(item.body["kind"], item.name, item.body.get("spec")) for item in build_fabric(shape)]


def test_golden() -> None:
    """The records of a small fabric with every kind and every type of connection are those that were reviewed."""
    expected = json.loads((GOLDEN / "whole_fabric.json").read_text())

    assert spelled(projected(*WHOLE_FABRIC)) == expected


@given(st.permutations(WHOLE_FABRIC))
def test_order_of_objects_does_not_matter(objects: list[Manifest]) -> None:
    """The same objects in another order give the same projection."""
    assert projected(*objects) == projected(*WHOLE_FABRIC)


@given(st.sets(st.integers(0, len(WHOLE_FABRIC) - 1)))
def test_whatever_is_missing(missing: set[int]) -> None:
    """Whichever of its objects a fabric lacks, the rest of it is projected, and soundly."""
    assert_sound(projected(*(item for place, item in enumerate(WHOLE_FABRIC) if place not in missing)))


JUNK = st.sampled_from([None, "", "x", "a/b", 0, 7, -1, 1.5, True, [], [None], {}, {"x": 1}, {"x": {"port": "a/b"}}])


@given(st.integers(0, len(WHOLE_FABRIC) - 1), st.lists(st.integers(0, 9), min_size=1, max_size=6), JUNK)
def test_whatever_is_malformed(place: int, path: list[int], junk: JSON) -> None:
    """Whatever stands where in a spec, what makes no sense is skipped, and the rest is projected soundly."""
    item = WHOLE_FABRIC[place]
    spoiled = declared(item.key.kind, item.key.name, spoil(item.spec, path, junk))

    assert_sound(projected(*WHOLE_FABRIC[:place], spoiled, *WHOLE_FABRIC[place + 1 :]))


def spoil(value: JSON, path: Sequence[int], junk: JSON) -> JSON:
    """The value with `junk` in one place of it, found by `path`, which says which member to enter."""
    if not path or not isinstance(value, dict | list) or not value:
        return junk
    chosen = path[0] % len(value)
    if isinstance(value, list):
        return [spoil(item, path[1:], junk) if at == chosen else item for at, item in enumerate(value)]
    return {
        name: spoil(item, path[1:], junk) if at == chosen else item for at, (name, item) in enumerate(value.items())
    }


def test_whole_demo_fabric() -> None:
    """Of a fabric of 490 objects nothing is skipped, and every record fits into NetBox."""
    projection = projected(*demo(FABRIC_500))

    assert projection.skipped == ()
    assert Counter(item.ref.model for item in projection.records) == {
        "dcim/devices": 135,
        "ipam/vlan-groups": 1,
        "ipam/route-targets": 32,
        "ipam/vrfs": 52,
        "ipam/vlans": 66,
        "ipam/prefixes": 67,
        "dcim/interfaces": 752,
        "ipam/ip-addresses": 147,
        "dcim/mac-addresses": 10,
        "ipam/ip-ranges": 53,
        "vpn/l2vpns": 66,
        "vpn/l2vpn-terminations": 66,
        "circuits/providers": 2,
        "circuits/provider-networks": 2,
        "circuits/circuits": 2,
        "circuits/circuit-terminations": 4,
        "dcim/cables": 236,
    }
    assert_sound(projection)


def test_records_of_the_demo_fabric() -> None:
    """A server's port, its LAG and its cable, each whole."""
    projection = projected(*demo(FABRIC_500))
    switch, server = "Switch/leaf-01#E1/1/1", "Server/server-01#enp2s1"
    connection = "Connection/server-01--eslag--leaf-01--leaf-02"

    assert fields(projection, "dcim/interfaces", switch) == {
        "device": Ref("dcim/devices", "dc1/Switch/leaf-01"),
        "name": "E1/1",
        "type": "other",
        "mgmt_only": False,
        "mark_connected": False,
        "lag": Ref("dcim/interfaces", f"dc1/{connection}#lag/leaf-01"),
        "parent": None,
        "mtu": None,
        "speed": None,
        "mode": None,
        "untagged_vlan": None,
        "tagged_vlans": (),
        "description": "",
        "primary_mac_address": None,
        "custom_fields.hh_redundancy": None,
        "custom_fields.hh_fallback": None,
    }
    assert fields(projection, "dcim/interfaces", f"{connection}#lag/server-01") == {
        "device": Ref("dcim/devices", "dc1/Server/server-01"),
        "name": "bond0",
        "type": "lag",
        "mgmt_only": False,
        "mark_connected": False,
        "lag": None,
        "parent": None,
        "mtu": None,
        "speed": None,
        "mode": "access",
        "untagged_vlan": Ref("ipam/vlans", "dc1/VPC/vpc-01#default"),
        "tagged_vlans": (),
        "description": "",
        "primary_mac_address": None,
        "custom_fields.hh_redundancy": "eslag-1",
        "custom_fields.hh_fallback": True,
    }
    assert fields(projection, "dcim/cables", f"{connection}#leaf-01/E1/1/1--server-01/enp2s1") == {
        "a": Ref("dcim/interfaces", f"dc1/{server}"),
        "b": Ref("dcim/interfaces", f"dc1/{switch}"),
        "status": "connected",
        "label": "server-01--eslag--leaf-01--leaf-02",
        "custom_fields.hh_connection_type": "eslag",
    }


@given(st.integers(1, 3), st.integers(2, 5), st.integers(0, 6), st.integers(0, 6))
def test_any_demo_fabric(spines: int, leafs: int, servers: int, vpcs: int) -> None:
    """Whatever the shape of a valid fabric, its projection is sound, and nothing of it is skipped."""
    projection = projected(*demo(FabricShape(spines=spines, leafs=leafs, servers=servers, vpcs=vpcs)))

    assert projection.skipped == ()
    assert_sound(projection)


def assert_sound(projection: Projection) -> None:
    """References lead to records of earlier models (late fields and those within a model to any), natural keys and keys
    are unique, texts fit, fields exist.
    """
    known = {item.ref for item in projection.shared} | {item.ref for item in projection.records}
    places: set[object] = set()
    for item in projection.records:
        model = MODELS[item.ref.model]
        for name, value in item.fields.items():
            limit = model.fields[name].limit
            assert limit is None or model.fields[name].kind is not Kind.TEXT or len(str(value or "")) <= limit
            for ref in refs_of(value):
                assert ref in known
                assert ref.model in model.fields[name].targets
                is_earlier = ORDER.get(ref.model, -1) < ORDER[model.path]
                assert is_earlier or name in model.inner or name in model.late
        for natural in natural_keys(item.ref.model, item.fields):
            assert (item.ref.model, natural) not in places
            places.add((item.ref.model, natural))
    assert len(known) == len(projection.shared) + len(projection.records)
    orders = [(ORDER[item.ref.model], item.ref.key) for item in projection.records]
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
    projection = projected(*objects, declared("Server", "zz"))

    assert messages(projection) == expected
    assert record(projection, "dcim/devices", "Server/zz").label == "zz"


def test_a_bad_subnet_is_skipped_alone() -> None:
    """One malformed subnet does not take the VPC or its other subnets along."""
    spec = {"subnets": {"bad": {"subnet": 7, "vlan": 1001}, "good": {"subnet": "10.0.2.0/24"}}}
    projection = projected(declared("VPC", "vpc-1", spec))

    assert keys(projection, "ipam/vrfs") == ["VPC/vpc-1"]
    assert keys(projection, "ipam/prefixes") == ["VPC/vpc-1#good"]


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
                declared("VLANNamespace", "default", {"ranges": [{"from": 7}]}),
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
    projection = projected(*objects)

    assert kept in {item.ref.key for item in projection.records}
    assert [item.message for item in projection.skipped] == [message]


def test_overlapping_ranges_are_one() -> None:
    """Ranges of VLAN ids that overlap are joined: NetBox refuses them otherwise."""
    ranges = [{"from": 50, "to": 60}, {"from": 10, "to": 40}, {"from": 20, "to": 30}, {"from": 55, "to": 70}]
    projection = projected(declared("VLANNamespace", "a", {"ranges": ranges}))

    assert record(projection, "ipam/vlan-groups", "VLANNamespace/a").fields["vid_ranges"] == ((10, 40), (50, 70))


def test_long_names() -> None:
    """A name that NetBox cannot hold is cut to a name of its own; the whole name stays in the key."""
    names = ["n" * 70 + "-1", "n" * 70 + "-2"]
    projection = projected(*(declared("Server", name) for name in names))
    devices = [record(projection, "dcim/devices", f"Server/{name}") for name in names]

    assert [len(str(device.fields["name"])) for device in devices] == [64, 64]
    assert devices[0].fields["name"] != devices[1].fields["name"]


def test_profile_without_display_name() -> None:
    """Without a SwitchProfile the manufacturer is Hedgehog and the model the profile's name."""
    projection = projected(declared("Switch", "a", {"role": "spine", "profile": "celestica-ds3000"}))
    fields = record(projection, "dcim/devices", "Switch/a").fields

    assert fields["device_type"] == Ref("dcim/device-types", "hedgehog/celestica-ds3000")
    models = {item.ref.key: item.fields.get("model") for item in projection.shared}
    assert models["hedgehog/celestica-ds3000"] == "celestica-ds3000"


def test_unknown_role() -> None:
    """A role that we never heard of is a role like any other."""
    projection = projected(declared("Switch", "a", {"role": "Super Spine"}))

    role = record(projection, "dcim/devices", "Switch/a").fields["role"]
    assert role == Ref("dcim/device-roles", slug("Super Spine"))
    assert {item.fields["name"] for item in projection.shared if item.ref == role} == {"Super Spine"}


def test_empty_fabric() -> None:
    """A fabric without objects has no records, and its prerequisites only."""
    projection = projected()

    assert projection.records == ()
    assert [str(item.ref) for item in projection.shared] == [
        "extras/tags hh-managed",
        "extras/custom-fields hh_key",
        "extras/custom-fields hh_asn",
        "extras/custom-fields hh_redundancy",
        "extras/custom-fields hh_fallback",
        "extras/custom-fields hh_mode",
        "extras/custom-fields hh_vni",
        "extras/custom-fields hh_permit",
        "extras/custom-fields hh_peerings",
        "extras/custom-fields hh_isolated",
        "extras/custom-fields hh_restricted",
        "extras/custom-fields hh_inbound_community",
        "extras/custom-fields hh_outbound_community",
        "extras/custom-fields hh_prefixes",
        "extras/custom-fields hh_connection_type",
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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"b": [1], "a": None}, '{"a":null,"b":[1]}', id="sorted"),
        pytest.param([["x", "y"]], '[["x","y"]]', id="list"),
        pytest.param([], None, id="empty list"),
        pytest.param({}, None, id="empty object"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_json_text(value: JSON, expected: str | None) -> None:
    """Equal values have one text, and nothing is None."""
    assert json_text(value) == expected
