"""Runs passes for the worker: the only call site of the pass."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import structlog
from structlog.contextvars import bound_contextvars

from reconciler.errors import StateError, StoppedError
from reconciler.model.passes import Outcome
from reconciler.model.requests import RequestState, Trigger
from reconciler.queue import Next
from reconciler.reconcile.attempt import Terms
from reconciler.reconcile.breaker import Breakers
from reconciler.reconcile.engine import Order, Past, reconcile
from reconciler.reconcile.fights import Fights
from reconciler.reconcile.observer import Observer
from reconciler.reconcile.progress import Progress, Running
from reconciler.reconcile.schemas import Inspector
from reconciler.reconcile.settled import SettledObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.known import Known
    from reconciler.model.passes import PassRecord
    from reconciler.model.requests import Request, Work
    from reconciler.model.status import PassResult
    from reconciler.ports import Clock, PassState, StopFlag
    from reconciler.queue import Taken
    from reconciler.reconcile.attempt import Slice
    from reconciler.reconcile.breaker import Breaker
    from reconciler.reconcile.engine import Report, Subject

log = structlog.get_logger("pass")


_HINTED = frozenset({Trigger.PUSH, Trigger.WATCH, Trigger.NETBOX})
"""Triggers that say what may have changed; the others are there to find what was missed."""


MAX_BOUND = 10
"""How many of the requests that a pass answers are named on each line that it logs."""


class Store(Protocol):
    """What the runner needs of the store. Raises StateError."""

    def requests(self, ids: Sequence[str]) -> Sequence[Request]: ...

    def set_state(self, ids: Sequence[str], state: RequestState, pass_id: str | None = None) -> None: ...

    def end(self, ids: Sequence[str], reason: str, message: str) -> None:
        """End requests whose pass is not made."""


class Listener(Protocol):
    """Who is told of passes, in the thread of the pass."""

    def begun(self, fabric: str) -> None:
        """A pass begins."""

    def ended(self, record: PassRecord) -> None:
        """A pass ended, and its end is stored."""

    def left(self, fabric: str, known: Known | None) -> None:
        """After every `begun`, whatever came of it, and after `ended`. None: what was known before still holds."""


class Obstacle(Protocol):
    """Why no pass may begin: a CamelCase word, and a sentence."""

    @property
    def reason(self) -> str: ...

    @property
    def message(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What passes have to do with beside their fabric: whether something forbids a pass over it by now, whether another
    fabric waits for its turn, whether a fabric is still configured as its subject says, and who is told when a breaker
    opens or closes. All in the thread of the pass; `is_current` also in those that apply for it. `inspector` and
    `fights` are what is known of schemas and of objects that somebody changes back (None: nothing yet), which previews
    share; `progress` is where passes say how far they came; `observer` looks on.
    """

    obstacle: Callable[[str], Obstacle | None] = field(default=lambda _: None)
    has_others: Callable[[str], bool] = field(default=lambda _: False)
    is_current: Callable[[str, Subject], bool] = field(default=lambda _, __: True)
    on_breaker: Callable[[Breaker], None] = field(default=lambda _: None)
    inspector: Inspector = field(default_factory=Inspector)
    fights: Fights | None = None
    progress: Progress = field(default_factory=Progress)
    observer: Observer = field(default_factory=Observer)


