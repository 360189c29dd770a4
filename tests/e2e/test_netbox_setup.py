"""A NetBox that `init-netbox` prepares, and a service there with no right beyond those that it asks for: what the site
says of the fabric, and edits that come back through NetBox's own event rule.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

from reconciler.demo.fabric import FabricShape
from reconciler.model.netbox_schema import OWNED
from tests.e2e.conftest import LOCAL
from tests.e2e.fabrics import bodies, files, rendered
from tests.e2e.installation import Installation, lay_out, wait_until
from tests.e2e.service_log import entries
from tests.e2e.targets import NetBoxView

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.lab.git_server import Repository
    from tests.lab.netbox_server import NetBoxServer

pytestmark = pytest.mark.lab

SHAPE = FabricShape(spines=1, leafs=2, servers=18, vpcs=2, externals=0)
HEALED_WITHIN = 15.0
MOST_PASSES = 8
QUIET = 2.0
"""Seconds without an event after which no more are expected."""
"""Of 20 events that NetBox sends one by one within a second or two."""

OWN = ("ignored", "it is what the reconciler wrote")


@dataclass(frozen=True)
class Site:
    """A service that is laid out over an empty NetBox, and an administrator's view of that."""

    service: Installation
    netbox: NetBoxView
    token_file: Path

    def init(self, *arguments: str) -> JSONObject:
        """Run `init-netbox`; what it says of the one NetBox."""
        self.service.write_settings()
        configuration = str(self.service.process.configuration)
        said = self.service.run_cli("init-netbox", *arguments, "--config", configuration, "--output", "json")
        assert said.returncode == 0, said.stdout + said.stderr
        (found,) = json.loads(said.stdout)["netboxes"]
        netbox: JSONObject = found
        return netbox

    def check(self) -> dict[str, str]:
        """Run `check`; what it says by subject."""
        said = self.service.run_cli("check", "--config", str(self.service.process.configuration), "--output", "json")
        found = json.loads(said.stdout)["checks"]
        return {check["subject"].partition(": ")[2]: f"{check['state']}: {check['message']}" for check in found}

    def said(self) -> JSONObject:
        """What the fabric's site says."""
        (site,) = self.netbox.records("dcim/sites", slug=self.service.fabric)
        fields: JSONObject = site["custom_fields"]
        return fields

    def restrict(self, permissions: list[JSONObject]) -> list[JSONObject]:
        """Use the token of a new user who has these permissions, and no other; NetBox's records of them."""
        password = secrets.token_urlsafe(24) + "-Aa1"
        user = self.netbox.create("users/users", {"username": f"u{self.service.fabric}", "password": password})
        types: defaultdict[str, list[str]] = defaultdict(list)
        for permission in permissions:
            for action in permission["actions"]:
                types[action].append(permission["object_type"])
        made = [
            self.netbox.create(
                "users/permissions",
                {"name": f"{action} {user['id']}", "object_types": named, "actions": [action], "users": [user["id"]]},
            )
            for action, named in types.items()
        ]
        url = f"{self.netbox.server.url}/api/users/tokens/provision/"
        answer = requests.post(url, json={"username": user["username"], "password": password}, timeout=60)
        token = answer.json()
        self.token_file.write_text(f"nbt_{token['key']}.{token['token']}")
        return made


@pytest.fixture
def site(repository: Repository, pristine_netbox: NetBoxServer, tmp_path: Path) -> Iterator[Site]:
    fabric = f"f{secrets.token_hex(3)}"
    token = tmp_path / "netbox-token"
    token.touch(mode=0o600)
    token.write_text(pristine_netbox.token)
    netbox = {"url": pristine_netbox.url, "token_file": str(token), "site": fabric}
    service = lay_out(tmp_path / "service", repository, fabric, {**LOCAL, "netbox": netbox})
    secret = service.folder / "secrets" / "netbox-webhook"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(24))
    netbox["webhook_secret_file"] = "secrets/netbox-webhook"
    service.settings["server"]["public_url"] = service.url
    view = NetBoxView(pristine_netbox, fabric)
    yield Site(service, view, token)
    service.close()
    view.session.close()


