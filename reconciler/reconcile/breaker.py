"""Breakers: a target that is away is left alone for a while, so that its time-outs do not hold up everything else.

They live in memory and have no timer. A pass that comes while a breaker is open skips the target, and says so; one that
comes after the cool-down asks the target for its version first.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import RetryableError
from reconciler.queue import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.errors import ReconcilerError
    from reconciler.ports import Clock

log = structlog.get_logger("breaker")

COOL_DOWN = Backoff(base=10.0, factor=2.0, cap=120.0, jitter=0.2)
"""How long a target is left alone after each failure in a row, in seconds."""


class TargetSkippedError(RetryableError):
    """A target was not spoken to, because it failed a moment ago. `cause` is that failure; the reason is its own."""

    def __init__(self, message: str, cause: ReconcilerError) -> None:
        super().__init__(message, reason=cause.reason)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Failing:
    """Why a breaker is open: the last failure, when the first in a row was, how many, and when to probe (monotonic)."""

    error: ReconcilerError
    since: datetime
    failures: int
    probe_at: float


class Breaker:
    """Of one target (`cluster`, `netbox`) of one fabric; used by one pass at a time. `on_change` is told when it opens
    and when it closes, in the thread of the pass; `chance` is random, from 0 to 1.
    """

    def __init__(
        self,
        fabric: str,
        target: str,
        clock: Clock,
        on_change: Callable[[Breaker], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.fabric = fabric
        self.target = target
        self._clock = clock
        self._on_change = on_change
        self._chance = chance
        self._failing: _Failing | None = None

    @property
    def is_open(self) -> bool:
        """Whether the target did not answer when it was last spoken to."""
        return self._failing is not None

    def admit(self, probe: Callable[[], object], *, is_asked_for: bool = False) -> None:
        """Return when the target may be spoken to. While the breaker is open that takes a `probe` that succeeds; it is
        made once the cool-down is over, or when a person asked for the pass.

        Raises TargetSkippedError before that, and whatever `probe` raises.
        """
        failing = self._failing
        if failing is None:
            return
        remaining = failing.probe_at - self._clock.monotonic()
        if remaining > 0 and not is_asked_for:
            probe_at = self._clock.now() + timedelta(seconds=remaining)
            text = f"not tried: the {self.target} has been failing since {_time(failing.since)}"
            message = f"{text} ({failing.error.message}); the first pass after {_time(probe_at)} probes it"
            raise TargetSkippedError(message, failing.error)
        log.info("probing", fabric=self.fabric, target=self.target)
        probe()

    def trip(self, error: ReconcilerError) -> None:
        """The target did not answer: leave it alone, for longer each time."""
        before, now = self._failing, self._clock.now()
        failures = before.failures + 1 if before else 1
        delay = COOL_DOWN.delay(failures, self._chance())
        self._failing = _Failing(error, before.since if before else now, failures, self._clock.monotonic() + delay)
        log.warning("breaker open", fabric=self.fabric, target=self.target, seconds=round(delay, 1))
        if before is None:
            self._on_change(self)

    def close(self) -> None:
        """The target answered."""
        if self._failing is not None:
            self._failing = None
            log.info("breaker closed", fabric=self.fabric, target=self.target)
            self._on_change(self)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Breakers:
    """The breakers of every target of every fabric, closed at first."""

    def __init__(
        self,
        clock: Clock,
        on_change: Callable[[Breaker], None] = lambda _: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._chance = chance
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def of(self, fabric: str, target: str) -> Breaker:
        key = (fabric, target)
        if key not in self._breakers:
            self._breakers[key] = Breaker(fabric, target, self._clock, self._on_change, self._chance)
        return self._breakers[key]
