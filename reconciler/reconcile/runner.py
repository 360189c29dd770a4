"""Runs passes for the worker: the only call site of the pass."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Protocol

import structlog

from reconciler.errors import StateError, StoppedError
from reconciler.model.requests import RequestState
from reconciler.queue import Next
from reconciler.reconcile.engine import Order, Past, reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.known import Known
    from reconciler.model.passes import PassRecord
    from reconciler.model.requests import Request
    from reconciler.ports import Clock, PassState, StopFlag
    from reconciler.queue import Taken
    from reconciler.reconcile.engine import Report, Subject

log = structlog.get_logger("pass")


class Store(Protocol):
    """What the runner needs of the store. Raises StateError."""

    def requests(self, ids: Sequence[str]) -> Sequence[Request]: ...

    def set_state(self, ids: Sequence[str], state: RequestState, pass_id: str | None = None) -> None: ...


class Listener(Protocol):
    """Who is told of passes, in the thread of the pass."""

    def begun(self, fabric: str) -> None:
        """A pass begins."""

    def ended(self, record: PassRecord) -> None:
        """A pass ended, and its end is stored."""

    def left(self, fabric: str, known: Known | None) -> None:
        """After every `begun`, whatever came of it, and after `ended`. None: what was known before still holds."""


class PassRunner:
    """Makes the pass that a fabric was taken for, and stores how it ended."""

    def __init__(
        self,
        subjects: Callable[[], Mapping[str, Subject]],
        stores: tuple[PassState, Store],
        clock: Clock,
        stop: StopFlag,
        listener: Listener,
    ) -> None:
        self._subjects = subjects
        self._state, self._requests = stores
        self._clock = clock
        self._stop = stop
        self._listener = listener
        self._unstored: dict[str, int] = {}
        """Passes in a row, by fabric, whose end could not be stored: the record cannot count those."""

    def run(self, taken: Taken) -> Next:
        """One pass. A pass that the service's stop cut off is no failure: its requests stay, and the next start makes
        it again; nor is one lost whose end could not be stored.
        """
        known = None
        self._listener.begun(taken.key)
        try:
            report = self._reconcile(taken)
            known = report.known
        except StoppedError:
            log.info("pass stopped", fabric=taken.key)
            return Next()
        except Exception as error:
            # A defect, or a state file that cannot be written: the pass has no end, whatever it did, and is made again.
            failures = self._unstored[taken.key] = self._unstored.get(taken.key, 0) + 1
            log.exception("a pass has no stored end", fabric=taken.key)
            is_defect = not isinstance(error, StateError)
            return Next(failures=failures, is_retryable=True, unanswered=taken.work.requests, is_defect=is_defect)
        finally:
            self._listener.left(taken.key, known)
        self._unstored.pop(taken.key, None)
        failures = report.result.fabric.failures
        return Next(failures=failures, is_retryable=_may_retry(report), unanswered=report.unanswered)

    def _reconcile(self, taken: Taken) -> Report:
        subject = self._subjects()[taken.key]
        work = taken.work
        order = Order(uuid.uuid4().hex, work.triggers, self._requests.requests(work.requests), work.scope)
        self._requests.set_state(taken.work.requests, RequestState.RUNNING, order.id)
        states = () if work.scope is None else self._state.objects(taken.key)
        past = Past(self._state.fabric(taken.key), self._state.inventory(taken.key), states)
        log.info("pass started", fabric=taken.key, pass_id=order.id, triggers=[t.value for t in order.triggers])
        report = reconcile(subject, order, past, self._clock, self._stop)
        self._state.record_pass(report.result)
        self._announce(report.result.record)
        return report

    def _announce(self, record: PassRecord) -> None:
        log.info(
            "pass ended",
            fabric=record.fabric,
            pass_id=record.id,
            outcome=record.outcome.value,
            reason=record.reason,
            message=record.message,
            revision=record.revision,
            scope=None if record.scope is None else [str(key) for key in record.scope],
            seconds=round((record.finished - record.started).total_seconds(), 3),
        )
        self._listener.ended(record)


def _may_retry(report: Report) -> bool:
    return report.is_retryable and not report.result.record.outcome.is_success
