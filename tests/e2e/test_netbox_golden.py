"""A fabric with every kind and every type of connection, from a push to what people see in NetBox."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests
import yaml

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.kinds import KINDS
from reconciler.model.netbox_schema import MODELS
from reconciler.model.objects import ObjectKey
from reconciler.plan.projection import project
from tests.e2e.netbox_reading import read_back
from tests.unit.plan.projecting import PROFILE, WHOLE_FABRIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.objects import Manifest
    from tests.e2e.conftest import World
    from tests.lab.netbox_server import NetBoxServer

pytestmark = pytest.mark.lab

NAMESPACE = ObjectKey("IPv4Namespace", "default", "default")
REFUSED = {ObjectKey("VPC", "default", "vpc-3")}
"""What the projection can cope with and the checks of documents cannot: a VPC without a subnet."""

DECLARED = tuple(
    replace(item, spec={"subnets": ["10.0.0.0/16"]}) if item.key == NAMESPACE else item
    for item in WHOLE_FABRIC
    if KINDS[item.key.kind].is_declarable and item.key not in REFUSED
)
ONE_SWITCH = tuple(
    replace(item, spec={**item.spec, "groups": ["eslag-1"]}) if item.key.kind == "Switch" else item
    for item in DECLARED
    if item.key.kind in {"VLANNamespace", "IPv4Namespace", "SwitchGroup"} or str(item.key) == "Switch/leaf-01"
)
ALL_PORTS = {
    "E1/1": ("25gbase-x-sfp28", 10_000_000),
    "E1/2": ("25gbase-x-sfp28", 10_000_000),
    "E1/3": ("25gbase-x-sfp28", None),
    "E1/49": ("100gbase-x-qsfp28", None),
    **dict.fromkeys((f"E1/50/{lane}" for lane in range(1, 5)), ("25gbase-x-sfp28", 25_000_000)),
    **dict.fromkeys(("E1/51/1", "E1/51/2"), ("400gbase-x-osfp", None)),
}
"""Type and speed of the ports that its profile has and nothing uses, as its spec splits them."""

TIMEOUT = 60.0


def text(item: Manifest) -> str:
    body = {"apiVersion": KINDS[item.key.kind].api_version, "kind": item.key.kind, "metadata": {"name": item.key.name}}
    return yaml.safe_dump({**body, "spec": item.spec}, sort_keys=False)


@pytest.fixture
def shown(world: World) -> World:
    """The fabric, pushed, and shown in NetBox as Git declares it."""
    world.fabric.pop("cluster")
    world.service.start()
    files = {f"{item.key.kind.lower()}-{item.key.name}.yaml": text(item) for item in DECLARED}
    status = world.service.wait_applied(world.service.push(files), seconds=240)
    assert status["problems"] == []
    return world


@pytest.fixture
def browser(netbox_server: NetBoxServer) -> Iterator[requests.Session]:
    """Somebody who is logged in."""
    with requests.Session() as session:
        form = session.get(f"{netbox_server.url}/login/", timeout=TIMEOUT).text
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert found
        answer = session.post(
            f"{netbox_server.url}/login/",
            data={
                "csrfmiddlewaretoken": found[1],
                "username": netbox_server.username,
                "password": netbox_server.password,
            },
            headers={"Referer": f"{netbox_server.url}/login/"},
            timeout=TIMEOUT,
        )
        assert answer.status_code == 200
        assert "/logout/" in answer.text
        yield session


def test_every_kind_and_connection(shown: World, browser: requests.Session, netbox_server: NetBoxServer) -> None:
    """Every record reads back as it was projected, people find it on NetBox's pages, a second pass writes nothing."""
    projection = project(shown.netbox.site, NetBoxPolicy(shown.netbox.site), DECLARED)
    found = read_back(shown.netbox)

    assert projection.skipped == ()
    assert {record.ref.model for record in projection.records} == set(MODELS)
    assert found.keys() == {record.ref for record in projection.records}
    for record in projection.records:
        assert {name: found[record.ref][name] for name in record.fields} == record.fields, record.ref

    status = shown.service.status()
    assert (status["sync_status"], status["last_pass"]["outcome"]) == ("in_sync", "succeeded")
    mark = shown.netbox.mark()
    assert shown.service.reconcile()["outcome"] == "succeeded"
    assert shown.netbox.writes_since(mark) == []
    for page in _pages(shown):
        assert browser.get(f"{netbox_server.url}{page}", timeout=TIMEOUT).status_code == 200, page


def test_every_port_of_a_switch(world: World) -> None:
    """With `ports: all` NetBox shows the ports of the profile that the cluster holds, those too that nothing uses."""
    kind = KINDS["SwitchProfile"]
    profile = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": "dell-s5248f-on"}}
    manifest = yaml.safe_dump({**profile, "spec": PROFILE})
    world.cluster.server.kubectl("apply", "--namespace", world.cluster.namespace, "-f", "-", stdin=manifest)
    world.fabric["netbox"]["ports"] = "all"
    world.service.start()
    files = {f"{item.key.kind.lower()}-{item.key.name}.yaml": text(item) for item in ONE_SWITCH}
    status = world.service.wait_applied(world.service.push(files))

    assert (status["sync_status"], status["problems"]) == ("in_sync", [])
    ports = world.netbox.owned("dcim/interfaces").values()
    shown = {port["name"]: (port["type"]["value"], port["speed"]) for port in ports}
    assert {name: found for name, found in shown.items() if name.startswith("E")} == ALL_PORTS
    assert {name for name in shown if not name.startswith("E")} == {"M1", "Loopback0", "Loopback1"}
    mark = world.netbox.mark()
    assert world.service.reconcile()["outcome"] == "succeeded"
    assert world.netbox.writes_since(mark) == []


def _pages(world: World) -> Iterator[str]:
    """A device with its interfaces, its cables, and a VPC with its prefixes."""
    device = world.netbox.owned("dcim/devices")[f"{world.netbox.site}/Switch/leaf-01"]["id"]
    yield f"/dcim/devices/{device}/"
    yield f"/dcim/devices/{device}/interfaces/"
    yield f"/dcim/cables/?device_id={device}"
    for cable in list(world.netbox.owned("dcim/cables").values())[:2]:
        yield f"/dcim/cables/{cable['id']}/"
    vrf = next(row["id"] for key, row in world.netbox.owned("ipam/vrfs").items() if "/VPC/" in key)
    yield f"/ipam/vrfs/{vrf}/"
    yield f"/ipam/prefixes/?vrf_id={vrf}"