def test_least_rights(site: Site) -> None:
    """init-netbox does its work once. A token with the permissions that it names, and no other, is enough for it and
    for the service; what check misses it names. The site says how the fabric stands, and a pass without change writes
    nothing at all.
    """
    service, netbox = site.service, site.netbox
    mark = netbox.mark()
    planned = site.init("--dry-run")
    assert netbox.all_writes_since(mark) == []
    made = site.restrict(planned["permissions"])
    mark = netbox.mark()

    done = site.init()
    assert done["changes"] == planned["changes"]
    assert len(netbox.all_writes_since(mark)) == len(done["changes"])
    mark = netbox.mark()
    assert site.init()["changes"] == []
    assert netbox.all_writes_since(mark) == []

    commit = service.push(files(), deliver=False)
    service.start()
    service.wait_applied(commit)
    status = service.wait_idle()
    said = site.said()
    assert (status["sync_status"], status["last_pass"]["outcome"]) == ("in_sync", "succeeded"), status["message"]
    assert (said["hh_sync_status"]["value"], said["hh_revision"], said["hh_drift"]) == (
        *("in_sync", f"main@sha1:{commit}"),
        0,
    )
    assert said["hh_last_sync"][:23] == status["last_sync"][:23]
    assert said["hh_valid_until"] > status["next_poll"]
    (entry,) = netbox.records("extras/journal-entries")
    assert entry["comments"].startswith("Sync status is in_sync. ")

    mark = netbox.mark()
    assert service.reconcile()["outcome"] == "succeeded"
    service.wait_idle()
    assert netbox.all_writes_since(mark) == []

    assert service.post(f"/fabrics/{service.fabric}/suspend", {"reason": "cabling"}).status_code == 200
    wait_until(lambda: site.said()["hh_sync_status"]["value"] == "disabled", what="the suspension shown")
    assert site.said()["hh_valid_until"] is None
    assert service.post(f"/fabrics/{service.fabric}/resume", {}).status_code == 200
    wait_until(lambda: site.said()["hh_sync_status"]["value"] == "in_sync", what="its end shown")
    entries = [entry["comments"] for entry in netbox.records("extras/journal-entries")]
    assert len(entries) == 3
    assert [entry for entry in entries if "Suspended: the fabric is suspended since" in entry] != []
    assert site.said()["hh_valid_until"] is not None
    service.wait_idle()

    (may_delete,) = [one for one in made if one["actions"] == ["delete"]]
    netbox.delete("users/permissions", may_delete)
    missing = "; ".join(f"delete {model.content_type}" for model in OWNED)
    checked = site.check()
    assert checked["netbox"] == f"failing: NetBoxAccessDenied: {netbox.server.url} denies {missing}"
    assert "netbox setup" not in checked


def test_a_site_of_another_installation(site: Site) -> None:
    """A site that is bound to another installation is left as it is, and the status says what to do about it: take it
    over, or bind it with init-netbox, which says who had it and tells the site's journal.
    """
    service, netbox = site.service, site.netbox
    site.init()
    (record,) = netbox.records("dcim/sites", slug=service.fabric)
    netbox.update("dcim/sites", record, {"custom_fields": {"hh_installation": "another"}})
    mark = netbox.mark()
    service.push(files(), deliver=False)

    service.start()
    status = service.wait_idle()

    assert (status["sync_status"], status["reason"]) == ("error", "NetBoxBoundElsewhere")
    assert f"reconciler init-netbox {service.fabric} --rebind" in status["message"]
    assert netbox.all_writes_since(mark) == []

    service.fabric_settings["netbox"]["take_over"] = True
    service.write_settings()
    wait_until(lambda: service.status()["sync_status"] == "in_sync", what="taken over")
    service.wait_idle()
    assert site.said()["hh_installation"] not in {None, "another"}
    assert site.said()["hh_sync_status"]["value"] == "in_sync"

    netbox.update("dcim/sites", record, {"custom_fields": {"hh_installation": "another"}})
    service.fabric_settings["netbox"]["take_over"] = False
    service.write_settings()
    wait_until(lambda: service.status()["reason"] == "NetBoxBoundElsewhere", what="left alone again")
    mark = netbox.mark()
    assert "another" in " ".join(site.init()["notes"])
    (planned,) = site.init("--rebind", "--dry-run")["bound"]
    assert netbox.all_writes_since(mark) == []
    assert site.init("--rebind")["bound"] == [planned]
    assert (planned["before"], planned["installation"]) == ("another", site.said()["hh_installation"])
    comments = [one["comments"] for one in netbox.records("extras/journal-entries")]
    assert [one for one in comments if one.endswith("; before, it was bound to another.")] != []
    assert service.reconcile()["outcome"] == "succeeded"


