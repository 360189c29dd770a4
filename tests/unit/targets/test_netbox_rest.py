"""Reading over REST: in pages, past filters that are passed over, into the form of GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from reconciler.errors import NetBoxAccessError, NetBoxUnavailableError
from reconciler.model.netbox import ExistingRecord, Ref
from reconciler.model.netbox_schema import MODELS
from reconciler.targets.netbox.answers import RefusedError
from reconciler.targets.netbox.choosing import ChosenReads
from reconciler.targets.netbox.client import NoGraphQLError, RefusedReadError
from reconciler.targets.netbox.dependents import LINKS
from reconciler.targets.netbox.paging import read_ids, read_list
from reconciler.targets.netbox.queries import delete_query
from reconciler.targets.netbox.reading import Reader
from reconciler.targets.netbox.rest import RestReads
from reconciler.targets.netbox.rest_records import needed_fields, to_entry
from reconciler.targets.netbox.senders import guard, said
from tests.unit.targets.rest_netbox import RestNetBox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient

DEVICES, VLANS, VRFS, GROUPS = "dcim/devices", "ipam/vlans", "ipam/vrfs", "ipam/vlan-groups"


def as_client(netbox: RestNetBox) -> NetBoxClient:
    return cast("NetBoxClient", netbox)


# Pages


@given(st.sets(st.integers(1, 300)), st.integers(1, 40))
def test_everything_is_read_once(ids: set[int], size: int) -> None:
    """However small the pages, each object comes once, in order."""
    netbox = RestNetBox(page=size)
    for record_id in ids:
        netbox.put(DEVICES, record_id)

    assert [raw["id"] for raw in read_list(as_client(netbox), DEVICES, {})] == sorted(ids)
    assert {raw["id"] for raw in read_ids(as_client(netbox), DEVICES, [*ids, 999], "id")} == ids


@pytest.mark.parametrize("pages", [[[1, 2], [1, 2]], [[2, 1]], [[1, 1]]], ids=["no cursor", "no order", "twice"])
def test_a_netbox_that_does_not_page(pages: list[list[int]]) -> None:
    """A NetBox that passes over the order, or where a page begins, is an error: records would be missing."""

    class Odd(RestNetBox):
        def page(self, path: str, params: Mapping[str, Any]) -> tuple[list[JSONObject], bool]:
            return [{"id": record_id} for record_id in pages.pop(0)], True

    with pytest.raises(NetBoxAccessError, match="in the order of ids") as refused:
        read_list(as_client(Odd()), DEVICES, {})
    assert refused.value.reason == "NetBoxUnsupported"


# What is ours, or in our way


def populated(**options: Any) -> RestNetBox:
    netbox = RestNetBox(**options)
    netbox.put(VRFS, 1, "dc1/VPC/a", name="dc1/a")
    netbox.put(VRFS, 2, None, name="dc1/people")
    netbox.put(VRFS, 3, None, name="DC1/people")
    netbox.put(VRFS, 4, "dc2/VPC/a", name="dc2/a")
    netbox.put("ipam/prefixes", 1, "dc1/VPC/a#x", tags=["hh-managed"], vrf={"id": 1})
    netbox.put("ipam/prefixes", 2, "dc2/VPC/a#x", tags=["hh-managed"], vrf={"id": 1})
    netbox.put("ipam/prefixes", 3, None, vrf={"id": 1})
    netbox.put("ipam/prefixes", 4, None, vrf={"id": 2})
    netbox.put("ipam/prefixes", 5, None, vrf=None)
    netbox.put("ipam/route-targets", 1, None, name="dc1:a")
    netbox.put("ipam/route-targets", 2, None, name="dc10:a")
    netbox.put(DEVICES, 1, "dc1/Switch/a", tags=["hh-managed"], site={"id": 7}, name="a")
    netbox.put(DEVICES, 2, None, site={"id": 7}, name="b")
    netbox.put(DEVICES, 3, None, site={"id": 8}, name="c")
    netbox.put(GROUPS, 1, None, scope_type="dcim.site", scope_id=7, vid_ranges=[])
    netbox.put(GROUPS, 2, None, scope_type="dcim.location", scope_id=7, vid_ranges=[])
    netbox.put("dcim/cables", 1, None)
    return netbox


EXPECTED = {VRFS: {1, 2}, "ipam/prefixes": {1, 2, 3}, "ipam/route-targets": {1}, DEVICES: {1, 2}, GROUPS: {1}}


@pytest.mark.parametrize("is_deaf", [False, True], ids=["filters", "filters passed over"])
@pytest.mark.parametrize("page", [1, 1000])
@pytest.mark.parametrize("logic", ["exact", "loose", "disabled"])
def test_what_is_relevant(logic: str, page: int, *, is_deaf: bool) -> None:
    """The same is found whether or not NetBox knows the filters: records are judged by what they say."""
    netbox = populated(is_deaf=is_deaf or logic != "exact", page=page)
    netbox.rows["extras/custom-fields"][0]["filter_logic"] = {"value": logic}
    found = RestReads(as_client(netbox)).relevant(list(MODELS), "dc1", 7)

    assert {path: {int(raw["id"]) for raw, _ in entries} for path, entries in found.items() if entries} == EXPECTED
    assert [is_ours for _, is_ours in found["ipam/prefixes"]] == [True, False, False]
    asked = {name for _, params in netbox.asked for name in params if name.startswith("cf_")}
    assert asked == {"exact": {"cf_hh_key__isw"}, "loose": {"cf_hh_key"}}.get(logic, set())


def test_parents_that_are_not_asked_for() -> None:
    """Records of one model are judged by our records of another, also when only the one is wanted."""
    found = RestReads(as_client(populated())).relevant(["ipam/prefixes"], "dc1", None)

    assert found.keys() == {"ipam/prefixes"}
    assert {int(raw["id"]) for raw, _ in found["ipam/prefixes"]} == {1, 2, 3}


def test_without_a_site_or_keys() -> None:
    """Before the first pass there are neither: only names can clash, and no list is read as a whole."""
    netbox = populated()
    netbox.rows["extras/custom-fields"].clear()
    found = RestReads(as_client(netbox)).relevant(list(MODELS), "dc1", None)

    assert {path: len(entries) for path, entries in found.items() if entries} == {VRFS: 2, "ipam/route-targets": 1}
    assert {path for path, _ in netbox.asked} == {
        *("extras/custom-fields", "ipam/vrfs", "ipam/route-targets", "vpn/l2vpns", "circuits/providers")
    }


def test_a_model_without_keys() -> None:
    """Where the field does not apply NetBox would pass over the filter by it."""
    netbox = populated()
    netbox.rows["extras/custom-fields"][0]["object_types"] = ["ipam.vrf"]
    found = RestReads(as_client(netbox)).relevant([VRFS, "dcim/cables"], "dc1", None)

    assert "dcim/cables" not in {path for path, _ in netbox.asked}
    assert [len(entries) for entries in found.values()] == [2, 0]


def test_what_goes_away_meanwhile() -> None:
    """A record that is deleted between two reads is no reason to stall: the next pass looks again."""
    netbox = populated()
    reads = RestReads(as_client(netbox))
    netbox.refused["ipam/services"] = RefusedReadError("GET /api/ipam/services/: HTTP 400: no such device", 400)
    with pytest.raises(NetBoxUnavailableError, match="no such device"):
        reads.doomed(DEVICES, [1])
    netbox.refused["ipam/services"] = RefusedReadError("GET /api/ipam/services/: HTTP 404: what?", 404)
    with pytest.raises(RefusedReadError):
        reads.doomed(DEVICES, [1])


def test_shared_by_slug() -> None:
    """Prerequisites are those of the slugs that were asked for, a device type that of its manufacturer."""
    netbox = RestNetBox(is_deaf=True)
    for record_id, slug in enumerate(["dc1", "dc2"], 1):
        netbox.put("dcim/sites", record_id, slug=slug)
    netbox.put("dcim/device-types", 5, slug="x", manufacturer={"id": 1, "slug": "acme"})
    wanted = [Ref("dcim/sites", "dc1"), Ref("dcim/device-types", "acme/x"), Ref("extras/custom-fields", "hh_key")]

    assert RestReads(as_client(netbox)).shared(wanted) == [(wanted[0], 1), (wanted[1], 5)]


def test_plugged() -> None:
    """Cables tell into which records they are plugged; those that are gone are plugged into none."""
    netbox = RestNetBox()
    ends = [
        {"object_type": "dcim.interface", "object_id": 4},
        {"object_type": "circuits.circuittermination", "object_id": 5},
    ]
    netbox.put("dcim/cables", 9, a_terminations=ends[:1], b_terminations=ends[1:])
    reads = RestReads(as_client(netbox))

    assert reads.plugged("dcim/interfaces", [9, 10]) == {4}
    assert reads.plugged("circuits/circuit-terminations", [9]) == {5}


# Records


def test_an_interface() -> None:
    """Choices lose their label, references all but their id, people's custom fields and tags are left out."""
    raw = {
        "id": 4,
        "last_updated": "2026-03-01T12:00:00.5Z",
        "custom_fields": {"hh_key": "dc1/Switch/a#E1", "hh_fallback": True, "theirs": {"value": "x", "label": "X"}},
        "tags": [{"id": 1, "slug": "hh-managed"}, {"id": 2, "slug": "theirs"}],
        "device": {"id": 3, "url": "…", "name": "a"},
        "lag": None,
        "mode": {"value": "tagged", "label": "Tagged"},
        "tagged_vlans": [{"id": 8, "vid": 11}],
        "cable": {"id": 6, "label": ""},
        "cable_end": "B",
    }
    record, is_ours = to_entry("dcim/interfaces", raw, "dc1")

    assert is_ours
    assert record["id"] == "4"
    assert record["last_updated"] == "2026-03-01T12:00:00.5+00:00"
    assert record["custom_fields"] == {"hh_key": "dc1/Switch/a#E1", "hh_fallback": True}
    assert (record["device"], record["lag"], record["mode"]) == ({"id": "3"}, None, "tagged")
    assert (record["tagged_vlans"], record["cable"], record["cable_end"]) == ([{"id": "8"}], {"id": "6"}, "B")
    assert "tags" not in record


