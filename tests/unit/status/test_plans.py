"""Plans as the API gives them, and which plan a hash names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import PlanChangedError
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.netbox import ExistingRecord, Record, Ref
from reconciler.model.netbox_plan import Block as NetBoxBlock
from reconciler.model.netbox_plan import NetBoxPlan, RecordDrift
from reconciler.model.passes import Failure, Outcome, PassRecord, Phase
from reconciler.model.plan import ClusterPlan, Finding
from reconciler.model.problems import Problem, Severity
from reconciler.model.status import Approval, FabricRecord
from reconciler.plan.approval import hold
from reconciler.reconcile import Preview
from reconciler.status.plan_views import plan_view
from reconciler.status.plans import Plans
from tests.unit.plan.world import NOW, REVISION, World, desired, key, manifest, vpc
from tests.unit.store import samples

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Value

FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy(prune=True))
CHANGES = vpc("changes", mode="b")
NEW = manifest("VPC", "new", {"mode": "c", "subnets": {"a": {"vlan": 1}}}, team="net")
WANTED = desired(
    CHANGES,
    NEW,
    problems=[
        Problem("a.yaml", 0, 1, "spec", "Type", "not a number", Severity.WARNING),
    ],
)


def _plan(policy: ClusterPolicy) -> ClusterPlan:
    """One create, one update and one delete."""
    world = World()
    world.reconcile(desired(vpc("changes", mode="a"), vpc("gone")))
    world.cluster.edit(CHANGES.key, {"spec": {"mode": "x"}}, "kubectl-edit")
    world.policy = policy
    return world.plan(WANTED)


PLAN = _plan(ClusterPolicy(prune=True))


def _preview(plan: ClusterPlan | None = PLAN, fabric: Fabric = FABRIC, **more: object) -> Preview:
    found = Preview(fabric, WANTED, plan, None, None, ())
    return replace(found, **more)  # type: ignore[arg-type]  # by the field's name


def test_actions() -> None:
    """In order, each with its wave, file and reason: an update with its fields and who owns them, a new object with how
    many it has and no value.
    """
    view = plan_view(_preview())

    assert (view["fabric"], view["revision"], view["hash"], view["mode"]) == ("dc1", str(REVISION), PLAN.hash, "apply")
    update, create, delete = view["actions"]
    assert update == {
        "wave": 1,
        "action": "update",
        "kind": "VPC",
        "namespace": "default",
        "name": "changes",
        "file": "VPC/changes.yaml",
        "reason": "Git changes 1 field",
        "fields": [{"path": ".spec.mode", "desired": "b", "observed": "x", "manager": "kubectl-edit"}],
        "field_count": 1,
        "held": None,
    }
    assert (create["action"], create["fields"], create["field_count"]) == ("create", [], 3)
    assert (delete["action"], delete["name"], delete["file"], delete["wave"]) == ("delete", "gone", None, 2)
    assert view["counts"] == {
        "create": 1,
        "update": 1,
        "delete": 1,
        "held": 0,
        "unchanged": 0,
        "drifted": 0,
        "waiting": 0,
        "conflicts": 0,
        "fighting": 0,
        "pending": 0,
        "prune_pending": 0,
    }


def test_what_waits_for_approval() -> None:
    """Held actions stand among the others, with the reason; whether approval is required, needed and given is said."""
    policy = ClusterPolicy(prune=True, needs_approval=True)
    fabric = replace(FABRIC, cluster=policy)
    approval = Approval(PLAN.hash, NOW, "ann")

    held = plan_view(_preview(hold(PLAN, policy, None, is_full=True, is_whole=True), fabric))
    approved = hold(PLAN, policy, approval, is_full=True, is_whole=True)
    given = plan_view(_preview(approved, fabric, approval=approval))

    assert [one["held"] for one in held["actions"]] == ["ApprovalRequired"] * 3
    assert [one["name"] for one in held["actions"]] == [one["name"] for one in given["actions"]]
    assert [one["wave"] for one in held["actions"]] == [1, 1, 2]
    assert held["approval"] == {
        "required": True,
        "needed": True,
        "hash": PLAN.hash,
        "approved": False,
        "by": None,
        "since": None,
    }
    assert held["blocks"][0]["reason"] == "ApprovalRequired"
    since = "2026-03-01T12:00:00.000Z"
    assert given["approval"] == {
        "required": True,
        "needed": False,
        "hash": None,
        "approved": True,
        "by": "ann",
        "since": since,
    }


def test_too_many_deletes() -> None:
    """Only what is held says so, and approval is needed though it is not required."""
    view = plan_view(_preview(_plan(ClusterPolicy(prune=True, max_deletes=0))))

    assert [one["held"] for one in view["actions"]] == [None, None, "TooManyDeletes"]
    assert (view["approval"]["required"], view["approval"]["needed"], view["counts"]["held"]) == (False, True, 1)


def test_drift_that_is_only_reported() -> None:
    """What differs and is left alone is told apart from what is done about it."""
    observer = ClusterPolicy(is_observer=True)

    view = plan_view(_preview(_plan(observer), replace(FABRIC, cluster=observer, simulated=("cluster",))))

    assert (view["mode"], view["actions"], view["simulated"]) == ("observe", [], ["cluster"])
    assert [(one["name"], one["state"], one["message"]) for one in view["drifted"]] == [
        ("changes", "changed", "the cluster differs from Git"),
        ("new", "desired_only", "the cluster does not have it"),
    ]
    assert view["drifted"][0]["fields"][0]["path"] == ".spec.mode"
    assert view["drifted"][0]["file"] == "VPC/changes.yaml"


def test_findings_problems_and_errors() -> None:
    """Whatever else a pass would say: of objects, of documents, and of what could not be read."""
    finding = Finding(key("VPC", "x"), "Deleting", "the cluster is deleting it")
    found = (finding,)
    plan = replace(PLAN, waiting=found, conflicts=found, fighting=found, pending=found, unknown=("Server",))
    plan = replace(plan, prune_pending=found)
    failure = Failure(Phase.OBSERVE, "kind Server", "ClusterUnavailable", "timed out", is_whole=True)

    view = plan_view(_preview(plan, failures=(failure,)))

    said = {
        "kind": "VPC",
        "namespace": "default",
        "name": "x",
        "file": None,
        "reason": "Deleting",
        "message": "the cluster is deleting it",
    }
    told = ("waiting", "conflicts", "fighting", "pending", "prune_pending")
    assert view["findings"] == {name: [said] for name in told}
    assert view["unknown"] == ["Server"]
    assert (view["problems_total"], view["refused"], view["problems"][0]["file"]) == (1, 0, "a.yaml")
    assert view["errors"] == [
        {"phase": "observe", "subject": "kind Server", "reason": "ClusterUnavailable", "message": "timed out"}
    ]


def test_netbox() -> None:
    """How many records would be written, and why not more; one that is made anew is deleted and created; and what
    others did that is left so, field by field.
    """
    anew = ExistingRecord("circuits/circuit-terminations", 7, "A", {}, "dc1/Connection/out#A", is_tagged=True)
    gone = RecordDrift(Ref("ipam/vrfs", "dc1/VPC/v"), "dc1/v")
    found = ExistingRecord("ipam/prefixes", 7, "10.0.0.0/24", {"vlan": None}, "dc1/VPC/v#a", is_tagged=True)
    fields: dict[str, Value] = {"vlan": Ref("ipam/vlans", "dc1/VPC/v#a"), "status": (1, "active")}
    changed = RecordDrift(found.ref, found.label, found, fields)
    block = NetBoxBlock("PruneBlocked", "documents were refused")
    creates = (Record(anew.ref, "A", {}),)
    plan = NetBoxPlan(remade=(anew,), creates=creates, blocks=(block,), drifted=(gone, changed))

    view = plan_view(_preview(None, replace(FABRIC, cluster=None), desired=None, netbox=plan))

    blocks = [{"reason": "PruneBlocked", "message": "documents were refused"}]
    counts = {"create": 1, "update": 0, "delete": 1, "retained": 0}
    drifted = view["netbox"].pop("drifted")
    remade = ["circuit termination A (id 7)"]
    assert view["netbox"] == {**counts, "remade": remade, "take_over": [], "conflicts": [], "blocks": blocks}
    assert [(one["key"], one["record"], one["state"], one["message"]) for one in drifted] == [
        ("dc1/VPC/v", "VRF dc1/v", "desired_only", "it was deleted from NetBox"),
        ("dc1/VPC/v#a", "prefix 10.0.0.0/24 (id 7)", "changed", "it was edited in NetBox"),
    ]
    assert drifted[1]["fields"] == [
        {"path": "vlan", "desired": "dc1/VPC/v#a", "observed": None, "manager": None},
        {"path": "status", "desired": [1, "active"], "observed": None, "manager": None},
    ]
    assert (view["mode"], view["hash"], view["actions"], view["revision"]) == (None, None, [], None)
    assert plan_view(_preview())["netbox"] is None


class Desk:
    """What is known of a fabric: what its last full pass left, and what a preview finds."""

    def __init__(self, plan: ClusterPlan | None, outcome: Outcome | None, held: int) -> None:
        self.found = _preview(plan)
        self.previews = 0
        last = samples.fabric_record().last_pass
        assert last is not None
        self._last = None if outcome is None else replace(last, outcome=outcome)
        self._held = held

    def preview(self, fabric: str, *, is_fetching: bool = False) -> Preview:
        assert (fabric, is_fetching) == ("dc1", False)
        self.previews += 1
        return self.found

    def fabric(self, name: str) -> FabricRecord:
        return replace(samples.fabric_record(name), last_pass=self._last)

    def pass_(self, fabric: str, pass_id: str) -> PassRecord | None:
        assert (fabric, pass_id) == ("dc1", "p1")
        return replace(samples.pass_record(pass_id), counts={"held": self._held} if self._held else {})


TOLD = "f" * 64
EMPTY = ClusterPlan("dc1", hash="0" * 64)


@pytest.mark.parametrize(
    ("plan", "beginning", "expected"),
    [
        pytest.param(PLAN, PLAN.hash[:12], PLAN.hash, id="that of a pass now"),
        pytest.param(None, TOLD, TOLD, id="where nobody can look, the last pass's"),
        pytest.param(None, TOLD[:12], TOLD, id="by its beginning"),
    ],
)
def test_the_present_plan(plan: ClusterPlan | None, beginning: str, expected: str) -> None:
    """That of a pass now; while none can be made, that which the last full pass left to be approved."""
    desk = Desk(plan, Outcome.BLOCKED, 3)

    assert (Plans(desk, desk).named("dc1", beginning), desk.previews) == (expected, 1)


@pytest.mark.parametrize(
    ("desk", "beginning", "message"),
    [
        pytest.param(Desk(PLAN, Outcome.BLOCKED, 3), "0" * 12, "which is " + PLAN.hash[:12], id="another"),
        pytest.param(Desk(PLAN, Outcome.BLOCKED, 3), TOLD, "which is", id="told by a pass, and changed since"),
        pytest.param(Desk(None, Outcome.BLOCKED, 3), "0" * 12, "nothing to approve", id="another than was told"),
        pytest.param(Desk(PLAN, Outcome.SUCCEEDED, 0), TOLD, "which is", id="carried out"),
        pytest.param(Desk(PLAN, Outcome.BLOCKED, 0), TOLD, "which is", id="blocked for another reason"),
        pytest.param(Desk(PLAN, None, 0), TOLD, "which is", id="no pass yet"),
        pytest.param(Desk(EMPTY, Outcome.SUCCEEDED, 0), EMPTY.hash, "nothing to approve", id="nothing to do"),
        pytest.param(Desk(None, Outcome.SUCCEEDED, 0), TOLD, "nothing to approve", id="no cluster"),
    ],
)
def test_no_plan_of_that_name(desk: Desk, beginning: str, message: str) -> None:
    """What is not the present plan is refused, with the plan that is, or that there is none."""
    with pytest.raises(PlanChangedError, match=message):
        Plans(desk, desk).named("dc1", beginning)


def test_deletes_that_are_held_have_a_name_of_their_own() -> None:
    """Beside the plan as it is shown, what will be left of it can be approved."""
    desk = Desk(_plan(ClusterPolicy(prune=True, max_deletes=0)), None, 0)
    plan = desk.found.plan
    assert plan is not None
    assert plan.held_hash != plan.hash

    for name in (plan.hash, plan.held_hash):
        assert Plans(desk, desk).named("dc1", name[:12]) == name


def test_a_plan_is_that_of_a_preview() -> None:
    """As the view shows it."""
    desk = Desk(PLAN, None, 0)
    expected: JSONObject = plan_view(desk.found)

    assert Plans(desk, desk).plan("dc1") == expected
