"""What a pass gathers on its way: time spent, what went wrong, whom it reached, what it did."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import ReconcilerError, RetryableError, StoppedError
from reconciler.model.passes import Failure, Phase

if TYPE_CHECKING:
    from types import TracebackType

    from reconciler.plan.conditions import Contact
    from reconciler.ports import Clock, StopFlag

log = structlog.get_logger("pass")


class Attempt:
    """The notes of one pass. Written by one thread only."""

    def __init__(self, fabric: str, clock: Clock, stop: StopFlag) -> None:
        self.fabric = fabric
        self.failures: list[Failure] = []
        self.phases: dict[Phase, float] = {}
        self.contacts: dict[str, Contact] = {}
        self.counts: Counter[str] = Counter()
        self.blocks: list[tuple[str, str]] = []
        self.unserved: set[str] = set()
        """Names of kinds that the cluster does not serve."""
        self._clock = clock
        self._stop = stop

    def check_stop(self) -> None:
        """Raises StoppedError when the service is stopping. Asked between actions, never during one."""
        if self._stop.is_set():
            raise StoppedError("the service is stopping")

    def phase(self, phase: Phase, subject: str) -> PhaseGuard:
        """Time a phase; an error ends it, is noted against `subject`, and lets the pass go on without it.

        Raises StoppedError as `check_stop`.
        """
        self.check_stop()
        return PhaseGuard(self, phase, subject)

    def spent(self, phase: Phase, seconds: float) -> None:
        self.phases[phase] = self.phases.get(phase, 0.0) + seconds

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

    def reached(self, connection: str) -> None:
        """An outside system answered."""
        self.contacts[connection] = None

    def lost(self, connection: str, error: ReconcilerError) -> None:
        """An outside system did not answer, or refused us."""
        self.contacts[connection] = (error.reason, error.message)


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
        self._attempt.spent(self._phase, self._attempt.now() - self._started)
        if error is None:
            return False
        if isinstance(error, StoppedError) or not isinstance(error, Exception):
            return False
        if not isinstance(error, ReconcilerError):
            log.error("unexpected error in a pass", fabric=self._attempt.fabric, phase=self._phase, exc_info=error)
            text = f"unexpected {type(error).__name__} in phase {self._phase}; the log holds the trace"
            error = RetryableError(text, reason="InternalError")
        self._attempt.fail(self._phase, self._subject, error, is_whole=True)
        return True
