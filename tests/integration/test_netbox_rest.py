"""A NetBox of which GraphQL cannot be used: the same promises, kept over REST."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.model.netbox_schema import MODELS
from reconciler.targets.netbox import queries
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient
from reconciler.targets.netbox.dependents import LINKS
from reconciler.targets.netbox.graphql import GraphQLReads
from reconciler.targets.netbox.rest import RestReads
from tests.contract.netbox_people_suite import PeopleContract
from tests.contract.netbox_records import FABRIC, NAMESPACES, POLICY, SERVERS, WIRED, projected
from tests.contract.netbox_runner import mirror
from tests.contract.netbox_suite import NetBoxSuite
from tests.contract.netbox_world import World
from tests.contract.test_netbox import NetBoxContract
from tests.integration.netbox_people import Proxy, ServerPerson, proxy_to
from tests.integration.test_netbox_contract import access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import ExistingRecord
    from reconciler.targets.netbox.reads import Reads
    from tests.lab.netbox_server import NetBoxServer as LabNetBox

pytestmark = pytest.mark.lab


class OlderProxy(Proxy):
    """Makes of the NetBox behind it an older one: it says so, takes no condition with a write, and has neither GraphQL
    nor cooling. Every changelog message that reaches it is kept in `messages`.
    """

    version = "4.3.7"

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.messages: list[bytes] = []

    def forward(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if b"changelog_message" in body:
            self.messages.append(body)
        if path.startswith(("/graphql/", "/api/dcim/cooling")):
            return 404, b"Not found"
        kept = {name: value for name, value in headers.items() if name.lower() != "if-match"}
        status, content = super().forward(method, path, body, kept)
        if path == "/api/status/":
            content = json.dumps({**json.loads(content), "netbox-version": self.version}).encode()
        return status, content


@pytest.fixture
def person(pristine_netbox: LabNetBox) -> ServerPerson:
    return ServerPerson(pristine_netbox)


@pytest.fixture
def older(pristine_netbox: LabNetBox) -> Iterator[OlderProxy]:
    with proxy_to(pristine_netbox.url, OlderProxy) as proxy:
        yield proxy


@pytest.fixture
def client(pristine_netbox: LabNetBox) -> NetBoxClient:
    return NetBoxClient(NetBoxAccess(pristine_netbox.url, pristine_netbox.token.encode), lambda _: None)


@pytest.mark.long
class TestWithoutGraphQL(NetBoxContract):
    """All promises, kept by a NetBox of which an administrator turned GraphQL off."""

    @pytest.fixture
    def world(self, pristine_netbox: LabNetBox, person: ServerPerson) -> World:
        pristine_netbox.configure(GRAPHQL_ENABLED=False)
        mark = pristine_netbox.mark()
        netbox = access(pristine_netbox.url, pristine_netbox.token)
        return World(netbox, person, lambda: len(pristine_netbox.writes_since(mark)))


class TestOlderNetBox(NetBoxSuite):
    """A NetBox of a release that has none of what came since: what reads and guards are for."""

    test_a_stale_change = PeopleContract.test_a_stale_change_is_refused
    test_an_unmarked_record = PeopleContract.test_an_unmarked_record_is_not_deleted
    test_a_changed_record = PeopleContract.test_a_changed_record_is_not_deleted
    test_a_record_that_is_gone = PeopleContract.test_a_record_that_is_gone_is_fine
    test_dependents = PeopleContract.test_dependents_protect_a_record

    @pytest.fixture
    def world(self, older: OlderProxy, pristine_netbox: LabNetBox, person: ServerPerson) -> World:
        mark = pristine_netbox.mark()
        netbox = access(older.url, pristine_netbox.token)
        return World(netbox, person, lambda: len(pristine_netbox.writes_since(mark)))


def test_an_older_netbox_is_sent_nothing_newer(older: OlderProxy, pristine_netbox: LabNetBox) -> None:
    """What its release does not have is neither asked for nor sent."""
    netbox = access(older.url, pristine_netbox.token)
    netbox.prepare_sites()
    assert mirror(netbox, "dc1", POLICY, projected(*FABRIC))[1] == []
    plan, errors = mirror(netbox, "dc1", POLICY, projected(*NAMESPACES, SERVERS[0]))

    assert errors == []
    assert {record.model for record in plan.deletes} >= {"dcim/devices", "ipam/vrfs", "ipam/vlans"}
    assert older.messages == []
    assert [request for request in older.requests if "graphql" in request or "cooling" in request] == []


def crowd(person: ServerPerson) -> list[tuple[str, JSONObject]]:
    """What people put around our records and onto them, of every kind that depends on one."""
    leaf, spine = (_find(person, f"dcim/devices/?name={name}") for name in ("leaf-01", "spine-01"))
    first = _find(person, f"dcim/interfaces/?device_id={leaf}&name=E1/3")
    loopback = _find(person, f"dcim/interfaces/?device_id={leaf}&name=Loopback0")
    lag = _find(person, f"dcim/interfaces/?device_id={leaf}&type=lag")
    address = _find(person, f"ipam/ip-addresses/?interface_id={loopback}")
    vlan = _find(person, "ipam/vlans/?vid=11")
    vrf = _find(person, "ipam/vrfs/?name=dc1/vpc-1")
    target = _find(person, "ipam/route-targets/")
    evpn = _find(person, "vpn/l2vpns/")
    on_leaf, copper = {"device": leaf}, {"type": "1000base-t"}
    assigned = {"assigned_object_type": "dcim.interface", "assigned_object_id": loopback}
    return [
        ("dcim/console-ports", {**on_leaf, "name": "con0"}),
        ("dcim/power-ports", {**on_leaf, "name": "psu0"}),
        ("dcim/inventory-items", {**on_leaf, "name": "fan"}),
        ("dcim/module-bays", {**on_leaf, "name": "bay"}),
        ("dcim/virtual-device-contexts", {**on_leaf, "name": "vdc", "status": "active"}),
        ("ipam/services", {"name": "bgp", "protocol": "tcp", "ports": [179], **_parent("dcim.device", leaf)}),
        ("ipam/ip-addresses", {"address": "192.0.2.1/32", **assigned}),
        ("ipam/ip-addresses", {"address": "192.0.2.2/32", "nat_inside": address}),
        ("dcim/mac-addresses", {"mac_address": "52:54:00:99:99:99", **assigned}),
        ("dcim/interfaces", {**on_leaf, **copper, "name": "eth8", "lag": lag, "vrf": vrf}),
        ("dcim/interfaces", {**on_leaf, **copper, "name": "eth9", "mode": "access", "untagged_vlan": vlan}),
        ("dcim/interfaces", {"device": spine, **copper, "name": "eth7", "mode": "tagged", "tagged_vlans": [vlan]}),
        ("dcim/interfaces", {**on_leaf, "name": "br0", "type": "bridge", "bridge": first}),
        ("ipam/vrfs", {"name": "people", "import_targets": [target], "export_targets": [target]}),
        ("vpn/l2vpns", {"name": "people", "slug": "people", "type": "vxlan", "export_targets": [target]}),
        ("vpn/l2vpn-terminations", {"l2vpn": evpn, **assigned}),
        ("wireless/wireless-lans", {"ssid": "people", "vlan": vlan}),
        ("dcim/devices", {"name": "theirs", "role": 1, "device_type": 1, "site": 1}),
        ("ipam/vlans", {"vid": 45, "name": "theirs", "status": "active", "group": 1}),
        ("ipam/prefixes", {"prefix": "198.51.100.0/24", "vrf": vrf, "scope_type": "dcim.site", "scope_id": 1}),
        ("ipam/prefixes", {"prefix": "198.51.100.0/24"}),
        ("ipam/ip-ranges", {"start_address": "198.51.100.1/24", "end_address": "198.51.100.9/24", "vrf": vrf}),
        ("ipam/vlan-groups", {"name": "theirs", "slug": "theirs", "scope_type": "dcim.site", "scope_id": 1}),
        ("ipam/vlan-groups", {"name": "no place", "slug": "no-place"}),
        ("ipam/route-targets", {"name": "dc1:theirs"}),
        ("ipam/route-targets", {"name": "DC1:theirs"}),
        ("ipam/vrfs", {"name": "DC1/theirs"}),
        ("ipam/vrfs", {"name": "dc1/theirs"}),
    ]  # fmt: skip


def _find(person: ServerPerson, query: str) -> int:
    record_id: int = person.call("GET", query)["results"][0]["id"]
    return record_id


def _parent(kind: str, record_id: int) -> JSONObject:
    return {"parent_object_type": kind, "parent_object_id": record_id}


def marks(raws: list[JSONObject]) -> dict[int, JSONObject]:
    """Of each record, and of each list of its dependents: keys and tags, in whichever order."""
    return {int(raw["id"]): {name: _marks(value) for name, value in raw.items() if name != "id"} for raw in raws}


def _marks(value: JSON) -> JSON:
    if isinstance(value, dict) and "tags" in value:
        value = [value]
    if isinstance(value, dict):
        return value.get("hh_key")
    items = [item for item in value or () if isinstance(item, dict)]
    return sorted(
        item["slug"] if "slug" in item else str((queries.key_of(item), _marks(item["tags"]))) for item in items
    )


def test_both_ways_see_the_same(
    pristine_netbox: LabNetBox, person: ServerPerson, client: NetBoxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With records of every model, and of people in and around each: the same observation, long and short, the same
    dependents of each record, the same tags, ends and prerequisites; in small pages as well.
    """
    projection = projected(*WIRED)
    netbox = access(pristine_netbox.url, pristine_netbox.token)
    mirror(netbox, "dc1", POLICY, projection)
    for path, body in crowd(person):
        person.call("POST", f"{path}/", body)
    person.untag("dcim/devices", _find(person, "dcim/devices/?name=server-02"))
    graphql, rest = GraphQLReads(client), RestReads(client)
    by_graphql = netbox.observe("dc1", projection)
    pristine_netbox.configure(GRAPHQL_ENABLED=False)
    with capture_logs() as logs:
        by_rest = netbox.observe("dc1", projection)
    place = attrgetter("model", "id")
    cable = next(one.id for one in by_rest.records if one.model == "dcim/cables" and one.key)
    person.remove("dcim/cables", cable)
    person.edit("dcim/devices", _find(person, "dcim/devices/?name=server-01"), {"serial": "P1"})
    short = netbox.observe("dc1", projection, is_full=False)
    pristine_netbox.configure(GRAPHQL_ENABLED=True)

    assert sorted(short.records, key=place) == sorted(netbox.observe("dc1", projection).records, key=place)
    assert sorted(by_rest.records, key=place) == sorted(by_graphql.records, key=place)
    assert (by_rest.shared, by_rest.faults) == (by_graphql.shared, by_graphql.faults)
    assert {record.model for record in by_rest.records} == set(MODELS)
    assert [(entry["event"], "404" in entry["reason"]) for entry in logs] == [
        ("NetBox is read over REST, which is slower", True)
    ]
    ids = {path: sorted(one.id for one in short.records if one.model == path) for path in MODELS}
    _compare(graphql, rest, ids)
    monkeypatch.setattr(queries, "PAGE", 8)
    assert _found(rest, "dcim/interfaces") == _found(graphql, "dcim/interfaces") != {}


