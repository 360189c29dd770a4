"""`reconciler plan` and `approve`: what they ask, what they print, and their exit codes."""

from __future__ import annotations

import getpass
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.cli.options import login
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.netbox import ExistingRecord, Ref
from reconciler.model.netbox_plan import Block, NetBoxPlan, RecordDrift
from reconciler.model.passes import Failure, FieldDifference, Phase
from reconciler.model.plan import ClusterPlan, Finding, Update
from reconciler.model.problems import Problem, Severity
from reconciler.model.status import Approval
from reconciler.plan.approval import hold
from reconciler.reconcile import Preview
from reconciler.status.plan_views import plan_view
from tests.unit.cli import answers
from tests.unit.loopback import as_json
from tests.unit.plan.world import NOW, World, desired, key, vpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSONObject
    from tests.unit.cli.conftest import Said
    from tests.unit.loopback import Loopback

    Cli = Callable[..., Said]

PLAN = "GET /fabrics/dc1/plan"
NOTHING_ELSE: dict[str, list[object]] = {"remade": [], "take_over": [], "conflicts": [], "blocks": []}
ASKS = ClusterPolicy(prune=True, needs_approval=True)
WANTED = desired(vpc("changes", mode="b"), vpc("new", mode="c"))
NOTHING = Preview(answers.FABRIC, WANTED, ClusterPlan("dc1", hash="0" * 64), None, None, ())


def _made(policy: ClusterPolicy = ClusterPolicy(prune=True), **more: Any) -> Preview:  # noqa: B008 - a frozen value
    """One update, one create and one delete."""
    world = World()
    world.reconcile(desired(vpc("changes", mode="a"), vpc("gone")))
    world.cluster.edit(key("VPC", "changes"), {"spec": {"mode": "x"}}, "kubectl-edit")
    world.policy = policy
    plan = hold(world.plan(WANTED), policy, more.get("approval"), is_full=True, is_whole=True)
    return replace(NOTHING, fabric=replace(answers.FABRIC, cluster=policy), plan=plan, **more)


def _serve(service: Loopback, preview: Preview) -> JSONObject:
    view = plan_view(preview)
    service.answer(PLAN, as_json(view))
    return view


def test_plan(cli: Cli, service: Loopback) -> None:
    """By wave: what is created, updated with each field and who loses it, and deleted; exit code 2."""
    view = _serve(service, _made())

    said = cli("plan", "dc1")

    assert said.out.splitlines() == [
        f"dc1 main@aaaaaaaa: 1 to create, 1 to update, 1 to delete, plan {view['hash'][:12]}",
        "wave 1",
        "  ~ VPC/changes  Git changes 1 field VPC/changes.yaml",
        '      .spec.mode: "x" -> "b" (kubectl-edit)',
        "  + VPC/new      the cluster does not have it (1 fields) VPC/new.yaml",
        "wave 2",
        "  - VPC/gone  Git no longer declares it",
    ]
    assert (said.code, said.err) == (2, "")
    assert [asked.target for asked in service.asked] == [PLAN]


def test_nothing_to_do(cli: Cli, service: Loopback) -> None:
    """One line, and exit code 0."""
    _serve(service, NOTHING)

    said = cli("plan", "dc1")

    assert (said.code, said.out) == (0, "dc1 main@aaaaaaaa: nothing to do in the cluster\n")


def test_what_waits_for_approval(cli: Cli, service: Loopback) -> None:
    """Each action says what holds it, NetBox that it is foreseen with that, the guard its reason, and the last line
    what to do.
    """
    view = _serve(service, _made(ASKS)) | {"netbox": {"create": 0, "update": 1, "delete": 2, **NOTHING_ELSE}}
    service.answer(PLAN, as_json(view))

    lines = cli("plan", "dc1").out.splitlines()

    assert sum("held: ApprovalRequired" in line for line in lines) == 3
    assert lines[-3] == "NetBox: 1 to update, 2 to delete, with what waits for approval"
    assert lines[-2].startswith("blocked: ApprovalRequired: not applied: ")
    assert lines[-1] == f"to have it carried out: reconciler approve dc1 {view['hash'][:12]}"


@pytest.mark.parametrize(("by", "said"), [("ann", " by ann"), (None, "")])
def test_what_is_approved(cli: Cli, service: Loopback, by: str | None, said: str) -> None:
    """By whom, where somebody said it, and since when."""
    plan = _made().plan
    assert plan is not None
    _serve(service, _made(ASKS, approval=Approval(plan.hash, NOW, by)))

    assert cli("plan", "dc1").out.splitlines()[-1] == f"approved since 2026-03-01T12:00:00.000Z{said}"


def test_what_is_only_observed(cli: Cli, service: Loopback) -> None:
    """What differs is shown with its fields, and that nothing is done; it is a difference, so exit code 2."""
    preview = _made(ClusterPolicy(is_observer=True))
    _serve(service, replace(preview, fabric=replace(preview.fabric, simulated=("cluster",))))

    said = cli("plan", "dc1")

    assert said.out.splitlines() == [
        "dc1 (simulated: cluster) main@aaaaaaaa: nothing to do in the cluster, which is only observed",
        "differs, and is left alone",
        "  ! VPC/changes  the cluster differs from Git",
        '      .spec.mode: "x" -> "b" (kubectl-edit)',
        "  ! VPC/new  the cluster does not have it",
    ]
    assert said.code == 2


