"""What a soak does is decided by its seed, and is enough to prove something."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soak.invariants import LEAST_LENGTH, LEAST_PUSHES
from tests.soak.schedule import FABRICS, PUSHES, SERVERS, Action, schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.soak.schedule import Step

SEEDS = st.integers(min_value=0, max_value=1_000_000)


def test_the_seed_decides_everything() -> None:
    assert schedule(7, 300) == schedule(7, 300)
    assert schedule(7, 300) != schedule(8, 300)


@given(SEEDS)
def test_the_shortest_soak_has_everything(seed: int) -> None:
    """Two kills, a restart of each server and ten pushes are the least that issue and gate ask for."""
    counted = Counter(step.action for step in schedule(seed, LEAST_LENGTH))

    assert set(counted) == set(Action)
    assert counted[Action.KILL] >= 2
    assert sum(counted[action] for action in PUSHES) >= LEAST_PUSHES
    assert {step.target for step in schedule(seed, LEAST_LENGTH) if step.action is Action.STOP_SERVER} == set(SERVERS)


@given(SEEDS, st.floats(min_value=30, max_value=3600))
def test_every_step_is_in_time_and_in_order(seed: int, seconds: float) -> None:
    steps = schedule(seed, seconds)

    assert steps == tuple(sorted(steps))
    assert all(0 <= step.at < seconds for step in steps)
    assert {step.target for step in steps} <= {*FABRICS, *SERVERS, ""}


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (Action.STOP_SERVER, Action.START_SERVER),
        (Action.SUSPEND, Action.RESUME),
        (Action.BREAK, Action.REPAIR),
    ],
)
@given(SEEDS, st.floats(min_value=30, max_value=3600))
def test_what_begins_ends(begins: Action, ends: Action, seed: int, seconds: float) -> None:
    """One after another, each over the same target: nothing is stopped twice, and nothing stays stopped."""
    found = [step for step in schedule(seed, seconds) if step.action in {begins, ends}]

    assert [step.action for step in found] == [begins, ends] * (len(found) // 2)
    assert all(one.target == other.target for one, other in zip(found[::2], found[1::2], strict=True))


def test_a_longer_soak_does_more() -> None:
    assert len(schedule(3, 1800)) > 5 * len(schedule(3, 300))


@given(SEEDS)
def test_numbers_tell_the_steps_of_an_action_apart(seed: int) -> None:
    numbers: defaultdict[Action, list[int]] = defaultdict(list)
    for step in schedule(seed, 600):
        numbers[step.action].append(step.number)

    assert all(len(set(of)) == len(of) for of in numbers.values())


@given(SEEDS)
def test_there_is_quiet_in_between(seed: int) -> None:
    """Enough moments of some seconds without any action, in which a claim can be held against the world."""
    assert _longest_quiet(schedule(seed, 300)) > 8


def _longest_quiet(steps: Sequence[Step]) -> float:
    return max(later.at - earlier.at for earlier, later in pairwise(steps))
