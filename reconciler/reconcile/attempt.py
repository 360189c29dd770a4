"""What a pass gathers on its way: time spent, what went wrong, whom it reached, what it did."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import ReconcilerError, RetryableError, StoppedError
from reconciler.model.passes import Failure, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        self._clock = clock
        self._stop = stop

    def check_stop(self) -> None:
        """Raises StoppedError when the service is stopping. Asked between actions, never during one."""
        if self._stop.is_set():
            raise StoppedError("the service is stopping")

    @contextmanager
    def phase(self, phase: Phase, subject: str) -> Iterator[None]:
        """Time a phase; an error ends it, is noted against `subject`, and lets the pass go on without it."""
        self.check_stop()
        started = self._clock.monotonic()
        try:
            yield
        except StoppedError:
            raise
        except ReconcilerError as error:
            self.fail(phase, subject, error, is_whole=True)
        except Exception as error:
            log.exception("unexpected error in a pass", fabric=self.fabric, phase=phase)
            unexpected = RetryableError(f"unexpected {type(error).__name__} in {phase}", reason="InternalError")
            self.fail(phase, subject, unexpected, is_whole=True)
        finally:
            self.phases[phase] = self.phases.get(phase, 0.0) + self._clock.monotonic() - started

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
