"""Commands that ask a running service: what they ask, what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.cli import client
from reconciler.cli import watching as watching_module
from reconciler.cli.options import login
from reconciler.model.passes import SyncState
from tests.unit.cli import answers
from tests.unit.loopback import Answer, as_json, closed_port, error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said
    from tests.unit.loopback import Loopback

    Cli = Callable[..., Said]

DRIFT: dict[str, Any] = {"states": {"VPC": {SyncState.IN_SYNC: 2, SyncState.CHANGED: 1}}}
PROBLEMS: dict[str, Any] = {"problems": (answers.PROBLEM,), "problems_total": 1}


def test_status_in_sync(cli: Cli, service: Loopback) -> None:
    """A fabric in line is one row of name, status, revision, last success and objects; exit code 0."""
    answers.serve_fabrics(service, answers.fabric())

    said = cli("status")

    heading, row = said.out.splitlines()
    assert heading.split() == ["FABRIC", "STATUS", "REVISION", "LAST", "SYNC", "OBJECTS", "MESSAGE"]
    assert row.split() == ["dc1", "in_sync", "main@aaaaaaaa", "2026-03-01T12:00:00.000Z", "3/3", "Succeeded:", "done"]
    assert (said.code, said.err) == (0, "")


def test_status_in_a_pipe(cli: Cli, service: Loopback) -> None:
    """A fabric is one line, however long its message is."""
    message = "plan waits: " + "word " * 100 + "end"
    answers.serve_fabrics(service, answers.fabric() | {"message": message})

    _, row = cli("status").out.splitlines()

    assert row.startswith("dc1 ")
    assert row.endswith(f"Succeeded: {message}")


@pytest.mark.parametrize(
    ("fabrics", "code"),
    [
        pytest.param([{}, {}], 0, id="all in sync"),
        pytest.param([{}, DRIFT], 2, id="one is not"),
        pytest.param([{"last_pass": None}], 2, id="never synced"),
        pytest.param([], 0, id="no fabrics"),
    ],
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_status_exit_code(cli: Cli, service: Loopback, fabrics: list[dict[str, Any]], code: int, output: str) -> None:
    """0 only when every fabric is in sync, else 2, in either form of output."""
    answers.serve_fabrics(service, *(answers.fabric(f"dc{n}", **changes) for n, changes in enumerate(fabrics)))

    assert cli("status", "--output", output).code == code


def test_status_of_one_fabric(cli: Cli, service: Loopback) -> None:
    """A named fabric is asked for alone, and it alone decides the exit code."""
    answers.serve_fabrics(service, answers.fabric("dc1"), answers.fabric("dc2", **DRIFT))

    said = cli("status", "dc1")

    assert said.code == 0
    assert "dc2" not in said.out
    assert [asked.target for asked in service.asked] == ["GET /fabrics/dc1"]


def test_status_names_the_place_of_a_problem(cli: Cli, service: Loopback) -> None:
    """Below the table each problem is a line with file, line, rule and field, as compilers print it."""
    answers.serve_fabrics(service, answers.fabric("dc1"), answers.fabric("dc2", **PROBLEMS))

    for arguments in (["status"], ["status", "dc2"]):
        lines = cli(*arguments).out.splitlines()
        assert lines[-1].rstrip() == "  fabrics/dc1/a.yaml:7: error: Type spec.vlan: not a number"
    assert "GET /fabrics/dc1" not in {asked.target for asked in service.asked}, "it has no problems to ask for"


def test_status_names_what_is_left_in_netbox(cli: Cli, service: Loopback) -> None:
    """Below the table each record that others changed in NetBox is a line, for one fabric and for all."""
    line = "VRF dc1/v, dc1/VPC/v: it was deleted from NetBox"
    answers.serve_fabrics(service, answers.fabric("dc1", netbox_drift=1, netbox_drifted=(line,)))

    for arguments in (["status"], ["status", "dc1"]):
        said = cli(*arguments)
        assert said.out.splitlines()[-1].rstrip() == f"  NetBox: {line}"
        assert said.code == 2


def test_status_flags(cli: Cli, service: Loopback) -> None:
    """A simulated fabric and one that is being reconciled say so."""
    answers.serve_fabrics(service, answers.fabric(simulated=("cluster",), is_reconciling=True))

    row = cli("status").out.splitlines()[1]

    assert "dc1 (simulated)" in row
    assert "in_sync reconciling " in row


def test_status_of_a_long_mirror(cli: Cli, service: Loopback) -> None:
    """While a pass writes to NetBox, it is told how far it came."""
    progress = {"progress": {"phase": "netbox", "done": 320, "total": 1693}}
    answers.serve_fabrics(service, answers.fabric(is_reconciling=True) | progress)

    assert "in_sync reconciling (NetBox 320/1693)" in cli("status").out.splitlines()[1]


def test_status_of_a_running_pass(cli: Cli, service: Loopback) -> None:
    """While a pass goes on, its phase is told."""
    running = {"id": "p", "triggers": ["push"], "started": "2026-03-01T12:00:00.000Z", "phase": "observe"}
    answers.serve_fabrics(service, answers.fabric(is_reconciling=True) | {"current_pass": running})

    assert "in_sync reconciling (observe)" in cli("status").out.splitlines()[1]


def test_status_as_json(cli: Cli, service: Loopback) -> None:
    """`--output json` is one document on standard output, with what the service said."""
    one = answers.fabric(**PROBLEMS)
    answers.serve_fabrics(service, one)

    assert json.loads(cli("status", "dc1", "--output", "json").out) == {"fabrics": [one]}
    listed = json.loads(cli("status", "-o", "json").out)
    assert [fabric["name"] for fabric in listed["fabrics"]] == ["dc1"]


def test_what_others_wrote_cannot_drive_the_terminal(cli: Cli, service: Loopback) -> None:
    """Control codes and markup in names and messages are shown, not obeyed."""
    hostile = replace(answers.PROBLEM, file="a\nforged: line", message="\x1b[2J[bold]x[/bold]\r\x9b")
    answers.serve_fabrics(service, answers.fabric(problems=(hostile,), problems_total=1))

    said = cli("status")

    assert len(said.out.splitlines()) == 3
    assert "[bold]x[/bold]" in said.out
    assert not {"\x1b", "\r", "\x9b"} & set(said.out)


def test_a_name_is_one_segment(cli: Cli, service: Loopback) -> None:
    """Whatever is typed as a name, no other path is asked for."""
    assert cli("status", "dc1/passes?x=%2e#y").code == 1
    assert cli("passes", "../livez").code == 1

    assert [asked.target for asked in service.asked] == [
        "GET /fabrics/dc1%2Fpasses%3Fx%3D%252e%23y",
        "GET /fabrics",
        "GET /fabrics/..%2Flivez/passes",
        "GET /fabrics",
    ]


class Watching:
    """Ctrl-C is pressed while the service answers for the last time."""

    def __init__(self, service: Loopback) -> None:
        self._service = service

    def sees(self, *found: Answer) -> None:
        """Have these answers given in turn, the last one for ever, and then Ctrl-C pressed."""
        interrupted = replace(found[-1], before=lambda: os.kill(os.getpid(), signal.SIGINT))
        self._service.answer("GET /fabrics", *found, interrupted)


@pytest.fixture
def watching(service: Loopback, monkeypatch: pytest.MonkeyPatch) -> Watching:
    monkeypatch.setattr(watching_module, "WATCH_PERIOD", 0)
    return Watching(service)


def _listed(*fabrics: Any) -> Answer:
    return as_json({"fabrics": list(fabrics)})


def test_watch_looks_until_interrupted(cli: Cli, service: Loopback, watching: Watching) -> None:
    """`--watch` looks again and again, and writes to a pipe what is new; Ctrl-C ends it without an error."""
    watching.sees(_listed(answers.fabric()), _listed(answers.fabric()), _listed(answers.fabric(**DRIFT)))

    said = cli("status", "--watch")

    assert (said.code, said.err) == (0, "")
    assert len(service.asked) >= 4
    assert [line.split()[1] for line in said.out.splitlines()] == ["STATUS", "in_sync", "STATUS", "out_of_sync"]


def test_watch_outlives_the_service(cli: Cli, watching: Watching) -> None:
    """A service that starts anew is waited for: that it is away is said once, and what it says then is shown."""
    stopping = error(503, "unavailable", "The service is stopping.")
    watching.sees(_listed(answers.fabric()), stopping, stopping, _listed(answers.fabric(**DRIFT)))

    said = cli("status", "--watch")

    assert (said.code, said.err) == (0, "")
    assert said.out.count("not reachable, trying again: The service is stopping.") == 1
    assert said.out.splitlines()[-1].split()[1] == "out_of_sync"


def test_watch_as_json(cli: Cli, watching: Watching) -> None:
    """A document a line for every change; that the service is away goes to standard error."""
    watching.sees(_listed(answers.fabric()), error(503, "unavailable", "Stopping."), _listed(answers.fabric("dc2")))

    said = cli("status", "--watch", "--output", "json")

    assert [json.loads(line)["fabrics"][0]["name"] for line in said.out.splitlines()] == ["dc1", "dc2"]
    assert said.err == "error: not reachable, trying again: Stopping.\n"


def test_terminated(cli: Cli, service: Loopback, watching: Watching) -> None:
    """SIGTERM is no Ctrl-C: it is told, by the exit code that shells know."""
    terminate = replace(_listed(answers.fabric()), before=lambda: os.kill(os.getpid(), signal.SIGTERM))
    service.answer("GET /fabrics", _listed(answers.fabric()), terminate)

    said = cli("status", "--watch")

    assert (said.code, said.err) == (143, "error: interrupted\n")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        pytest.param(["succeeded"], 0, id="succeeded"),
        pytest.param(["succeeded", "succeeded"], 0, id="all succeeded"),
        pytest.param(["failed"], 1, id="failed"),
        pytest.param(["superseded"], 1, id="superseded"),
        pytest.param(["running"], 3, id="running"),
        pytest.param(["queued", "succeeded"], 3, id="not all in time"),
        pytest.param(["queued", "failed"], 1, id="a failure is told first"),
        pytest.param([], 0, id="nothing to do"),
    ],
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_reconcile_exit_code(cli: Cli, service: Loopback, states: list[str], code: int, output: str) -> None:
    """0 when every request succeeded, 1 when one failed, 3 when one has not ended in time."""
    requests = [answers.request(state, f"dc{n}") for n, state in enumerate(states)]
    service.answer("POST /reconcile", as_json({"requests": requests, "skipped": []}, 202))

    assert cli("reconcile", "--output", output).code == code


@pytest.mark.parametrize("output", ["text", "json"])
def test_reconcile_of_nothing(cli: Cli, service: Loopback, output: str) -> None:
    """When every fabric was left out nothing is in line for it: that is an error, and not told as a success."""
    service.answer("POST /reconcile", as_json({"requests": [], "skipped": ["dc1", "dc2"]}, 202))

    said = cli("reconcile", "--output", output)

    assert (said.code, said.err) == (1, "error: nothing was reconciled: what was asked for is disabled or suspended\n")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        pytest.param([], {"fabric": None, "wait": 30.0}, id="all"),
        pytest.param(["dc1"], {"fabric": "dc1", "wait": 30.0}, id="one"),
        pytest.param(["dc1", "--wait", "0"], {"fabric": "dc1", "wait": 0.0}, id="without waiting"),
        pytest.param(["--wait", "600"], {"fabric": None, "wait": 600.0}, id="as long as possible"),
    ],
)
def test_reconcile_asks(cli: Cli, service: Loopback, arguments: list[str], body: dict[str, Any]) -> None:
    """What is asked is the fabric, or all, and how long the answer may take."""
    service.answer("POST /reconcile", as_json({"requests": [answers.request("succeeded")], "skipped": []}))

    cli("reconcile", *arguments)

    (asked,) = service.asked
    assert json.loads(asked.body) == body
    assert asked.headers["content-type"] == "application/json"


def test_reconcile_says(cli: Cli, service: Loopback) -> None:
    """Each request is a row with its outcome; a fabric that was left out is named."""
    requests = [answers.request("succeeded", "dc1"), {"id": "r2", "fabric": "dc2", "state": "joined"}]
    service.answer("POST /reconcile", as_json({"requests": requests, "skipped": ["dc9"]}, 202))

    said = cli("reconcile")

    heading, first, second, skipped, follow = said.out.splitlines()
    assert heading.split() == ["FABRIC", "REQUEST", "STATE", "OUTCOME", "REVISION", "MESSAGE"]
    assert first.split() == ["dc1", "r1", "succeeded", "succeeded", "main@aaaaaaaa", "it", "succeeded"]
    assert second.split() == ["dc2", "r2", "joined", "-", "-", "-"]
    assert follow == "dc2: request r2 is joined; `reconciler status dc2 --watch` follows it"
    assert skipped == "dc9: skipped, it is disabled or suspended"
    assert said.code == 3


def test_reconcile_as_json(cli: Cli, service: Loopback) -> None:
    """`--output json` is one document: what the service answered."""
    answer = {"requests": [answers.request("failed")], "skipped": ["dc9"]}
    service.answer("POST /reconcile", as_json(answer))

    said = cli("reconcile", "--output", "json")

    assert json.loads(said.out) == answer
    assert said.err == ""


@pytest.mark.parametrize("wait", ["601", "-1", "soon"])
def test_a_wait_that_cannot_be(cli: Cli, service: Loopback, wait: str) -> None:
    """A wait beyond what the service takes is refused before it is asked."""
    said = cli("reconcile", "--wait", wait)

    assert said.code == 1
    assert "--wait" in said.err
    assert service.asked == []


def test_details_of_one_fabric(cli: Cli, service: Loopback) -> None:
    """A named fabric is told whole: conditions, connections, objects by kind, the last pass."""
    answers.serve_fabrics(service, answers.fabric())

    said = cli("status", "dc1").out

    words = ("CONDITION", "Ready", "CONNECTION", "git", "cluster", "KIND", "VPC", "last pass", "next poll", "webhook")
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("not_applied", [0, 1])
def test_drift_of_one_fabric(cli: Cli, service: Loopback, not_applied: int) -> None:
    """Each object that others changed, or Git, is named, field by field, with who holds the field."""
    answers.serve_fabrics(service, answers.fabric(**DRIFT, not_applied=not_applied))
    field = {"path": "spec.vlan", "desired": 10, "observed": 11, "manager": "kubectl"}
    drifted = {"kind": "VPC", "name": "v", "state": "changed", "since": "2026-03-01T12:00:00.000Z", "message": None}
    fine: dict[str, Any] = {**drifted, "name": "w", "state": "in_sync", "differences": []}
    resources = {"resources": [{**drifted, "differences": [field]}, fine]}
    service.answer("GET /fabrics/dc1/resources", as_json(resources))

    said = cli("status", "dc1")

    assert [line.rstrip() for line in said.out.splitlines()[-2:]] == [
        "  VPC/v: changed since 2026-03-01T12:00:00.000Z",
        "      spec.vlan: 11, wanted 10 (kubectl)",
    ]
    assert said.code == 2


APPROVAL = "not applied: 80 creates wait for approval; look at the plan with `reconciler plan dc1`"
MOMENT = "2026-03-01T12:00:00.000Z"


def _resource(name: str, state: str, message: str | None, *differences: dict[str, Any]) -> dict[str, Any]:
    found = {"kind": "VPC", "name": name, "state": state, "since": MOMENT, "message": message}
    return {**found, "differences": list(differences)}


def _status(cli: Cli, service: Loopback, message: str, *resources: dict[str, Any]) -> list[str]:
    """The lines of `status dc1` that name objects, where this is the fabric's message."""
    counts = dict.fromkeys({SyncState(one["state"]) for one in resources}, 1)
    answers.serve_fabrics(service, answers.fabric(states={"VPC": counts}) | {"message": message})
    service.answer("GET /fabrics/dc1/resources", as_json({"resources": list(resources)}))
    lines = cli("status", "dc1").out.splitlines()
    return [line.rstrip() for line in lines if "VPC/" in line or line.startswith("      ")]