def test_other_kinds() -> None:
    """Ranges are half-open, generic references have a type, JSON is left as it is, groups are shown by tags."""
    group = {"id": 1, "vid_ranges": [[1, 50]], "scope_type": "dcim.site", "scope_id": 7}
    assert to_entry(GROUPS, group, "dc1")[0]["vid_ranges"] == ["[1, 51)"]
    assert to_entry(GROUPS, group, "dc1")[0]["scope"] == {"__typename": "SiteType", "id": "7"}
    assert to_entry(GROUPS, {**group, "scope_type": "dcim.rack"}, "dc1")[0]["scope"] == {"__typename": "rack"}
    assert to_entry(GROUPS, {**group, "scope_id": None}, "dc1")[0]["scope"] is None

    permit = {"value": 1, "label": 2}
    vrf = {"id": 1, "custom_fields": {"hh_permit": permit, "hh_mode": {"value": "l3", "label": "L3"}}}
    assert to_entry(VRFS, vrf, "dc1")[0]["custom_fields"] == {"hh_permit": permit, "hh_mode": "l3"}

    tags = [{"id": 1, "slug": "hh-managed"}, {"id": 2, "slug": "hh-group-dc1-x"}]
    device = {"id": 1, "custom_fields": {"hh_key": "dc1/Switch/a"}, "tags": tags}
    assert [tag["slug"] for tag in to_entry(DEVICES, device, "dc1")[0]["tags"]] == ["hh-managed", "hh-group-dc1-x"]
    assert to_entry(DEVICES, device, "dc2") == (to_entry(DEVICES, device, "dc2")[0], False)
    assert "tags" not in to_entry(DEVICES, device, "dc2")[0]


