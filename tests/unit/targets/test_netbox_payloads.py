"""Records between their symbolic form and NetBox's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Ref
from reconciler.targets.netbox.payloads import body, etag, missing
from reconciler.targets.netbox.queries import (
    cable_end,
    delete_query,
    key_of,
    page_query,
    relevant,
    to_existing,
)

if TYPE_CHECKING:
    from reconciler.model.netbox import Value

SITE = Ref("dcim/sites", "dc1")
GROUP = Ref("ipam/vlan-groups", "dc1/VLANNamespace/default")
IDS = {SITE: 3, GROUP: 9}


def test_body() -> None:
    """References become ids, tuples lists, a scope its two fields, custom fields an object of those named only."""
    fields: dict[str, Value] = {
        "name": "a",
        "scope": SITE,
        "vid_ranges": ((1, 5), (7, 9)),
        "tenant": Ref("tenancy/tenants", "#12"),
        "custom_fields.hh_asn": 7,
        "custom_fields.hh_mode": None,
    }

    assert body("ipam/vlan-groups", fields, IDS) == {
        "name": "a",
        "scope_type": "dcim.site",
        "scope_id": 3,
        "vid_ranges": [[1, 5], [7, 9]],
        "tenant": 12,
        "custom_fields": {"hh_asn": 7, "hh_mode": None},
    }
    assert body("ipam/vlan-groups", {"scope": None}, IDS) == {"scope_type": None, "scope_id": None}
    assert body("ipam/vlans", {"group": GROUP}, IDS) == {"group": 9}


def test_bodies_of_every_kind() -> None:
    """A choice that is none is the empty text, JSON is an object, several references are ids, a cable has two ends;
    tags are left to whoever knows all of them.
    """
    vlans = tuple(Ref("ipam/vlans", f"#{number}") for number in (5, 6))
    ends = Ref("dcim/interfaces", "#7"), Ref("circuits/circuit-terminations", "#8")

    assert body("dcim/interfaces", {"mode": None, "tagged_vlans": vlans}, {}) == {"mode": "", "tagged_vlans": [5, 6]}
    assert body("dcim/interfaces", {"mode": "access"}, {}) == {"mode": "access"}
    assert body("ipam/vrfs", {"custom_fields.hh_permit": '[["a"]]'}, {}) == {"custom_fields": {"hh_permit": [["a"]]}}
    assert body("ipam/vrfs", {"custom_fields.hh_permit": None}, {}) == {"custom_fields": {"hh_permit": None}}
    assert body("dcim/devices", {"name": "a", "tags": (Ref("extras/tags", "x"),)}, {}) == {"name": "a"}
    assert body("dcim/cables", {"a": ends[0], "b": ends[1]}, {}) == {
        "a_terminations": [{"object_type": "dcim.interface", "object_id": 7}],
        "b_terminations": [{"object_type": "circuits.circuittermination", "object_id": 8}],
    }
    assert body("dcim/cables", {"a": None}, {}) == {"a_terminations": []}


def test_missing() -> None:
    """What a record needs and NetBox does not have is named; ids are taken at their word."""
    assert missing({"site": SITE, "tenant": Ref("tenancy/tenants", "#12"), "vlan": None}, IDS) is None
    assert missing({"vrf": Ref("ipam/vrfs", "dc1/VPC/v")}, IDS) == (
        "it needs ipam/vrfs dc1/VPC/v, which does not exist in NetBox"
    )
    assert missing({"tagged_vlans": (Ref("ipam/vlans", "#5"), Ref("ipam/vlans", "dc1/VPC/v#a"))}, IDS) == (
        "it needs ipam/vlans dc1/VPC/v#a, which does not exist in NetBox"
    )


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2026-11-23T19:57:53.854309+00:00", 'W/"2026-11-23T19:57:53.854309+00:00"', id="GraphQL"),
        pytest.param("2026-11-23T19:57:53.854309Z", 'W/"2026-11-23T19:57:53.854309+00:00"', id="REST"),
        pytest.param("2026-11-23T20:57:53.854309+01:00", 'W/"2026-11-23T19:57:53.854309+00:00"', id="another zone"),
        pytest.param("2026-11-23T19:57:53Z", 'W/"2026-11-23T19:57:53+00:00"', id="whole second"),
    ],
)
def test_etag(version: str, expected: str) -> None:
    """The ETag follows from the time of the last change, whichever way that is told."""
    assert etag(version) == expected


def test_a_group_reads_back() -> None:
    """Ranges come as half-open intervals of PostgreSQL, references as ids; a scope that is no site equals none."""
    raw = {
        "id": "4",
        "name": "default",
        "slug": "default",
        "scope": {"__typename": "SiteType", "id": "3"},
        "vid_ranges": ["[500, 601)", "[1, 100)"],
        "custom_fields": {"hh_key": GROUP.key},
        "last_updated": "2026-11-23T19:57:53+00:00",
    }
    found = to_existing("ipam/vlan-groups", raw, {("dcim/sites", 3): SITE}, is_tagged=True)

    assert (found.id, found.label, found.ref, found.is_owned_by("dc1")) == (4, "default", GROUP, True)
    assert dict(found.fields) == {
        "name": "default",
        "slug": "default",
        "scope": SITE,
        "vid_ranges": ((1, 99), (500, 600)),
    }
    elsewhere = to_existing("ipam/vlan-groups", {**raw, "scope": {"__typename": "RackType"}}, {}, is_tagged=True)
    assert elsewhere.fields["scope"] == Ref("rack", "?")


def test_an_interface_reads_back() -> None:
    """Several references are sorted; the cable that is plugged in is told apart."""
    vlan, lag = Ref("ipam/vlans", "dc1/VPC/v#a"), Ref("dcim/interfaces", "dc1/Connection/c#lag/a")
    raw = {
        "id": "4",
        "name": "E1/1",
        "mode": "",
        "lag": {"id": "9"},
        "tagged_vlans": [{"id": "8"}, {"id": "3"}],
        "cable": {"id": "6"},
        "cable_end": "B",
    }
    found = to_existing("dcim/interfaces", raw, {("ipam/vlans", 8): vlan, ("dcim/interfaces", 9): lag}, is_tagged=True)

    assert found.fields["tagged_vlans"] == (Ref("ipam/vlans", "#3"), vlan)
    assert (found.fields["lag"], found.fields["parent"], found.fields["mode"]) == (lag, None, None)
    assert cable_end("dcim/interfaces", raw) == (6, "b")
    assert cable_end("dcim/interfaces", {**raw, "cable": None}) is None
    assert cable_end("ipam/vlans", raw) is None


def test_a_cable_reads_back() -> None:
    """A cable's ends come from what they are plugged into."""
    port = Ref("dcim/interfaces", "dc1/Switch/a#E1/1")
    found = to_existing("dcim/cables", {"id": "4", "label": "x"}, {}, is_tagged=True, ends={"a": port})

    assert (found.fields["a"], found.fields["b"], found.label) == (port, None, "x")