def test_what_the_fabric_says_is_not_said_again(cli: Cli, service: Loopback) -> None:
    """Of many that wait for the one approval there is one line; what is to be said of one beyond that stays."""
    waiting = [_resource(f"v-{n:02}", "desired_only", APPROVAL) for n in range(80)]
    field = {"path": "spec.vlan", "desired": 10, "observed": 11, "manager": None}
    edited = _resource("w", "changed", f"somebody changed it; {APPROVAL}", field)
    moved = _resource("x", "changed", APPROVAL, field)
    alone = _resource("y", "prune_pending", APPROVAL)

    assert _status(cli, service, f"{APPROVAL}; and more", *waiting, edited, moved, alone) == [
        "  80 objects desired_only, as said above: VPC/v-00, VPC/v-01, VPC/v-02 and 77 more",
        f"  VPC/w: changed since {MOMENT}: somebody changed it",
        "      spec.vlan: 11, wanted 10",
        f"  VPC/x: changed since {MOMENT}",
        "      spec.vlan: 11, wanted 10",
        f"  VPC/y: prune_pending since {MOMENT}",
    ]


def test_what_may_not_be_deleted_is_named(cli: Cli, service: Loopback) -> None:
    """Each object that Git declares no more, with why it stays."""
    lines = _status(
        cli, service, "1 object may not be deleted", _resource("v", "prune_pending", "cluster.prune: false")
    )

    assert lines == [f"  VPC/v: prune_pending since {MOMENT}: cluster.prune: false"]


