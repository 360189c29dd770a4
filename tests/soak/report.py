"""What a soak says at its end."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING

from tests.soak.journal import NOT_POSSIBLE
from tests.soak.schedule import Action
from tests.soak.violations import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.soak.checker import Seen
    from tests.soak.invariants import Life, Sample
    from tests.soak.journal import Entry, Journal
    from tests.soak.violations import Violation

_DISTURBANCES = {Action.START_SERVER, Action.KILL, Action.TERMINATE}


def report(seed: int, journal: Journal, seen: Seen, lives: Sequence[Life], violations: Sequence[Violation]) -> str:
    """Lines for people; the last says how it went."""
    lines = [
        f"seed {seed}",
        *_counted("actions", journal.counted()),
        *(line for name in sorted(seen.passes) for line in _passes(name, seen)),
        *_recoveries(journal.entries, seen.settled),
        *_processes(lives, seen.samples),
        *map(str, violations),
    ]
    verdict = f"{len(violations)} violations" if violations else "every invariant held"
    return "\n".join([*lines, f"seed {seed}: {verdict}", ""])


def _counted(title: str, counter: Counter[str]) -> Iterator[str]:
    yield f"{title}: {sum(counter.values()) - counter[NOT_POSSIBLE]}"
    for name, number in sorted(counter.items()):
        yield f"  {number:4} {name}"


def _passes(name: str, seen: Seen) -> Iterator[str]:
    passes = seen.passes[name].values()
    outcomes = Counter(f"{one['outcome']}{'' if one['scope'] is None else ' (some objects)'}" for one in passes)
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    polls = sum("poll" in one["triggers"] for one in passes)
    yield f"{name}: {len(passes)} passes ({told}), {polls} by a poll; compared with the world {seen.compared[name]}x"


def recoveries(entries: Sequence[Entry], settled: Sequence[float]) -> list[tuple[float, Entry]]:
    """After each outage and each end of the service, the seconds until every fabric was in sync and at rest."""
    found = []
    for entry in entries:
        if entry.action in _DISTURBANCES:
            after = next((moment for moment in settled if moment > entry.ended), None)
            if after is not None:
                found.append((after - entry.ended, entry))
    return found


def _recoveries(entries: Sequence[Entry], settled: Sequence[float]) -> Iterator[str]:
    found = recoveries(entries, settled)
    if found:
        longest, entry = max(found, key=lambda one: one[0])
        median = statistics.median(seconds for seconds, _ in found)
        told = f"{entry.action} {entry.target}".rstrip()
        yield f"in sync again after outages and ends: median {median:.0f} s, longest {longest:.0f} s ({told})"


def _processes(lives: Sequence[Life], samples: Sequence[Sample]) -> Iterator[str]:
    for life in lives:
        of_life = [sample for sample in samples if sample.pid == life.pid]
        if of_life:
            first, last = of_life[min(5, len(of_life) - 1)], of_life[-1]
            ended = clock(life.ended) if life.ended else "now"
            yield (
                f"process {life.pid} from {clock(life.began)} to {ended}: memory {first.memory:.0f} to "
                f"{last.memory:.0f} MiB, file descriptors {first.files} to {last.files}, "
                f"threads {first.threads} to {last.threads}"
            )
