"""People's records in NetBox, around and among ours, stay as they are to the byte; what clashes is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e import mirrored
from tests.e2e.fabrics import bodies, rendered
from tests.e2e.installation import wait_until
from tests.e2e.people import People
from tests.e2e.service_log import entries

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World

# a NetBox of its own: whole tables are looked at
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("pristine_netbox")]

NUMBER = 50
CLASHING_SERVER, CLASHING_VPC = "server-03", "vpc-02"
REMOVED_SERVER, KEPT_SERVER = "server-02", "server-01"
PORT = "enp2s1"
LATE_VLAN, LATE_SUBNET = 2999, "10.1.99.0/24"


def _with_late_subnet(declared: dict[str, JSONObject]) -> dict[str, JSONObject]:
    """The VPC with a subnet whose VLAN and prefix people have taken in the meantime."""
    body = declared["VPC/vpc-01"]
    late = {"subnet": LATE_SUBNET, "gateway": "10.1.99.1", "vlan": LATE_VLAN}
    return {"VPC/vpc-01": {**body, "spec": {**body["spec"], "subnets": {**body["spec"]["subnets"], "late": late}}}}


def _with(declared: dict[str, JSONObject], *servers: str) -> list[str]:
    """The servers and everything that refers to them."""
    return [key for key in declared if any(server in key for server in servers)]


def _conflicts(world: World) -> dict[str, str]:
    """What the last pass said of records that are not ours, by the record that it could not write."""
    failures = world.service.passes()[0]["failures"]
    assert {one["reason"] for one in failures} <= {"NetBoxConflict", "NetBoxWaiting"}, failures
    return {one["subject"]: one["message"] for one in failures if one["reason"] == "NetBoxConflict"}


def _clash(people: People) -> None:
    """Records at the natural keys of ours that do not exist yet."""
    people.devices(CLASHING_SERVER.upper())
    people.make("ipam/vrfs", {"name": f"{people.netbox.site}/{CLASHING_VPC}"})


def _build_among(people: People, number: int) -> None:
    """On our devices, between them and their own, in our VLAN group and in our VRFs."""
    netbox, site = people.netbox, people.netbox.site
    ours = {name: record["id"] for name, record in netbox.owned("dcim/devices").items()}
    kept = ours[f"{site}/Server/{KEPT_SERVER}"]
    leaf = ours[f"{site}/Switch/leaf-01"]
    names = [f"hand-{one}" for one in range(number)]
    on_ours = [people.interfaces(name, leaf)[0] for name in names[:3]] + people.interfaces(names[0], kept)
    on_ours += _management_ports(people)
    on_theirs = people.interfaces("among", *people.devices(*(f"{site}-among-{one}" for one in range(len(on_ours)))))
    people.cables(*zip(on_ours, on_theirs, strict=True))
    (group,) = netbox.owned("ipam/vlan-groups").values()
    vlans = [{"vid": 2000 + one, "name": name, "group": group["id"]} for one, name in enumerate(names)]
    people.make("ipam/vlans", *vlans, {"vid": LATE_VLAN, "name": "taken", "group": group["id"]})
    vrf = netbox.owned("ipam/vrfs")[f"{site}/VPC/vpc-01"]["id"]
    prefixes = [{"prefix": f"10.0.0.{4 * one}/30", "vrf": vrf} for one in range(number)]
    people.make("ipam/prefixes", *prefixes, {"prefix": LATE_SUBNET, "vrf": vrf})
    on = {"assigned_object_type": "dcim.interface", "assigned_object_id": on_ours[0]}
    addresses = [{"address": f"10.0.0.{200 + one}/24", "vrf": vrf} for one in range(number)]
    people.make("ipam/ip-addresses", *addresses, {"address": "10.0.0.250/24", "vrf": vrf, **on})


def _management_ports(people: People) -> list[int]:
    """Those of ours, where they are mirrored: the fabric has no cable for them, and somebody plugs one in."""
    owned = people.netbox.owned("dcim/interfaces").values()
    return [record["id"] for record in owned if record["mgmt_only"] and record["cable"] is None]


def test_what_people_make_is_left_alone(world: World) -> None:
    """Dozens of devices, interfaces, cables, VRFs, prefixes, VLANs and addresses outlive a first mirror, edits, prune
    and the return of what was pruned.
    """
    world.fabric["cluster"] |= {"prune": True, "max_deletes": 1000}
    service, site, declared = world.service, world.netbox.site, bodies()
    people = People.at_site(world.netbox)
    people.around(NUMBER - 1)
    _clash(people)
    service.start()
    service.push(rendered(declared))
    service.wait_idle()

    people.assert_untouched()
    clashes = _conflicts(world)
    assert {f"dcim/devices {site}/Server/{CLASHING_SERVER}", f"ipam/vrfs {site}/VPC/{CLASHING_VPC}"} <= set(clashes)
    assert CLASHING_SERVER.upper() in clashes[f"dcim/devices {site}/Server/{CLASHING_SERVER}"]
    assert world.service.status()["sync_status"] == "error"
    assert set(world.netbox.owned("ipam/vrfs")) >= {f"{site}/VPC/vpc-01", f"{site}/IPv4Namespace/default"}

    _build_among(people, 20)
    service.push(rendered(_with_late_subnet(declared)))
    service.wait_idle()

    people.assert_untouched()
    clashes = _conflicts(world)
    assert {f"ipam/vlans {site}/VPC/vpc-01#late", f"ipam/prefixes {site}/VPC/vpc-01#late"} <= set(clashes)

    gone = _with(declared, REMOVED_SERVER, KEPT_SERVER)
    service.push(dict.fromkeys(rendered({key: declared[key] for key in gone})))
    service.wait_idle()

    people.assert_untouched()
    devices = world.netbox.owned("dcim/devices")
    assert f"{site}/Server/{REMOVED_SERVER}" not in devices, "nothing was pruned"
    assert f"{site}/Server/{KEPT_SERVER}" in devices, "somebody's interface is on it"

    service.push(rendered(declared))
    service.wait_idle()
    mark = world.netbox.mark()
    service.reconcile()

    people.assert_untouched()
    assert mirrored.writes_since(world.netbox, mark) == []
    assert set(_conflicts(world)) >= {f"dcim/devices {site}/Server/{CLASHING_SERVER}"}


def test_a_clash_that_is_settled(world: World) -> None:
    """Once a person has given way, what waited is mirrored, and theirs stays what they made of it."""
    service, declared = world.service, bodies()
    people = People.at_site(world.netbox)
    _clash(people)
    service.start()
    service.push(rendered(declared))
    assert service.wait_idle()["sync_status"] == "error"
    people.assert_untouched()

    people.rename("dcim/devices", "coffee-machine")
    people.rename("ipam/vrfs", "coffee")
    assert service.reconcile()["outcome"] == "succeeded"

    assert service.status()["sync_status"] == "in_sync"
    mirrored.assert_mirrored(world.netbox, declared.values())
    people.assert_untouched()


def test_a_clash_that_is_taken_over(world: World) -> None:
    """The plan names a clash; where records are taken over the log says which ones, and they become ours in one pass: a
    device, with what only people know of it, and its port.
    """
    service, declared = world.service, bodies()
    people = People.at_site(world.netbox)
    (taken,) = people.devices(CLASHING_SERVER)
    (its_port,) = people.interfaces(PORT, taken)
    mine = people.make_one("extras/tags", {"name": f"mine-{world.netbox.site}", "slug": f"mine-{world.netbox.site}"})
    world.netbox.update("dcim/devices", {"id": taken}, {"asset_tag": world.netbox.site, "add_tags": [mine["id"]]})
    service.start()
    service.push(rendered(declared))
    service.wait_idle()
    refused = service.run_cli("plan", service.fabric)
    assert f"conflict: NetBox: {service.fabric}/Server/{CLASHING_SERVER}: device" in refused.stdout

    world.fabric["netbox"]["take_over"] = True
    service.write_settings()
    wait_until(lambda: service.status()["sync_status"] == "in_sync", what="in sync after the reload")
    assert [one["outcome"] for one in service.passes()][:2] == ["succeeded", "partial"]

    device = world.netbox.owned("dcim/devices")[f"{world.netbox.site}/Server/{CLASHING_SERVER}"]
    assert (device["id"], device["asset_tag"]) == (taken, world.netbox.site)
    assert {tag["slug"] for tag in device["tags"]} == {"hh-managed", mine["slug"]}
    taking = [entry for entry in entries(service.log) if entry["event"] == "taken over"]
    assert [entry["record"] for entry in taking] == [
        f"device {CLASHING_SERVER} (id {taken})",
        f"interface {PORT} (id {its_port})",
    ]
    port = world.netbox.owned("dcim/interfaces")[f"{world.netbox.site}/Server/{CLASHING_SERVER}#{PORT}"]
    assert port["id"] == its_port
    mirrored.assert_mirrored(world.netbox, declared.values())