@pytest.mark.parametrize(
    "command", ["status dcl", "passes dcl", "pass dcl x", "suspend dcl", "resume dcl", "plan dcl", "approve dcl x"]
)
def test_did_you_mean(cli: Cli, service: Loopback, command: str) -> None:
    """A mistyped fabric is told with the one that is near."""
    answers.serve_fabrics(service, answers.fabric("dc1"), answers.fabric("west"))
    service.otherwise = error(404, "not_found", "No fabric dcl is configured.")

    said = cli(*command.split())

    assert (said.code, said.err) == (1, "error: no fabric 'dcl' is configured: did you mean dc1?\n")


def test_how_many_passes(cli: Cli, service: Loopback) -> None:
    """People see the last twenty and how to see more; a limit holds for both forms, and JSON has all without one."""
    many = answers.passes(*(f"{number:08}-x" for number in range(30)))
    service.answer("GET /fabrics/dc1/passes", as_json(many))

    assert len(cli("passes", "dc1").out.splitlines()) == 22
    assert cli("passes", "dc1").out.splitlines()[-1] == "and 10 older ones: --limit 30 shows them"
    assert len(cli("passes", "dc1", "--limit", "30").out.splitlines()) == 31
    assert len(json.loads(cli("passes", "dc1", "-o", "json").out)["passes"]) == 30
    assert len(json.loads(cli("passes", "dc1", "-o", "json", "--limit", "2").out)["passes"]) == 2