def test_only_cheap_fields_are_asked_for() -> None:
    """Nothing that NetBox computes for each record."""
    asked = {name for path in MODELS for name in needed_fields(path).split(",")}

    assert not {"connected_endpoints", "link_peers", "count_ipaddresses", "a_terminations", "url", "display"} & asked
    assert {"scope_type", "scope_id", "assigned_object_id", "cable_end", "last_updated"} <= asked


# What goes along with a record


def test_the_same_dependents_both_ways() -> None:
    """REST is asked for whatever GraphQL is asked for."""
    for path in MODELS:
        words = delete_query(path, []).partition("tags{slug}")[2].replace("{custom_fields tags", "").split("{slug}}")
        assert {word.strip() for word in words} - {"", "}"} == {link.name for link in LINKS.get(path, ())}


@pytest.mark.parametrize("is_deaf", [False, True], ids=["filters", "filters passed over"])
def test_dependents(*, is_deaf: bool) -> None:
    """Only what refers to a record is a dependent of it, each once; what is gone is left out."""
    netbox = RestNetBox(is_deaf=is_deaf)
    for record_id in (1, 2):
        netbox.put(DEVICES, record_id, f"dc1/Switch/{record_id}", ["hh-managed"])
    netbox.put("dcim/interfaces", 5, device={"id": 1})
    netbox.put("dcim/interfaces", 6, device={"id": 9})
    service: dict[str, Any] = {
        "parent_object_type": "dcim.device",
        "parent_object_id": 2,
        "device": {"id": 2},
        "device_id": "2",
    }
    netbox.put("ipam/services", 7, **service)
    netbox.put("ipam/services", 8, **{**service, "parent_object_type": "ipam.fhrpgroup", "device": None})
    first, second = RestReads(as_client(netbox)).doomed(DEVICES, [1, 2, 99])

    assert (first["id"], first["custom_fields"]["hh_key"]) == (1, "dc1/Switch/1")
    assert [raw["id"] for raw in first["interfaces"]] == [5]
    assert ([raw["id"] for raw in second["services"]], first["services"]) == ([7], [])


