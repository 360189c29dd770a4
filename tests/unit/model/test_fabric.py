"""A fabric, its desired state, its record, and the kinds that Git may hold."""

from __future__ import annotations

import pytest

from reconciler.model.desired import Desired
from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.model.kinds import DECLARABLE, KINDS, OBSERVED, Kind
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.passes import Outcome, SyncState
from reconciler.model.problems import Problem, Severity
from reconciler.model.revision import Revision
from reconciler.model.status import FabricRecord

VPC, OTHER = ObjectKey("VPC", "default", "vpc-1"), ObjectKey("VPC", "default", "vpc-2")
REVISION = Revision("main", "a" * 40)
WARNING = Problem("a.yaml", 0, 1, "", "Odd", "looks odd", Severity.WARNING)
REFUSAL = Problem("a.yaml", 0, 1, "", "Type", "bad")


def _fabric(cluster: ClusterPolicy | None, netbox: NetBoxPolicy | None) -> Fabric:
    return Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=cluster, netbox=netbox)


@pytest.mark.parametrize(
    ("cluster", "netbox", "is_configured", "namespace"),
    [
        pytest.param(None, None, False, "default", id="no target"),
        pytest.param(ClusterPolicy(), None, True, "default", id="a cluster"),
        pytest.param(ClusterPolicy("hh"), NetBoxPolicy("dc1"), True, "hh", id="both"),
        pytest.param(None, NetBoxPolicy("dc1"), True, "default", id="NetBox alone"),
    ],
)
def test_targets(
    cluster: ClusterPolicy | None,
    netbox: NetBoxPolicy | None,
    is_configured: bool,  # noqa: FBT001 - a column of the table
    namespace: str,
) -> None:
    """A fabric needs one target; its documents live in the cluster's namespace, or else in `default`."""
    fabric = _fabric(cluster, netbox)

    assert (fabric.is_configured, fabric.namespace) == (is_configured, namespace)


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        pytest.param((), True, id="no problem"),
        pytest.param((WARNING,), True, id="a warning"),
        pytest.param((WARNING, REFUSAL), False, id="a refusal"),
    ],
)
def test_completeness(problems: tuple[Problem, ...], expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """The desired state is complete when no document was refused; only then may anything be deleted."""
    assert Desired(REVISION, {}, problems).is_complete is expected


def test_declared() -> None:
    """An object is declared by a document that was accepted, and by one that was refused."""
    desired = Desired(REVISION, {VPC: Manifest(VPC, Source("a.yaml"), {})}, refused=frozenset({OTHER}))

    assert desired.declares(VPC)
    assert desired.declares(OTHER)
    assert not desired.declares(ObjectKey("VPC", "default", "vpc-3"))


def test_count() -> None:
    """A record counts the objects of a state over all kinds."""
    record = FabricRecord("dc1", states={"VPC": {SyncState.FAILED: 2}, "Switch": {SyncState.FAILED: 1}})

    assert record.count(SyncState.FAILED) == 3
    assert record.count(SyncState.IN_SYNC) == 0


@pytest.mark.parametrize("outcome", Outcome)
def test_success(outcome: Outcome) -> None:
    """Only a whole success, or nothing to do, moves what is called in line; partial is not success."""
    assert outcome.is_success is (outcome in {Outcome.SUCCEEDED, Outcome.NO_CHANGE})


@pytest.mark.parametrize("kind", OBSERVED, ids=[kind.name for kind in OBSERVED])
def test_kinds(kind: Kind) -> None:
    """Each kind is found by its name, belongs to a Hedgehog group, and is declarable exactly when it has a wave."""
    assert KINDS[kind.name] is kind
    assert kind.api_version.endswith(f".githedgehog.com/{kind.version}")
    assert (kind in DECLARABLE) is kind.is_declarable is (kind.wave is not None)


def test_waves_rise() -> None:
    """Declarable kinds stand in the order in which they are applied, with room between two waves."""
    waves = [kind.wave for kind in DECLARABLE if kind.wave is not None]

    assert waves == sorted(waves)
    assert all(wave % 10 == 0 for wave in waves)
    assert len(KINDS) == len(OBSERVED)
