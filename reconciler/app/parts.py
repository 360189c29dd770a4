"""Every part of the service, built from the settings and wired together."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from reconciler.app.clock import SystemClock
from reconciler.app.integrity import installed_build
from reconciler.app.integrity_watch import IntegrityWatch
from reconciler.app.live import Live
from reconciler.app.onlookers import Calls, Watched, build_traces
from reconciler.app.receivers import ConfiguredWebhooks
from reconciler.app.reload import Reload
from reconciler.app.subjects import Stock
from reconciler.app.supervisor import Supervisor
from reconciler.app.systemd import Notifier
from reconciler.app.watchdog import Patience, Watchdog
from reconciler.app.watching import Watches, WatchWork, build_watch
from reconciler.app.wiring import Wirings
from reconciler.errors import StateError
from reconciler.model.requests import Trigger
from reconciler.model.status import ConnectionState
from reconciler.queue import WorkQueue
from reconciler.reconcile import Fights, Inspector, PassRunner, Previewer, Surroundings
from reconciler.reconcile.observer import Observers
from reconciler.reconcile.progress import Progress
from reconciler.status.changes import Changes
from reconciler.status.commit_status import CommitStatuses
from reconciler.status.health import Components
from reconciler.status.left_alone import LeftAlone
from reconciler.status.marks import Marks
from reconciler.status.metrics import Metrics
from reconciler.status.notifications import Notifications
from reconciler.status.plans import Plans
from reconciler.status.reporter import Glances, Reporter
from reconciler.status.site_status import SiteStatus
from reconciler.store import open_store
from reconciler.triggers.branches import LocalBranches
from reconciler.triggers.files import FileWatch
from reconciler.triggers.intake import TriggerIntake
from reconciler.triggers.poll import Jitter, Poll
from reconciler.worker import Worker
from webhooks.app import create_app
from webhooks.options import WebOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from reconciler.model.fabric import Fabric
    from reconciler.model.known import Known
    from reconciler.model.passes import PassRecord
    from reconciler.model.status import FabricRecord
    from reconciler.ports import Clock
    from reconciler.queue import Next, Taken
    from reconciler.reconcile.observer import Observer
    from reconciler.settings import SecretSource, Settings
    from reconciler.status.tracing import PassTraces
    from reconciler.store import Store
    from reconciler.worker import Runner

log = structlog.get_logger("service")

WRITES = ("created", "updated", "deleted", "netbox_created", "netbox_updated", "netbox_deleted")
"""Those counts of a pass that are write requests' objects."""

PRUNE_EVERY = 3600.0
"""Seconds between two prunings of the history."""

FILES = "files"
"""The task that looks at the configuration and the files that it names."""

BRANCHES = "branches"
"""The task that looks at repositories on this machine."""


STATUSES = "statuses"
"""The task that tells forges of commits."""

WEB = "web"
"""The task that serves HTTP."""

SITES = "sites"
"""The task that tells sites of NetBox of fabrics that are left alone."""


NOTIFICATIONS = "notifications"
"""The task that tells people and their systems of fabrics in trouble."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service runs."""

    host: str
    port: int
    live: Live
    store: Store
    queue: WorkQueue
    intake: TriggerIntake
    poll: Poll
    left_alone: LeftAlone
    statuses: CommitStatuses
    notifications: Notifications
    changes: Changes
    workers: Sequence[Worker]
    files: Mapping[str, FileWatch]
    """What looks at files, by the name of its task."""
    branches: LocalBranches
    integrity: IntegrityWatch
    components: Components
    supervisor: Supervisor
    watches: Watches
    web: Callable[..., Awaitable[None]]
    """The web application (ASGI)."""
    watchdog: Watchdog
    stop: threading.Event
    traces: PassTraces | None = None

    @property
    def fabrics(self) -> Sequence[Fabric]:
        """Those of the present configuration, in its order."""
        return tuple(self.live.version.fabrics.values())

    def close(self) -> None:
        if self.traces is not None:
            self.traces.close()
        self.store.close()


def build_parts(settings: Settings, patience: Patience | None = None) -> Parts:
    """Build everything; nothing runs yet. `patience` is the watchdog's. Raises ConfigurationError, StateError."""
    clock = SystemClock()
    store = open_store(settings.state_path, clock)
    try:
        return _wire(settings, store, clock, patience or Patience())
    except BaseException:
        store.close()
        raise