def test_one_pass(cli: Cli, service: Loopback) -> None:
    """By how its id begins: what it was for, its phases and its failures."""
    listed = answers.passes("abcd-1", "abxy-2")
    service.answer("GET /fabrics/dc1/passes", as_json(listed))
    service.answer("GET /fabrics/dc1/passes/abcd-1", as_json(listed["passes"][0]))

    said = cli("pass", "dc1", "abc")

    assert said.code == 0
    assert said.out.startswith("pass abcd-1 of dc1: ")
    assert "PHASE" in said.out
    assert json.loads(cli("pass", "dc1", "abcd-1", "-o", "json").out) == listed["passes"][0]


@pytest.mark.parametrize(
    ("start", "said_so"),
    [("ab", "2 passes of dc1 begin with 'ab'"), ("zz", "no pass of dc1 begins with 'zz'")],
)
def test_no_one_pass(cli: Cli, service: Loopback, start: str, said_so: str) -> None:
    """A start that several have, or none, is told with where to find them."""
    service.answer("GET /fabrics/dc1/passes", as_json(answers.passes("abcd-1", "abxy-2")))

    said = cli("pass", "dc1", start)

    assert (said.code, said.out) == (1, "")
    assert said_so in said.err
    assert "reconciler passes dc1" in said.err


