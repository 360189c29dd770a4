"""What becomes of records that lead nowhere, and of two records for one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import ADDRESSES, CABLES, DEVICES, INTERFACES, SITES, VLANS, VRFS
from reconciler.model.objects import ObjectKey
from reconciler.plan.projection.draft import Draft
from reconciler.plan.projection.prerequisites import site
from reconciler.plan.projection.reading import MalformedError
from tests.unit.plan.projecting import NAMESPACE, attached, declared, keys, leaf, messages, projected, unbundled
from tests.unit.plan.projecting import fields as fields_of

if TYPE_CHECKING:
    from reconciler.model.netbox import Value

KEY = ObjectKey("Switch", "default", "a")
SITE = Ref(SITES, "dc1")


def draft() -> Draft:
    made = Draft("dc1", "dc1")
    made.need(site("dc1"))
    return made


def device(name: str, **more: Value) -> Record:
    return Record(Ref(DEVICES, name), name, {"name": name, "site": SITE, **more})


def port(name: str, **more: Value) -> Record:
    fields: dict[str, Value] = {"device": Ref(DEVICES, "a"), "name": name}
    return Record(Ref(INTERFACES, name), name, fields | more)


def address(key: str, **more: Value) -> Record:
    return Record(Ref(ADDRESSES, key), key, more)


def test_records_that_need_what_is_not_there() -> None:
    """A record goes with what it cannot be without, and so does all that needs it in turn."""
    made = draft()
    made.add(KEY, port("p"))
    made.add(KEY, device("b"))
    made.add(KEY, port("q", device=Ref(DEVICES, "b"), parent=Ref(INTERFACES, "p")))
    made.add(KEY, Record(Ref(CABLES, "c"), "c", {"a": Ref(INTERFACES, "q"), "b": None}))
    projection = made.finish()

    assert [record.ref.key for record in projection.records] == ["b"]
    assert [item.message for item in projection.skipped] == [
        "p: needs dcim/devices a, which is not there",
        "q: needs dcim/interfaces p, which is not there",
        "c: needs dcim/interfaces q, which is not there",
    ]


def test_fields_that_lead_nowhere() -> None:
    """A reference without which a record can be is left as it is when it leads nowhere; no other field is lost."""
    made = draft()
    loose: dict[str, Value] = {
        "lag": Ref(INTERFACES, "none"),
        "untagged_vlan": Ref(VLANS, "none"),
        "tagged_vlans": (Ref(VLANS, "none"),),
        "primary_mac_address": None,
        "mode": "tagged",
    }
    made.add(KEY, device("a", primary_ip4=Ref(ADDRESSES, "none"), tags=()))
    made.add(KEY, port("p", **loose))
    projection = made.finish()

    assert projection.skipped == ()
    assert [dict(record.fields) for record in projection.records] == [
        {"name": "a", "site": SITE, "tags": ()},
        {"device": Ref(DEVICES, "a"), "name": "p", "primary_mac_address": None, "mode": "tagged"},
    ]


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        pytest.param({"address": "10.0.0.1/24"}, {"address": "10.0.0.1/24"}, True, id="equal"),
        pytest.param({"address": "10.0.0.1/24"}, {"address": "10.0.0.1/32"}, True, id="another length"),
        pytest.param({"address": "10.0.0.1/24"}, {"address": "10.0.0.2/24"}, False, id="another address"),
        pytest.param({"address": "10.0.0.1/24"}, {"address": "10.0.0.1/24", "vrf": SITE}, False, id="another VRF"),
        pytest.param(
            {"address": "10.0.0.1/24", "role": "vip"},
            {"address": "10.0.0.1/24", "role": "vip"},
            False,
            id="shared",
        ),
        pytest.param(
            {"address": "10.0.0.1/24", "role": "anycast", "vrf": SITE},
            {"address": "10.0.0.1/24", "vrf": SITE},
            True,
            id="anycast in a VRF",
        ),
    ],
)
def test_places_of_addresses(first: dict[str, Value], second: dict[str, Value], *, is_one: bool) -> None:
    """A host's address is there once in a VRF, and once outside of all."""
    made = draft()
    made.add(KEY, address("x", **first))

    if is_one:
        with pytest.raises(MalformedError, match="Switch/a: vrf and address are those of x as well"):
            made.add(KEY, address("y", **second))
    else:
        made.add(KEY, address("y", **second))
    assert made.holds(Ref(ADDRESSES, "y")) is not is_one


def test_offered_records() -> None:
    """An offered record is taken unless another has its place."""
    made = draft()
    made.offer(KEY, address("x", address="10.0.0.1/24"))
    made.offer(KEY, address("y", address="10.0.0.1/24"))

    assert [record.ref.key for record in made.finish().records] == ["x"]


def test_refs() -> None:
    """The record of an object has its key; that of a part has the part behind it."""
    assert draft().ref(VRFS, KEY) == Ref(VRFS, "dc1/Switch/a")
    assert draft().ref(VRFS, KEY, "M1") == Ref(VRFS, "dc1/Switch/a#M1")


def test_a_vpc_whose_vlan_namespace_is_not_there() -> None:
    """The VLANs of a VPC wait for their group; the prefixes are there, and whoever uses the VLANs stays as it is."""
    vpc = declared("VPC", "v", {"subnets": {"s": {"subnet": "10.0.0.0/24", "vlan": 1000}}})
    objects = (vpc, leaf("a"), declared("Server", "s"), unbundled("c", "s/e", "a/E1/1"), attached("x", "c", "v/s"))
    projection = projected(*objects)

    assert keys(projection, "ipam/vlans") == keys(projection, "vpn/l2vpn-terminations") == []
    assert "vlan" not in fields_of(projection, "ipam/prefixes", "VPC/v#s")
    assert "tagged_vlans" not in fields_of(projection, "dcim/interfaces", "Server/s#e")
    assert messages(projection) == [
        "VPC/v: dc1/VPC/v#s: needs ipam/vlan-groups dc1/VLANNamespace/default, which is not there",
        "VPC/v: dc1/VPC/v#s/l2vpn/vlan: needs ipam/vlans dc1/VPC/v#s, which is not there",
    ]
    assert projected(NAMESPACE, *objects).skipped == ()