def test_dependents_by_a_filter_of_one_id() -> None:
    """Such a filter is asked once for each record; and a record's own references are looked up."""
    netbox = RestNetBox(is_deaf=True)
    for vlan in (1, 2):
        netbox.put(VLANS, vlan)
    netbox.put("dcim/interfaces", 5, untagged_vlan={"id": 1}, tagged_vlans=[{"id": 1}, {"id": 2}])
    first, second = RestReads(as_client(netbox)).doomed(VLANS, [1, 2])

    assert [len(first[f"interfaces_as_{how}"]) for how in ("untagged", "tagged")] == [1, 1]
    assert [len(second[f"interfaces_as_{how}"]) for how in ("untagged", "tagged")] == [0, 1]
    asked = [params["vlan_id"] for path, params in netbox.asked if path == "dcim/interfaces"]
    assert asked == [["1"], ["2"]] * 2

    netbox.put("dcim/interfaces", 6, cable={"id": 3}, wireless_lans=[])
    netbox.put("dcim/cables", 3, "dc1/x")
    (port,) = RestReads(as_client(netbox)).doomed("dcim/interfaces", [6])
    assert [raw["custom_fields"]["hh_key"] for raw in port["cable"]] == ["dc1/x"]


@pytest.mark.parametrize(("version", "asked"), [("4.6.1", False), ("4.7.0", True)])
def test_what_a_release_does_not_have_is_not_asked_for(version: str, *, asked: bool) -> None:
    """NetBox answers 404 for what came later."""
    netbox = RestNetBox(version)
    netbox.put(DEVICES, 1)
    RestReads(as_client(netbox)).doomed(DEVICES, [1])

    assert ("dcim/cooling-intakes" in {path for path, _ in netbox.asked}) is asked


# Which way