def test_passes(cli: Cli, service: Loopback) -> None:
    """The history is a row for each pass, the newest first as the service gives them."""
    service.answer("GET /fabrics/dc1/passes", as_json(answers.passes("second-pass", "first-pass")))

    said = cli("passes", "dc1")

    heading, newest, oldest = said.out.splitlines()
    assert heading.split() == ["PASS", "STARTED", "TOOK", "TRIGGERS", "OUTCOME", "REVISION", "MESSAGE"]
    assert newest.split()[:7] == [
        "second-p",
        "2026-03-01T11:59:57.000Z",
        "3.00",
        "s",
        "push,poll",
        "partial",
        "main@aaaaaaaa",
    ]
    assert newest.rstrip().endswith("Conflict: 1 object is in conflict")
    assert oldest.startswith("first-pa")
    assert said.code == 0


def test_passes_as_json(cli: Cli, service: Loopback) -> None:
    """`--output json` is one document: what the service answered."""
    service.answer("GET /fabrics/dc1/passes", as_json(answers.passes("p1")))

    assert json.loads(cli("passes", "dc1", "-o", "json").out) == answers.passes("p1")


SINCE = "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "reason", "said"),
    [
        pytest.param([], None, f"dc1: suspended since {SINCE}", id="without a reason"),
        pytest.param(["--reason", "rack 7"], "rack 7", f"dc1: suspended since {SINCE}: rack 7", id="with a reason"),
        pytest.param(["--reason", "[b]x"], "[b]x", f"dc1: suspended since {SINCE}: [b]x", id="a reason like markup"),
    ],
)
def test_suspend(cli: Cli, service: Loopback, arguments: list[str], reason: str | None, said: str) -> None:
    """What is asked is the fabric with the reason; what is said is since when it is suspended, and why."""
    answer = answers.fabric() | {"suspended": {"since": SINCE, "reason": reason, "by": None}}
    service.answer("POST /fabrics/dc1/suspend", as_json(answer))

    result = cli("suspend", "dc1", *arguments)

    assert (result.code, result.out) == (0, f"{said}\n")
    (asked,) = service.asked
    assert json.loads(asked.body) == {"reason": reason, "by": login()}


