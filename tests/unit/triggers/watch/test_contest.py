"""Objects that somebody else changes back again and again."""

from __future__ import annotations

import pytest

from reconciler.model.objects import ObjectKey
from reconciler.triggers.watch.contest import FREE, Contests

BLUE, RED = ObjectKey("VPC", "default", "blue"), ObjectKey("VPC", "default", "red")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _due(pause: float, times: int) -> list[float]:
    """When each of some passes over an object is due that is changed `pause` seconds after each of them."""
    clock = Clock()
    contests = Contests(clock)
    due = []
    for _ in range(times):
        clock.now += contests.delay("dc1", BLUE)
        due.append(clock.now)
        clock.now += pause
    return due


@pytest.mark.parametrize(
    ("pause", "due"),
    [
        pytest.param(0.0, [*([0.0] * FREE), 5, 15, 35, 75, 135, 195], id="a fight"),
        pytest.param(1.0, [*range(FREE), FREE + 5, FREE + 16], id="a slow one"),
        pytest.param(2.5, [2.5 * number for number in range(2 * FREE)], id="a change now and then"),
    ],
)
def test_a_contested_object_waits(pause: float, due: list[float]) -> None:
    """So many passes within a minute are made at once; then each waits longer, up to a minute."""
    assert _due(pause, len(due)) == due


def test_others_do_not_wait() -> None:
    """That one object is contested delays no other one, nor the same one of another fabric."""
    contests = Contests(lambda: 0.0)
    for _ in range(FREE + 2):
        contests.delay("dc1", BLUE)

    assert contests.delay("dc1", RED) == 0.0
    assert contests.delay("dc2", BLUE) == 0.0


@pytest.mark.parametrize("quiet", [61.0, 121.0])
def test_a_fight_is_forgotten(quiet: float) -> None:
    """After a minute in which nobody changed the object it is healed at once again."""
    clock = Clock()
    contests = Contests(clock)
    for _ in range(FREE + 1):
        clock.now += contests.delay("dc1", BLUE)

    clock.now += quiet

    assert [contests.delay("dc1", BLUE) for _ in range(2)] == [0.0, 0.0]