def _found(reads: Reads, path: str) -> dict[int, ExistingRecord]:
    entries = reads.relevant([path], "dc1", None)[path]
    return {int(raw["id"]): queries.to_existing(path, raw, {}, is_tagged=is_tagged) for raw, is_tagged in entries}


def _compare(graphql: Reads, rest: Reads, ids: dict[str, list[int]]) -> None:
    """What is asked of records by their ids, some of which are gone."""
    seen: set[tuple[str, str]] = set()
    for path, some in ids.items():
        asked = [*some, 999_999]
        doomed = marks(rest.doomed(path, asked))
        assert doomed == marks(graphql.doomed(path, asked)), path
        seen |= {(path, name) for raw in doomed.values() for name, value in raw.items() if value}
        assert _slugs(rest.tags(path, asked)) == _slugs(graphql.tags(path, asked))
        assert rest.by_id(path, asked, "dc1")[0][0].keys() >= {"id", "custom_fields"}
    cables = [*ids["dcim/cables"], 999_999]
    for path in queries.ENDS:
        assert rest.plugged(path, cables) == graphql.plugged(path, cables) != set()
    wanted = {(path, link.name) for path, links in LINKS.items() for link in links}
    assert wanted - seen <= UNTRIED


def _slugs(raws: list[JSONObject]) -> dict[int, list[str]]:
    return {int(raw["id"]): sorted(tag["slug"] for tag in raw["tags"]) for raw in raws}