@pytest.fixture
def worker(pristine_netbox: NetBoxServer) -> Iterator[None]:
    """What sends NetBox's events."""
    pristine_netbox.start_webhook_worker()
    yield
    pristine_netbox.stop_webhook_worker()


def _events(service: Installation) -> Counter[tuple[str, str]]:
    """What became of NetBox's events: how many had which result and reason."""
    found = [e for e in entries(service.log) if e["event"] == "delivery" and e["provider"] == "netbox"]
    return Counter((entry["result"], entry["reason"] or "") for entry in found)


def _accepted_in_the_end(service: Installation) -> int:
    """How many events were accepted, once no more come and nothing is to be done."""
    accepted, seen = -1, 0
    while accepted != seen:
        accepted = seen
        time.sleep(QUIET)
        service.wait_idle()
        seen = _events(service)["accepted", ""]
    return seen


def _described(netbox: NetBoxView) -> dict[str, str]:
    """The descriptions of our devices by key."""
    return {key: device["description"] for key, device in netbox.owned("dcim/devices").items()}


@pytest.fixture
def mirrored(site: Site, worker: None) -> Site:
    """A running service whose NetBox, prepared by init-netbox, tells it of edits; our own writes are recognised."""
    site.init()
    site.service.push(files(SHAPE), deliver=False)
    site.service.start()
    site.service.wait_idle()
    owned = len(site.netbox.owned("dcim/devices"))
    wait_until(lambda: _events(site.service)[OWN] >= owned, what=f"own events: {_events(site.service)}")
    site.service.wait_idle()
    # NetBox tells of the first records of a bulk write before it answers that: one pass may come of it.
    assert len(site.service.passes()) <= 2
    assert _events(site.service)["accepted", ""] <= 2
    return site


def test_edits_come_back(mirrored: Site) -> None:
    """By the rule that init-netbox made an edit and a deletion come back as scoped passes and are healed; 20 edits in
    one request are few passes; a record that lost its key is known by what it had before. Records of people cause no
    event.
    """
    service, netbox = mirrored.service, mirrored.netbox
    before, early, first = _described(netbox), _events(service)["accepted", ""], service.passes()
    devices = list(netbox.owned("dcim/devices").values())
    netbox.create("ipam/vrfs", {"name": "a person's"})

    netbox.update("dcim/devices", devices[0], {"description": "by hand"})
    wait_until(lambda: _described(netbox) == before, seconds=HEALED_WITHIN, what=f"an edit healed: {_events(service)}")
    service.wait_idle()
    assert [one["triggers"] for one in service.passes()] == [["netbox"], *(one["triggers"] for one in first)]

    netbox.delete("dcim/devices", devices[1])
    wait_until(lambda: _described(netbox) == before, seconds=HEALED_WITHIN, what=f"restored: {_events(service)}")
    # of the device, and of all that went with it
    events = _accepted_in_the_end(service)
    assert events > early + 2
    passes = len(service.passes())

    edited = [device for device in devices if device["id"] != devices[1]["id"]][:20]
    netbox.update_all("dcim/devices", [{"id": device["id"], "description": "in bulk"} for device in edited])
    wait_until(lambda: _described(netbox) == before, seconds=HEALED_WITHIN, what=f"20 healed: {_events(service)}")
    wait_until(lambda: _events(service)["accepted", ""] == events + 20, what=f"20 events: {_events(service)}")
    service.wait_idle()

    assert len(service.passes()) - passes <= MOST_PASSES
    assert set(_events(service)) == {OWN, ("accepted", "")}

    underlay = netbox.owned("ipam/vrfs")[f"{service.fabric}/Fabric/underlay"]
    netbox.update("ipam/vrfs", underlay, {"name": "by hand"})
    wait_until(
        lambda: netbox.owned("ipam/vrfs")[f"{service.fabric}/Fabric/underlay"]["name"] == underlay["name"],
        seconds=HEALED_WITHIN,
        what=f"the fabric's own VRF healed: {_events(service)}",
    )
    service.wait_idle()
    assert (service.passes()[0]["triggers"], service.passes()[0]["scope"]) == (["netbox"], ["Fabric/underlay"])

    netbox.update("dcim/devices", devices[0], {"custom_fields": {"hh_key": None}})
    wait_until(lambda: service.passes()[0]["outcome"] == "partial", what=f"a clash: {_events(service)}")
    assert _events(service)["accepted", ""] == events + 22


