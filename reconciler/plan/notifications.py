"""What a receiver is to be told next. It compares how a fabric stands with what the receiver knows, and so does not
depend on having seen every change in between.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.notifications import Followed, Notice, NoticeEvent, Owed, Place, Sight, Was

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.model.fabric import Fabric
    from reconciler.model.notifications import NoticePolicy
    from reconciler.model.status import FabricRecord, SyncStatus

MOST_PLACES = 5
"""Problems that a notice names."""


def sight(fabric: Fabric, record: FabricRecord, status: SyncStatus, reason: str, message: str) -> Sight:
    """How a fabric stands, as far as notices tell of it."""
    refused = [one for one in record.problems if one.is_refusal]
    first = [*refused, *(one for one in record.problems if not one.is_refusal)][:MOST_PLACES]
    return Sight(
        fabric.name,
        status,
        reason,
        message,
        record.applied_revision,
        record.last_pass.id if record.last_pass else None,
        tuple(Place(one.file, one.line, one.rule) for one in first),
        record.problems_total,
        fabric.simulated,
    )


def follow(policy: NoticePolicy, known: Followed | None, seen: Sight, now: datetime, delivery: str) -> Followed:
    """What is known once a fabric was seen like this. `delivery` is the id of what becomes owed now, if anything does.

    What is owed and no longer so is replaced: a receiver that could not be reached is told what is newest.
    """
    moved = _moved(policy, known, seen, now)
    known_trouble = _known_trouble(moved)
    if seen.status in policy.troubles:
        return _in_trouble(policy, moved, known_trouble, _Sighting(seen, now, delivery))
    return _without_trouble(policy, moved, known_trouble, _Sighting(seen, now, delivery))


class _Sighting:
    """A sight, with what a notice of it needs beside."""

    def __init__(self, seen: Sight, now: datetime, delivery: str) -> None:
        self.seen = seen
        self.now = now
        self._delivery = delivery

    def owed(self, event: NoticeEvent, since: datetime, was: Was | None) -> Owed:
        return Owed(Notice(event, self.seen, since, self.now, was), self._delivery)


def _moved(policy: NoticePolicy, known: Followed | None, seen: Sight, now: datetime) -> Followed:
    if known is None:
        return Followed(seen.status, seen.reason, since=now, side_since=now)
    is_same_side = (known.status in policy.troubles) == (seen.status in policy.troubles)
    is_same = (known.status, known.reason) == (seen.status, seen.reason)
    return replace(
        known,
        status=seen.status,
        reason=seen.reason,
        since=known.since if is_same else now,
        side_since=known.side_since if is_same_side else now,
        before=known.before if is_same_side else Was(known.status, known.reason, known.since),
    )


def _was(known: Notice) -> Was:
    return Was(known.sight.status, known.sight.reason, known.since)


def _known_trouble(followed: Followed) -> Notice | None:
    """The trouble that the receiver may know of: of a try whose answer did not come it may, or may not."""
    owed = followed.owed
    if owed is None or not owed.is_tried:
        return followed.told
    return owed.notice if owed.notice.is_trouble else None


def _in_trouble(policy: NoticePolicy, moved: Followed, known: Notice | None, sighting: _Sighting) -> Followed:
    seen, now, owed = sighting.seen, sighting.now, moved.owed
    if owed is not None and owed.notice.is_trouble and _is_like(owed.notice, seen):
        return moved
    if known is not None and _is_like(known, seen):
        return _as_known(policy, moved, known, sighting)
    # Troubles that take turns must not hide that there is one.
    begun = moved.side_since if known is None else moved.since
    if not _is_due(begun, policy.after.get(seen.status, 0.0), now):
        return moved
    if known is None:
        return _owing(moved, sighting.owed(NoticeEvent.TROUBLE, begun, moved.before))
    return _owing(moved, sighting.owed(NoticeEvent.CHANGE, begun, _was(known)))


def _as_known(policy: NoticePolicy, moved: Followed, known: Notice, sighting: _Sighting) -> Followed:
    """The fabric is in the trouble of which the receiver knows, or may know."""
    if moved.told_at is None:
        return replace(moved, owed=sighting.owed(known.event, known.since, known.was))
    if _is_due(moved.told_at, policy.repeat, sighting.now):
        return replace(moved, owed=sighting.owed(NoticeEvent.REPEAT, known.since, _was(known)))
    return replace(moved, owed=None)


def _without_trouble(policy: NoticePolicy, moved: Followed, known: Notice | None, sighting: _Sighting) -> Followed:
    owed = moved.owed
    if owed is not None and not owed.notice.is_trouble:
        return moved
    if known is None:
        return replace(moved, owed=None)
    if not _is_due(moved.side_since, policy.recovery_after, sighting.now):
        # What was tried may not have arrived, and is tried on: its end must not come without it.
        return moved if owed is not None and owed.is_tried else replace(moved, owed=None)
    if not policy.tells_recovery:
        return replace(moved, told=None, owed=None)
    return _owing(moved, sighting.owed(NoticeEvent.RECOVERY, moved.side_since, _was(known)))


def _owing(moved: Followed, owed: Owed) -> Followed:
    """With this owed instead of what was. Of that, if it was tried, nobody knows whether it arrived: what the receiver
    knows is not confirmed then, and is told again should it be so after all.
    """
    before = moved.owed
    if before is None or not before.is_tried:
        return replace(moved, owed=owed)
    told = before.notice if before.notice.is_trouble else moved.told
    return replace(moved, told=told, told_at=None, owed=owed)


def _is_like(notice: Notice, seen: Sight) -> bool:
    return (notice.sight.status, notice.sight.reason) == (seen.status, seen.reason)


def _is_due(begun: datetime | None, seconds: float | None, now: datetime) -> bool:
    return begun is not None and seconds is not None and now >= begun + timedelta(seconds=seconds)


def settled(followed: Followed, delivery: str, now: datetime) -> Followed:
    """The receiver has the notice of this id."""
    owed = followed.owed
    if owed is None or owed.delivery != delivery:
        return followed
    return replace(followed, told=owed.notice if owed.notice.is_trouble else None, told_at=now, owed=None)


def moments(policy: NoticePolicy, followed: Followed) -> Iterator[datetime]:
    """When something may be to be told that is not yet; those that have passed mean nothing."""
    is_trouble = followed.status in policy.troubles
    seconds = policy.after.get(followed.status, 0.0) if is_trouble else policy.recovery_after
    yield followed.side_since + timedelta(seconds=seconds)
    yield followed.since + timedelta(seconds=seconds)
    if policy.repeat is not None and followed.told is not None and followed.told_at is not None:
        yield followed.told_at + timedelta(seconds=policy.repeat)