UNTRIED = {
    *(
        ("dcim/devices", name)
        for name in ("frontports", "rearports", "consoleserverports", "poweroutlets", "devicebays")
    ),
    *(("dcim/devices", name) for name in ("coolingintakes", "coolingoutflows", "modules")),
    *(
        ("ipam/vrfs", "vminterfaces"),
        ("ipam/vlans", "vminterfaces_as_untagged"),
        ("ipam/vlans", "vminterfaces_as_tagged"),
    ),
    *(("ipam/ip-addresses", "services"), ("ipam/ip-addresses", "tunnel_terminations")),
    *(("dcim/interfaces", "wireless_lans"), ("ipam/route-targets", "importing_l2vpns")),
}
"""Dependents of which this test makes none."""


def test_graphql_comes_back(pristine_netbox: LabNetBox) -> None:
    """A long look asks again whether GraphQL is there."""
    netbox = access(pristine_netbox.url, pristine_netbox.token)
    pristine_netbox.configure(GRAPHQL_ENABLED=False)
    netbox.observe("dc1", projected())
    pristine_netbox.configure(GRAPHQL_ENABLED=True)
    mark = pristine_netbox.mark()
    netbox.observe("dc1", projected())
    paths = {request.path for request in pristine_netbox.requests_since(mark)}

    assert "/graphql/" in paths
    assert "/api/dcim/devices/" not in paths
