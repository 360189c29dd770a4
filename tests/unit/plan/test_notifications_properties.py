"""Whatever happens to a fabric and on the way to a receiver, the receiver comes to know how the fabric stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.notifications import Followed, NoticeEvent, NoticePolicy, Sight
from reconciler.model.status import SyncStatus
from reconciler.plan.notifications import follow, settled

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = NoticePolicy(
    frozenset({SyncStatus.ERROR, SyncStatus.OUT_OF_SYNC}),
    {SyncStatus.ERROR: 30.0, SyncStatus.OUT_OF_SYNC: 60.0},
    recovery_after=20.0,
)
LONG = 61.0
"""Seconds after which whatever stays as it is has held."""


class Step(NamedTuple):
    """Time passes, the fabric is seen, and what is owed is sent; or is not, for the process ended before."""

    seconds: float
    status: SyncStatus
    reason: str
    way: str


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([61.0, 1.0, 21.0, 31.0]),
        st.sampled_from([SyncStatus.IN_SYNC, SyncStatus.ERROR, SyncStatus.OUT_OF_SYNC, SyncStatus.DISABLED]),
        st.sampled_from(["A", "B"]),
        st.sampled_from(["taken", "refused", "lost there", "lost on the way back", "not sent"]),
    ),
    max_size=30,
)


class Receiver:
    """Believes what it was told last. `heard` are the notices that it got, without those that it got before."""

    def __init__(self) -> None:
        self.heard: list[tuple[NoticeEvent, SyncStatus, str]] = []
        self.deliveries: set[str] = set()
        self.known: Followed | None = None
        self.now = NOON
        self.number = 0

    @property
    def trouble(self) -> tuple[SyncStatus, str] | None:
        event, status, reason = self.heard[-1] if self.heard else (NoticeEvent.RECOVERY, SyncStatus.IN_SYNC, "")
        return None if event is NoticeEvent.RECOVERY else (status, reason)

    def take(self, step: Step) -> None:
        self.now += timedelta(seconds=step.seconds)
        self.number += 1
        seen = Sight("dc1", step.status, step.reason, "m")
        known = self.known = follow(POLICY, self.known, seen, self.now, str(self.number))
        if known.owed is None or step.way == "not sent":
            return
        if step.way != "refused":
            self.known = replace(known, owed=replace(known.owed, is_tried=True))
        if step.way in {"taken", "lost on the way back"} and known.owed.delivery not in self.deliveries:
            notice = known.owed.notice
            self.deliveries.add(known.owed.delivery)
            self.heard.append((notice.event, notice.sight.status, notice.sight.reason))
        if step.way == "taken":
            self.known = settled(known, known.owed.delivery, self.now)


@settings(max_examples=300)
@given(STEPS)
def test_in_the_end_it_knows(steps: list[Step]) -> None:
    """Once the fabric stays as it is, and notices arrive, the receiver believes what is, and is told nothing more."""
    receiver = Receiver()
    for step in steps:
        receiver.take(step)
    last = steps[-1] if steps else Step(1.0, SyncStatus.IN_SYNC, "A", "taken")
    for _ in range(3):
        receiver.take(last._replace(seconds=LONG, way="taken"))

    is_trouble = last.status in POLICY.troubles
    assert receiver.trouble == ((last.status, last.reason) if is_trouble else None)
    heard = len(receiver.heard)
    receiver.take(last._replace(seconds=LONG, way="taken"))
    assert len(receiver.heard) == heard
    assert receiver.known is not None
    assert receiver.known.owed is None


@given(STEPS)
def test_nothing_is_told_twice(steps: list[Step]) -> None:
    """Where every answer comes, no state is told twice in a row, and no end without its beginning."""
    receiver = Receiver()
    for step in steps:
        receiver.take(step._replace(way="refused" if step.way.startswith("lost") else step.way))

    told = [(status, reason) if event is not NoticeEvent.RECOVERY else None for event, status, reason in receiver.heard]
    assert told[:1] != [None]
    assert all(one != other for one, other in pairwise(told))
