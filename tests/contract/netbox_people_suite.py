"""What every implementation of `ports.NetBox` promises where people work in NetBox as well."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import RecordChange, Ref
from reconciler.plan.netbox import plan_netbox
from tests.contract.netbox_records import (
    DEVICE_TYPE,
    FABRIC,
    GROUP,
    NAMESPACES,
    POLICY,
    ROLE,
    SERVERS,
    SITE,
    VRF,
    WIRED,
    declared,
    port,
    projected,
    vpc,
)
from tests.contract.netbox_runner import mirror

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.netbox import Value
    from tests.contract.netbox_world import World


from tests.contract.netbox_suite import NetBoxSuite


def theirs(name: str) -> dict[str, Value]:
    """A device that a person made."""
    return {"name": name, "site": SITE, "role": ROLE, "device_type": DEVICE_TYPE, "status": "planned"}


MOVED = {
    "dc1/Connection/single#leaf-01/E1/3/1--server-02/p1",
    "dc1/Connection/up#leaf-01/E1/49/1--spine-01/E1/1/1",
    "dc1/Switch/leaf-01#M1/172.30.0.8/21",
}
"""Records that a person replaces by other ones: two cables, and an address."""

UNDERLAY = Ref("ipam/vrfs", "dc1/Fabric/underlay")
PLUGGED = {"dcim/cables", "ipam/ip-addresses"}


class PeopleContract(NetBoxSuite):
    """What becomes of records when people work in NetBox beside us."""

    def test_an_edit_of_a_person_is_corrected(self, world: World) -> None:
        """A record of ours that a person renamed is renamed back, not made a second time."""
        projection = self.prepare(world, *FABRIC)
        ref = Ref("dcim/devices", "dc1/Server/server-01")
        world.person.edit("dcim/devices", self.existing(world, ref).id, {"name": "core-7", "status": "offline"})
        plan, errors = mirror(world.netbox, "dc1", POLICY, projection)

        assert (len(plan.updates), len(plan.creates), errors) == (1, 0, [])
        assert self.existing(world, ref).fields["name"] == "server-01"

    def test_records_of_people_stay_as_they_are(self, world: World) -> None:
        """A device, a VLAN group and a prefix of people at our places are reported and stay untouched; what depends on
        them waits, and everything else goes in.
        """
        self.prepare(world, SERVERS[0], declared("IPv4Namespace", "default", {"subnets": []}), vpc("vpc-1"))
        group: dict[str, Value] = {"name": "Default", "slug": "default", "scope": SITE, "vid_ranges": ((1, 4094),)}
        made = [
            ("dcim/devices", world.person.add("dcim/devices", theirs("LEAF-01"))),
            ("ipam/vlan-groups", world.person.add("ipam/vlan-groups", group)),
            ("ipam/prefixes", world.person.add("ipam/prefixes", {"prefix": "10.11.0.0/24", "vrf": VRF})),
        ]
        before = [world.person.look(model, record_id) for model, record_id in made]

        plan, errors = mirror(world.netbox, "dc1", POLICY, projected(*FABRIC))

        assert errors == []
        assert [world.person.look(model, record_id) for model, record_id in made] == before
        conflicts = {refusal.ref for refusal in plan.refusals if refusal.is_conflict}
        waiting = {refusal.ref for refusal in plan.refusals if not refusal.is_conflict}
        assert conflicts == {
            Ref("dcim/devices", "dc1/Switch/leaf-01"),
            Ref("ipam/vlan-groups", "dc1/VLANNamespace/default"),
            Ref("ipam/prefixes", "dc1/VPC/vpc-1#back"),
        }
        assert waiting >= {
            Ref("ipam/vlans", f"dc1/VPC/{part}") for part in ("vpc-1#back", "vpc-1#front", "vpc-2#front")
        }
        assert all(ref.key.startswith(("dc1/Switch/leaf-01#", "dc1/VPC/")) for ref in waiting)
        assert {record.ref.key for record in plan.creates} >= {"dc1/Server/server-02", "dc1/VPC/vpc-2"}
        before_second = world.writes()
        again, _ = mirror(world.netbox, "dc1", POLICY, projected(*FABRIC))
        assert again.is_empty
        assert world.writes() == before_second

    def test_a_vlan_of_a_person_in_our_group(self, world: World) -> None:
        """A VLAN id that a person uses in our group is seen, reported and left to them."""
        self.prepare(world, *NAMESPACES)
        record_id = world.person.add("ipam/vlans", {"group": GROUP, "vid": 12, "name": "printers", "status": "active"})
        before = world.person.look("ipam/vlans", record_id)
        plan, errors = mirror(world.netbox, "dc1", POLICY, projected(*FABRIC))

        assert errors == []
        assert world.person.look("ipam/vlans", record_id) == before
        assert {item.ref.model for item in plan.refusals} == {"ipam/vlans", "ipam/prefixes", "vpn/l2vpn-terminations"}

    def test_a_vrf_of_a_person_with_our_name(self, world: World) -> None:
        """NetBox would allow a second VRF of the name; it is reported instead, and its VPC waits."""
        self.prepare(world, *NAMESPACES)
        record_id = world.person.add("ipam/vrfs", {"name": "dc1/vpc-1", "enforce_unique": True})
        before = world.person.look("ipam/vrfs", record_id)
        plan, errors = mirror(world.netbox, "dc1", POLICY, projected(*NAMESPACES, vpc("vpc-1", back=11)))

        assert errors == []
        assert [item.ref.model for item in plan.refusals] == ["ipam/vrfs", "ipam/prefixes", "ipam/ip-addresses"]
        assert world.person.look("ipam/vrfs", record_id) == before

    def test_a_route_target_of_a_person(self, world: World) -> None:
        """A route target of ours that a person has already is a conflict with a name, and stays theirs."""
        self.prepare(world, *NAMESPACES)
        record_id = world.person.add("ipam/route-targets", {"name": "dc1:vpc-1"})
        before = world.person.look("ipam/route-targets", record_id)
        plan, errors = mirror(world.netbox, "dc1", POLICY, projected(*WIRED))

        assert errors == []
        conflicts = [refusal.ref for refusal in plan.refusals if refusal.is_conflict]
        assert conflicts == [Ref("ipam/route-targets", "dc1/VPC/vpc-1#rt")]
        assert world.person.look("ipam/route-targets", record_id) == before

    def test_a_cable_of_a_person(self, world: World) -> None:
        """A port into which a person plugged a cable is a conflict, and that cable stays; so does their address."""
        projection = projected(*WIRED)
        self.settle(world, projection)
        mine = [one for one in world.netbox.observe("dc1", projection).records if one.ref.key in MOVED]
        assert len(mine) == len(MOVED)
        for existing in sorted(mine, key=lambda one: one.model):
            world.person.remove(existing.model, existing.id)
        ends: dict[str, Value] = {"a": port("Switch/leaf-01", "E1/3/1"), "b": port("Switch/spine-01", "E1/1/1")}
        theirs = [
            ("dcim/cables", world.person.add("dcim/cables", ends)),
            ("ipam/ip-addresses", world.person.add("ipam/ip-addresses", {"address": "172.30.0.8/24", "vrf": UNDERLAY})),
        ]
        before = [world.person.look(*place) for place in theirs]
        plan, errors = mirror(world.netbox, "dc1", POLICY, projection)

        assert errors == []
        assert {refusal.ref.key for refusal in plan.refusals if refusal.is_conflict} == MOVED
        assert before == [world.person.look(*place) for place in theirs]
        assert (plan.late, plan.deletes) == ((), ())

    def test_a_port_that_a_person_deleted(self, world: World) -> None:
        """It comes back, and the cable that was left with one end is plugged in again, not made a second time."""
        projection = projected(*WIRED)
        self.settle(world, projection)
        cable = self.existing(world, Ref("dcim/cables", "dc1/Connection/single#leaf-01/E1/3/1--server-02/p1"))
        world.remove([self.existing(world, port("Server/server-02", "p1"))])
        plan = self.settle(world, projection)

        assert [record.ref for record in plan.creates] == [port("Server/server-02", "p1")]
        assert [(change.existing.id, list(change.fields)) for change in plan.updates] == [(cable.id, ["a"])]

    def test_a_short_look_sees_what_a_long_one_does(self, world: World) -> None:
        """However little is read again, it is known what people did since, and what we did."""
        projection = projected(*WIRED)
        self.settle(world, projection)
        ours = {one.ref.key: one for one in world.netbox.observe("dc1", projection).records if one.model in PLUGGED}
        device_id = self.existing(world, Ref("dcim/devices", "dc1/Server/server-01")).id
        ends: dict[str, Value] = {"a": port("Switch/leaf-01", "E1/3/1"), "b": port("Switch/spine-01", "E1/1/1")}
        deeds: list[Callable[[], object]] = [
            lambda: None,
            lambda: world.person.edit("dcim/devices", device_id, {"name": "renamed", "serial": "P1"}),
            lambda: world.person.add("ipam/vlans", {"group": GROUP, "vid": 45, "name": "p", "status": "active"}),
            lambda: world.remove(ours[key] for key in sorted(MOVED)),
            lambda: world.person.add("dcim/cables", ends),
            lambda: world.person.untag("dcim/devices", device_id),
            lambda: mirror(world.netbox, "dc1", POLICY, projection),
        ]
        for deed in deeds:
            deed()
            short = world.netbox.observe("dc1", projection, is_full=False).records
            whole = world.netbox.observe("dc1", projection).records
            place = attrgetter("model", "id")
            assert sorted(short, key=place) == sorted(whole, key=place)

    def test_what_people_made_is_taken_over(self, world: World) -> None:
        """Where that is wanted, a record of a person in the place of ours becomes ours."""
        policy = NetBoxPolicy("dc1", take_over=True)
        self.prepare(world, *NAMESPACES, SERVERS[0])
        record_id = world.person.add("dcim/devices", {**theirs("server-02"), "serial": "S7"})
        objects = (*NAMESPACES, *SERVERS)
        plan, errors = mirror(world.netbox, "dc1", policy, projected(*objects))

        assert errors == []
        assert [change.existing.id for change in plan.taken] == [record_id]
        found = self.existing(world, Ref("dcim/devices", "dc1/Server/server-02"))
        assert (found.id, found.is_tagged, found.fields["status"]) == (record_id, True, "active")
        assert plan_netbox(
            projected(*objects), world.netbox.observe("dc1", projected(*objects)), policy, "dc1"
        ).is_empty

    def test_a_lost_tag_is_given_back(self, world: World) -> None:
        """Where records are taken over, one of ours that lost its tag gets it back."""
        projection = self.prepare(world, *SERVERS)
        record_id = self.existing(world, Ref("dcim/devices", "dc1/Server/server-01")).id
        world.person.untag("dcim/devices", record_id)
        _, errors = mirror(world.netbox, "dc1", NetBoxPolicy("dc1", take_over=True), projection)

        assert errors == []
        assert self.existing(world, Ref("dcim/devices", "dc1/Server/server-01")).is_tagged

    def test_a_stale_change_is_refused(self, world: World) -> None:
        """What a person changed since it was observed is not overwritten unseen; the others of the call are written."""
        self.prepare(world, *SERVERS)
        first, second = (self.existing(world, Ref("dcim/devices", f"dc1/Server/server-0{n}")) for n in (1, 2))
        world.netbox.observe("dc1", projected(*SERVERS))
        world.person.edit("dcim/devices", first.id, {"serial": "P1"})
        results = world.netbox.update([RecordChange(first, {"serial": "A1"}), RecordChange(second, {"serial": "A2"})])

        assert "changed it since" in (results[0].error or "")
        assert results[1].error is None
        assert self.existing(world, first.ref).fields["serial"] == "P1"

    def test_an_unmarked_record_is_not_deleted(self, world: World) -> None:
        """A record that lost our tag after it was observed stays; the others of the call go."""
        self.prepare(world, *SERVERS)
        first, second = (self.existing(world, Ref("dcim/devices", f"dc1/Server/server-0{n}")) for n in (1, 2))
        world.netbox.observe("dc1", projected(*SERVERS))
        world.person.untag("dcim/devices", first.id)
        before = world.person.look("dcim/devices", first.id)
        results = world.netbox.delete([first, second])

        assert [result.error for result in results] == ["it no longer carries our marks", None]
        assert world.person.look("dcim/devices", first.id) == before

    def test_a_changed_record_is_not_deleted(self, world: World) -> None:
        """A record that a person changed after it was observed stays for this time."""
        self.prepare(world, *SERVERS)
        record = self.existing(world, Ref("dcim/devices", "dc1/Server/server-01"))
        world.netbox.observe("dc1", projected(*SERVERS))
        world.person.edit("dcim/devices", record.id, {"serial": "P1"})

        assert "changed it since" in (world.netbox.delete([record])[0].error or "")

    def test_a_record_that_is_gone_is_fine(self, world: World) -> None:
        """Deleting what somebody else deleted is no error."""
        self.prepare(world, *SERVERS)
        record = self.existing(world, Ref("dcim/devices", "dc1/Server/server-01"))
        world.person.remove(record.model, record.id)

        assert world.netbox.delete([record])[0].error is None

    def test_dependents_protect_a_record(self, world: World) -> None:
        """A VRF in which a person keeps a prefix is not planned to be deleted, nor would be: the prefix is named."""
        self.prepare(world, *SERVERS, vpc("vpc-1"))
        record = self.existing(world, VRF)
        world.person.add("ipam/prefixes", {"prefix": "192.0.2.0/24", "vrf": VRF})
        plan, errors = mirror(world.netbox, "dc1", POLICY, projected(*SERVERS))

        assert (plan.deletes, errors) == ((), [])
        assert [existing.ref for existing in plan.retained] == [VRF]
        assert "192.0.2.0/24" in plan.refusals[0].message
        assert "192.0.2.0/24" in (world.netbox.delete([record])[0].error or "")