def test_in_whose_name(cli: Cli, service: Loopback) -> None:
    """Both switches name somebody, and what is said of a suspension does too."""
    suspended = {"since": SINCE, "reason": "rack 7", "by": "ann"}
    service.answer("POST /fabrics/dc1/suspend", as_json(answers.fabric() | {"suspended": suspended}))
    service.answer("POST /fabrics/dc1/resume", as_json(answers.fabric() | {"request": None}))

    said = cli("suspend", "dc1", "--by", "ann")
    assert cli("resume", "dc1", "--by", "bob").code == 0

    assert said.out == f"dc1: suspended since {SINCE} by ann: rack 7\n"
    assert [json.loads(asked.body)["by"] for asked in service.asked] == ["ann", "bob"]


def test_suspended_in_vain(cli: Cli, service: Loopback) -> None:
    """What somebody else has resumed by the time of the answer is not said to be suspended."""
    service.answer("POST /fabrics/dc1/suspend", as_json(answers.fabric()))

    assert cli("suspend", "dc1").out == "dc1: suspended, and resumed by somebody else since\n"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        pytest.param({"id": "r1", "fabric": "dc1", "state": "queued"}, "a full pass is queued", id="queued"),
        pytest.param(None, "no pass is made, it is disabled in the configuration", id="disabled"),
    ],
)
def test_resume(cli: Cli, service: Loopback, request_: dict[str, Any] | None, said: str) -> None:
    """A fabric that is resumed has a full pass, unless it is disabled."""
    service.answer("POST /fabrics/dc1/resume", as_json(answers.fabric() | {"request": request_}))

    result = cli("resume", "dc1")

    assert (result.code, result.out) == (0, f"dc1: resumed; {said}\n")
    assert json.loads(service.asked[0].body) == {"by": login()}


