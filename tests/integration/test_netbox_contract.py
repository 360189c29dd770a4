"""The promises of `ports.NetBox`, kept by a real NetBox; and what only a server does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.fabric import FABRIC_500, build_fabric
from reconciler.errors import NetBoxAccessError, NetBoxUnavailableError
from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Ref, SharedRecord
from reconciler.model.netbox_schema import KEYED_CONTENT_TYPES
from reconciler.plan.netbox import plan_netbox
from reconciler.plan.projection import prerequisites
from reconciler.targets.netbox import NetBoxAccess, NetBoxServer, queries
from tests.contract.netbox_records import (
    FABRIC,
    LEAF,
    NAMESPACES,
    POLICY,
    SERVERS,
    STANDING,
    declared,
    device,
    projected,
    vpc,
)
from tests.contract.netbox_runner import carry_out, mirror
from tests.contract.netbox_world import World
from tests.contract.test_netbox import NetBoxContract
from tests.integration.netbox_people import Proxy, ServerPerson, proxy_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.netbox_server import NetBoxServer as LabNetBox

pytestmark = pytest.mark.lab


def access(url: str, token: str, writers: int = 2) -> NetBoxServer:
    """NetBox as we reach it; waiting costs no time."""
    return NetBoxServer(NetBoxAccess(url, token.encode, writers=writers), sleep=lambda _: None)


@pytest.fixture
def person(pristine_netbox: LabNetBox) -> ServerPerson:
    return ServerPerson(pristine_netbox)


@pytest.fixture
def netbox(pristine_netbox: LabNetBox) -> NetBoxServer:
    return access(pristine_netbox.url, pristine_netbox.token)


@pytest.fixture
def proxy(pristine_netbox: LabNetBox) -> Iterator[Proxy]:
    with proxy_to(pristine_netbox.url, Proxy) as proxy:
        yield proxy


@pytest.fixture
def through_proxy(proxy: Proxy, pristine_netbox: LabNetBox) -> NetBoxServer:
    return access(proxy.url, pristine_netbox.token)


class TestNetBoxServer(NetBoxContract):
    """A real NetBox over HTTP."""

    @pytest.fixture
    def world(self, pristine_netbox: LabNetBox, netbox: NetBoxServer, person: ServerPerson) -> World:
        mark = pristine_netbox.mark()
        return World(netbox, person, lambda: len(pristine_netbox.writes_since(mark)))


def device_id(person: ServerPerson, name: str) -> int:
    record_id: int = person.call("GET", f"dcim/devices/?name={name}")["results"][0]["id"]
    return record_id


def test_a_device_with_an_interface_of_a_person_stays(netbox: NetBoxServer, person: ServerPerson) -> None:
    """NetBox would delete a person's interface along with our device: the device stays, and the reason is told."""
    mirror(netbox, "dc1", POLICY, projected(*SERVERS))
    first = device_id(person, "server-01")
    interface = person.call("POST", "dcim/interfaces/", {"device": first, "name": "eth9", "type": "1000base-t"})
    plan, errors = mirror(netbox, "dc1", POLICY, projected(LEAF))

    assert errors == []
    assert [refusal.message for refusal in plan.refusals] == [
        f"nothing declares it any more, but interface eth9 (id {interface['id']}) depends on it"
    ]
    assert person.call("GET", f"dcim/interfaces/{interface['id']}/")["device"]["id"] == first
    assert person.call("GET", "dcim/devices/?name=server-02")["count"] == 0