class PassRunner:
    """Makes the pass that a fabric was taken for, and stores how it ended."""

    def __init__(
        self,
        subjects: Callable[[], Mapping[str, Subject]],
        stores: tuple[PassState, Store],
        clock: Clock,
        stop: StopFlag,
        listener: Listener,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._subjects = subjects
        self._state, self._requests = stores
        self._clock = clock
        self._stop = stop
        self._listener = listener
        self._surroundings = surroundings or Surroundings()
        self._breakers = Breakers(clock, self._surroundings.on_breaker)
        self._fights = self._surroundings.fights or Fights(clock)
        self._settled = SettledObjects()
        self._yielded: dict[str, tuple[PassResult, Slice]] = {}
        """By fabric, how far a pass came that yielded, and what its next part has to know. Lost with the process is
        only what the history would say of it: the requests are stored, and the next pass sees how far it came.
        """

    def run(self, taken: Taken) -> Next:
        """One pass, or a part of it. One that the service's stop cut off is no failure: its requests stay, and the next
        start makes it again; nor is one lost whose end could not be stored.
        """
        with bound_contextvars(fabric=taken.key):
            return self._run(taken)

    def _run(self, taken: Taken) -> Next:
        known = None
        self._listener.begun(taken.key)
        try:
            report = self._reconcile(taken)
            known = report.known if report else None
        except StoppedError:
            log.info("pass stopped", fabric=taken.key)
            return Next()
        except Exception as error:
            # A defect of storing it, or a state file that cannot be written: the pass has no end, whatever it did, and
            # is made again. A defect of the pass itself is how that ended.
            log.exception("a pass has no stored end", fabric=taken.key)
            is_defect = not isinstance(error, StateError)
            return Next(is_retryable=True, unanswered=taken.work.requests, is_defect=is_defect)
        finally:
            if taken.key not in self._yielded:
                self._surroundings.progress.end(taken.key)
            self._listener.left(taken.key, known)
        return self._next(taken, report) if report else Next()

    def forget(self, fabric: str) -> None:
        """Let go of what passes found of a fabric that is no longer configured. From any thread: a pass over it that
        still runs may leave what it finds, which the fabric's next removal takes away.
        """
        self._surroundings.inspector.forget(fabric)
        self._fights.forgive(fabric)
        self._settled.forget(fabric)

    def _next(self, taken: Taken, report: Report) -> Next:
        record = report.result.record
        if report.rest is not None:
            return Next(remainder=replace(taken.work, remainder=record.id))
        # Whatever a pass over some objects failed by, and whether or not it can be made good: a full pass says so.
        may_retry = not record.outcome.is_success and (report.is_retryable or record.scope is not None)
        return Next(is_retryable=may_retry, unanswered=report.unanswered)

    def _reconcile(self, taken: Taken) -> Report | None:
        """None: no pass may be made, since the fabric was suspended, disabled or removed while it waited. What arrived
        before that was discarded; this is a retry, or the rest of a pass, which was queued after it.
        """
        fabric, work = taken.key, taken.work
        obstacle = self._surroundings.obstacle(fabric)
        pass_id, earlier = self._continued(fabric, work, obstacle)
        if obstacle is not None:
            log.info("no pass", fabric=fabric, reason=obstacle.reason, requests=list(work.requests))
            self._requests.end(work.requests, obstacle.reason, obstacle.message)
            return None
        subject = self._subjects()[fabric]
        order = Order(pass_id, work.triggers, self._requests.requests(work.requests), work.scope)
        self._requests.set_state(work.requests, RequestState.RUNNING, order.id)
        known = self._state.fabric(fabric), self._state.inventory(fabric), self._state.objects(fabric)
        past = Past(*known, self._state.approval(fabric))
        what = "pass continued" if earlier else "pass started"
        ids = [request.id for request in order.requests]
        self._surroundings.observer.began(fabric, order.id, ids)
        with bound_contextvars(pass_id=order.id, requests=ids[:MAX_BOUND]):
            log.info(what, fabric=fabric, pass_id=order.id, triggers=[t.value for t in order.triggers])
            report = reconcile(subject, order, past, self._clock, self._terms(taken, earlier, subject))
            self._store(report, order)
        return report

    def _continued(self, fabric: str, work: Work, obstacle: Obstacle | None) -> tuple[str, Slice | None]:
        """The id of the pass to make, and what its last part handed on where it continues one."""
        if fabric in self._yielded:
            result, earlier = self._yielded[fabric]
            if obstacle is None and result.record.id == work.remainder:
                del self._yielded[fabric]
                return result.record.id, earlier
            self._give_up(result, obstacle.reason if obstacle else "Superseded")
            del self._yielded[fabric]
        return uuid.uuid4().hex, None

    def _give_up(self, result: PassResult, reason: str) -> None:
        """Tell the history of a pass that yielded and is not continued: it may have written. It ended with its last
        part; what is known of the fabric is what its parts stored.
        """
        message = "the pass let other fabrics go first, and was not continued"
        record = replace(result.record, outcome=Outcome.PARTIAL, reason=reason, message=message)
        fabric = self._state.fabric(record.fabric)
        left_alone = replace(result, inventory=None, objects=None, requests=(), unannounced=None, spent=None)
        self._record(replace(left_alone, record=record, fabric=fabric))

    def _terms(self, taken: Taken, earlier: Slice | None, subject: Subject) -> Terms:
        # A changed configuration too may be what brings a target back, or ends a fight.
        is_asked_for = not {Trigger.REQUEST, Trigger.FILE}.isdisjoint(taken.work.triggers)
        if is_asked_for and earlier is None:
            self._fights.forgive(taken.key)
        return Terms(
            stop=self._stop,
            breakers=self._breakers,
            inspector=self._surroundings.inspector,
            fights=self._fights,
            settled=self._settled,
            has_others=lambda: self._surroundings.has_others(taken.key),
            is_asked_for=is_asked_for,
            is_thorough=not _HINTED.issuperset(taken.work.triggers),
            is_current=lambda: self._surroundings.is_current(taken.key, subject),
            earlier=earlier,
            remember=lambda inventory: self._state.remember(taken.key, inventory),
            lines=lambda address: self._state.lines(taken.key, address),
            keep_lines=lambda address, changes: self._state.keep_lines(taken.key, address, changes),
            begin=lambda revision: self._state.begin(taken.key, revision),
            observer=self._surroundings.observer,
            show=lambda done, total: self._surroundings.progress.show(taken.key, done, total),
            enter=lambda *now: self._surroundings.progress.enter(taken.key, Running(taken.work.triggers, *now)),
        )

    def _store(self, report: Report, order: Order) -> None:
        record = report.result.record
        if report.rest is None:
            # Until the next try nobody works on these.
            waiting = (
                replace(request, state=RequestState.QUEUED, pass_id=record.id)
                for request in order.requests
                if request.id in report.unanswered
            )
            self._record(replace(report.result, requests=(*report.result.requests, *waiting)))
            return
        self._state.checkpoint(report.result)
        self._yielded[record.fabric] = (report.result, report.rest)
        log.info("pass yielded", fabric=record.fabric, pass_id=record.id, left=report.rest.left)

    def _record(self, result: PassResult) -> None:
        self._state.record_pass(result)
        self._announce(result.record)

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