@pytest.mark.parametrize(("command", "key"), [("suspend", "suspended"), ("resume", "request")])
def test_switching_as_json(cli: Cli, service: Loopback, command: str, key: str) -> None:
    """`--output json` is one document: what the service answered."""
    answer = answers.fabric() | {key: None}
    service.answer(f"POST /fabrics/dc1/{command}", as_json(answer))

    assert json.loads(cli(command, "dc1", "-o", "json").out) == answer


@pytest.mark.parametrize("command", ["suspend", "resume"])
def test_switching_asks_for_one_segment(cli: Cli, service: Loopback, command: str) -> None:
    """Whatever is typed as a name, no other path is switched."""
    assert cli(command, "dc1/../dc2").code == 1

    assert [asked.target for asked in service.asked] == [f"POST /fabrics/dc1%2F..%2Fdc2/{command}", "GET /fabrics"]


TARGETS = {
    "status": "GET /fabrics",
    "status dc1": "GET /fabrics/dc1",
    "status --watch": "GET /fabrics",
    "reconcile": "POST /reconcile",
    "passes dc1": "GET /fabrics/dc1/passes",
    "suspend dc1": "POST /fabrics/dc1/suspend",
    "resume dc1": "POST /fabrics/dc1/resume",
    "plan dc1": "GET /fabrics/dc1/plan",
    "plan dc1 --fetch": "POST /reconcile",
    "approve dc1 abcdef012345": "POST /fabrics/dc1/approve",
    "pass dc1 01": "GET /fabrics/dc1/passes",
}


@pytest.mark.parametrize("command", TARGETS)
def test_nobody_listens(cli: Cli, command: str) -> None:
    """Without a service the error names its address and what to do, and nothing is printed as an answer."""
    address = f"http://127.0.0.1:{closed_port()}"

    said = cli(*command.split(), "--server", address)

    assert (said.code, said.out.strip()) == (1, "")
    assert said.err.startswith(f"error: {address} cannot be reached: ")
    assert "Connection refused" in said.err
    assert "--server" in said.err


def _refused(service: Loopback, said: Said, status: int) -> None:
    assert (said.code, said.out.strip()) == (1, "")
    assert said.err.startswith(f"error: {service.url} is not a reconciler")
    assert str(status) in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("command", TARGETS)
def test_another_service(cli: Cli, service: Loopback, command: str) -> None:
    """Every command names a service that answers something else as no reconciler, in one sentence."""
    service.answer(TARGETS[command], as_json({"status": "ok", "components": {"web": "up"}}))

    _refused(service, cli(*command.split()), 200)


