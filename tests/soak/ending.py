"""What must hold once nothing is done any more."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import requests

from tests.canaries import found_in, lab_secrets
from tests.e2e import service_log
from tests.soak import reading
from tests.soak.invariants import TERMINAL, faults, has_looked, unanswered
from tests.soak.truth import untrue
from tests.soak.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.soak.world import SoakFabric, SoakWorld

CALM = 150.0
"""Seconds in which every fabric is in sync once nothing is done any more: a back-off after failures, and a pass."""

_PAUSE = 0.5


def at_rest(world: SoakWorld) -> list[Violation]:
    """Wait until every fabric is in sync with the tip of its branch and at rest; what is wrong when one never is.

    By a pass that began after this was called: NetBox tells nobody here of an edit, and until the next poll an earlier
    status is the best that anybody can know.
    """
    deadline, since = time.monotonic() + CALM, datetime.now(UTC)
    while True:
        restless = [told for fabric in world.fabrics.values() if (told := _restless(fabric, since)) is not None]
        if not restless:
            return []
        if time.monotonic() > deadline:
            return [Violation(time.time(), "in sync at the end", told) for told in restless]
        time.sleep(_PAUSE)


def _restless(fabric: SoakFabric, since: datetime) -> str | None:
    """Why a fabric is not at rest, as a full pass found that began after this moment."""
    try:
        status = fabric.view.status()
    except (requests.ConnectionError, requests.Timeout, AssertionError) as error:
        return f"{fabric.name}: no answer: {error}"
    told = unrest(status, f"main@sha1:{reading.tip(fabric.view.repository)}", since)
    return None if told is None else f"{fabric.name}: {told}"


def unrest(status: JSONObject, tip: str, since: datetime) -> str | None:
    """Why a fabric of this status (that of `GET /fabrics/{name}`) is not in sync with the branch at `tip`, as a pass
    found that began after this moment.
    """
    is_fresh = has_looked(status, since.timestamp())
    if is_fresh and status["sync_status"] == "in_sync" and not status["reconciling"] and status["revision"] == tip:
        return None
    shown = {
        name: status[name] for name in ("sync_status", "reason", "message", "reconciling", "revision", "last_pass")
    }
    return f"{shown}, the branch is at {tip}"


def settled_violations(world: SoakWorld, asked: Iterable[str]) -> Iterator[Violation]:
    """Everything is as it says, people's records are as they were, every request ended. `asked`: those of our own."""
    now = time.time()
    for name, fabric in world.fabrics.items():
        # a poll may be at work: it changes nothing
        for told in untrue(name, reading.read(fabric, reading.tip(fabric.view.repository)))[:10]:
            yield Violation(now, "everything agrees at the end", f"{name}: {told}")
    try:
        world.people.assert_untouched()
    except AssertionError as error:
        yield Violation(now, "people's records are theirs", str(error))
    ids = {*asked, *_delivered(world.answers), *_logged(world)}
    yield from unanswered({one: _state(world, one) for one in sorted(ids)}, now)


def verified(world: SoakWorld) -> Iterator[Violation]:
    """The code that ran is whole, and what must run does: `reconciler verify` finds no failure."""
    process = world.service.process
    command = [*process.program, "verify", "--config", str(process.configuration), "--output", "json"]
    done = subprocess.run(
        command, env={**os.environ, **process.variables}, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        yield Violation(time.time(), "verify", f"exit code {done.returncode}: {done.stdout}{done.stderr}")


def _state(world: SoakWorld, request: str) -> str | None:
    """The state in which a request is; one that goes on has a moment to end."""
    deadline = time.monotonic() + 30
    while True:
        answer = world.service.session.get(f"{world.service.url}/requests/{request}", timeout=30)
        state: str | None = answer.json()["state"] if answer.ok else None
        if state is None or state in TERMINAL or time.monotonic() > deadline:
            return state
        time.sleep(_PAUSE)


def _delivered(answers: Path) -> Iterator[str]:
    """The requests that the service named to the hooks."""
    for line in answers.read_text().splitlines() if answers.exists() else ():
        if line.startswith("webhook: 20"):
            yield from (one["id"] for one in json.loads(line.split(" ", 2)[2])["requests"])


def _logged(world: SoakWorld) -> Iterator[str]:
    """The requests that the service says that it accepted, whatever asked for them."""
    yield from (line["request"] for line in _lines(world) if line.get("event") == "request accepted")


def _lines(world: SoakWorld, start: int = 0) -> list[JSONObject]:
    return service_log.entries(world.service.log, start)


def end_of_log(world: SoakWorld) -> Iterator[Violation]:
    """The log of all processes holds no error and no secret."""
    yield from faults(_lines(world))
    secrets = lab_secrets(world.lab) | {
        file.name: file.read_text() for file in (world.service.folder / "secrets").iterdir()
    }
    for name in sorted(found_in(world.service.log.read_bytes(), secrets)):
        yield Violation(time.time(), "no secret in the log", name)
