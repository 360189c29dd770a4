"""What a pass gathers on its way: time spent, what went wrong, whom it reached, what it did."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    NetBoxAccessError,
    NetBoxUnavailableError,
    ReconcilerError,
    RetryableError,
    StalledError,
    StoppedError,
)
from reconciler.model.passes import Failure, Phase
from reconciler.reconcile.breaker import TargetSkippedError
from reconciler.reconcile.observer import Observer
from reconciler.reconcile.schemas import Inspector
from reconciler.reconcile.settled import SettledObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from reconciler.model.netbox import Ref
    from reconciler.model.netbox_plan import RecordDrift
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry
    from reconciler.plan.conditions import Contact
    from reconciler.ports import Clock, StopFlag
    from reconciler.reconcile.breaker import Breaker, Breakers
    from reconciler.reconcile.fights import Fights

log = structlog.get_logger("pass")

SPELL = 10.0
"""Seconds that a pass writes to NetBox before it lets the queue decide who goes on, should nobody wait before that."""

MAX_PARTS = 100
"""So many parts a pass may have while what it works towards changes. Each later one leaves less than the one before."""

STANDINGS = frozenset({"unchanged", "differing", "held", "netbox_retained", "netbox_drifted"})
"""Counts that say how things stand, and not what was done: those of the parts of a pass do not add up."""


class SupersededError(StalledError):
    """The fabric was removed, disabled or configured otherwise while a pass over it ran, which wrote no more."""

    reason = "Superseded"


@dataclass(frozen=True, slots=True)
class Slice:
    """What a pass that yielded hands on to its next part. `left` is how much of its plan for NetBox was not carried
    out, and `aim` what that plan was made for; `parts` counts those that were made.
    """

    started: datetime
    phases: Mapping[Phase, float]
    counts: Mapping[str, int]
    left: int
    aim: object
    parts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms on which a pass is made. `has_others` tells whether another fabric waits for its turn; `is_asked_for`,
    whether a person waits for this one; `is_current`, whether the fabric is still configured as it was when the pass
    began; `earlier` is the part that was made already; `remember` stores an inventory at once, `begin` the revision
    that the pass is made for. `lines` are what is kept of the records in NetBox at this address, and `keep_lines`
    keeps more; `observer` looks on. `is_thorough`: NetBox is read whole, whatever it says of what was written there.
    `show` tells how many writes to NetBox are made, and of how many; `enter` is told of each phase as it begins, with
    the id of the pass and when that began.
    """

    stop: StopFlag
    breakers: Breakers
    inspector: Inspector = field(default_factory=Inspector)
    fights: Fights
    settled: SettledObjects = field(default_factory=SettledObjects)
    has_others: Callable[[], bool] = field(default=lambda: False)
    is_asked_for: bool = False
    is_thorough: bool = True
    is_current: Callable[[], bool] = field(default=lambda: True)
    earlier: Slice | None = None
    remember: Callable[[Mapping[ObjectKey, InventoryEntry]], None] = field(default=lambda _: None)
    lines: Callable[[str], Mapping[Ref, str]] = field(default=lambda _: {})
    keep_lines: Callable[[str, Mapping[Ref, str | None]], None] = field(default=lambda _, __: None)
    begin: Callable[[str], None] = field(default=lambda _: None)
    observer: Observer = field(default_factory=Observer)
    show: Callable[[int, int], None] = field(default=lambda _, __: None)
    enter: Callable[[str, datetime, Phase], None] = field(default=lambda *_: None)


WRITES = ("netbox_prepared", "netbox_created", "netbox_updated", "netbox_deleted")
"""The counts of what was written to NetBox."""


