"""What must hold of a service's history, whatever was done to it. Pure: each takes what was seen, and gives what is
wrong with it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from reconciler.model.kinds import AGENTS, OBSERVED
from tests.soak.schedule import FABRICS, PUSHES, SERVERS, Action
from tests.soak.violations import Violation, clock, epoch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from reconciler.model.json import JSONObject

SUCCESS = {"succeeded", "no_change"}
TERMINAL = {"succeeded", "failed", "superseded"}

LONGEST_BACKOFF = 60.0 + 5.0
"""Seconds after which a task that failed is started again, and then some."""

POLL_SLACK, POLL_BACKOFF = 30.0, 120.0
"""Seconds within which a due poll becomes a pass; and while the fabric backs off after a failure."""

LONGEST_SILENCE = 30.0
"""Seconds that the service may need until it answers again after an end, whoever ended it."""

WARM = 20.0
"""Seconds of a life after which memory and the like should not grow any more."""

MOST_MEMORY, MEMORY_GROWTH = 300.0, 30.0
"""MiB in all, and between the first and the last third of a life: of the most there and the least here."""

MOST_FILES, FILES_GROWTH = 150, 15
MOST_THREADS, THREADS_GROWTH = 80, 10

LEAST_LENGTH = 300.0
"""Seconds of a soak that has to prove something."""

LEAST_PUSHES = 10

REQUIRED_TASKS = frozenset(
    {
        "web",
        "worker-1",
        "poll",
        "sites",
        "statuses",
        "notifications",
        "files",
        "branches",
        "integrity",
        "watchdog",
        "store",
        "queue",
        "configuration",
        *(f"watch/{fabric}/{kind.name}" for fabric in FABRICS for kind in (*OBSERVED, *AGENTS)),
    }
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a fabric said of itself at a moment (seconds since the epoch): its part of `GET /fabrics`."""

    at: float
    status: JSONObject


