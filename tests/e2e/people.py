"""Records that people make by hand in the NetBox of a fabric, and whether anybody else touched them."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from tests.e2e.targets import NetBoxView

_PAGE = 100
"""Ids in one address."""

_COMPUTED = {"children", "_depth", "utilization"}


@dataclass
class People:
    """Whoever works at this NetBox. `place` holds the ids of what their records refer to, by field."""

    netbox: NetBoxView
    place: dict[str, int]
    _before: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    _made: int = 0

    @classmethod
    def at_site(cls, netbox: NetBoxView) -> People:
        """They made the fabric's site, before anything was mirrored."""
        people = cls(netbox, {})
        name = f"people-{netbox.site}"
        plain = {"name": name, "slug": name}
        people.place["site"] = people.make_one("dcim/sites", {"name": netbox.site, "slug": netbox.site})["id"]
        maker = people.make_one("dcim/manufacturers", plain)["id"]
        box = {"manufacturer": maker, "model": name, "slug": name}
        people.place["device_type"] = people.make_one("dcim/device-types", box)["id"]
        people.place["role"] = people.make_one("dcim/device-roles", plain)["id"]
        people.place["group"] = people.make_one("ipam/vlan-groups", plain)["id"]
        return people

    def make_one(self, model: str, body: JSONObject) -> JSONObject:
        """One record that is not looked at again."""
        return self.netbox.create(model, body)

    def make(self, model: str, *bodies: JSONObject) -> list[int]:
        """Records that nobody else may touch from now on; their ids."""
        ids = [row["id"] for row in self.netbox.create_all(model, bodies)]
        self._before[model] |= self._now(model, ids)
        return ids

    def devices(self, *names: str) -> list[int]:
        """Devices in the fabric's site."""
        place = {name: self.place[name] for name in ("site", "device_type", "role")}
        return self.make("dcim/devices", *({"name": name, **place} for name in names))

    def interfaces(self, name: str, *devices: int) -> list[int]:
        """An interface of this name on each device."""
        return self.make("dcim/interfaces", *({"device": one, "name": name, "type": "other"} for one in devices))

    def cables(self, *pairs: tuple[int, int]) -> list[int]:
        """A cable between each two interfaces."""
        ids = self.make("dcim/cables", *({"a_terminations": _end(a), "b_terminations": _end(b)} for a, b in pairs))
        # a new cable is told by its ends too
        self.remember("dcim/interfaces", *(end for pair in pairs for end in pair))
        return ids

    def around(self, number: int) -> None:
        """That many devices in a ring of as many cables, VRFs, prefixes, VLANs and addresses: all theirs."""
        numbers = range(self._made, self._made + number)
        self._made += number
        names = [f"{self.netbox.site}-people-{one}" for one in numbers]
        devices = self.devices(*names)
        left, right = self.interfaces("left", *devices), self.interfaces("right", *devices)
        self.cables(*zip(left, [*right[1:], right[0]], strict=True))
        vrfs = self.make("ipam/vrfs", *({"name": name} for name in names))
        # the addresses of our own VPCs, each in a VRF of theirs
        networks = [(f"10.0.{one % 250}", vrf) for one, vrf in zip(numbers, vrfs, strict=True)]
        self.make("ipam/prefixes", *({"prefix": f"{net}.0/24", "vrf": vrf} for net, vrf in networks))
        group = self.place["group"]
        self.make("ipam/vlans", *({"vid": 1000 + one, "name": f"n{one}", "group": group} for one in numbers))
        ends = zip(networks, left, strict=True)
        self.make("ipam/ip-addresses", *({"address": f"{n}.1/24", "vrf": v, **_on(end)} for (n, v), end in ends))

    def rename(self, model: str, name: str) -> None:
        """Give another name to the only record of a model that they made."""
        (record_id,) = self._before[model]
        self.netbox.update(model, {"id": record_id}, {"name": name})
        self.remember(model, record_id)

    def remember(self, model: str, *ids: int) -> None:
        """Records of theirs that they changed themselves just now."""
        known = self._before[model]
        known.update((one, text) for one, text in self._now(model, list(ids)).items() if one in known)

    def assert_untouched(self) -> None:
        """Every record is as it was, to the byte; NetBox's own counts of what refers to one aside."""
        for model, before in self._before.items():
            now = self._now(model, list(before))
            for one, text in before.items():
                assert now.get(one) == text, f"{model} {one}"

    def _now(self, model: str, ids: list[int]) -> dict[int, str]:
        pages = (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
        rows = [row for page in pages for row in self.netbox.records(model, id=[str(one) for one in page])]
        return {row["id"]: json.dumps(_settled(row), indent=1) for row in rows}


def _end(interface: int) -> list[JSONObject]:
    return [{"object_type": "dcim.interface", "object_id": interface}]


def _on(interface: int) -> JSONObject:
    return {"assigned_object_type": "dcim.interface", "assigned_object_id": interface}


def _settled(value: JSON) -> JSON:
    """A record without what is not its own: how many others refer to it, or to what it refers to, which NetBox counts,
    and the custom fields of ours, which are there with no value as soon as they exist.
    """
    if isinstance(value, dict):
        return {name: _settled(item) for name, item in value.items() if not _is_foreign(name, item)}
    return [_settled(item) for item in value] if isinstance(value, list) else value


def _is_foreign(name: str, value: JSON) -> bool:
    is_computed = name in _COMPUTED or name.endswith("_count") or name.startswith("count_")
    return is_computed or (name.startswith("hh_") and value is None)