class Attempt:
    """The notes of one pass. Written by one thread only."""

    def __init__(self, fabric: str, clock: Clock, terms: Terms, pass_id: str = "") -> None:
        earlier = terms.earlier
        self.fabric = fabric
        self.pass_id = pass_id
        self.inspector = terms.inspector
        """Checks documents by the schemas of their cluster."""
        self.began = clock.now()
        """When this part of the pass began; `started`: when its first part did."""
        self.started = earlier.started if earlier else self.began
        self.failures: list[Failure] = []
        self.phases: dict[Phase, float] = dict(earlier.phases) if earlier else {}
        self.contacts: dict[str, Contact] = {}
        self.counts: Counter[str] = Counter(_done(earlier.counts) if earlier else {})
        self.blocks: list[tuple[str, str]] = []
        self.netbox_drift: Sequence[RecordDrift] | None = None
        """What others made of our records in NetBox and what is left so. None: NetBox was not compared."""
        self.unserved: set[str] = set()
        """Names of kinds that the cluster does not serve."""
        self.is_superseded = False
        """Whether writes were left out, because the configuration of the fabric changed."""
        self.has_written = False
        """Whether this part of the pass wrote anything to NetBox."""
        self.aim: object = None
        """Revision and scope that the pass works towards."""
        self.cause = ""
        """What the pass is for, as NetBox's changelog says it: revision and id."""
        self.left = 0
        """Writes to NetBox that the pass left to its next part, because it yielded."""
        self.is_thorough = terms.is_thorough
        """Whether to read NetBox whole."""
        self.fights = terms.fights
        self.settled = terms.settled
        self._clock = clock
        self._terms = terms
        self._phase = Phase.FETCH
        """The last that began."""

    @property
    def is_continued(self) -> bool:
        """Whether an earlier part of this pass was made."""
        return self._terms.earlier is not None

    def check_stop(self) -> None:
        """Raises StoppedError when the service is stopping. Asked between actions, never during one."""
        self._terms.observer.stepped(self.fabric)
        if self._terms.stop.is_set():
            raise StoppedError("the service is stopping")

    def check_write(self) -> None:
        """Asked before each write: raises StoppedError as `check_stop`, and SupersededError when the fabric was
        removed, disabled or configured otherwise since the pass began: what it decided by holds no more.
        """
        self.check_stop()
        if self.is_superseded or not self._terms.is_current():
            self.is_superseded = True
            raise SupersededError("the configuration of the fabric changed during the pass")

    def remember(self, inventory: Mapping[ObjectKey, InventoryEntry]) -> None:
        """Store what is owned while the pass goes on. Raises StateError."""
        self._terms.remember(inventory)

    def lines(self, address: str) -> Mapping[Ref, str]:
        """What is kept of the fabric's records in the NetBox at this address. Raises StateError."""
        return self._terms.lines(address)

    def keep_lines(self, address: str, changes: Mapping[Ref, str | None]) -> None:
        """Keep these at once; None: no more. Raises StateError."""
        if changes:
            self._terms.keep_lines(address, changes)

    def begin(self, revision: str) -> None:
        """Say for which revision the pass is made. Raises StateError."""
        self._terms.begin(revision)

    def show_progress(self, left: int) -> tuple[int, int]:
        """Say how many writes to NetBox are left; those made by all parts of the pass, and all."""
        done = sum(self.counts[name] for name in WRITES)
        self._terms.show(done, done + left)
        return done, done + left

    def may_yield(self, left: int, seconds: float) -> bool:
        """Whether to leave the other `left` writes to a next part of the pass, after having written for `seconds`.

        Each part must have written something, and leave less than the one before it: else one that is refused the same
        records again and again, or that somebody works against, would never end. Nor would one whose aim moves with
        every part: that may leave more, but not for ever.
        """
        earlier = self._terms.earlier
        is_closer = earlier is None or left < earlier.left or (earlier.aim != self.aim and earlier.parts < MAX_PARTS)
        return left > 0 and self.has_written and is_closer and (seconds >= SPELL or self._terms.has_others())

    def rest(self) -> Slice | None:
        """What the next part of this pass is told; None when there is none."""
        if not self.left:
            return None
        earlier = self._terms.earlier
        parts = earlier.parts + 1 if earlier else 1
        return Slice(self.started, self.phases, self.counts, self.left, self.aim, parts)

    @contextmanager
    def contact(self, target: str, probe: Callable[[], object]) -> Iterator[None]:
        """Speak to a target, and note whether it answers. One that did not is left alone for a while, and then asked
        with `probe` first.

        Raises TargetSkippedError where it is left alone; what is known of it then is what it failed with.
        """
        breaker = self._terms.breakers.of(self.fabric, target)
        try:
            breaker.admit(probe, is_asked_for=self._terms.is_asked_for)
            yield
        except TargetSkippedError as skipped:
            self.lost(target, skipped.cause)
            raise
        except (ClusterUnavailableError, NetBoxUnavailableError) as error:
            breaker.trip(error)
            self.lost(target, error)
            raise
        except (ClusterAccessError, NetBoxAccessError) as error:
            breaker.close()
            self.lost(target, error)
            raise
        except StoppedError:
            raise
        except ReconcilerError:
            # It answered, if not with what was hoped for.
            self._answered(breaker)
            raise
        self._answered(breaker)

    def _answered(self, breaker: Breaker) -> None:
        breaker.close()
        self.reached(breaker.target)

    def phase(self, phase: Phase, subject: str) -> PhaseGuard:
        """Time a phase; an error ends it, is noted against `subject`, and lets the pass go on without it.

        Raises StoppedError as `check_stop`.
        """
        self.check_stop()
        self._phase = phase
        self._terms.enter(self.pass_id, self.started, phase)
        self._terms.observer.entered(self.fabric, phase)
        return PhaseGuard(self, phase, subject)

    def spent(self, phase: Phase, seconds: float, *, has_failed: bool) -> None:
        self.phases[phase] = self.phases.get(phase, 0.0) + seconds
        self._terms.observer.left(self.fabric, phase, seconds, has_failed=has_failed)

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return self._clock.monotonic()

    def fail(self, phase: Phase, subject: str, error: ReconcilerError, *, is_whole: bool = False) -> None:
        """Note something that could not be done."""
        log.warning(
            "failed", fabric=self.fabric, phase=phase, subject=subject, reason=error.reason, error=error.message
        )
        retryable = isinstance(error, RetryableError)
        self.failures.append(Failure(phase, subject, error.reason, error.message, retryable, is_whole))

    def broke_off(self, error: BaseException) -> None:
        """Note a fault of ours that ended the pass. It goes before whatever else failed, and leaves no further part."""
        log.error("unexpected error in a pass", fabric=self.fabric, phase=self._phase, exc_info=error)
        self.fail(self._phase, "pass", _unforeseen(error, f"in phase {self._phase} or after it"), is_whole=True)
        self.failures.insert(0, self.failures.pop())
        self.left = 0

    def reached(self, connection: str) -> None:
        """An outside system answered."""
        self.contacts[connection] = None

    def lost(self, connection: str, error: ReconcilerError) -> None:
        """An outside system did not answer, or refused us."""
        self.contacts[connection] = (error.reason, error.message)


def _done(counts: Mapping[str, int]) -> dict[str, int]:
    return {what: number for what, number in counts.items() if what not in STANDINGS}


def _unforeseen(error: BaseException, where: str) -> RetryableError:
    return RetryableError(f"unexpected {type(error).__name__} {where}; the log holds the trace", reason="InternalError")


class PhaseGuard:
    """The context of one phase. Swallows every error but the service's stop, after it was noted."""

    def __init__(self, attempt: Attempt, phase: Phase, subject: str) -> None:
        self._attempt = attempt
        self._phase = phase
        self._subject = subject
        self._started = attempt.now()

    def __enter__(self) -> None:
        """Nothing to hand out."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._attempt.spent(self._phase, self._attempt.now() - self._started, has_failed=error is not None)
        if error is None:
            return False
        if isinstance(error, StoppedError) or not isinstance(error, Exception):
            return False
        if not isinstance(error, ReconcilerError):
            log.error("unexpected error in a pass", fabric=self._attempt.fabric, phase=self._phase, exc_info=error)
            error = _unforeseen(error, f"in phase {self._phase}")
        self._attempt.fail(self._phase, self._subject, error, is_whole=True)
        return True
