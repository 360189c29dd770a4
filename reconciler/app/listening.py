"""Who is told of passes: when they are taken, begin and end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.app.live import Live
    from reconciler.app.watching import Watches
    from reconciler.model.known import Known
    from reconciler.model.passes import PassRecord
    from reconciler.ports import Clock
    from reconciler.queue import Next, Taken
    from reconciler.status.metrics import Metrics
    from reconciler.status.site_status import SiteStatus
    from reconciler.store import Store
    from reconciler.worker import Runner

log = structlog.get_logger("service")

WRITES = ("created", "updated", "deleted", "netbox_created", "netbox_updated", "netbox_deleted")
"""Those counts of a pass that are write requests' objects."""

PRUNE_EVERY = 3600.0
"""Seconds between two prunings of the history."""


class Measured:
    """A runner of which the metrics know how long each fabric waited, when it yielded, and what it did not foresee."""

    def __init__(self, runner: Runner, metrics: Metrics) -> None:
        self._runner = runner
        self._metrics = metrics

    def run(self, taken: Taken) -> Next:
        self._metrics.pass_taken(taken.work, taken.waited)
        try:
            following = self._runner.run(taken)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            # A panic in a library that is not written in Python is no Exception.
            self._metrics.exception()
            raise
        if following.remainder is not None:
            self._metrics.pass_yielded(taken.key)
        if following.is_defect:
            self._metrics.exception()
        return following


class PassListener:
    """Who is told of passes: the fabric's watch, metrics, its site in NetBox, others, and now and then the
    history, to forget what is old.
    """

    def __init__(
        self,
        live: Live,
        watches: Watches,
        store: Store,
        told: tuple[Metrics, SiteStatus],
        clock: Clock,
        others: Sequence[Callable[[PassRecord], None]] = (),
    ) -> None:
        """`others` are told of each pass of a configured fabric that ended."""
        self._live = live
        self._watches = watches
        self._store = store
        self._metrics, self._site_status = told
        self._clock = clock
        self._others = others
        self._pruned = -PRUNE_EVERY

    def begun(self, fabric: str) -> None:
        self._watches.begun(fabric)

    def left(self, fabric: str, known: Known | None) -> None:
        self._watches.left(fabric, known)

    def ended(self, record: PassRecord) -> None:
        # A fabric may have left the configuration meanwhile, and the metrics with it.
        if record.fabric in self._live.version.fabrics:
            self._metrics.pass_ended(record, {what: record.counts.get(what, 0) for what in WRITES})
            self._tell_others(record)
        subject = self._live.subjects().get(record.fabric)
        if subject is not None and subject.fabric.is_enabled:
            self._site_status.pass_ended(subject.fabric, subject.netbox, record)
        now = self._clock.monotonic()
        if now - self._pruned >= PRUNE_EVERY:
            self._pruned = now
            self._prune()

    def _tell_others(self, record: PassRecord) -> None:
        """The pass is stored and must not be made again for one of them."""
        for tell in self._others:
            try:
                tell(record)
            except Exception:
                log.exception("unexpected error while telling of a pass", fabric=record.fabric)

    def _prune(self) -> None:
        """What cannot be forgotten now is forgotten later. The pass is stored and must not be made again for it."""
        history = self._live.version.settings.history
        try:
            self._store.prune(timedelta(days=history.days), history.passes, self._clock.now())
        except StateError:
            log.exception("the history could not be pruned")
