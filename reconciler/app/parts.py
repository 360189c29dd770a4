"""Every part of the service, built from the settings and wired together."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.app.effects import ReloadEffects, unsettled
from reconciler.app.installation import built_commit
from reconciler.app.integrity import installed_build, package_root
from reconciler.app.integrity_watch import IntegrityWatch
from reconciler.app.listening import Measured, PassListener
from reconciler.app.live import Live
from reconciler.app.onlookers import Calls, Watched, build_traces
from reconciler.app.receivers import ConfiguredWebhooks
from reconciler.app.reload import Reload
from reconciler.app.subjects import Stock, mirrors_beside
from reconciler.app.supervisor import Supervisor
from reconciler.app.systemd import Notifier
from reconciler.app.tasks import BRANCHES, FILES, NOTIFICATIONS, SITES, STATUSES, WEB, worker_name
from reconciler.app.watchdog import Patience, Watchdog
from reconciler.app.watching import Watches, WatchWork, build_watch
from reconciler.app.wiring import Wirings
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
    from reconciler.ports import Clock
    from reconciler.settings import SecretSource, Settings
    from reconciler.status.tracing import PassTraces
    from reconciler.store import Store
    from reconciler.worker import Runner


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
    with ExitStack() as undoing:
        undoing.callback(store.close)
        traces = build_traces(settings, clock)
        if traces is not None:
            undoing.callback(traces.close)
        patience = patience or Patience()
        parts = _wire(_ground(settings, store, clock, patience), patience, traces)
        undoing.pop_all()
        return parts


def _wire(ground: _Ground, patience: Patience, traces: PassTraces | None) -> Parts:
    settings, store, clock = ground.settings, ground.store, ground.clock
    live, queue, intake, metrics = ground.live, ground.queue, ground.intake, ground.metrics
    components, watches, changes = ground.components, ground.watches, ground.changes
    tellers = _tellers(ground, traces)
    poll = _poll(intake, store, live, components, clock)
    for one in (poll, tellers.left_alone, tellers.notifications):
        intake.tell(one)
    made = _passes(ground, tellers)
    names = [worker_name(number) for number in range(settings.workers)]
    watchdog = Watchdog((ground.marks, queue), names, (components, metrics), Notifier(), patience=patience)
    integrity = IntegrityWatch(components)
    reporter = _reporter(ground, tellers, made.progress, integrity, watchdog)
    plans = Plans(Previewer(live.previewed, store, clock, ground.stop, (made.inspector, made.fights)), store)
    woken = poll.wake, *tellers.wakes, changes.wake
    effects = ReloadEffects(live, intake, watches, woken, made.forgetful, partial(unsettled, store, queue))
    branches = LocalBranches(live.local_branches, effects.moved)
    return Parts(
        host=settings.server.host,
        port=settings.server.port,
        live=live,
        store=store,
        queue=queue,
        intake=intake,
        poll=poll,
        left_alone=tellers.left_alone,
        statuses=tellers.statuses,
        notifications=tellers.notifications,
        changes=changes,
        workers=[Worker(queue, Watched(made.runner, ground.marks, name), intake.finished) for name in names],
        files={
            FILES: FileWatch(FILES, Reload(live, effects, components), components),
            BRANCHES: FileWatch(BRANCHES, branches, components),
        },
        branches=branches,
        integrity=integrity,
        components=components,
        supervisor=ground.supervisor,
        watches=watches,
        web=create_app(intake, reporter, plans, _web_options(live, metrics, reporter, components)),
        watchdog=watchdog,
        stop=ground.stop,
        traces=tellers.traces,
    )


@dataclass(frozen=True, slots=True)
class _Ground:
    """What everything else stands on."""

    settings: Settings
    store: Store
    clock: Clock
    components: Components
    metrics: Metrics
    marks: Marks
    changes: Changes
    queue: WorkQueue
    live: Live
    supervisor: Supervisor
    watches: Watches
    intake: TriggerIntake
    stop: threading.Event


def _ground(settings: Settings, store: Store, clock: Clock, patience: Patience) -> _Ground:
    components, stop, changes = Components(clock), threading.Event(), Changes()
    metrics = Metrics(built_commit(package_root()))
    marks = Marks(clock, patience.hung)
    store.tell_writes(changes.wake)
    queue = WorkQueue(clock.monotonic, metrics.joined, on_changed=changes.wake)
    asked_by_watches = WatchWork(queue, lambda fabric: intake.obstacle(fabric))  # noqa: PLW0108 - there is none yet
    calls = Calls(metrics, marks)
    stock = Stock(store, mirrors_beside(settings.state_path), queue.is_pressed, stop, calls.ended)
    on_call = partial(metrics.call, "kubernetes")
    live = Live(settings, stock, lambda fabric: build_watch(fabric, asked_by_watches.add, components, on_call))
    intake = TriggerIntake(live.configured, store, queue, clock)
    return _Ground(
        settings=settings,
        store=store,
        clock=clock,
        components=components,
        metrics=metrics,
        marks=marks,
        changes=changes,
        queue=queue,
        live=live,
        supervisor=(supervisor := Supervisor(components)),
        watches=Watches(supervisor),
        intake=intake,
        stop=stop,
    )


@dataclass(frozen=True, slots=True)
class _Tellers:
    """Who tells others of fabrics and passes: NetBox's sites, forges, receivers of notifications and of traces."""

    site_status: SiteStatus
    left_alone: LeftAlone
    statuses: CommitStatuses
    notifications: Notifications
    traces: PassTraces | None

    @property
    def wakes(self) -> Sequence[Callable[[], None]]:
        """What has them look again."""
        return self.left_alone.wake, self.statuses.wake, self.notifications.wake