def test_an_address_that_a_person_gave_to_our_port(netbox: NetBoxServer, person: ServerPerson) -> None:
    """NetBox would delete it with the port, and with the device through the port: both stay, and it is told why."""
    mirror(netbox, "dc1", POLICY, projected(LEAF, *SERVERS))
    found = person.call("GET", "dcim/interfaces/?name=M1")["results"][0]["id"]
    assigned = {"assigned_object_type": "dcim.interface", "assigned_object_id": found}
    address = person.call("POST", "ipam/ip-addresses/", {"address": "192.0.2.1/32", **assigned})
    _, errors = mirror(netbox, "dc1", POLICY, projected(*SERVERS))

    refused = "the interface has ip addresses that are not ours (1); they would suffer with it"
    assert sorted(errors) == [
        "dcim/devices dc1/Switch/leaf-01: the device has interfaces of ours that could not be deleted (1)",
        f"dcim/interfaces dc1/Switch/leaf-01#M1: {refused}",
    ]
    assert person.call("GET", f"ipam/ip-addresses/{address['id']}/")["assigned_object_id"] == found


def test_a_vlan_that_an_interface_of_a_person_uses_stays(netbox: NetBoxServer, person: ServerPerson) -> None:
    """NetBox would quietly take the VLAN from a person's interface: the VLAN stays."""
    mirror(netbox, "dc1", POLICY, projected(*FABRIC))
    vlan = person.call("GET", "ipam/vlans/?vid=12")["results"][0]["id"]
    body = {"name": "eth9", "type": "1000base-t", "mode": "access", "untagged_vlan": vlan}
    interface = person.call("POST", "dcim/interfaces/", {**body, "device": device_id(person, "leaf-01")})
    left = (*NAMESPACES, LEAF, *SERVERS, vpc("vpc-1", back=11), vpc("vpc-2", front=13))
    plan, errors = mirror(netbox, "dc1", POLICY, projected(*left))

    assert errors == []
    assert [refusal.message for refusal in plan.refusals] == [
        f"nothing declares it any more, but interface eth9 (id {interface['id']}) depends on it"
    ]
    assert person.call("GET", f"dcim/interfaces/{interface['id']}/")["untagged_vlan"]["id"] == vlan


def test_a_short_look_is_cheap(proxy: Proxy, through_proxy: NetBoxServer, person: ServerPerson) -> None:
    """What was read lately is not read again: a look that follows asks for what was written since, and no more."""
    projection = projected(*FABRIC)
    mirror(through_proxy, "dc1", POLICY, projection)
    through_proxy.observe("dc1", projection)
    proxy.requests.clear()
    through_proxy.observe("dc1", projection, is_full=False)
    quiet = list(proxy.requests)
    person.call("PATCH", f"dcim/devices/{device_id(person, 'leaf-01')}/", {"serial": "P1"})
    proxy.requests.clear()
    observation = through_proxy.observe("dc1", projection, is_full=False)

    assert quiet.count("GET /api/core/object-changes/") == 1
    assert len(proxy.requests) <= len(quiet) + 1
    assert "P1" in {record.fields.get("serial") for record in observation.records}


def test_two_passes_prepare_sites_at_once(pristine_netbox: LabNetBox) -> None:
    """Whoever comes second finds what it wanted to make, and goes on."""
    both = [access(pristine_netbox.url, pristine_netbox.token) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda netbox: netbox.prepare_sites(), both))

    names = [field["name"] for field in ServerPerson(pristine_netbox).call("GET", "extras/custom-fields/")["results"]]
    assert sorted(names) == sorted([*STANDING, "hh_revision"])


@pytest.mark.long
def test_the_whole_demo_fabric(proxy: Proxy, through_proxy: NetBoxServer, pristine_netbox: LabNetBox) -> None:
    """A fabric of 490 objects is mirrored without an error; a pass with nothing to do reads a few times and sends no
    write.
    """
    objects = [declared(item.body["kind"], item.name, item.body.get("spec")) for item in build_fabric(FABRIC_500)]
    first, errors = mirror(through_proxy, "dc1", POLICY, projected(*objects))
    assert (len(first.creates), errors) == (320, [])

    mark = pristine_netbox.mark()
    proxy.requests.clear()
    again, _ = mirror(through_proxy, "dc1", POLICY, projected(*objects))

    assert again.is_empty
    assert pristine_netbox.writes_since(mark) == []
    assert {request.partition(" ")[0] for request in proxy.requests} == {"GET"}
    assert len(proxy.requests) <= 10