def test_findings_problems_and_errors(cli: Cli, service: Loopback) -> None:
    """Whatever a pass would say is said; what could not be read is an error, and exit code 1."""
    finding = Finding(key("VPC", "x"), "PruneDisabled", "cluster.prune is false")
    problem = Problem("a.yaml", 0, 7, "spec", "Type", "not a number", Severity.WARNING)
    preview = replace(
        NOTHING,
        desired=desired(problems=[problem] * 101),
        plan=ClusterPlan("dc1", prune_pending=(finding,), hash="0" * 64),
        netbox=NetBoxPlan(blocks=(Block("PruneBlocked", "Git declares no object at all"),)),
        failures=(Failure(Phase.OBSERVE, "kind Server", "ClusterUnavailable", "timed out"),),
    )
    _serve(service, preview)

    said = cli("plan", "dc1")

    lines = said.out.splitlines()
    assert lines[1] == "not deleted: VPC/x: cluster.prune is false"
    assert lines[2] == "blocked: NetBox: PruneBlocked: Git declares no object at all"
    assert lines[3] == "a.yaml:7: warning: Type spec: not a number"
    assert lines[-2:] == ["and 1 more problems", "error: kind Server: ClusterUnavailable: timed out"]
    assert said.code == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"refused": 1}, 1, id="a document is refused"),
        pytest.param({"netbox": {"create": 2, "update": 1, "delete": 0, **NOTHING_ELSE}}, 2, id="NetBox differs"),
        pytest.param({"netbox": {"create": 0, "update": 0, "delete": 0, **NOTHING_ELSE}}, 0, id="NetBox does not"),
    ],
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_exit_codes(cli: Cli, service: Loopback, changes: dict[str, Any], code: int, output: str) -> None:
    """1 for what is wrong, 2 for anything that would be written, else 0: in either form of output."""
    service.answer(PLAN, as_json(plan_view(NOTHING) | changes))

    said = cli("plan", "dc1", "--output", output)

    assert said.code == code
    assert ("NetBox: 2 to create, 1 to update" in said.out) is (code == 2 and output == "text")


def test_what_is_left_in_netbox(cli: Cli, service: Loopback) -> None:
    """What others made of our records is shown with every field, and is reason enough for exit code 2."""
    found = ExistingRecord("ipam/vrfs", 7, "mine", {"name": "mine"}, "dc1/VPC/v", is_tagged=True)
    edited = RecordDrift(found.ref, "dc1/v", found, {"name": "dc1/v"})
    gone = RecordDrift(Ref("ipam/vrfs", "dc1/VPC/w"), "dc1/w")
    _serve(service, replace(NOTHING, netbox=NetBoxPlan(drifted=(edited, gone))))

    said = cli("plan", "dc1")

    assert said.out.splitlines()[1:5] == [
        "differs in NetBox, and is left alone",
        "  ! VRF mine (id 7)  it was edited in NetBox dc1/VPC/v",
        '      name: "mine" -> "dc1/v"',
        "  ! VRF dc1/w  it was deleted from NetBox dc1/VPC/w",
    ]
    assert said.code == 2


def test_json(cli: Cli, service: Loopback) -> None:
    """What the service said, as one document."""
    view = _serve(service, _made())

    assert json.loads(cli("plan", "dc1", "-o", "json").out) == view


def test_fetch(cli: Cli, service: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--fetch` a dry run is asked for, with the token."""
    monkeypatch.setenv("RECONCILER_TOKEN", "canary")
    service.answer("POST /reconcile", as_json({"plans": [plan_view(_made())], "skipped": []}))

    said = cli("plan", "dc1", "--fetch")

    assert said.code == 2
    (asked,) = service.asked
    assert json.loads(asked.body) == {"fabric": "dc1", "dry_run": True}
    assert asked.headers["authorization"] == "Bearer canary"


def test_long_and_hostile_values(cli: Cli, service: Loopback) -> None:
    """A value is cut where it is too long; control codes and markup are shown, not obeyed; nothing is nothing."""
    found = _made().plan
    assert found is not None
    update, *others = found.actions
    assert isinstance(update, Update)
    hostile = FieldDifference(".spec.x", "[bold]" + "x" * 100, None, "\x1b[2J")
    plan = replace(found, actions=(replace(update, differences=(hostile,)), *others))
    _serve(service, replace(NOTHING, plan=plan))

    (line,) = [line for line in cli("plan", "dc1").out.splitlines() if ".spec.x" in line]

    assert line == f'      .spec.x: nothing -> "[bold]{"x" * 73}… (\N{REPLACEMENT CHARACTER}[2J)'


@pytest.mark.parametrize(("arguments", "by"), [(["--by", "ann"], "ann"), ([], "login")])
@pytest.mark.parametrize("request_", [{"id": "r1", "fabric": "dc1", "state": "queued"}, None])
def test_approve(
    cli: Cli,
    service: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    by: str,
    request_: JSONObject | None,
) -> None:
    """What is asked is the hash as it was typed, in the name that was given, or else in that of the login."""
    monkeypatch.setattr(getpass, "getuser", lambda: "login")
    answer = answers.fabric() | {"approved": "abcdef012345" + "6" * 52, "request": request_}
    service.answer("POST /fabrics/dc1/approve", as_json(answer))

    said = cli("approve", "dc1", "abcdef012345", *arguments)

    state = "queued" if request_ else "not made"
    assert (said.code, said.out) == (0, f"dc1: approved plan abcdef012345; the pass is {state}\n")
    assert json.loads(service.asked[0].body) == {"hash": "abcdef012345", "by": by}
    assert json.loads(cli("approve", "dc1", "abcdef012345", "-o", "json").out) == answer


@pytest.mark.parametrize("error", [KeyError("uid 1000"), OSError("no login")])
def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """In a container a user id may have no name: then nobody is named."""

    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert login() is None
