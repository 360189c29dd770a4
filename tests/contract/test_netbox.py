"""What every implementation of `ports.NetBox` promises, as one suite; here for the embedded NetBox."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StalledError
from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Record, RecordChange, Ref, SharedRecord
from reconciler.model.netbox_schema import MODELS, ORDER
from reconciler.plan.netbox import plan_netbox
from reconciler.plan.projection import prerequisites, project
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox
from tests.contract.netbox_records import (
    FABRIC,
    GROUP,
    LEAF,
    NAMESPACES,
    POLICY,
    SERVERS,
    SITE,
    STANDING,
    VRF,
    WIRED,
    device,
    projected,
    recabled,
    vpc,
)
from tests.contract.netbox_rings import KEPT, REMADE, RINGS, exchange, records
from tests.contract.netbox_runner import carry_out, mirror
from tests.contract.netbox_world import LocalPerson, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject


from tests.contract.netbox_people_suite import PeopleContract


class NetBoxContract(PeopleContract):
    """The whole suite: with what people do, and without."""

    def test_nothing_is_there_at_first(self, world: World) -> None:
        """An empty NetBox has no records and none of the prerequisites."""
        observation = world.netbox.observe("dc1", projected(*FABRIC))

        assert (observation.records, observation.shared, observation.faults) == ((), frozenset(), ())

    def test_it_says_what_it_is(self, world: World) -> None:
        """Version and address are known; the address carries no credentials."""
        assert world.netbox.version()
        assert "@" not in world.netbox.address

    def test_what_is_written_reads_back(self, world: World) -> None:
        """Every field of every record comes back as it was sent, with both marks."""
        projection = self.prepare(world, *FABRIC)
        observation = world.netbox.observe("dc1", projection)
        records = {record.ref: record for record in observation.records}

        assert observation.shared == {record.ref for record in projection.shared}
        assert len(records) == len(projection.records)
        for desired in projection.records:
            existing = records[desired.ref]
            assert existing.is_owned_by("dc1")
            assert {name: existing.fields[name] for name in desired.fields} == desired.fields
            assert existing.version

    def test_a_second_pass_writes_nothing(self, world: World) -> None:
        """What is in line gets no write request at all."""
        projection = self.prepare(world, *FABRIC)
        before = world.writes()
        plan, _ = mirror(world.netbox, "dc1", POLICY, projection)

        assert plan.is_empty
        assert plan.refusals == ()
        assert world.writes() == before

    def test_only_named_fields_are_updated(self, world: World) -> None:
        """An update leaves alone what it does not name, custom fields too."""
        self.prepare(world, *FABRIC)
        ref = Ref("dcim/devices", "dc1/Switch/leaf-01")
        changed = replace(LEAF, spec={**LEAF.spec, "asn": 65102})
        plan, errors = mirror(world.netbox, "dc1", POLICY, projected(*FABRIC[:2], changed, *FABRIC[3:]))

        assert errors == []
        assert [dict(change.fields) for change in plan.updates] == [{"custom_fields.hh_asn": 65102}]
        after = self.existing(world, ref).fields
        assert (after["custom_fields.hh_asn"], after["custom_fields.hh_redundancy"]) == (65102, "eslag-1")
        assert after["description"] == "Zürich, rack 7"

    def test_what_is_gone_is_deleted(self, world: World) -> None:
        """Records of objects that are gone are deleted, dependents first; the others stay."""
        self.prepare(world, *FABRIC)
        left = (*NAMESPACES, LEAF, SERVERS[0], vpc("vpc-1", back=11))
        plan, errors = mirror(world.netbox, "dc1", POLICY, projected(*left))

        assert errors == []
        gone = {record.ref for record in projected(*FABRIC).records} - {
            record.ref for record in projected(*left).records
        }
        assert {existing.ref for existing in plan.deletes} == gone
        models = [existing.model for existing in plan.deletes]
        assert models == sorted(models, key=ORDER.__getitem__, reverse=True)
        assert {record.ref for record in world.netbox.observe("dc1", projected(*left)).records} == {
            record.ref for record in projected(*left).records
        }

    def test_every_model(self, world: World) -> None:
        """A record of each model is written in one pass, with all that refers to later ones, and reads back as it
        should be; and all of it goes again, but for what others share.
        """
        projection, left = projected(*WIRED), projected(*NAMESPACES, SERVERS[0])
        assert (projection.skipped, {one.ref.model for one in projection.records}) == ((), set(MODELS))
        self.settle(world, projection)
        observed = {one.ref: one for one in world.netbox.observe("dc1", projection).records}

        for wanted in projection.records:
            found = observed[wanted.ref]
            assert found.is_tagged
            assert {name: found.fields[name] for name in wanted.fields} == wanted.fields
        self.settle(world, left)
        assert {one.ref for one in world.netbox.observe("dc1", projection).records} == {one.ref for one in left.records}

    def test_cables_move(self, world: World) -> None:
        """Two cables exchange an end: the old ones free their ports before the new ones take them."""
        self.settle(world, projected(*recabled(server_01="E1/10", server_02="E1/11")))
        plan = self.settle(world, projected(*recabled(server_01="E1/11", server_02="E1/10")))

        assert [one.ref.model for one in plan.creates] == ["dcim/cables"] * 2
        assert ([one.model for one in plan.deletes], plan.parked) == (["dcim/cables"] * 2, ())

    def test_everything_that_a_person_exchanged(self, world: World) -> None:
        """Cables, ranges, MAC addresses and terminations in each other's place are healed in one pass. What can step
        aside stays the record that it is, with what people wrote in it.
        """
        self.settle(world, projected(*RINGS))
        before = records(world)
        exchange(world)
        plan = self.settle(world, projected(*RINGS))
        after = records(world)

        assert {existing.ref for existing in plan.remade} == {record.ref for record in plan.creates} == {*REMADE}
        assert plan.deletes == ()
        assert {ref: after[ref].id for ref in KEPT} == {ref: before[ref].id for ref in KEPT}
        assert all(after[ref].fields == before[ref].fields for ref in (*KEPT, *REMADE))
        assert {ref for ref in before if after[ref].id != before[ref].id} == {*REMADE}

    def test_exchanged_vlans(self, world: World) -> None:
        """Two subnets that exchange VLAN ids and prefixes come out right, although NetBox checks record by record."""
        self.prepare(world, *NAMESPACES, vpc("vpc-1", back=11, front=12))
        projection = self.prepare(world, *NAMESPACES, vpc("vpc-1", back=12, front=11))

        assert plan_netbox(projection, world.netbox.observe("dc1", projection), POLICY, "dc1").is_empty
        assert self.existing(world, Ref("ipam/vlans", "dc1/VPC/vpc-1#back")).fields["vid"] == 12

    def test_a_new_record_takes_the_place_of_an_old_one(self, world: World) -> None:
        """A subnet that gets a new name keeps its VLAN id and prefix, although its records are other ones."""
        self.prepare(world, *NAMESPACES, vpc("vpc-1", back=11))
        projection = self.prepare(world, *NAMESPACES, vpc("vpc-1", rear=11))

        assert plan_netbox(projection, world.netbox.observe("dc1", projection), POLICY, "dc1").is_empty
        assert self.found(world, Ref("ipam/vlans", "dc1/VPC/vpc-1#back")) is None

    def test_one_bad_record_is_isolated(self, world: World) -> None:
        """Of many records the bad one has an error that says why, and the others are written."""
        self.prepare(world, SERVERS[0])
        records = [device(f"s-{number:02}") for number in range(30)]
        records[17] = device("s-17", name="x" * 65)
        results = world.netbox.create(records)

        assert [result.ref for result in results] == [record.ref for record in records]
        assert [result.ref.key for result in results if result.error] == ["dc1/Server/s-17"]
        assert "64 characters" in (results[17].error or "")
        assert self.found(world, records[29].ref) is not None

    def test_one_bad_change_is_isolated(self, world: World) -> None:
        """Of several changes the bad one has an error, and the others are written."""
        self.prepare(world, *SERVERS)
        changes = [
            RecordChange(self.existing(world, Ref("dcim/devices", f"dc1/Server/{name}")), {"serial": serial})
            for name, serial in (("server-01", "x" * 51), ("server-02", "B2"))
        ]
        results = world.netbox.update(changes)

        assert [bool(result.error) for result in results] == [True, False]
        assert self.existing(world, changes[1].existing.ref).fields["serial"] == "B2"

    def test_a_reference_to_nothing(self, world: World) -> None:
        """A record that refers to one that does not exist is named, and not made."""
        self.prepare(world, *SERVERS)
        lost = device("lost", role=Ref("dcim/device-roles", "nonesuch"))
        results = world.netbox.create([lost, device("found")])

        assert "nonesuch" in (results[0].error or "")
        assert results[1].error is None
        assert self.found(world, lost.ref) is None

    def test_a_key_is_given_once(self, world: World) -> None:
        """A second record with the key of another one is refused."""
        self.prepare(world, *SERVERS)
        results = world.netbox.create([device("server-01", name="other")])

        assert "unique" in (results[0].error or "")

    def test_nothing_is_made_without_the_marks(self, world: World) -> None:
        """Where tag and custom field do not exist, a record is refused instead of written without them."""
        world.netbox.observe("dc1", projected())
        results = world.netbox.create([Record(VRF, "dc1/vpc-1", {"name": "dc1/vpc-1"})])

        assert "hh-managed" in (results[0].error or "")
        assert world.netbox.observe("dc1", projected()).records == ()

    def test_prerequisites_are_made_once(self, world: World) -> None:
        """A prerequisite that somebody made since it was missed is fine, and stays as they made it."""
        site = prerequisites.site("dc1")
        assert [result.error for result in world.netbox.create_shared([site])] == [None]
        other = SharedRecord(SITE, {**site.fields, "status": "planned"})

        assert [result.error for result in world.netbox.create_shared([other, prerequisites.tag()])] == [None, None]
        assert SITE in world.netbox.observe("dc1", projected()).shared

    def test_a_prerequisite_that_needs_another(self, world: World) -> None:
        """Prerequisites may refer to earlier ones of the same call."""
        needed = prerequisites.device_type("generic-server")

        assert [result.error for result in world.netbox.create_shared(needed)] == [None, None]
        alone = prerequisites.device_type("x", "Other Switch")[1]
        assert "other" in (world.netbox.create_shared([alone])[0].error or "")

    def test_our_own_change_is_not_stale(self, world: World) -> None:
        """A record may be changed twice, and deleted, after one observation."""
        self.prepare(world, *SERVERS)
        record = self.existing(world, Ref("dcim/devices", "dc1/Server/server-01"))
        world.netbox.observe("dc1", projected(*SERVERS))
        errors = [
            world.netbox.update([RecordChange(record, {"serial": "A1"})])[0].error,
            world.netbox.update([RecordChange(record, {"serial": "A2"})])[0].error,
            world.netbox.delete([record])[0].error,
        ]

        assert errors == [None, None, None]
        assert world.person.look(record.model, record.id) is None

    def test_other_fabrics_are_not_ours(self, world: World) -> None:
        """Records of another fabric in the same NetBox are neither seen as ours nor touched."""
        self.prepare(world, *FABRIC)
        policy = NetBoxPolicy("dc10")
        other = project("dc10", policy, FABRIC)
        assert mirror(world.netbox, "dc10", policy, other)[1] == []
        _, errors = mirror(world.netbox, "dc1", POLICY, projected(*NAMESPACES, *SERVERS))

        assert errors == []
        assert plan_netbox(other, world.netbox.observe("dc10", other), policy, "dc10").is_empty

    def test_small_steps_do_the_same(self, world: World) -> None:
        """A plan that is carried out in small steps ends where one in large steps does."""
        projection = projected(*FABRIC)
        plan = plan_netbox(projection, world.netbox.observe("dc1", projection), POLICY, "dc1")

        assert [result for result in carry_out(plan, world.netbox, limit=2) if result.error] == []
        assert plan_netbox(projection, world.netbox.observe("dc1", projection), POLICY, "dc1").is_empty

    def test_nothing_asked_nothing_done(self, world: World) -> None:
        """Empty calls are fine and send nothing."""
        netbox, before = world.netbox, world.writes()

        assert [list(done) for done in (netbox.create([]), netbox.update([]), netbox.delete([]))] == [[], [], []]
        assert list(netbox.create_shared([])) == []
        assert world.writes() == before

    def test_a_site_that_is_not_there(self, world: World) -> None:
        """Asking for a site makes none."""
        assert world.netbox.site("dc1") is None

    def test_a_site_says_how_its_fabric_stands(self, world: World) -> None:
        """Once they are prepared, fields of a site are written, read back, and written one by one."""
        self.prepare(world, *SERVERS)
        before = world.netbox.site("dc1")
        world.netbox.prepare_sites()
        prepared = world.netbox.site("dc1")
        assert before is not None
        assert prepared is not None
        world.netbox.write_site(prepared, STANDING)
        world.netbox.write_site(prepared, {"hh_drift": 3})

        site = world.netbox.site("dc1")

        assert before.fields == {}
        assert prepared.fields == dict.fromkeys((*STANDING, "hh_revision"))
        assert site is not None
        assert (site.id, site.slug) == (prepared.id, "dc1")
        assert {**site.fields, "hh_valid_until": None} == {**STANDING, "hh_valid_until": None} | {
            "hh_drift": 3,
            "hh_revision": None,
        }
        valid_until = site.fields["hh_valid_until"]
        assert isinstance(valid_until, str)
        assert datetime.fromisoformat(valid_until) == datetime(2026, 3, 1, 14, tzinfo=UTC)

    def test_sites_are_prepared_once(self, world: World) -> None:
        """What is there is not made again."""
        world.netbox.prepare_sites()
        before = world.writes()

        world.netbox.prepare_sites()

        assert world.writes() == before

    def test_a_site_that_refuses(self, world: World) -> None:
        """A value for a field that does not exist is refused with a reason, not dropped."""
        self.prepare(world, *SERVERS)
        site = world.netbox.site("dc1")
        assert site is not None

        with pytest.raises(StalledError) as refused:
            world.netbox.write_site(site, {"hh_nothing": 1})

        assert refused.value.reason == "NetBoxRejected"

    def test_a_journal(self, world: World) -> None:
        """A note is one write, and leaves the site as it is."""
        self.prepare(world, *SERVERS)
        site = world.netbox.site("dc1")
        assert site is not None
        before = world.writes()

        world.netbox.note(site, "Sync status is in_sync.")
        world.netbox.note(site, "Sync status is error.", is_trouble=True)

        assert world.writes() == before + 2
        assert world.netbox.site("dc1") == site


class CountingDocuments(MemoryDocuments):
    """Documents that count their transactions."""

    def __init__(self) -> None:
        super().__init__()
        self.saves = 0

    def save(self, collection: str, changes: Mapping[str, JSONObject | None]) -> None:
        self.saves += 1
        super().save(collection, changes)


class TestLocalNetBox(NetBoxContract):
    """The embedded NetBox."""

    @pytest.fixture
    def world(self) -> World:
        documents = CountingDocuments()
        return World(LocalNetBox(documents, "lab"), LocalPerson(documents, "lab"), lambda: documents.saves)

    def test_state_outlives_the_object(self) -> None:
        """Two embedded NetBoxes of one name over the same documents are one; another name is another one."""
        documents = MemoryDocuments()
        projection = projected(*FABRIC)
        mirror(LocalNetBox(documents, "lab"), "dc1", POLICY, projection)

        again, _ = mirror(LocalNetBox(documents, "lab"), "dc1", POLICY, projection)
        other, _ = mirror(LocalNetBox(documents, "other"), "dc1", POLICY, projection)
        assert again.is_empty
        assert not other.is_empty

    @pytest.mark.parametrize(
        ("record", "error"),
        [
            pytest.param(
                Record(Ref("ipam/prefixes", "dc1/VPC/vpc-1#x"), "x", {"prefix": "10.0.0.7/24", "vrf": VRF}),
                "prefix: 10.0.0.7/24 has host bits set",
                id="host bits",
            ),
            pytest.param(
                Record(Ref("ipam/vlans", "dc1/VPC/vpc-1#x"), "x", {"group": GROUP, "vid": 99, "name": "x"}),
                "vid: 99 is outside the ranges of its group",
                id="VLAN id",
            ),
            pytest.param(
                Record(Ref("ipam/vrfs", "dc1/VPC/x"), "x", {"name": "x", "color": "red"}),
                "color: a VRF has no such field",
                id="field",
            ),
            pytest.param(
                device("server-01", name="SERVER-02"),
                "custom field hh_key must have a unique value; "
                "a device with this site and name and tenant already exists",
                id="natural key",
            ),
            pytest.param(
                Record(Ref("ipam/vrfs", "dc1/VPC/x"), "x", {"name": "x", "custom_fields.hh_x": 1}),
                "the custom field hh_x does not exist; custom_fields.hh_x: a VRF has no such field",
                id="custom field",
            ),
        ],
    )
    def test_what_it_refuses(self, record: Record, error: str) -> None:
        """It refuses what NetBox refuses."""
        netbox = LocalNetBox(MemoryDocuments(), "lab")
        mirror(netbox, "dc1", POLICY, projected(*FABRIC))

        assert [result.error for result in netbox.create([record])] == [error]

    def test_a_change_to_nothing(self) -> None:
        """A change that refers to nothing is refused, and so is one of a record that is gone."""
        netbox = LocalNetBox(MemoryDocuments(), "lab")
        projection = projected(*SERVERS)
        mirror(netbox, "dc1", POLICY, projection)
        record = netbox.observe("dc1", projection).records[0]

        assert [
            netbox.update([RecordChange(record, {"role": Ref("dcim/device-roles", "x")})])[0].error,
            netbox.update([RecordChange(replace(record, id=99), {"serial": "x"})])[0].error,
        ] == ["dcim/device-roles x does not exist", "somebody changed it since it was read; the next pass looks again"]