def test_pages(netbox: NetBoxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the pages, everything is read."""
    projection = projected(*FABRIC)
    mirror(netbox, "dc1", POLICY, projection)
    monkeypatch.setattr(queries, "PAGE", 2)
    observation = netbox.observe("dc1", projection)

    assert {record.ref for record in observation.records} == {record.ref for record in projection.records}
    assert all(record.is_tagged for record in observation.records)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "fault",
    [
        "lost",
        pytest.param("garbled", marks=pytest.mark.long),
        pytest.param("dropped", marks=pytest.mark.long),
    ],
)
def test_an_answer_that_gets_lost(
    proxy: Proxy, through_proxy: NetBoxServer, person: ServerPerson, method: str, fault: str
) -> None:
    """Whether or not NetBox wrote when its answer was lost, or made no sense: nothing is written twice, and nothing is
    missing.
    """
    mirror(through_proxy, "dc1", POLICY, projected(*NAMESPACES, *SERVERS, LEAF))
    mirror(through_proxy, "dc1", POLICY, projected(*NAMESPACES, SERVERS[0]))
    proxy.lose_answer(method, fault)
    edited = declared("Server", "server-01", {"description": "edited"})
    for objects in ([*NAMESPACES, edited, SERVERS[1], LEAF], [*NAMESPACES, edited]):
        projection = projected(*objects)
        _, errors = mirror(through_proxy, "dc1", POLICY, projection)
        assert errors == []
        assert plan_netbox(projection, through_proxy.observe("dc1", projection), POLICY, "dc1").is_empty
    assert person.call("GET", "dcim/devices/")["count"] == 1
    assert proxy.faults == 0


def test_bursts_of_502(proxy: Proxy, through_proxy: NetBoxServer) -> None:
    """A few bad answers of a proxy in front of NetBox are waited out, for reads and for writes."""
    for method in ("GET", "POST"):
        proxy.answer(method, 502, times=3)
    proxy.answer("POST", 503, times=2)
    projection = projected(*FABRIC)
    _, errors = mirror(through_proxy, "dc1", POLICY, projection)

    assert errors == []
    assert proxy.faults == 0
    assert plan_netbox(projection, through_proxy.observe("dc1", projection), POLICY, "dc1").is_empty


@pytest.mark.parametrize(
    ("method", "status"),
    [
        pytest.param("GET", 502, id="reads"),
        pytest.param("POST", 503, id="writes"),
        pytest.param("POST", 502, id="lost"),
    ],
)
def test_an_outage(proxy: Proxy, through_proxy: NetBoxServer, method: str, status: int) -> None:
    """A NetBox that stays away is an error of the pass, after a few attempts."""
    through_proxy.observe("dc1", projected())
    proxy.requests.clear()
    proxy.answer(method, status, times=50)
    with pytest.raises(NetBoxUnavailableError, match=f"HTTP {status}: the proxy says no"):
        mirror(through_proxy, "dc1", POLICY, projected(*FABRIC))

    assert 4 <= sum(request.startswith(method) for request in proxy.requests) <= 20


def test_a_timeout_at_the_proxy_is_not_repeated(proxy: Proxy, through_proxy: NetBoxServer) -> None:
    """After a 504 NetBox may still be writing: nothing is sent a second time in this pass."""
    through_proxy.create_shared(prerequisites.device_type("x"))
    proxy.answer("POST", 504)
    proxy.requests.clear()
    with pytest.raises(NetBoxUnavailableError, match="504"):
        through_proxy.create_shared([prerequisites.site("dc1")])

    assert proxy.requests == ["POST /api/dcim/sites/"]


def test_a_token_of_the_first_kind(pristine_netbox: LabNetBox) -> None:
    """Tokens of version 1 work as well."""
    netbox = access(pristine_netbox.url, pristine_netbox.token_v1)

    assert mirror(netbox, "dc1", POLICY, projected(*SERVERS))[1] == []


def test_a_token_that_is_replaced(pristine_netbox: LabNetBox) -> None:
    """The token of the moment is used: after it was refused, a new one in its place is enough."""
    tokens = [b"nbt_wrong0000001.wrongwrongwrongwrongwrongwrongwrongwrong"]
    netbox = NetBoxServer(NetBoxAccess(pristine_netbox.url, lambda: b"".join(tokens[-1:])))
    for call in (netbox.version, lambda: netbox.observe("dc1", projected())):
        with pytest.raises(NetBoxAccessError) as refused:
            call()
        assert "wrong" not in str(refused.value)
    tokens.append(f"{pristine_netbox.token}\n".encode())

    assert netbox.version() == "4.7.3"


def test_a_token_that_may_only_read(pristine_netbox: LabNetBox) -> None:
    """A token without the right to write reads, and the first write says so."""
    netbox = access(pristine_netbox.url, pristine_netbox.read_only_token)
    with pytest.raises(NetBoxAccessError, match="403"):
        mirror(netbox, "dc1", POLICY, projected(*SERVERS))


SHARED_MODELS = (
    *("dcim.site", "dcim.devicerole", "dcim.devicetype", "dcim.manufacturer", "dcim.platform"),
    *("circuits.circuittype", "extras.tag"),
)


@pytest.mark.parametrize(
    ("unseen", "reason"),
    [
        pytest.param("ipam.prefix", "GET /api/ipam/prefixes/: HTTP 403", id="our own"),
        pytest.param("dcim.devicerole", "may not view what records refer to", id="what ours refer to"),
    ],
)
def test_a_token_that_may_not_look(
    pristine_netbox: LabNetBox, netbox: NetBoxServer, person: ServerPerson, unseen: str, reason: str
) -> None:
    """Where we may not see records, GraphQL shows none: that is an error, and not an empty NetBox."""
    mirror(netbox, "dc1", POLICY, projected(*FABRIC))
    models = [model for model in (*KEYED_CONTENT_TYPES, *SHARED_MODELS, "extras.customfield") if model != unseen]
    user = person.call("POST", "users/users/", {"username": "half", "password": "Half-blind-1"})
    rights = {"name": "half", "object_types": models, "actions": ["view", "add", "change", "delete"]}
    person.call("POST", "users/permissions/", {**rights, "users": [user["id"]]})
    made = person.call("POST", "users/tokens/provision/", {"username": "half", "password": "Half-blind-1"})
    token = f"nbt_{made['key']}.{made['token']}"
    with pytest.raises(NetBoxAccessError, match=reason):
        access(pristine_netbox.url, token).observe("dc1", projected(*FABRIC))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        pytest.param({"unique": False}, "NetBox's custom field hh_key does not ask for unique values", id="not unique"),
        pytest.param(
            {"object_types": [name for name in KEYED_CONTENT_TYPES if name not in {"dcim.cable", "ipam.vlan"}]},
            "NetBox's custom field hh_key does not apply to dcim.cable, ipam.vlan",
            id="object types",
        ),
        pytest.param({"type": "longtext"}, "NetBox's custom field hh_key is of type longtext, not text", id="type"),
    ],
)
def test_a_custom_field_that_does_not_serve(
    netbox: NetBoxServer, person: ServerPerson, pristine_netbox: LabNetBox, fields: dict[str, object], fault: str
) -> None:
    """A key field that somebody made otherwise withholds everything, and is told: records would be lost to us."""
    key = next(record for record in prerequisites.custom_fields() if record.ref.key == "hh_key")
    body = {name: list(value) if isinstance(value, tuple) else value for name, value in key.fields.items()}
    person.call("POST", "extras/custom-fields/", {**body, **fields})
    mark = pristine_netbox.mark()
    plan, _ = mirror(netbox, "dc1", POLICY, projected(*SERVERS))

    assert [block.message for block in plan.blocks] == [fault]
    assert pristine_netbox.writes_since(mark) == []


def test_the_changelog_names_the_fabric(netbox: NetBoxServer, person: ServerPerson) -> None:
    """Every change that we made says which fabric it was for, and what it was for where that is known."""
    mirror(netbox, "dc1", POLICY, projected(*SERVERS))
    projection = projected(declared("Server", "server-01", {"description": "x"}))
    plan = plan_netbox(projection, netbox.observe("dc1", projection, cause="pass 7" + "x" * 300), POLICY, "dc1")
    assert [result.error for result in carry_out(plan, netbox)] == [None] * 2
    changes = person.call("GET", "core/object-changes/?limit=1000")["results"]

    assert {change["action"]["value"] for change in changes} == {"create", "update", "delete"}
    assert {change["message"][:39] for change in changes} == {
        "hedgehog-reconciler: fabric dc1",
        "hedgehog-reconciler: fabric dc1, pass 7",
    }


@pytest.mark.long
def test_parallel_writers(pristine_netbox: LabNetBox) -> None:
    """Several writers at once write the same records as one."""
    netbox = access(pristine_netbox.url, pristine_netbox.token, writers=4)
    objects = [*NAMESPACES, *(vpc(f"vpc-{number}", a=number, b=100 + number) for number in range(1, 40))]
    projection = projected(*objects)

    assert mirror(netbox, "dc1", POLICY, projection)[1] == []
    assert mirror(netbox, "dc1", NetBoxPolicy("dc1", max_deletes=500), projected(*NAMESPACES))[1] == []
    assert len(netbox.observe("dc1", projection).records) == len(projected(*NAMESPACES).records)


@pytest.mark.long
def test_a_bad_record_among_many_batches(netbox: NetBoxServer) -> None:
    """In several batches each bad record is named with NetBox's own words, and no other one suffers."""
    mirror(netbox, "dc1", POLICY, projected(SERVERS[0]))
    records = [device(f"s-{number:03}", status="odd" if number in {3, 77} else "active") for number in range(110)]
    results = netbox.create(records)

    assert {result.ref.key: result.error for result in results if result.error} == {
        "dc1/Server/s-003": "status: odd is not a valid choice.",
        "dc1/Server/s-077": "status: odd is not a valid choice.",
    }
    assert len(netbox.observe("dc1", projected(SERVERS[0])).records) == 109


def test_a_prerequisite_that_nobody_can_make(netbox: NetBoxServer, person: ServerPerson) -> None:
    """A prerequisite whose name a person uses under another slug is an error next to it; what needs it waits."""
    person.call("POST", "dcim/device-roles/", {"name": "Server", "slug": "srv", "color": "9e9e9e"})
    _, errors = mirror(netbox, "dc1", POLICY, projected(*SERVERS, *NAMESPACES))

    assert [error.partition(":")[0] for error in errors] == [
        "dcim/device-roles server",
        "dcim/devices dc1/Server/server-01",
        "dcim/devices dc1/Server/server-02",
    ]
    assert "name" in errors[0]
    assert Ref("ipam/vlan-groups", "dc1/VLANNamespace/default") in {
        record.ref for record in netbox.observe("dc1", projected(*NAMESPACES)).records
    }


def test_a_site_of_another_name(netbox: NetBoxServer, person: ServerPerson) -> None:
    """A site that people made is used as it is, found by its slug."""
    made = person.call("POST", "dcim/sites/", {"name": "Data centre one", "slug": "dc1", "status": "planned"})
    assert mirror(netbox, "dc1", POLICY, projected(*SERVERS))[1] == []

    site = SharedRecord(Ref("dcim/sites", "dc1"), {})
    assert netbox.create_shared([site])[0].error is None
    assert person.call("GET", f"dcim/sites/{made['id']}/")["status"]["value"] == "planned"
