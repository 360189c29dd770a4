"""Many deliveries at once: all are answered, in time; few passes are made of them, the last commit wins, and nothing
grows.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.fabric import FABRIC_500, FabricShape
from tests.e2e import service_log
from tests.e2e.fabrics import SMALL, files
from tests.e2e.installation import wait_until
from tests.e2e.load import Deliveries, Processor, percentile
from tests.lab.git_files import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.json import JSONObject
    from tests.e2e.installation import Installation
    from tests.lab.git_server import Repository

pytestmark = pytest.mark.lab

RATE = 200
GOAL = 0.05
"""Seconds within which 99 % of the deliveries should be answered. What fails is five times as much, as many times over
as the machine held up the service, which is not alone on it.
"""
GOAL_PARSING = 0.25
"""The same, while a pass parses documents that changed."""
SATURATED = 2.0
"""A service that gets less than half of the processor time that it asks for cannot keep up: its answers queue, and how
long says nothing of it.
"""
COALESCED = 10
"""Deliveries that make one pass, at least, while they come faster than passes end."""

long = pytest.mark.long


def _log_size(service: Installation) -> int:
    return service.log.stat().st_size


def _passes_since(service: Installation, place: int) -> list[JSONObject]:
    """The passes that ended since the log had this size."""
    return [line for line in service_log.entries(service.log, place) if line["event"] == "pass ended"]


def _outcomes(service: Installation, requests: Iterable[str]) -> set[str]:
    return {service.get(f"/requests/{request}")["state"] for request in requests}


@pytest.mark.parametrize(
    ("shape", "seconds"),
    [pytest.param(SMALL, 10, id="short"), pytest.param(FABRIC_500, 30, id="long", marks=long)],
)
def test_a_flood_of_deliveries(
    local_service: Installation,
    shape: FabricShape,
    seconds: int,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """200 verified deliveries a second are all accepted while full passes go on, in time, and all reach their end; then
    the memory is what it was.
    """
    service = local_service
    service.settings["poll"] = {"interval": 1}
    service.start()
    commit = service.push(files(shape))
    service.wait_applied(commit)
    deliveries = Deliveries.of(service, commit)
    deliveries.send(RATE, 2)
    service.wait_idle()
    memory, place = service.process.memory(), _log_size(service)
    processor = Processor(service.process.pid)

    load = deliveries.send(RATE, seconds)
    slowdown = processor.slowdown()
    made = _passes_since(service, place)
    service.wait_idle()

    assert load.codes == {202: RATE * seconds}
    slowest = percentile(load.seconds, 0.99)
    figures = {"p50": percentile(load.seconds, 0.5), "p99": slowest, "slowdown": slowdown, "passes": len(made)}
    for name, figure in figures.items():
        record_testsuite_property(f"{seconds} s of deliveries: {name}", figure)
    assert slowest <= 5 * GOAL * slowdown or slowdown > SATURATED, figures
    assert 1 <= len(made) <= RATE * seconds / COALESCED
    # Pushes alone make no pass any more where those before the flood used up what they may have in a row.
    assert {"succeeded"} <= {record["outcome"] for record in made} <= {"no_change", "succeeded"}
    assert len(set(load.requests)) == RATE * seconds
    assert _outcomes(service, load.requests[:: RATE // 4]) == {"succeeded"}
    assert _outcomes(service, load.requests[-1:]) == {"succeeded"}
    wait_until(lambda: service.process.memory() <= memory * 1.2 + 10, what=f"no more than {memory:.0f} MiB and a bit")


def _documents(count: int) -> str:
    """One file of documents that take long to read, and that nobody would apply."""
    annotations = "".join(f"    example.com/note-{number}: read and dropped\n" for number in range(20))
    document = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c{}\n  annotations:\n" + annotations
    return "".join(document.format(number) for number in range(count))


def test_deliveries_while_documents_are_parsed(
    local_service: Installation, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """A pass that parses for seconds does not keep deliveries waiting for as long."""
    service = local_service
    service.start()
    service.wait_applied(service.push(files()))
    service.wait_idle()
    commit = service.push({"many.yaml": _documents(10_000)}, deliver=False)
    processor = Processor(service.process.pid)

    load = Deliveries.of(service, commit).send(RATE / 2, 4)
    slowdown = processor.slowdown()
    service.wait_idle()
    parsed = max(record["phases"].get("read", 0.0) for record in service.passes())

    assert load.codes == {202: RATE * 2}
    slowest = percentile(load.seconds, 0.99)
    figures = {"p99": slowest, "slowdown": slowdown, "seconds of parsing": parsed}
    for name, figure in figures.items():
        record_testsuite_property(f"deliveries while documents are parsed: {name}", figure)
    assert parsed > 1.0, figures
    assert slowest <= 5 * GOAL_PARSING * slowdown or slowdown > SATURATED, figures


def _commit_chain(repository: Repository, path: str, count: int) -> Sequence[str]:
    """Commits on top of main, each of which changes one file, that no branch of the fabric holds yet."""
    stream = "".join(
        f"commit refs/heads/soon\ncommitter Lab <lab@localhost> {1_700_000_000 + number} +0000\ndata 0\n"
        f"{'' if number else 'from refs/heads/main^0'}\nM 100644 inline {path}\ndata {len(str(number))}\n{number}\n"
        for number in range(count)
    )
    _git(repository, "fast-import", "--quiet", stdin=stream)
    return _git(repository, "rev-list", "--reverse", "main..soon").split()


def _git(repository: Repository, *arguments: str, stdin: str = "") -> str:
    """What the host does with its bare repository, or somebody who holds its objects."""
    command = ["git", "-C", str(repository.path), *arguments]
    environment = repository.server.environment()
    done = subprocess.run(command, input=stdin, check=True, capture_output=True, text=True, timeout=60, env=environment)
    return done.stdout


@pytest.mark.parametrize("count", [30, pytest.param(100, marks=long)])
def test_pushes_during_a_pass(local_service: Installation, count: int) -> None:
    """Pushes that arrive while a pass waits for a slow host make one more pass, whatever their number, and the last
    commit is applied.
    """
    service = local_service
    service.start()
    service.wait_applied(service.push(files()))
    repository = service.repository
    commits = _commit_chain(repository, f"{service.path}/note.txt", count)
    place = _log_size(service)

    repository.server.set_fault(repository.name, Fault.HANG)
    requests = []
    for commit in commits:
        _git(repository, "update-ref", "refs/heads/main", commit)
        (accepted,) = service.deliver(commit).json()["requests"]
        requests.append(accepted["id"])
        wait_until(lambda: "pass started" in service.log.read_text()[place:], what="a pass over the first push")
    repository.server.set_fault(repository.name, None)

    service.wait_applied(commits[-1])
    wait_until(lambda: _outcomes(service, requests) == {"succeeded"}, what="every request answered")
    assert len(_passes_since(service, place)) == 2
    assert service.wait_idle()["sync_status"] == "in_sync"


@long
def test_a_hundred_pushes_in_a_minute(local_service: Installation) -> None:
    """Of 100 pushes over HTTPS within a minute, each announced, the last one wins; every request ends well, and at
    most a third as many passes are made.
    """
    service, repository = local_service, local_service.repository
    service.start()
    service.wait_applied(service.push(files(FABRIC_500)))
    commits = _commit_chain(repository, f"{service.path}/note.txt", 100)
    place, started = _log_size(service), time.monotonic()

    requests = []
    for number, commit in enumerate(commits):
        time.sleep(max(0.0, started + number * 0.5 - time.monotonic()))
        _git(repository, "push", "--quiet", repository.url, f"{commit}:refs/heads/main")
        (accepted,) = service.deliver(commit).json()["requests"]
        requests.append(accepted["id"])

    service.wait_applied(commits[-1])
    wait_until(lambda: _outcomes(service, requests) == {"succeeded"}, what="every request answered")
    assert len(_passes_since(service, place)) <= len(commits) / 3
    assert service.wait_idle()["sync_status"] == "in_sync"
