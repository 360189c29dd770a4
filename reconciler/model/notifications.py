"""Notifications: what receivers are told of how fabrics stand, and what is known of what they know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - resolved at run time when records are read back
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.status import SyncStatus  # noqa: TC001 - see datetime

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoticeEvent(StrEnum):
    TROUBLE = "trouble"
    """A fabric that was fine, as far as the receiver knows, is not."""
    CHANGE = "change"
    """It is in another trouble than the receiver knows of."""
    REPEAT = "repeat"
    """It still is in the trouble that the receiver knows of."""
    RECOVERY = "recovery"
    """The trouble that the receiver knows of is over."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a problem is. Without its message, which may quote the file."""

    file: str
    line: int
    rule: str


@dataclass(frozen=True, slots=True)
class Sight:
    """How a fabric stands at a moment: `places` are those of its first problems, `pass_id` is its last full pass."""

    fabric: str
    status: SyncStatus
    reason: str
    message: str
    revision: str | None = None
    pass_id: str | None = None
    places: tuple[Place, ...] = ()
    problems: int = 0
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Was:
    """How a fabric stood before."""

    status: SyncStatus
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """What a receiver is told: how the fabric stands at `at`, and since when; `was` is how it stood before (None: not
    known), which is what the receiver was told before where that is a trouble.
    """

    event: NoticeEvent
    sight: Sight
    since: datetime
    at: datetime
    was: Was | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether the receiver, once it has this, knows of a trouble."""
        return self.event is not NoticeEvent.RECOVERY


@dataclass(frozen=True, slots=True)
class Owed:
    """A notice on its way. `delivery` is the id that all its tries bear; `is_tried`: one may have arrived."""

    notice: Notice
    delivery: str
    is_tried: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known of one fabric for one receiver.

    `status` and `reason` were seen last, since `since`; the fabric is in trouble, or is not, since `side_since`, and
    `before` is how it stood until then. `told` is the trouble that the receiver knows of (None: of none), which it took
    at `told_at` (None: it may have); `owed` is still to be told.
    """

    status: SyncStatus
    reason: str
    since: datetime
    side_since: datetime
    before: Was | None = None
    told: Notice | None = None
    told_at: datetime | None = None
    owed: Owed | None = None


@dataclass(frozen=True, slots=True)
class NoticePolicy:
    """What a receiver is told of. `troubles` are the statuses that it is told of, each once it has held for `after`
    seconds; `tells_recovery`: also of their end, once that has held for `recovery_after`; `repeat`: of a trouble that
    lasts, each so many seconds.
    """

    troubles: frozenset[SyncStatus]
    after: Mapping[SyncStatus, float]
    tells_recovery: bool = True
    recovery_after: float = 0.0
    repeat: float | None = None
