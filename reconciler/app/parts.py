"""Every part of the service, built from the settings and wired together."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from reconciler.app.clock import SystemClock
from reconciler.app.subjects import build_subjects
from reconciler.errors import StateError
from reconciler.model.requests import Receiver
from reconciler.queue import WorkQueue
from reconciler.reconcile import PassRunner, Surroundings
from reconciler.status.health import Components
from reconciler.status.metrics import Metrics
from reconciler.status.reporter import Described, Reporter
from reconciler.store import open_store
from reconciler.triggers.intake import Configured, TriggerIntake
from reconciler.triggers.poll import Poll
from reconciler.worker import Worker
from webhooks.app import create_app
from webhooks.options import WebOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from reconciler.model.fabric import Fabric
    from reconciler.model.known import Known
    from reconciler.model.passes import PassRecord
    from reconciler.ports import Clock
    from reconciler.queue import Next, Taken
    from reconciler.settings import SecretSource, Settings
    from reconciler.store import Store
    from reconciler.worker import Runner

log = structlog.get_logger("service")

WRITES = ("created", "updated", "deleted", "netbox_created", "netbox_updated", "netbox_deleted")
"""Those counts of a pass that are write requests' objects."""

PRUNE_EVERY = 3600.0
"""Seconds between two prunings of the history."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service runs."""

    host: str
    port: int
    fabrics: Sequence[Fabric]
    store: Store
    queue: WorkQueue
    intake: TriggerIntake
    poll: Poll
    workers: Sequence[Worker]
    components: Components
    web: Callable[..., Awaitable[None]]
    """The web application (ASGI)."""
    stop: threading.Event

    def close(self) -> None:
        self.store.close()


def build_parts(settings: Settings) -> Parts:
    """Build everything; nothing runs yet. Raises ConfigurationError, StateError."""
    clock = SystemClock()
    store = open_store(settings.state_path, clock)
    try:
        return _wire(settings, store, clock)
    except BaseException:
        store.close()
        raise


def _wire(settings: Settings, store: Store, clock: Clock) -> Parts:
    fabrics = {fabric.name: fabric for fabric in settings.fabric_values()}
    components, metrics, stop = Components(clock), Metrics(), threading.Event()
    queue = WorkQueue(clock.monotonic, metrics.joined)
    configured = Configured(fabrics, receivers(settings))
    intake = TriggerIntake(lambda: configured, store, queue, clock)
    ended = Ended(settings, store, metrics, clock)
    subjects = build_subjects(settings, store)
    surroundings = Surroundings(has_others=queue.has_others, on_breaker=metrics.breaker)
    runner = Measured(PassRunner(lambda: subjects, (store, store), clock, stop, ended, surroundings), metrics)
    described = Described(fabrics, providers(settings), settings.warnings)
    reporter = Reporter(lambda: described, store, store, queue, (components, metrics, clock))
    options = WebOptions(
        api_token=partial(read_token, settings.server.api_token),
        protect_reads=settings.server.protect_reads,
        max_body_bytes=settings.server.max_body_bytes,
        on_delivery=metrics.delivery,
    )
    return Parts(
        host=settings.server.host,
        port=settings.server.port,
        fabrics=tuple(fabrics.values()),
        store=store,
        queue=queue,
        intake=intake,
        poll=Poll(fabrics.values, store, intake.trigger, clock, settings.poll.jitter),
        workers=[Worker(queue, runner, intake.finished) for _ in range(settings.workers)],
        components=components,
        web=create_app(intake, reporter, options),
        stop=stop,
    )


class Measured:
    """A runner of which the metrics know how long each fabric waited, when it yielded, and what it did not foresee."""

    def __init__(self, runner: Runner, metrics: Metrics) -> None:
        self._runner = runner
        self._metrics = metrics

    def run(self, taken: Taken) -> Next:
        self._metrics.pass_taken(taken.work, taken.waited)
        following = self._runner.run(taken)
        if following.remainder is not None:
            self._metrics.pass_yielded(taken.key)
        if following.is_defect:
            self._metrics.exception()
        return following


class Ended:
    """What follows a pass that was recorded: metrics, and now and then the pruning of what is old."""

    def __init__(self, settings: Settings, store: Store, metrics: Metrics, clock: Clock) -> None:
        self._keep_for = timedelta(days=settings.history.days)
        self._keep_passes = settings.history.passes
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._pruned = -PRUNE_EVERY

    def begun(self, fabric: str) -> None:
        """Nothing depends on it."""

    def left(self, fabric: str, known: Known | None) -> None:
        """Nothing depends on it."""

    def ended(self, record: PassRecord) -> None:
        self._metrics.pass_ended(record, {what: record.counts.get(what, 0) for what in WRITES})
        now = self._clock.monotonic()
        if now - self._pruned >= PRUNE_EVERY:
            self._pruned = now
            self._prune()

    def _prune(self) -> None:
        """What cannot be forgotten now is forgotten later. The pass is stored and must not be made again for it."""
        try:
            self._store.prune(self._keep_for, self._keep_passes, self._clock.now())
        except StateError:
            log.exception("the history could not be pruned")


def receivers(settings: Settings) -> list[Receiver]:
    """The configured webhooks with their secrets: those of repositories, and NetBox's, which speak for fabrics. Raises
    ConfigurationError when a secret cannot be read.
    """
    of_forges = [
        Receiver(repository.webhook.provider, repository.name, repository.url, repository.webhook.secret.read())
        for repository in settings.repositories
        if repository.webhook is not None
    ]
    of_netbox = [
        Receiver("netbox", fabric.name, fabric.netbox.url, fabric.netbox.webhook_secret.read())
        for fabric in settings.fabrics
        if fabric.netbox is not None and fabric.netbox.url is not None and fabric.netbox.webhook_secret is not None
    ]
    return of_forges + of_netbox


def providers(settings: Settings) -> dict[str, str | None]:
    """The webhook provider of each repository."""
    return {r.name: r.webhook.provider if r.webhook else None for r in settings.repositories}


def read_token(source: SecretSource | None) -> bytes | None:
    """The API token as it is now, None where none is configured. Raises ConfigurationError."""
    return None if source is None else source.read()
