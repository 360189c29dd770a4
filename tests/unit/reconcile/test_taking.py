"""Records of people that become ours: all that belongs together in one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Ref
from reconciler.model.objects import ObjectKey
from reconciler.model.requests import Trigger, Work
from reconciler.queue import Taken
from reconciler.reconcile import Surroundings
from tests.contract.netbox_world import LocalPerson
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.targets.local.netbox_rows import Row

SERVER = ObjectKey("Server", "default", "server-01")
PORT = "enp2s1"
DEVICE_KEY, PORT_KEY = "dc1/Server/server-01", f"dc1/Server/server-01#{PORT}"


class Theirs:
    """A NetBox in which people made a device of the fabric, its port and a cable, before the fabric was shown there."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.rig.fabric = replace(self.rig.fabric, netbox=NetBoxPolicy("dc1", take_over=True))
        self.person = LocalPerson(self.rig.netbox_documents, "dc1")
        self.rig.source.push(manifests())
        self.rig.run()
        mine = {row.key: row for row in self.person.tables().rows.values() if row.key}
        device, port = mine[DEVICE_KEY], mine[PORT_KEY]
        cable = next(row for row in mine.values() if row.model == "dcim/cables" and f"server-01/{PORT}" in str(row.key))
        self.ids = {row.key: row.id for row in (device, port, cable)}
        # Without our marks, and with an odd value, they are what somebody else could have made.
        for row in (device, port, cable):
            self.person.put(replace(row, key=None, is_tagged=False))
        self.person.edit(device.model, device.id, {"description": "by hand"})

    def owned(self) -> dict[str | None, Row]:
        rows = self.person.tables().rows.values()
        return {row.key: row for row in rows if row.key in self.ids and row.is_tagged}


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    return Theirs(tmp_path)


def test_a_device_its_port_and_its_cable(theirs: Theirs) -> None:
    """One pass takes all of them, names each, and brings them in line; the next one has nothing to do."""
    with capture_logs() as logs:
        theirs.rig.run()

    assert theirs.rig.last.outcome == "succeeded", theirs.rig.last.message
    assert {key: row.id for key, row in theirs.owned().items()} == theirs.ids
    assert theirs.owned()[DEVICE_KEY].fields["description"] != "by hand"
    taken = [line["key"] for line in logs if line["event"] == "taken over"]
    assert sorted(taken) == sorted(filter(None, theirs.ids))
    assert taken.index(DEVICE_KEY) < taken.index(PORT_KEY)
    writes = theirs.rig.netbox.writes
    theirs.rig.run()
    assert theirs.rig.netbox.writes == writes


def test_a_scoped_pass_takes_what_is_in_its_scope(theirs: Theirs) -> None:
    """What it does not look at stays theirs."""
    theirs.rig.fabric = replace(theirs.rig.fabric, netbox=NetBoxPolicy("dc1"))
    other = theirs.person.add("dcim/devices", {"name": "spare", "site": Ref("dcim/sites", "dc1")})
    theirs.rig.fabric = replace(theirs.rig.fabric, netbox=NetBoxPolicy("dc1", take_over=True))

    theirs.rig.run_scoped(SERVER)

    assert {DEVICE_KEY, PORT_KEY} <= set(theirs.owned())
    assert theirs.person.look("dcim/devices", other) is not None


def test_one_that_cannot_be_taken(theirs: Theirs) -> None:
    """It is tried once before the rest of the pass, and named; the pass comes to its end."""
    theirs.rig.netbox.refuse(PORT_KEY, "NetBox says no")

    theirs.rig.run()

    assert theirs.rig.last.outcome == "partial"
    assert {one.message for one in theirs.rig.last.failures} >= {"NetBox says no"}
    assert DEVICE_KEY in theirs.owned()
    assert PORT_KEY not in theirs.owned()


def test_a_configuration_that_changes_meanwhile(theirs: Theirs) -> None:
    """A pass whose fabric is configured otherwise by now takes nothing, and writes nothing else."""
    writes = theirs.rig.netbox.writes
    runner = theirs.rig.runner(Surroundings(is_current=lambda _, __: False))
    runner.run(Taken("dc1", Work((Trigger.REQUEST,), (theirs.rig.request().id,)), 0.0))

    assert (theirs.owned(), theirs.rig.netbox.writes) == ({}, writes)
    assert "Superseded" in {one.reason for one in theirs.rig.last.failures}
