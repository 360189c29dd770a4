"""Reading page by page: everything once, whatever the ids and the size of pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from reconciler.targets.netbox.paging import read_pages

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient

DEVICES, VLANS = "dcim/devices", "ipam/vlans"
_FIELD = re.compile(r"(?:(?P<alias>\w+):)?(?P<list>\w+_list)\((?P<filters>.*?),pagination:\{start:(?P<start>\d+)")


class Lists:
    """Answers queries for pages from lists of ids; every third record is tagged, every fifth shows a group."""

    def __init__(self, size: int, **ids: set[int]) -> None:
        self._size = size
        self._ids = ids
        self.rounds: list[list[str]] = []

    def query(self, *parts: str) -> dict[str, list[JSONObject]]:
        self.rounds.append([part.partition("(")[0] for part in parts])
        return {name: found for part in parts for name, found in self._answers(part)}

    def _answers(self, part: str) -> list[tuple[str, list[JSONObject]]]:
        fields = [match.groupdict() for match in _FIELD.finditer(part)]
        return [(field["alias"] or field["list"], self._page(field)) for field in fields]

    def _page(self, field: dict[str, str]) -> list[JSONObject]:
        step = 5 if (field["alias"] or "").startswith("grouped_") else 3 if "tagged_" in (field["alias"] or "") else 1
        ids = sorted(i for i in self._ids[field["list"]] if i >= int(field["start"]) and i % step == 0)
        tags = {"tags": [{"id": "9", "slug": "hh-group-dc1-a"}]} if step == 5 else {}
        return [{"id": str(i), **tags} for i in ids[: self._size]]


def read(lists: Lists, *paths: str) -> dict[str, list[tuple[JSONObject, bool]]]:
    return read_pages(cast("NetBoxClient", lists), paths, "dc1", 3)


@given(st.sets(st.integers(1, 400)), st.sets(st.integers(1, 20)), st.integers(2, 40))
def test_everything_is_read_once(devices: set[int], vlans: set[int], size: int) -> None:
    """Each record comes once, with what was asked about it apart."""
    found = read(Lists(size, device_list=devices, vlan_list=vlans), DEVICES, VLANS)

    for path, ids in ((DEVICES, devices), (VLANS, vlans)):
        assert sorted(int(raw["id"]) for raw, _ in found[path]) == sorted(ids)
        assert all(is_tagged is (int(raw["id"]) % 3 == 0) for raw, is_tagged in found[path])
    assert all(("tags" in raw) is (int(raw["id"]) % 5 == 0) for raw, _ in found[DEVICES])


def test_a_long_list_is_read_from_two_places() -> None:
    """After the first page, two are asked for in each round; a model that is through is not asked again."""
    lists = Lists(10, device_list=set(range(1, 96)), vlan_list=set(range(1, 6)))
    read(lists, DEVICES, VLANS)

    assert lists.rounds[:2] == [["device_list", "vlan_list"], ["device_list", "device_list1:device_list"]]
    assert len(lists.rounds) == 6


def test_records_far_before_the_others_change_nothing() -> None:
    """Whoever restored or imported old records has ids with gaps: two places are read all the same."""
    lists = Lists(10, device_list={1, 2, 3} | set(range(1_000_000, 1_000_093)))
    read(lists, DEVICES)

    assert len(lists.rounds) == 6