def _wire(settings: Settings, store: Store, clock: Clock, patience: Patience) -> Parts:
    components, metrics, stop = Components(clock), Metrics(), threading.Event()
    marks = Marks(clock, patience.hung)
    calls = Calls(metrics, marks)
    changes = Changes()
    store.tell_writes(changes.wake)
    queue = WorkQueue(clock.monotonic, metrics.joined, on_changed=changes.wake)
    asked_by_watches = WatchWork(queue, lambda fabric: intake.obstacle(fabric))  # noqa: PLW0108 - there is none yet
    stock = Stock(store, settings.state_path.parent / "mirrors", queue.is_pressed, stop, calls.ended)
    on_call = partial(metrics.call, "kubernetes")
    live = Live(settings, stock, lambda fabric: build_watch(fabric, asked_by_watches.add, components, on_call))
    supervisor = Supervisor(components)
    watches = Watches(supervisor)
    intake = TriggerIntake(live.configured, store, queue, clock)
    poll = _poll(intake, store, live, components, clock)
    intake.tell(poll)
    site_status = SiteStatus(store, clock)
    left_alone = _left_alone(live, intake, store, queue, site_status, components)
    intake.tell(left_alone)
    notifications = _notifications(live, store, clock, metrics, components)
    intake.tell(notifications)
    traces = build_traces(settings, clock)
    others = [changes.ended, lambda record: notifications.pass_ended(record.fabric)]
    if traces:
        others.append(traces.ended)
    listener = PassListener(live, watches, store, (metrics, site_status), clock, others)
    inspector, fights, progress = Inspector(), Fights(clock), Progress(changes.wake)
    observer = Observers(marks, traces) if traces else marks
    surroundings = _surroundings(intake, queue, live, metrics, (inspector, fights, progress), observer)
    passes = PassRunner(live.subjects, (store, store), clock, stop, listener, surroundings)
    runner = Measured(passes, metrics)
    statuses = CommitStatuses(
        live.told, store, clock, metrics.commit_status, on_iteration=partial(components.progress, STATUSES)
    )
    store.tell_statuses(lambda fabric: live.told().repository_of(fabric), statuses.wake)
    integrity = IntegrityWatch(components)
    names = [worker_name(number) for number in range(settings.workers)]
    watchdog = Watchdog(marks, names, (components, metrics), Notifier(), patience=patience)
    glances = Glances(
        agents=live.agents,
        progress=progress.of,
        running=progress.running,
        untold=statuses.warnings,
        notes=lambda: (*integrity.notes(), *notifications.warnings().items()),
        build=installed_build(),
        wiring=Wirings(lambda: live.version.made).of,
        changes=changes,
        hanging=watchdog.hanging,
    )
    reporter = Reporter(live.described, store, store, queue, (components, metrics, clock), glances)
    plans = Plans(Previewer(live.previewed, store, clock, stop, (inspector, fights)), store)
    forgetful = [metrics.forget, passes.forget, site_status.forget, *([traces.forget] if traces else [])]
    woken = poll.wake, left_alone.wake, statuses.wake, notifications.wake, changes.wake
    effects = ReloadEffects(live, intake, watches, woken, forgetful, partial(unsettled, store, queue))
    branches = LocalBranches(live.local_branches, effects.moved)
    return Parts(
        host=settings.server.host,
        port=settings.server.port,
        live=live,
        store=store,
        queue=queue,
        intake=intake,
        poll=poll,
        left_alone=left_alone,
        statuses=statuses,
        notifications=notifications,
        changes=changes,
        workers=[Worker(queue, Watched(runner, marks, name), intake.finished) for name in names],
        files={
            FILES: FileWatch(FILES, Reload(live, effects, components), components),
            BRANCHES: FileWatch(BRANCHES, branches, components),
        },
        branches=branches,
        integrity=integrity,
        components=components,
        supervisor=supervisor,
        watches=watches,
        web=create_app(intake, reporter, plans, _web_options(live, metrics, reporter, components)),
        watchdog=watchdog,
        stop=stop,
        traces=traces,
    )


def _surroundings(
    intake: TriggerIntake,
    queue: WorkQueue,
    live: Live,
    metrics: Metrics,
    known: tuple[Inspector, Fights, Progress],
    observer: Observer,
) -> Surroundings:
    """`known` is what previews and the reporter share with passes."""
    inspector, fights, progress = known
    return Surroundings(
        obstacle=intake.obstacle,
        has_others=queue.has_others,
        on_breaker=metrics.breaker,
        is_current=live.is_current,
        inspector=inspector,
        fights=fights,
        progress=progress,
        observer=observer,
    )


def _poll(intake: TriggerIntake, store: Store, live: Live, components: Components, clock: Clock) -> Poll:
    return Poll(
        intake.active,
        ConfiguredWebhooks(store, lambda: live.described().providers),
        intake.trigger,
        clock,
        Jitter(lambda: live.version.settings.poll.jitter),
        on_iteration=partial(components.progress, "poll"),
    )


