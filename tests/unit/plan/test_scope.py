"""What belongs to a pass that looks at some objects only."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.netbox import ExistingRecord, Record, RecordChange, Ref, SharedRecord
from reconciler.model.netbox_plan import NetBoxPlan, Refusal
from reconciler.model.objects import Manifest, ObjectKey
from reconciler.plan.scope import shown_in_netbox, with_dependencies, with_dependents, within
from tests.unit.plan.world import key, manifest

SWITCH = manifest("Switch", "leaf-01")
OTHER = manifest("Switch", "leaf-02")
LINK = manifest(
    "Connection", "c1", {"unbundled": {"link": {"server": {"port": "s1/e1"}, "switch": {"port": "leaf-01/E1/1"}}}}
)
VPC = manifest("VPC", "v1")
ATTACHMENT = manifest("VPCAttachment", "a1", {"subnet": "v1/web", "connection": "c1"})
ALL: tuple[Manifest, ...] = (SWITCH, OTHER, LINK, VPC, ATTACHMENT)


def existing(name: str, serial: int) -> ExistingRecord:
    return ExistingRecord("dcim/devices", serial, name, {}, f"dc1/Switch/{name}", is_tagged=True)


def test_dependents_are_found_over_several_steps() -> None:
    """A switch brings its connections along, and the attachments to those; what does not refer to it stays out."""
    found = with_dependents({SWITCH.key}, ALL)

    assert found == {SWITCH.key, LINK.key, ATTACHMENT.key}


def test_an_object_that_nobody_declares_stays_in_the_scope() -> None:
    """A deleted object is looked at although no manifest and no resource stands for it."""
    gone = key("Switch", "gone")

    assert with_dependents({gone}, ALL) == {gone}


def test_devices_of_a_connection_belong_to_its_records() -> None:
    """What NetBox shows of a connection stands at the devices that it refers to."""
    found = with_dependencies({LINK.key}, ALL)

    assert found == {LINK.key, SWITCH.key, key("Server", "s1"), key("VLANNamespace", "default")}


def test_what_is_attached_is_shown_at_the_devices() -> None:
    """An attachment is shown at the ports of its connection: on the switch and on the server, two steps away."""
    assert with_dependencies({ATTACHMENT.key}, ALL) >= {LINK.key, VPC.key, SWITCH.key, key("Server", "s1")}


def test_gateways_of_a_connection_belong_to_its_records() -> None:
    """Nothing waits for a gateway, and yet NetBox shows the link at it."""
    link = {"switch": {"port": "leaf-01/E1/2"}, "gateway": {"port": "gw-1/enp2s1"}}
    connection = manifest("Connection", "c2", {"gateway": {"links": [link, {"gateway": {"port": 7}}]}})

    assert with_dependencies({connection.key}, [connection, SWITCH]) >= {SWITCH.key, key("Gateway", "gw-1")}


def test_what_netbox_shows_of_a_scope() -> None:
    """Of what is there, its dependents and dependencies; of what is gone, and of what controllers write, anything."""
    profile = manifest("SwitchProfile", "p")

    assert shown_in_netbox({LINK.key}, ALL) == with_dependencies(with_dependents({LINK.key}, ALL), ALL)
    assert shown_in_netbox({LINK.key, key("VPCAttachment", "gone")}, ALL) is None
    assert shown_in_netbox({profile.key}, [*ALL, profile]) is None


def test_the_vrf_of_the_fabric_belongs_to_every_scope() -> None:
    """Addresses of any object may need it."""
    underlay = Record(Ref("ipam/vrfs", "dc1/Fabric/underlay"), "underlay", {})

    assert within(NetBoxPlan(creates=(underlay,)), "dc1", {SWITCH.key}).creates == (underlay,)


def plan() -> NetBoxPlan:
    return NetBoxPlan(
        shared=(SharedRecord(Ref("dcim/sites", "dc1"), {}),),
        creates=(
            Record(Ref("dcim/devices", "dc1/Switch/leaf-01"), "leaf-01", {}),
            Record(Ref("dcim/interfaces", "dc1/Switch/leaf-01#E1/1"), "E1/1", {}),
            Record(Ref("dcim/devices", "dc1/Switch/leaf-011"), "leaf-011", {}),
        ),
        updates=(RecordChange(existing("leaf-01", 1), {"serial": "x"}), RecordChange(existing("leaf-02", 2), {})),
        deletes=(existing("leaf-01", 3), existing("leaf-03", 4)),
        refusals=(
            Refusal(Ref("dcim/devices", "dc1/Switch/leaf-01"), "leaf-01", "taken", is_conflict=True),
            Refusal(Ref("dcim/devices", "dc1/Switch/leaf-09"), "leaf-09", "taken", is_conflict=True),
        ),
    )


def test_only_records_of_the_scope_are_planned() -> None:
    """Writes and refusals of other objects are left to the next full pass; prerequisites are for everybody."""
    part = within(plan(), "dc1", {ObjectKey("Switch", "default", "leaf-01")})

    assert [record.label for record in part.creates] == ["leaf-01", "E1/1"]
    assert [change.existing.id for change in part.updates] == [1]
    assert [one.id for one in part.deletes] == [3]
    assert [refusal.label for refusal in part.refusals] == ["leaf-01"]
    assert part.shared == plan().shared


def test_a_plan_in_which_records_step_aside_keeps_what_that_needs() -> None:
    """Half of a swap would leave a record under the name that it got for the moment in between. What is only to be
    deleted is no part of it.
    """
    swap = replace(plan(), parked=(RecordChange(existing("leaf-03", 4), {"name": "parked~4"}),))

    part = within(swap, "dc1", {SWITCH.key})

    assert (part.creates, part.updates, part.parked) == (swap.creates, swap.updates, swap.parked)
    assert [one.id for one in part.deletes] == [3, 4]
    assert [one.id for one in within(swap, "dc1", {OTHER.key}).deletes] == [4]


def test_a_twin_goes_with_a_swap() -> None:
    """A record that has the key of one that is moved must be gone before."""
    twin = existing("leaf-07", 9)
    swap = replace(plan(), parked=(RecordChange(existing("leaf-02", 2), {"name": "parked~2"}),))
    swap = replace(swap, deletes=(*swap.deletes, twin), twins=(twin,))

    assert [one.id for one in within(swap, "dc1", {OTHER.key}).deletes] == [9]
