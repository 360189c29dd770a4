"""A short look after a long one: what it reads again, and what becomes of one that is cut off."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote_plus

import pytest

from reconciler.errors import NetBoxAccessError, NetBoxUnavailableError
from reconciler.model.netbox import Projection
from reconciler.model.netbox_schema import CONTENT_TYPES
from reconciler.targets.netbox.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient

LONGEST_LINE = 4094
"""Characters of a request line that gunicorn takes."""

LISTS = {"dcim.device": "device_list", "ipam.vlan": "vlan_list", "dcim.cable": "cable_list"}
_FIELD = re.compile(r"(?:(?P<alias>\w+):)?(?P<list>\w+_list)\(filters:\{(?P<filters>.*?)\},pagination")
_IDS = re.compile(r"id:\{in_list:\[([^\]]*)\]")
_START = re.compile(r"start:(\d+)")


class NetBox:
    """Stands in for a client: lists of records by GraphQL name, and a log of what was done to them. `broken` holds what
    the next queries of a list raise.
    """

    def __init__(self) -> None:
        self.lists: dict[str, dict[int, JSONObject]] = {name: {} for name in LISTS.values()}
        self.log: list[JSONObject] = []
        self.broken: dict[str, Exception] = {}
        self.asked: list[str] = []

    def put(self, kind: str, record_id: int, **fields: Any) -> None:
        """Somebody writes a record of ours."""
        key = {"custom_fields": {"hh_key": f"dc1/X/{record_id}"}}
        self.lists[LISTS[kind]][record_id] = {"id": str(record_id), "last_updated": None, **key, **fields}
        self.note(kind, record_id)

    def note(self, kind: str, record_id: int) -> None:
        change = {"id": len(self.log) + 1, "time": datetime(2026, 3, 1, tzinfo=UTC).isoformat()}
        self.log.insert(0, {**change, "changed_object_type": kind, "changed_object_id": record_id})

    def release(self) -> str:
        return "4.7"

    def page(self, path: str, params: Mapping[str, str]) -> tuple[list[JSONObject], bool]:
        assert (path, params["ordering"]) == ("core/object-changes", "-id")
        return list(self.log), False

    def query(self, *parts: str) -> dict[str, list[JSONObject]]:
        self.asked += parts
        found: dict[str, list[JSONObject]] = {}
        asked = ((part, match.groupdict()) for part in parts for match in _FIELD.finditer(part))
        for text, field in asked:
            if error := self.broken.pop(field["list"], None):
                raise error
            ids = _IDS.search(field["filters"])
            wanted = None if ids is None else {int(text.strip('" ')) for text in ids[1].split(",")}
            rows = self.lists.get(field["list"], {})
            is_grouped = (field["alias"] or "").startswith("grouped_")
            start = _START.search(text)
            first = int(start[1]) if start else 0
            chosen = [raw for number, raw in sorted(rows.items()) if number >= first and number in (wanted or rows)]
            found[field["alias"] or field["list"]] = [] if is_grouped else chosen
        return found


@pytest.fixture
def netbox() -> NetBox:
    made = NetBox()
    made.put("dcim.device", 1, name="a")
    made.put("ipam.vlan", 2, name="v")
    return made


def reader(netbox: NetBox) -> Reader:
    """A reader that has read everything."""
    made = Reader(cast("NetBoxClient", netbox))
    made.observe("dc1", Projection())
    netbox.asked.clear()
    return made


def names(reader: Reader) -> dict[str, object]:
    """What a short look sees: the name of each record by model."""
    records = reader.observe("dc1", Projection(), is_full=False).records
    return {f"{record.model} {record.id}": record.fields.get("name") for record in records}


def test_only_what_was_written_is_read(netbox: NetBox) -> None:
    """A short look asks for the records that were written since, by id; those that are gone are gone."""
    seen = reader(netbox)
    netbox.put("dcim.device", 1, name="b")
    del netbox.lists["vlan_list"][2]
    netbox.note("ipam.vlan", 2)

    assert names(seen) == {"dcim/devices 1": "b"}
    assert sorted(part.partition("(")[0] for part in netbox.asked) == ["device_list", "vlan_list"]
    assert all("in_list" in part for part in netbox.asked)


def test_a_look_that_is_cut_off_loses_nothing(netbox: NetBox) -> None:
    """Where NetBox breaks off in the middle, the next look begins where this one began."""
    seen = reader(netbox)
    netbox.put("dcim.device", 1, name="b")
    netbox.put("ipam.vlan", 2, name="w")
    netbox.broken["vlan_list"] = NetBoxUnavailableError("the connection broke")
    with pytest.raises(NetBoxUnavailableError):
        names(seen)

    assert names(seen) == {"dcim/devices 1": "b", "ipam/vlans 2": "w"}


def test_a_look_that_is_refused_reads_everything(netbox: NetBox) -> None:
    """Whatever NetBox has against a short look, a long one is still there."""
    seen = reader(netbox)
    netbox.put("dcim.device", 1, name="b")
    netbox.broken["device_list"] = NetBoxAccessError("HTTP 400")

    assert names(seen) == {"dcim/devices 1": "b", "ipam/vlans 2": "v"}
    assert any("in_list" not in part for part in netbox.asked)


def test_a_site_that_is_written_spoils_nothing(netbox: NetBox) -> None:
    """The status that we write to the site after each pass is no reason to read everything again."""
    seen = reader(netbox)
    netbox.note("dcim.site", 5)

    assert names(seen) == {"dcim/devices 1": "a", "ipam/vlans 2": "v"}
    assert netbox.asked == []


@pytest.mark.parametrize("kind", ["dcim.device", "dcim.cable"])
def test_however_much_was_written_queries_fit_into_a_url(netbox: NetBox, kind: str) -> None:
    """Ids are asked for in parts."""
    assert kind in CONTENT_TYPES.values()
    seen = reader(netbox)
    for record_id in range(9_000_000, 9_000_300):
        netbox.put(kind, record_id, label="")
    names(seen)

    assert len(netbox.asked) > 2
    assert max(len(quote_plus(part)) for part in netbox.asked) < LONGEST_LINE - 200
