"""One engine: what may exist only once in the source does, and nothing but the poll reconciles by the clock."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ENGINE = "reconciler.reconcile.engine"

TIMERS = {"sleep", "sleep_until", "sleep_forever", "call_later", "call_at", "Timer", "setitimer", "alarm", "scheduler"}
"""Names of functions and classes that let time pass, or do something after a time."""

LIMITS = {"timeout", "timeout_at", "wait_for", "fail_after", "move_on_after"}
"""Names of functions that end a wait after a time."""

ALLOWED_TIMERS = {
    "reconciler/triggers/poll.py": "the poll: the one timer that reconciles",
    "reconciler/status/waking.py": "waits until a forge or receiver may be told again, and reconciles nothing",
    "reconciler/app/watching.py": "heals an object that somebody else changes back again and again ever more slowly",
    "reconciler/app/integrity_watch.py": "looks at the installed files again every ten minutes, and reconciles nothing",
    "reconciler/app/supervisor.py": "starts a part that ended again after its back-off, and ends a stop that is long",
    "reconciler/app/service.py": "waits for the web server's start, and ends a stop that takes too long",
    "reconciler/app/watchdog.py": "beats each second, to notice an event loop that does not, and reconciles nothing",
    "reconciler/status/changes.py": "gathers changes for a moment before followers are told, and reconciles nothing",
    "reconciler/app/web_server.py": "closes a connection whose request does not come to its end",
    "reconciler/queue.py": "waits until a key is due, by the delay that whoever added it asked for",
    "reconciler/desired/publishing.py": "waits between tries to push a commit that somebody else was faster with",
    "reconciler/status/left_alone.py": "tells NetBox of fabrics that are reconciled no more, and reconciles nothing",
    "reconciler/triggers/intake.py": "ends the wait of a caller for its request",
    "reconciler/triggers/files.py": "looks at the files of the configuration again, whatever the system tells of them",
    "reconciler/triggers/watch/agents.py": "lists agents each minute, and reconciles nothing",
    "reconciler/triggers/watch/reflector.py": "waits between tries to follow a cluster, and for one to be refused",
    "reconciler/cli/service_check.py": "asks a service that starts once more, and reconciles nothing",
    "reconciler/cli/following.py": "draws how far a request has come",
    "reconciler/cli/watching.py": "`status --watch` looks again each second",
    "reconciler/targets/kubernetes/async_transport.py": "ends a request whose answer does not begin",
    "reconciler/targets/local/events.py": "ends a stream that is silent for too long",
    "reconciler/targets/kubernetes/cluster.py": "hands the wait between tries of one request on",
    "reconciler/targets/kubernetes/transport.py": "waits between tries of one request",
    "reconciler/targets/netbox/probing.py": "waits between tries of one request",
    "reconciler/targets/netbox/server.py": "waits between tries of one request",
    "reconciler/targets/netbox/session.py": "waits for the answer to a write that is under way",
    "reconciler/targets/netbox/setup.py": "waits between tries of one request",
    "webhooks/api/events.py": "says each few seconds that a stream is still open",
    "webhooks/api/reconcile.py": "ends the wait of a caller for its request",
    "webhooks/body.py": "ends a request whose body does not come",
    "webhooks/testing.py": "ends the wait of a test for an answer",
}
"""Each file that lets time pass, and what for."""


_LOOKED_AT = (ast.Attribute, ast.Call, ast.Import, ast.ImportFrom)


@cache
def _sources() -> dict[str, list[ast.AST]]:
    """What the tests look at of every file."""
    files = (path for package in ("reconciler", "webhooks") for path in sorted((ROOT / package).rglob("*.py")))
    return {str(path.relative_to(ROOT)): _parsed(path.read_text()) for path in files}


def _parsed(code: str) -> list[ast.AST]:
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, _LOOKED_AT)]


def _nodes(of: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for file, nodes in _sources().items():
        yield from ((file, node) for node in nodes if isinstance(node, of))


def _imported(module: str, name: str) -> dict[str, set[str]]:
    """By file, the local names of something imported from a module."""
    found: dict[str, set[str]] = {}
    for file, node in _nodes(ast.ImportFrom):
        assert isinstance(node, ast.ImportFrom)
        if node.module == module:
            found.setdefault(file, set()).update(
                alias.asname or alias.name for alias in node.names if alias.name == name
            )
    return {file: names for file, names in found.items() if names}


def _calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Calls of a plain name, by file."""
    for file, node in _nodes(ast.Call):
        assert isinstance(node, ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id == name:
            yield file, node


def _keywords(name: str) -> Iterator[str]:
    """The files in which something is called with a keyword, as often as it is."""
    for file, node in _nodes(ast.Call):
        assert isinstance(node, ast.Call)
        yield from (file for keyword in node.keywords if keyword.arg == name)


def _timers(nodes: list[ast.AST]) -> Iterator[str]:
    """Every mention of a timer, called or handed on, and every wait that has a limit."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in TIMERS:
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.name in TIMERS | LIMITS)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_limited(node, node.func):
            yield node.func.attr


def _is_limited(call: ast.Call, function: ast.Attribute) -> bool:
    """Whether a call ends after a time, whatever it waits for. `asyncio.wait` has a limit by name only."""
    if function.attr != "wait":
        return function.attr in LIMITS
    is_of_asyncio = isinstance(function.value, ast.Name) and function.value.id == "asyncio"
    return any(keyword.arg == "timeout" for keyword in call.keywords) or (bool(call.args) and not is_of_asyncio)


def test_sources_are_read() -> None:
    """The tests of this file look at the whole source: an empty look would prove anything."""
    assert len(_sources()) > 100
    assert {"reconciler/reconcile/engine.py", "webhooks/app.py"} <= _sources().keys()


def test_one_call_of_the_pass() -> None:
    """A pass is made in one place only: whatever wants one goes through the queue."""
    runner = "reconciler/reconcile/runner.py"

    assert _imported(ENGINE, "reconcile") == {runner: {"reconcile"}, "reconciler/reconcile/__init__.py": {"reconcile"}}
    assert _imported("reconciler.reconcile", "reconcile") == {}
    assert [file for file, _ in _calls("reconcile")] == [runner]


def test_the_engine_is_not_reached_around_its_import() -> None:
    """Nobody imports the engine as a module, through which a second call would not be seen."""
    whole = [
        file
        for file, node in [*_nodes(ast.Import), *_nodes(ast.ImportFrom)]
        for alias in getattr(node, "names", ())
        if alias.name == ENGINE
        or (isinstance(node, ast.ImportFrom) and (node.module, alias.name) == ("reconciler.reconcile", "engine"))
    ]

    assert whole == []


def test_one_writer_of_last_sync() -> None:
    """One line moves `last_sync`, after a pass; nothing sets it in another way."""
    assert list(_keywords("last_sync")) == ["reconciler/plan/record.py"]
    assert [file for file, call in _calls("FabricRecord") if len(call.args) > 1] == []
    assert [
        file
        for file, node in _nodes(ast.Attribute)
        if isinstance(node, ast.Attribute) and node.attr == "last_sync" and not isinstance(node.ctx, ast.Load)
    ] == []


def test_one_writer_of_the_applied_revision() -> None:
    """The applied revision moves with `last_sync`, in the same line."""
    assert list(_keywords("applied_revision")) == ["reconciler/plan/record.py"]


def test_one_caller_of_the_sync_status() -> None:
    """Every surface of ours shows the status of the views, NetBox that of its site, and receivers of notifications are
    told it: nobody else computes it.
    """
    callers = [
        "reconciler/status/notifications/notifier.py",
        "reconciler/status/site_status.py",
        "reconciler/status/views.py",
    ]

    assert _imported("reconciler.status.sync_status", "sync_status") == {file: {"sync_status"} for file in callers}
    assert [file for file, _ in _calls("sync_status")] == callers


def test_one_recorder_of_passes() -> None:
    """The end of a pass is stored by the runner alone."""
    callers = [
        file
        for file, node in _nodes(ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record_pass"
    ]

    assert callers == ["reconciler/reconcile/runner.py"]


def test_no_other_timer() -> None:
    """Time passes only where there is a reason for it, and each reason is still one."""
    found = {file for file, nodes in _sources().items() if any(_timers(nodes))}

    assert found == ALLOWED_TIMERS.keys()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("import time\ntime.sleep(1)", ["sleep"], id="called"),
        pytest.param("from asyncio import sleep as nap", ["sleep"], id="imported under another name"),
        pytest.param("def f(wait=time.sleep): ...", ["sleep"], id="handed on"),
        pytest.param("loop.call_later(5, f)", ["call_later"], id="of a loop"),
        pytest.param("threading.Timer(5, f).start()", ["Timer"], id="a thread"),
        pytest.param("while not stop.wait(300):\n    f()", ["wait"], id="an event with a limit"),
        pytest.param("event.wait(timeout=300)", ["wait"], id="an event with a limit by name"),
        pytest.param("asyncio.wait(tasks, timeout=300)", ["wait"], id="tasks with a limit"),
        pytest.param("asyncio.wait_for(event.wait(), 300)", ["wait_for"], id="a wait with a limit"),
        pytest.param("async with asyncio.timeout(300): ...", ["timeout"], id="a block with a limit"),
        pytest.param("from asyncio import timeout as limit", ["timeout"], id="a limit under another name"),
        pytest.param("await event.wait()\nawait asyncio.wait(tasks)", [], id="waits without a limit"),
        pytest.param("self._sleep(1)\nawait queue.get()", [], id="something else"),
    ],
)
def test_timers_are_seen(code: str, expected: list[str]) -> None:
    """The look for timers sees them in every form."""
    assert list(_timers(_parsed(code))) == expected