@dataclass(frozen=True, slots=True)
class Life:
    """One process of the service. `ended` is None while it runs."""

    pid: int
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process held at a moment."""

    at: float
    pid: int
    memory: float
    """MiB."""
    files: int
    threads: int
    is_whole: bool
    """Whether all of its watches ran without trouble: while a cluster is away, so are the connections to it."""


def has_looked(status: JSONObject, moment: float) -> bool:
    """Whether a fabric's last pass looked at its systems after a moment (seconds since the epoch). One that ends as
    `no_change` says that a commit leaves the fabric as it is, and has not looked.
    """
    last: JSONObject | None = status["last_pass"]
    return last is not None and last["outcome"] != "no_change" and epoch(last["started"]) > moment


def moved_by_failure(seen: Sequence[Observation], passes: Collection[JSONObject]) -> Iterator[Violation]:
    """`last_sync` is always the end of a full pass that succeeded, and never goes back."""
    ends = {one["finished"] for one in passes if one["scope"] is None and one["outcome"] in SUCCESS}
    latest = ""
    for one in seen:
        last = one.status["last_sync"]
        if last is not None and last not in ends:
            yield Violation(one.at, "last_sync", f"{one.status['name']}: {last} is the end of no pass that succeeded")
        if (last or "") < latest:
            yield Violation(one.at, "last_sync", f"{one.status['name']}: went back from {latest} to {last}")
        latest = max(latest, last or "")


def overlapping(passes: Iterable[JSONObject]) -> Iterator[Violation]:
    """No two passes of one fabric go on at the same time."""
    ordered = sorted(passes, key=lambda one: (str(one["started"]), str(one["finished"])))
    for earlier, later in pairwise(ordered):
        if earlier["finished"] > later["started"]:
            told = f"{earlier['fabric']}: {earlier['id']} ended at {earlier['finished']}, {later['id']} began before"
            yield Violation(epoch(later["started"]), "one pass at a time", told)


def missed_polls(
    seen: Sequence[Observation], passes: Collection[JSONObject], lives: Sequence[Life], now: float
) -> Iterator[Violation]:
    """Each poll that was due came to be a pass, or part of one, in the history. Not judged are those that an end of the
    process, or a suspension, took away before.
    """
    full = [one for one in passes if one["scope"] is None]
    polled = [(epoch(one["started"]), epoch(one["finished"])) for one in full if "poll" in one["triggers"]]
    failed = [epoch(one["finished"]) for one in full if one["outcome"] not in SUCCESS]
    suspended = [one.at for one in seen if one.status["suspended"]]
    for due, first_seen in _due(seen).items():
        slack = POLL_BACKOFF if any(due - POLL_BACKOFF < end < due + POLL_SLACK for end in failed) else POLL_SLACK
        end = due + slack
        if end > now or not _lived(lives, first_seen, end) or any(first_seen <= at <= end for at in suspended):
            continue
        if not any(finished >= due and started <= end for started, finished in polled):
            told = f"{seen[0].status['name']}: due at {clock(due)}, and no pass by {clock(end)} has the trigger"
            yield Violation(end, "every poll in the history", told)


def _due(seen: Iterable[Observation]) -> dict[float, float]:
    """The moments at which a poll was said to be due, each with when that was first said."""
    found: dict[float, float] = {}
    for one in seen:
        if one.status["next_poll"] is not None:
            found.setdefault(epoch(one.status["next_poll"]), one.at)
    # One that was over when it was first said belongs to the process before.
    return {due: at for due, at in found.items() if due > at}


def _lived(lives: Iterable[Life], start: float, end: float) -> bool:
    return any(life.began <= start and (life.ended is None or life.ended > end) for life in lives)


def unanswered(requests: Mapping[str, str | None], now: float) -> Iterator[Violation]:
    """Every accepted request ended. Their states by id; None: nobody knows it any more."""
    for request, state in requests.items():
        if state not in TERMINAL:
            told = f"{request} is {state}" if state else f"{request} is not known"
            yield Violation(now, "every request ends", told)


def dead_tasks(components: Mapping[str, JSONObject], now: float, age: float) -> Iterator[Violation]:
    """No task is down for longer than its backoff, none is missing. `age`: seconds since the process began."""
    for name, component in components.items():
        since = now - epoch(component["since"])
        if component["state"] != "running" and since > LONGEST_BACKOFF:
            told = f"{name} is {component['state']} since {component['since']}: {component['reason']}"
            yield Violation(now, "no task is dead", told)
    if age > LONGEST_SILENCE:
        for name in sorted(REQUIRED_TASKS - components.keys()):
            yield Violation(now, "no task is dead", f"{name} is missing")


def silences(answers: Sequence[tuple[float, bool]]) -> Iterator[Violation]:
    """The service is back soon, whatever ended it. `answers`: when it was asked, and whether it answered."""
    since: float | None = None
    for at, answered in answers:
        if answered:
            since = None
        elif since is None:
            since = at
        elif at - since > LONGEST_SILENCE:
            yield Violation(at, "the service is back", f"no answer since {clock(since)}")
            since = at


def leaks(samples: Iterable[Sample]) -> Iterator[Violation]:
    """Memory, file descriptors and threads are bounded, in all and in how they grow within the life of a process."""
    lives: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.pid].append(sample)
    for life in lives.values():
        warm = [sample for sample in life if sample.is_whole and sample.at - life[0].at > WARM]
        figures = (
            ("MiB of memory", [one.memory for one in life], [one.memory for one in warm], MOST_MEMORY, MEMORY_GROWTH),
            ("file descriptors", [one.files for one in life], [one.files for one in warm], MOST_FILES, FILES_GROWTH),
            ("threads", [one.threads for one in life], [one.threads for one in warm], MOST_THREADS, THREADS_GROWTH),
        )
        for what, every, settled, most, growth in figures:
            yield from _unbounded(life[-1], what, max(every), most)
            yield from _unbounded(life[-1], f"more {what} than at first", _grown(settled), growth)


def _unbounded(sample: Sample, what: str, figure: float, most: float) -> Iterator[Violation]:
    if figure > most:
        yield Violation(sample.at, "bounded", f"process {sample.pid} has {figure:.0f} {what}, at most {most:.0f}")


def _grown(figures: Sequence[float]) -> float:
    """The least of the last third less the most of the first: a leak never gives back, whatever comes and goes."""
    third = len(figures) // 3
    return min(figures[-third:]) - max(figures[:third]) if third else 0.0


def faults(lines: Iterable[JSONObject]) -> Iterator[Violation]:
    """The log holds no error: whatever the world does is foreseen, and told as what it is."""
    for line in lines:
        if line.get("level") in {"error", "critical"} or "exception" in line:
            said = {name: value for name, value in line.items() if name != "exception"}
            reason = str(line.get("exception", ""))[-1500:]
            yield Violation(epoch(line["timestamp"]), "no error in the log", f"{said} {reason}".rstrip())


def too_little(counted: Mapping[str, int], compared: Mapping[str, int], seconds: float) -> list[str]:
    """What a soak of so many seconds should have done and did not: one that did nothing proves nothing."""
    if seconds < LEAST_LENGTH:
        return []
    least = {Action.KILL: 2, Action.STOP_SERVER: len(SERVERS), Action.START_SERVER: len(SERVERS), Action.RECONCILE: 1}
    done = {action: (counted.get(action, 0), number) for action, number in least.items()}
    short = [f"{action}: {times} times, not {number}" for action, (times, number) in done.items() if times < number]
    pushes = sum(counted.get(action, 0) for action in PUSHES)
    short += [f"{pushes} pushes, not {LEAST_PUSHES}"] if pushes < LEAST_PUSHES else []
    return [*short, *(f"{name} was never compared with the world" for name in FABRICS if not compared.get(name))]