def test_generic_references_read_back() -> None:
    """The model of a generic reference is told by its type."""
    network = Ref("circuits/provider-networks", "dc1/External/e#network")
    raw = {"id": "1", "term_side": "Z", "termination": {"__typename": "ProviderNetworkType", "id": "5"}}
    found = to_existing("circuits/circuit-terminations", raw, {(network.model, 5): network}, is_tagged=True)

    assert found.fields["termination"] == network


def test_json_and_tags_read_back() -> None:
    """JSON is one text however it was written; of the tags only those of groups are ours."""
    raw = {"id": "1", "custom_fields": {"hh_permit": {"b": 1, "a": [2]}}}
    device = {"id": "1", "tags": [{"id": "1", "slug": "mine"}, {"id": "2", "slug": "hh-group-dc1-a"}]}

    assert to_existing("ipam/vrfs", raw, {}, is_tagged=True).fields["custom_fields.hh_permit"] == '{"a":[2],"b":1}'
    assert to_existing("dcim/devices", device, {}, is_tagged=True).fields["tags"] == (
        Ref("extras/tags", "hh-group-dc1-a"),
    )


def test_a_device_reads_back() -> None:
    """References to what we did not read keep their ids; custom fields of other kinds equal nothing of ours."""
    raw = {
        "id": "7",
        "name": None,
        "role": {"id": "1"},
        "device_type": {"id": "2"},
        "site": {"id": "3"},
        "tenant": None,
        "serial": "",
        "status": "active",
        "description": "",
        "custom_fields": {"hh_key": 5, "hh_asn": [1]},
        "last_updated": None,
    }
    found = to_existing("dcim/devices", raw, {("dcim/sites", 3): SITE}, is_tagged=False)

    assert (found.key, found.version, found.ref) == (None, None, Ref("dcim/devices", "#7"))
    assert found.fields["role"] == Ref("dcim/device-roles", "#1")
    assert (found.fields["site"], found.fields["tenant"]) == (SITE, None)
    assert (found.fields["custom_fields.hh_asn"], found.fields["custom_fields.hh_redundancy"]) == ("[1]", None)


@pytest.mark.parametrize("raw", [{}, {"custom_fields": None}, {"custom_fields": {"hh_key": ""}}])
def test_no_key(raw: dict[str, object]) -> None:
    """A record without a key has none, however that is told."""
    assert key_of(raw) is None


def test_queries() -> None:
    """Conditions name our keys and the places where others could stand; marks are asked apart."""
    ours = 'custom_field_data:{path:"hh_key",lookup:{string_lookup:{starts_with:"dc1/"}}}'

    assert relevant("ipam/vrfs", "dc1", 3) == f'{ours},OR:{{name:{{starts_with:"dc1/"}}}}'
    assert relevant("ipam/vlans", "dc1", None) == f"{ours},OR:{{group:{{{ours}}}}}"
    assert relevant("dcim/devices", "dc1", 3) == f'{ours},OR:{{site_id:"3"}}'
    assert relevant("dcim/devices", "dc1", None) == ours
    assert page_query("ipam/vrfs", ours, "dc1", 8) == (
        f"vrf_list(filters:{{{ours}}},pagination:{{start:8,limit:1000}})"
        "{id last_updated custom_fields name enforce_unique import_targets{id} export_targets{id}} "
        f'tagged_vrf_list:vrf_list(filters:{{{ours},tags:{{slug:{{exact:"hh-managed"}}}}}},pagination:{{start:8,limit:1000}}){{id}}'
    )
    assert "grouped_device_list:device_list(filters:{DISTINCT:true," in page_query("dcim/devices", ours, "dc1", 0)
    assert "cable{id} cable_end}" in page_query("dcim/interfaces", ours, "dc1", 0)
    assert delete_query("ipam/prefixes", [4, 5]).startswith('prefix_list(filters:{id:{in_list:["4", "5"]}}')