def _heal(service: Installation, *, is_on: bool) -> None:
    """Configure it so; the pass that this causes is over."""
    passes = len(service.passes())
    service.fabric_settings["netbox"]["self_heal"] = is_on
    service.write_settings()
    wait_until(lambda: len(service.passes()) > passes, what="the configuration is in effect")
    service.wait_idle()


def _stands(site: Site, status: str, drift: int) -> None:
    """Wait until the service says so, and the site."""

    def said() -> tuple[str, int, str, int]:
        known, fields = site.service.status(), site.said()
        return known["sync_status"], known["drift"]["netbox"], fields["hh_sync_status"]["value"], fields["hh_drift"]

    wait_until(lambda: said() == (status, drift, status, drift), seconds=HEALED_WITHIN, what=f"{status}: {said()}")


def test_edits_are_left_alone(mirrored: Site) -> None:
    """Without self_heal an edit and a deletion are reported within seconds, in status, plan and site, and left so; what
    Git changes in another field of the edited record is written. An edit that is undone by hand is over. With self_heal
    again all is reverted.
    """
    service, netbox, declared = mirrored.service, mirrored.netbox, bodies(SHAPE)
    key = f"{netbox.site}/VPC/vpc-01#default"
    _heal(service, is_on=False)
    vlan = netbox.owned("ipam/vlans")[key]

    netbox.update("ipam/vlans", vlan, {"status": "reserved"})
    _stands(mirrored, "out_of_sync", 1)
    netbox.update("ipam/vlans", vlan, {"status": "active"})
    _stands(mirrored, "in_sync", 0)

    netbox.update("ipam/vlans", vlan, {"status": "reserved"})
    gone, cable = min(netbox.owned("dcim/cables").items())
    netbox.delete("dcim/cables", cable)
    _stands(mirrored, "out_of_sync", 2)
    shown = service.get(f"/fabrics/{service.fabric}/plan")["netbox"]
    assert (shown["create"], shown["update"]) == (0, 0)
    assert {(one["key"], one["state"], len(one["fields"])) for one in shown["drifted"]} == {
        (key, "changed", 1),
        (gone, "desired_only", 0),
    }

    declared["VPC/vpc-01"]["spec"]["subnets"]["default"]["vlan"] = 1777
    service.push(rendered(declared), deliver=False)
    assert service.reconcile()["outcome"] == "succeeded"
    edited = netbox.owned("ipam/vlans")[key]
    assert (edited["vid"], edited["status"]["value"]) == (1777, "reserved")
    assert gone not in netbox.owned("dcim/cables")
    _stands(mirrored, "out_of_sync", 2)

    _heal(service, is_on=True)
    _stands(mirrored, "in_sync", 0)
    healed = netbox.owned("ipam/vlans")[key]
    assert (healed["vid"], healed["status"]["value"]) == (1777, "active")
    assert gone in netbox.owned("dcim/cables")
