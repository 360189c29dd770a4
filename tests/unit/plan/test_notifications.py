"""What a receiver is told next: a table of stories, second by second."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.fabric import Fabric
from reconciler.model.notifications import Followed, NoticeEvent, NoticePolicy, Place, Sight, Was
from reconciler.model.passes import Outcome
from reconciler.model.problems import Problem, Severity
from reconciler.model.status import FabricRecord, LastPass, SyncStatus
from reconciler.plan.notifications import MOST_PLACES, follow, moments, settled, sight

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE, ERROR, DRIFT, OFF = SyncStatus.IN_SYNC, SyncStatus.ERROR, SyncStatus.OUT_OF_SYNC, SyncStatus.DISABLED
POLICY = NoticePolicy(frozenset({ERROR, DRIFT}), {ERROR: 30.0, DRIFT: 300.0}, recovery_after=30.0)


class Story:
    """One fabric, followed for one receiver. What is owed is numbered, as its delivery is."""

    def __init__(self, policy: NoticePolicy = POLICY) -> None:
        self.policy = policy
        self.known: Followed | None = None
        self.number = 0

    def at(self, second: float, status: SyncStatus, reason: str = "R") -> str | None:
        """The event that is owed once the fabric was seen so."""
        self.number += 1
        seen, now = Sight("dc1", status, reason, f"at {second}"), NOON + timedelta(seconds=second)
        self.known = follow(self.policy, self.known, seen, now, str(self.number))
        return self.known.owed.notice.event.value if self.known.owed else None

    def told(self, second: float) -> None:
        """The receiver took what is owed."""
        assert self.known is not None
        assert self.known.owed is not None
        self.known = settled(self.known, self.known.owed.delivery, NOON + timedelta(seconds=second))

    def tried(self) -> None:
        """It was sent, and no answer came."""
        assert self.known is not None
        assert self.known.owed is not None
        self.known = replace(self.known, owed=replace(self.known.owed, is_tried=True))

    @property
    def owed(self) -> tuple[str, str, float, Was | None]:
        """Delivery, status, since when (seconds), and what was before."""
        assert self.known is not None
        assert self.known.owed is not None
        notice = self.known.owed.notice
        since = (notice.since - NOON).total_seconds()
        return self.known.owed.delivery, notice.sight.status.value, since, notice.was


def _was(status: SyncStatus, second: float, reason: str = "R") -> Was:
    return Was(status, reason, NOON + timedelta(seconds=second))


def _in_error() -> Story:
    """It was told of an error that began at 10, at 41."""
    story = Story()
    story.at(0, FINE)
    story.at(10, ERROR)
    story.at(40, ERROR)
    story.told(41)
    return story


def test_a_trouble_is_told_once_it_has_held() -> None:
    """Not before its time, with how the fabric stood before, and once."""
    story = Story()

    assert story.at(0, FINE) is None
    assert story.at(10, ERROR) is None
    assert story.at(39.9, ERROR) is None
    assert story.at(40, ERROR) == "trouble"
    assert story.owed == ("4", "error", 10.0, _was(FINE, 0))
    assert story.at(41, ERROR) == "trouble"
    assert story.owed[0] == "4", "it is still the same delivery"
    story.told(42)
    assert [story.at(second, ERROR) for second in (43, 1000, 100_000)] == [None, None, None]


def test_at_once_where_nothing_is_to_be_waited_for() -> None:
    """With 0 seconds a trouble is told as soon as it is seen, also the first time that anything is."""
    story = Story(replace(POLICY, after={}))

    assert story.at(0, ERROR) == "trouble"
    assert story.owed == ("1", "error", 0.0, None)


def test_a_flapping_fabric_is_not_told() -> None:
    """What is over before its time is told to nobody, however often it happens."""
    story = Story()

    assert {story.at(second, ERROR if second // 20 % 2 else FINE) for second in range(0, 1000, 5)} == {None}


def test_troubles_that_take_turns_are_told() -> None:
    """A fabric that goes from one trouble to the next and back is in trouble all the time."""
    story = Story()
    story.at(0, FINE)
    events = [story.at(second, ERROR if second // 20 % 2 else DRIFT) for second in range(10, 100, 10)]

    assert events.index("trouble") == 5  # at 60, when it is an error again
    assert story.owed[2] == 10


def test_reasons_that_take_turns_are_told_once() -> None:
    """Another reason is another trouble only once that has held."""
    story = _in_error()

    assert story.at(50, ERROR, "Other") is None
    assert story.at(60, ERROR) is None
    assert story.at(70, ERROR, "Other") is None
    assert story.at(100, ERROR, "Other") == "change"
    assert story.owed == ("7", "error", 70.0, _was(ERROR, 10))
    story.told(101)
    assert story.at(102, ERROR, "Other") is None


def test_a_recovery_is_told_once_it_has_held() -> None:
    """A moment of peace is no end of the trouble, and that it goes on is no news."""
    story = _in_error()

    assert story.at(50, FINE) is None
    assert story.at(60, ERROR) is None
    assert story.at(70, FINE) is None
    assert story.at(100, FINE) == "recovery"
    assert story.owed == ("7", "in_sync", 70.0, _was(ERROR, 10))
    assert story.at(101, FINE) == "recovery"
    story.told(102)
    assert [story.at(second, FINE) for second in (103, 1000)] == [None, None]


def test_no_recovery_of_a_trouble_that_was_not_told() -> None:
    """What nobody heard of does not end, also where it was about to be told."""
    story = Story()
    story.at(0, FINE)
    story.at(10, ERROR)
    assert story.at(40, ERROR) == "trouble"
    assert story.at(50, FINE) is None
    assert story.at(1000, FINE) is None


def test_what_may_have_arrived_is_ended() -> None:
    """A try whose answer did not come is tried on until the end has held, and is then told to be over."""
    story = Story()
    story.at(0, FINE)
    story.at(10, ERROR)
    story.at(40, ERROR)
    story.tried()
    assert story.at(50, FINE) == "trouble"
    assert story.at(80, FINE) == "recovery"
    assert story.owed[3] == _was(ERROR, 10)


def test_the_newest_state_alone_waits() -> None:
    """While a receiver is away, the trouble that waits becomes the one that is, and a new delivery."""
    story = Story()
    story.at(0, FINE)
    story.at(10, ERROR)
    assert story.at(40, ERROR) == "trouble"
    assert story.at(50, DRIFT) == "trouble", "the error waits until the drift has held"
    assert story.at(310, DRIFT) == "trouble"
    assert story.owed == ("5", "out_of_sync", 10.0, _was(FINE, 0))


def test_a_recovery_that_waits_is_taken_back() -> None:
    """The receiver that was not told of the end is not told of the same trouble anew."""
    story = _in_error()
    story.at(50, FINE)
    assert story.at(80, FINE) == "recovery"

    assert story.at(90, ERROR) is None
    assert story.known is not None
    assert story.known.told is not None


def test_a_recovery_that_may_have_arrived_is_not_taken_back() -> None:
    """It goes on being told until the next trouble has held, which is then told as one."""
    story = _in_error()
    story.at(50, FINE)
    story.at(80, FINE)
    story.tried()

    assert story.at(90, ERROR) == "recovery"
    assert story.at(120, ERROR) == "trouble"
    assert story.owed[3] == _was(FINE, 50)


def test_a_trouble_of_which_nobody_knows_whether_it_arrived() -> None:
    """Where the next notice was not sent and the fabric is in that trouble again, it is told again."""
    story = Story()
    story.at(0, FINE)
    story.at(10, ERROR)
    story.at(40, ERROR)
    story.tried()
    story.at(50, FINE)
    assert story.at(80, FINE) == "recovery"

    assert story.at(90, ERROR) == "trouble"
    assert story.owed == ("6", "error", 10.0, _was(FINE, 0))
    story.told(91)
    assert story.at(92, ERROR) is None


def test_a_recovery_of_which_nobody_knows_whether_it_arrived() -> None:
    """Where the next trouble was over before it was sent, the end is told again."""
    story = _in_error()
    story.at(50, FINE)
    story.at(80, FINE)
    story.tried()
    story.at(90, DRIFT)
    assert story.at(390, DRIFT) == "trouble"
    assert story.at(400, FINE) is None
    assert story.at(430, FINE) == "recovery"
    assert story.owed == ("9", "in_sync", 400.0, _was(ERROR, 10))


def test_a_trouble_that_the_receiver_may_believe_to_be_over() -> None:
    """Where its end was tried, and the fabric is in it again before the next notice was sent, it is told again."""
    story = _in_error()
    story.at(50, FINE)
    story.at(80, FINE)
    story.tried()
    story.at(90, DRIFT)
    assert story.at(390, DRIFT) == "trouble"

    assert story.at(400, ERROR) == "trouble"
    assert story.owed[:3] == ("8", "error", 10.0)


def test_a_suspended_fabric_is_in_trouble_no_more() -> None:
    """Whoever was told of the error is told that nobody looks after it any more."""
    story = _in_error()
    story.at(50, OFF)

    assert story.at(80, OFF) == "recovery"
    assert story.owed[1] == "disabled"


def test_without_recoveries() -> None:
    """A receiver that is told of troubles alone is told of the next one as of the first."""
    story = _in_error()
    story.policy = replace(POLICY, tells_recovery=False)
    assert story.at(50, FINE) is None
    assert story.at(80, FINE) is None
    assert story.at(90, ERROR) is None
    assert story.at(120, ERROR) == "trouble"


def test_repeats() -> None:
    """A trouble that lasts is told again, each time with a delivery of its own; an end ends it."""
    story = _in_error()
    story.policy = replace(POLICY, repeat=60.0)
    assert story.at(100, ERROR) is None
    assert story.at(101, ERROR) == "repeat"
    assert story.owed == ("5", "error", 10.0, _was(ERROR, 10))
    assert story.at(102, ERROR) == "repeat"
    assert story.owed[0] == "5"
    story.told(103)
    assert story.at(162, ERROR) is None
    assert story.at(163, ERROR) == "repeat"
    assert story.at(164, FINE) is None, "what waits is not true any more"
    assert story.at(194, FINE) == "recovery"


def test_settling_another_delivery() -> None:
    """What was owed meanwhile stays owed."""
    story = _in_error()
    assert story.known is not None
    assert settled(story.known, "9", NOON) == story.known
    story.at(50, FINE)
    story.at(80, FINE)

    assert settled(story.known, "1", NOON) == story.known


def test_moments() -> None:
    """When to look again: once the present state has held, and for a repeat."""
    story = _in_error()
    story.policy = replace(POLICY, repeat=60.0)
    assert story.known is not None
    found = {(moment - NOON).total_seconds() for moment in moments(story.policy, story.known)}
    assert found == {40.0, 101.0}
    story.at(50, FINE)
    found = {(moment - NOON).total_seconds() for moment in moments(POLICY, story.known)}
    assert found == {80.0}


def _problem(number: int, severity: Severity = Severity.ERROR) -> Problem:
    return Problem("a.yaml", 0, number, "", "Rule", "secret", severity)


@pytest.mark.parametrize("number", [0, 1, MOST_PLACES, MOST_PLACES + 1])
def test_a_sight_names_the_first_problems(number: int) -> None:
    """Refusals before warnings, some of them, with file, line and rule; the message may quote the file."""
    fabric = Fabric("dc1", "gitops", "main", "dc1", simulated=("cluster",))
    problems = (_problem(99, Severity.WARNING), *map(_problem, range(number)))
    record = FabricRecord("dc1", applied_revision="main@sha1:a", problems=problems, problems_total=70)

    found = sight(fabric, record, ERROR, "R", "m")

    places = [*(Place("a.yaml", line, "Rule") for line in range(number)), Place("a.yaml", 99, "Rule")]
    assert found == Sight("dc1", ERROR, "R", "m", "main@sha1:a", None, tuple(places[:MOST_PLACES]), 70, ("cluster",))
    last = LastPass("p1", Outcome.FAILED, (), NOON, NOON, "R", "m")
    assert sight(fabric, replace(record, last_pass=last), ERROR, "R", "m").pass_id == "p1"


def test_only_a_recovery_is_no_trouble() -> None:
    """Every other event leaves the receiver knowing of a trouble."""
    story = _in_error()
    assert story.known is not None
    assert story.known.told is not None
    notices = {event: replace(story.known.told, event=event).is_trouble for event in NoticeEvent}

    assert [event for event, is_trouble in notices.items() if not is_trouble] == [NoticeEvent.RECOVERY]
