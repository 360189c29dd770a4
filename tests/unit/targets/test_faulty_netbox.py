"""The NetBox that fails on demand does what it is told, and is itself again afterwards."""

from __future__ import annotations

import pytest

from reconciler.errors import NetBoxAccessError, NetBoxUnavailableError
from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Ref
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.projection import project
from reconciler.targets.local.faults_netbox import FaultyNetBox
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox
from tests.contract.netbox_runner import mirror

POLICY = NetBoxPolicy("dc1")
DESIRED = project(
    "dc1", POLICY, [Manifest(ObjectKey("Server", "default", name), Source(f"{name}.yaml"), {}) for name in "abc"]
)


@pytest.fixture
def netbox() -> FaultyNetBox:
    return FaultyNetBox(LocalNetBox(MemoryDocuments(), "lab"))


def test_without_faults(netbox: FaultyNetBox) -> None:
    """It passes everything on, and counts."""
    _, errors = mirror(netbox, "dc1", POLICY, DESIRED)

    assert errors == []
    assert (netbox.address, netbox.version()) == ("local:lab", "simulated")
    assert netbox.calls == ["observe", "create_shared", "create", "version"]
    assert netbox.writes == len(DESIRED.shared) + 3


def test_a_failure_happens_once(netbox: FaultyNetBox) -> None:
    """The next call fails and does nothing; the one after it works."""
    netbox.fail("create")
    netbox.fail("observe", NetBoxAccessError("no right"))
    with pytest.raises(NetBoxAccessError, match="no right"):
        mirror(netbox, "dc1", POLICY, DESIRED)
    with pytest.raises(NetBoxUnavailableError, match="unreachable"):
        mirror(netbox, "dc1", POLICY, DESIRED)
    assert netbox.observe("dc1", DESIRED).records == ()

    assert mirror(netbox, "dc1", POLICY, DESIRED)[1] == []


def test_a_lost_answer(netbox: FaultyNetBox) -> None:
    """The call's work is done, although it fails."""
    netbox.lose_answer("create")
    with pytest.raises(NetBoxUnavailableError, match="lost"):
        mirror(netbox, "dc1", POLICY, DESIRED)

    assert len(netbox.observe("dc1", DESIRED).records) == 3


def test_a_refused_record(netbox: FaultyNetBox) -> None:
    """One record is refused, whatever is done to it; the others go in, and results keep their order."""
    netbox.refuse("dc1/Server/b", "not today")
    plan, errors = mirror(netbox, "dc1", POLICY, DESIRED)

    assert errors == ["dcim/devices dc1/Server/b: not today"]
    assert [result.ref for result in netbox.create(plan.creates[1:2])] == [Ref("dcim/devices", "dc1/Server/b")]
    assert {record.key for record in netbox.observe("dc1", DESIRED).records} == {"dc1/Server/a", "dc1/Server/c"}