def _tellers(ground: _Ground, traces: PassTraces | None) -> _Tellers:
    live, store, clock, metrics = ground.live, ground.store, ground.clock, ground.metrics
    site_status = SiteStatus(store, clock)
    told = partial(ground.components.progress, STATUSES)
    statuses = CommitStatuses(live.told, store, clock, metrics.commit_status, on_iteration=told)
    store.tell_statuses(lambda fabric: live.told().repository_of(fabric), statuses.wake)
    return _Tellers(
        site_status,
        _left_alone(live, ground.intake, store, ground.queue, site_status, ground.components),
        statuses,
        _notifications(live, store, clock, metrics, ground.components),
        traces,
    )


@dataclass(frozen=True, slots=True)
class _Passes:
    """What makes passes, and what previews and the reporter share with it. `forgetful` are told of lost fabrics."""

    runner: Runner
    inspector: Inspector
    fights: Fights
    progress: Progress
    forgetful: Sequence[Callable[[str], None]]


def _passes(ground: _Ground, tellers: _Tellers) -> _Passes:
    metrics, clock, changes, traces = ground.metrics, ground.clock, ground.changes, tellers.traces
    others = [changes.ended, lambda record: tellers.notifications.pass_ended(record.fabric)]
    forgetful = [metrics.forget, tellers.site_status.forget]
    if traces is not None:
        others.append(traces.ended)
        forgetful.append(traces.forget)
    told = metrics, tellers.site_status
    listener = PassListener(ground.live, ground.watches, ground.store, told, clock, others)
    inspector, fights, progress = Inspector(), Fights(clock), Progress(changes.wake)
    surroundings = Surroundings(
        obstacle=ground.intake.obstacle,
        has_others=ground.queue.has_others,
        on_breaker=metrics.breaker,
        is_current=ground.live.is_current,
        inspector=inspector,
        fights=fights,
        progress=progress,
        observer=ground.marks if traces is None else Observers(ground.marks, traces),
    )
    states = ground.store, ground.store
    passes = PassRunner(ground.live.subjects, states, clock, ground.stop, listener, surroundings)
    return _Passes(Measured(passes, metrics), inspector, fights, progress, [*forgetful, passes.forget])


def _reporter(
    ground: _Ground, tellers: _Tellers, progress: Progress, integrity: IntegrityWatch, watchdog: Watchdog
) -> Reporter:
    live, store = ground.live, ground.store
    glances = Glances(
        agents=live.agents,
        progress=progress.of,
        running=progress.running,
        untold=tellers.statuses.warnings,
        notes=lambda: (*integrity.notes(), *tellers.notifications.warnings().items()),
        build=installed_build(),
        wiring=Wirings(lambda: live.version.made).of,
        changes=ground.changes,
        hanging=watchdog.hanging,
    )
    of_process = ground.components, ground.metrics, ground.clock
    return Reporter(live.described, store, store, ground.queue, of_process, glances)


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
        on_trouble=partial(components.trouble, SITES),
    )


def _web_options(live: Live, metrics: Metrics, reporter: Reporter, components: Components) -> WebOptions:
    server = live.version.settings.server

    def on_request(method: str, route: str, status: int, seconds: float | None) -> None:
        components.progress(WEB)
        metrics.request(method, route, status, seconds)

    return WebOptions(
        api_token=lambda: read_token(live.version.settings.server.api_token),
        public_url=server.public_url,
        protect_reads=server.protect_reads,
        max_body_bytes=server.max_body_bytes,
        on_delivery=metrics.delivery,
        on_unverified=reporter.received,
        on_request=on_request,
    )


def read_token(source: SecretSource | None) -> bytes | None:
    """The API token as it is now, None where none is configured. Raises ConfigurationError."""
    return None if source is None else source.read()