@pytest.mark.parametrize("command", [*TARGETS, *(f"{command} -o json" for command in TARGETS)])
def test_another_service_at_every_path(cli: Cli, service: Loopback, command: str) -> None:
    """Also when it answers whatever else a command asks."""
    service.otherwise = as_json({"status": "ok", "components": ["a"]})

    _refused(service, cli(*command.split()), 200)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(200, b"<html>hello</html>"), id="a page"),
        pytest.param(Answer(200, b""), id="nothing"),
        pytest.param(Answer(200, b"[" * 100_000), id="nested without end"),
        pytest.param(Answer(502, b"<html>bad gateway</html>"), id="a proxy's error"),
        pytest.param(as_json([]), id="a list"),
        pytest.param(as_json(None), id="null"),
        pytest.param(as_json({"error": "no"}, 500), id="another service's error"),
        pytest.param(as_json({"error": {"message": 7}}, 500), id="an error without a sentence"),
        pytest.param(as_json({"fabrics": []}, 302), id="a redirect"),
    ],
)
def test_not_a_reconciler(cli: Cli, service: Loopback, answer: Answer) -> None:
    """Whatever is answered instead of what was asked for is no traceback."""
    service.answer("GET /fabrics", answer)

    _refused(service, cli("status"), answer.status)


@pytest.mark.parametrize("command", TARGETS)
def test_the_service_says_no(cli: Cli, service: Loopback, command: str) -> None:
    """What the service refuses is its own sentence, on standard error, and exit code 1."""
    service.answer(TARGETS[command], error(404, "unknown_fabric", "No fabric dc1 is configured."))

    said = cli(*command.split())

    assert (said.code, said.out.strip(), said.err) == (1, "", "error: No fabric dc1 is configured.\n")


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        pytest.param(404, "No fabric dc1 is configured.", "error: No fabric dc1 is configured.\n", id="unknown"),
        pytest.param(409, "fabric 'dc1' is disabled", "error: fabric 'dc1' is disabled\n", id="disabled"),
        pytest.param(503, "The state cannot be used.", "error: The state cannot be used.\n", id="unusable"),
        pytest.param(
            401,
            "The API token is missing or wrong.",
            "error: The API token is missing or wrong. Name the token with --token-file or RECONCILER_TOKEN.\n",
            id="unauthorized",
        ),
        pytest.param(
            401,
            "No API token is configured: nobody may do this.",
            "error: No API token is configured: nobody may do this. Set server.api_token_file in the service's "
            "configuration.\n",
            id="no token configured",
        ),
        pytest.param(400, "\x1b[2Jx", "error: \N{REPLACEMENT CHARACTER}[2Jx\n", id="hostile"),
    ],
)
def test_refusals(cli: Cli, service: Loopback, status: int, message: str, expected: str) -> None:
    """A refusal is told as it came; one that a token would help says how to give it."""
    service.answer("POST /reconcile", error(status, "code", message))

    said = cli("reconcile")

    assert (said.code, said.out, said.err) == (1, "", expected)


def test_a_suspended_fabric(cli: Cli, service: Loopback) -> None:
    """What a refusal is called tells what to do about it."""
    service.answer("POST /reconcile", error(409, "fabric_suspended", "fabric 'dc1' is suspended"))

    said = cli("reconcile", "dc1")

    assert said.err == "error: fabric 'dc1' is suspended: `reconciler resume` takes it up again\n"


def test_a_wrong_token(cli: Cli, service: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gave a token is told which one it should be."""
    monkeypatch.setenv("RECONCILER_TOKEN", "wrong")
    service.answer("POST /reconcile", error(401, "unauthorized", "The API token is missing or wrong."))

    said = cli("reconcile")

    assert said.err.endswith("is not what server.api_token_file of the service names.\n")
    assert "wrong" not in said.err.replace("missing or wrong", "")


def test_an_answer_without_end(cli: Cli, service: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is larger than any of ours is given up."""
    monkeypatch.setattr(client, "MAX_ANSWER", 1 << 20)
    service.answer("GET /fabrics", Answer(200, b" " * (2 << 20)))

    said = cli("status")

    assert said.code == 1
    assert "more than 1 MiB" in said.err


def test_no_proxy_and_no_netrc(cli: Cli, service: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment's proxy is not asked and its .netrc not read: neither may see or replace the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    answers.serve_fabrics(service, answers.fabric())

    assert cli("status").code == 0

    assert "authorization" not in service.asked[0].headers
