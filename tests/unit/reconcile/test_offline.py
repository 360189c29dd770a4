"""What is told of a fabric without its cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.desired.manifests.crds import read_crds
from reconciler.desired.memory import MemorySource
from reconciler.errors import GitUnavailableError
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.kinds import KINDS
from reconciler.model.plan import Create
from reconciler.model.problems import Severity
from reconciler.model.served import Served, ServedKind
from reconciler.reconcile.offline import foresee_offline
from tests.unit.reconcile.rig import FABRIC, manifests, with_spec, without

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.fabric import Fabric
    from reconciler.model.objects import Manifest
    from reconciler.model.problems import Problem
    from reconciler.reconcile import Foresight

SERVED = read_crds(Path(__file__).parents[2] / "crds")
MANIFESTS = manifests()
VPC = next(one for one in MANIFESTS if one.key.kind == "VPC")
SPACES = [one.key for one in MANIFESTS if one.key.kind == "VLANNamespace"]
NOTHING_COMPARED = "no cluster was asked: nothing was compared, and its admission may refuse what is right here"


def _foresee(found: Iterable[Manifest], served: Served = SERVED, fabric: Fabric = FABRIC) -> Foresight:
    source = MemorySource()
    source.push(found)
    return foresee_offline(fabric, source, served)


def _problems(found: Foresight) -> list[tuple[Severity, str]]:
    problems: Iterable[Problem] = found.preview.desired.problems if found.preview.desired else ()
    return [(one.severity, one.rule) for one in problems]


def test_a_fabric_that_is_right() -> None:
    """A first apply would create every object; what was not looked at is said."""
    found = _foresee(MANIFESTS)

    plan = found.preview.plan
    assert plan is not None
    assert {type(one) for one in plan.actions} == {Create}
    assert {one.key for one in plan.actions} == {one.key for one in MANIFESTS}
    assert (_problems(found), found.preview.failures) == ([], ())
    assert found.unchecked[0] == NOTHING_COMPARED
    assert [one.partition(":")[0] for one in found.unchecked[1:]] == [
        "Switch",
        "NetBox was not asked",
    ]


def test_schemas_and_rules_refuse() -> None:
    """What is wrong is not among what would be created."""
    wrong = with_spec(MANIFESTS, VPC.key, {**VPC.spec, "mode": 7})

    found = _foresee(wrong)

    assert _problems(found) == [(Severity.ERROR, "WrongType")]
    assert found.preview.plan is not None
    assert VPC.key not in {one.key for one in found.preview.plan.actions}


def test_what_git_does_not_declare_is_a_warning() -> None:
    """A cluster may hold it: whoever refers to it is created all the same."""
    found = _foresee(without(MANIFESTS, *SPACES))

    assert set(_problems(found)) == {(Severity.WARNING, "MissingReference")}
    assert found.preview.plan is not None
    assert len(found.preview.plan.actions) == len(MANIFESTS) - len(SPACES)


def test_kinds_that_the_folder_does_not_define() -> None:
    """Said, each, where Git declares objects of them."""
    switch = KINDS["Switch"]
    served = Served.of([ServedKind("Switch", switch.group, "v2", switch.plural)])

    found = _foresee(MANIFESTS, served)

    assert "Server: the CRDs have no schema for it" in found.unchecked
    assert (
        "Switch: the CRDs define it as switches.wiring.githedgehog.com/v2, and this version applies "
        "wiring.githedgehog.com/v1beta1"
    ) in found.unchecked
    assert not any(one.startswith("GatewayPeering:") for one in found.unchecked)


def test_a_fabric_without_a_cluster() -> None:
    """Its documents are checked, and nothing would be applied."""
    found = _foresee(MANIFESTS, fabric=replace(FABRIC, cluster=None, netbox=None))

    assert found.preview.plan is None
    assert found.preview.desired is not None
    assert found.unchecked[0] == "the fabric has no cluster: nothing is applied"


def test_a_fabric_that_is_only_observed() -> None:
    """What something else would have to create is what we would."""
    found = _foresee(MANIFESTS, fabric=replace(FABRIC, cluster=ClusterPolicy(is_observer=True)))

    assert found.preview.plan is not None
    assert len(found.preview.plan.actions) == len(MANIFESTS)


def test_git_that_is_away() -> None:
    """It is an error, and nothing else is said."""
    source = MemorySource()
    source.fail(GitUnavailableError("away"))

    found = foresee_offline(FABRIC, source, SERVED)

    assert (found.preview.desired, found.preview.plan, found.unchecked) == (None, None, ())
    assert [(one.reason, one.message, one.is_whole) for one in found.preview.failures] == [
        ("GitUnavailable", "away", True)
    ]