class Both(RestNetBox):
    """Answers GraphQL too, unless that is off; `queries` counts how often that was tried."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.is_on = True
        self.queries = 0
        self.put(VRFS, 1)

    def query(self, *_parts: str) -> dict[str, list[JSONObject]]:
        self.queries += 1
        if not self.is_on:
            raise NoGraphQLError("GraphQL is off")
        return {"vrf_list": [{"id": "1", "tags": [{"id": "9", "slug": "by-graphql"}]}]}


def by_graphql(reads: ChosenReads) -> bool:
    return bool(reads.tags(VRFS, [1])[0]["tags"])


def test_the_way_is_chosen_by_release() -> None:
    """GraphQL is used from the release on that has all that we ask; a NetBox that is upgraded is read by it."""
    netbox = Both("4.6")
    reads = ChosenReads(as_client(netbox))
    assert not by_graphql(reads)
    assert netbox.queries == 0
    netbox.version = "4.7"
    assert by_graphql(reads)
    netbox.version = "nonsense"
    assert not by_graphql(reads)


def test_the_way_changes_with_what_netbox_answers() -> None:
    """Where GraphQL is off that is tried once, until somebody says so; each change is logged once."""
    netbox = Both("4.7")
    reads = ChosenReads(as_client(netbox))
    with capture_logs() as logs:
        assert by_graphql(reads)
        netbox.is_on = False
        assert [by_graphql(reads) for _ in range(3)] == [False] * 3
        assert netbox.queries == 2
        reads.reconsider()
        assert not by_graphql(reads)
        netbox.is_on = True
        reads.reconsider()
        assert by_graphql(reads)

    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("NetBox is read over REST, which is slower", "GraphQL is off"),
        ("NetBox is read by GraphQL again", None),
    ]


def test_what_is_no_question_of_the_way() -> None:
    """A NetBox that refuses us, or does not answer, is not asked the same over REST."""
    netbox = Both("4.7")
    for error in (NetBoxAccessError("HTTP 403"), NetBoxUnavailableError("HTTP 500")):
        netbox.query = lambda *_, error=error: (_ for _ in ()).throw(error)  # type: ignore[method-assign]
        with pytest.raises(type(error)):
            by_graphql(ChosenReads(as_client(netbox)))
    assert netbox.asked == []


# Writes to an older NetBox


def existing(record_id: int, version: str | None) -> ExistingRecord:
    return ExistingRecord(DEVICES, record_id, "a", {}, version=version)


def test_a_netbox_without_conditions_is_asked_before_a_write() -> None:
    """Who was changed since is named; what is gone, or of what no version is known, is NetBox's to judge."""
    netbox = RestNetBox("4.5.9")
    for record_id, second in ((1, 0), (2, 7)):
        netbox.put(DEVICES, record_id)
        netbox.rows[DEVICES][-1]["last_updated"] = f"2026-03-01T12:00:0{second}Z"
    reader = Reader(as_client(netbox))
    same, changed, gone = (existing(number, "2026-03-01T12:00:00+00:00") for number in (1, 2, 3))

    assert guard(as_client(netbox), reader, [same, gone, existing(2, None)]) == []
    with pytest.raises(RefusedError, match="changed it since") as refused:
        guard(as_client(netbox), reader, [same, changed, gone])
    assert [finding.record_id for finding in refused.value.findings] == [2]
    netbox.asked.clear()
    assert guard(as_client(netbox), reader, [existing(1, None)]) == []
    assert netbox.asked == []


def test_a_netbox_with_conditions_is_not() -> None:
    """There the ETags go along."""
    netbox = RestNetBox("4.6")
    conditions = guard(as_client(netbox), Reader(as_client(netbox)), [existing(1, "2026-03-01T12:00:00+00:00")])

    assert conditions == ['W/"2026-03-01T12:00:00+00:00"']
    assert netbox.asked == []


def test_changelog_messages() -> None:
    """They go to a NetBox that keeps them."""
    reader = Reader(as_client(RestNetBox()))
    assert said(as_client(RestNetBox("4.3.7")), reader) == {}
    assert said(as_client(RestNetBox("4.4.0")), reader) == {"changelog_message": "hedgehog-reconciler: fabric "}