def _notifications(live: Live, store: Store, clock: Clock, metrics: Metrics, components: Components) -> Notifications:
    on_iteration = partial(components.progress, NOTIFICATIONS)
    return Notifications(live.notified, store, clock, metrics.notification, on_iteration)


def _left_alone(
    live: Live, intake: TriggerIntake, store: Store, queue: WorkQueue, site_status: SiteStatus, components: Components
) -> LeftAlone:
    """`Made.netbox` is that of previews, which may be used beside this one for a site."""
    return LeftAlone(
        lambda: [
            (made.subject.fabric, made.netbox)
            for name, made in live.version.made.items()
            if intake.obstacle(name) is not None
        ],
        store.suspension,
        queue.is_active,
        site_status,
        on_iteration=partial(components.progress, SITES),
    )


def _web_options(live: Live, metrics: Metrics, reporter: Reporter, components: Components) -> WebOptions:
    server = live.version.settings.server

    def on_request(method: str, route: str, status: int, seconds: float) -> None:
        components.progress(WEB)
        metrics.request(method, route, status, seconds)

    return WebOptions(
        api_token=lambda: read_token(live.version.settings.server.api_token),
        protect_reads=server.protect_reads,
        max_body_bytes=server.max_body_bytes,
        on_delivery=metrics.delivery,
        on_unverified=reporter.received,
        on_request=on_request,
    )


def worker_name(number: int) -> str:
    """The name of the task of a worker, which count from 0."""
    return f"worker-{number + 1}"


class ReloadEffects:
    """What a changed configuration causes (`reload.Effects`), and a moved branch of a repository on this machine."""

    def __init__(
        self,
        live: Live,
        intake: TriggerIntake,
        watches: Watches,
        wake: Sequence[Callable[[], None]],
        forgetful: Sequence[Callable[[str], None]],
        unsettled: Callable[[Sequence[str]], Sequence[str]],
    ) -> None:
        """`wake` has those look again who go by the configuration. `forgetful` are told of each fabric that it lost.
        `unsettled` tells for which of some fabrics another try may end otherwise. It is called in a thread.
        """
        self._live = live
        self._unsettled = unsettled
        self._intake = intake
        self._watches = watches
        self._wake = wake
        self._forgetful = forgetful

    async def end(self, fabrics: Sequence[str]) -> None:
        await self._intake.supersede(fabrics, "the fabric is no longer configured or enabled")
        for name in fabrics:
            if name not in self._live.version.fabrics:
                for forget in self._forgetful:
                    forget(name)

    async def watch(self) -> None:
        await self._watches.follow(self._live.version.watches)

    async def begin(self, fabrics: Sequence[str]) -> None:
        configured = self._live.version.fabrics
        await self._intake.trigger([configured[name] for name in fabrics if name in configured], Trigger.FILE)

    async def renew(self, fabrics: Sequence[str]) -> None:
        await self.begin(await to_thread.run_sync(self._unsettled, fabrics))

    async def moved(self, repository: str) -> None:
        """The branch of this repository has another tip. Raises StateError."""
        fabrics = self._live.version.fabrics.values()
        await self._intake.trigger([fabric for fabric in fabrics if fabric.repository == repository], Trigger.FILE)

    def reschedule(self) -> None:
        for wake in self._wake:
            wake()


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
            for tell in self._others:
                tell(record)
            self._metrics.pass_ended(record, {what: record.counts.get(what, 0) for what in WRITES})
        subject = self._live.subjects().get(record.fabric)
        if subject is not None and subject.fabric.is_enabled:
            self._site_status.pass_ended(subject.fabric, subject.netbox, record)
        now = self._clock.monotonic()
        if now - self._pruned >= PRUNE_EVERY:
            self._pruned = now
            self._prune()

    def _prune(self) -> None:
        """What cannot be forgotten now is forgotten later. The pass is stored and must not be made again for it."""
        history = self._live.version.settings.history
        try:
            self._store.prune(timedelta(days=history.days), history.passes, self._clock.now())
        except StateError:
            log.exception("the history could not be pruned")


def unsettled(store: Store, queue: WorkQueue, fabrics: Sequence[str]) -> list[str]:
    """Those fabrics whose last full pass did not succeed, that miss a connection, or that a pass works on, which may be
    refused yet. Raises StateError.
    """
    records = store.fabrics()
    return [name for name in fabrics if queue.is_active(name) or not _is_settled(records.get(name))]


def _is_settled(record: FabricRecord | None) -> bool:
    if record is None or record.last_pass is None:
        return False
    is_connected = all(one.state is not ConnectionState.FAILING for one in record.connections.values())
    return record.last_pass.outcome.is_success and is_connected


def read_token(source: SecretSource | None) -> bytes | None:
    """The API token as it is now, None where none is configured. Raises ConfigurationError."""
    return None if source is None else source.read()
