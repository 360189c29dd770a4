"""The running service: one process that holds every event source, the queue, the workers and the web server."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from reconciler.app.integrity_watch import INTEGRITY
from reconciler.app.interpreter import share_time
from reconciler.app.reload import COMPONENT
from reconciler.app.stopping import ended_by_signals
from reconciler.app.tasks import NOTIFICATIONS, SITES, STATUSES, WEB, worker_name
from reconciler.app.watchdog import WATCHDOG
from reconciler.app.web_server import WebServer, listen, web_configuration
from reconciler.model.requests import Trigger
from reconciler.status.health import ComponentState

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from reconciler.app.parts import Parts
    from reconciler.model.status import FabricRecord

log = structlog.get_logger("service")

PASSIVE = ("store", "queue", COMPONENT)
"""Parts without a task: they are there from the start, and others say how they are."""


def serve(build: Callable[[], Parts], on_ready: Callable[[], None] = lambda: None) -> None:
    """Run the service until SIGTERM or SIGINT. `on_ready` is called once it serves. Only for the main thread.

    Raises ConfigurationError, StateError when it cannot start.
    """
    share_time()
    service = Service(build())
    with ended_by_signals(service.stop_soon):
        asyncio.run(service.run(on_ready))


class Service:
    """Runs the parts together, and ends them in order."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._is_wanted = True
        self._web: WebServer | None = None

    def stop_soon(self) -> None:
        """End the run, or the one that is about to begin. May be called from any thread."""
        self._is_wanted = False
        if self._loop is not None:
            # A loop that is closed has ended already.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Until `stop_soon`. Raises ConfigurationError, StateError when it cannot start."""
        parts = self._parts
        self._loop = asyncio.get_running_loop()
        if not self._is_wanted:
            self._stopping.set()
        with contextlib.closing(parts), listen(parts.host, parts.port) as listener:
            try:
                await self._begin()
                self._start(listener)
                await self._announce(listener.getsockname()[1], on_ready)
                await self._stopping.wait()
                log.info("stopping")
            finally:
                await self._end()
        log.info("stopped")

    async def _begin(self) -> None:
        """Follow the clusters, then take up what was not finished, and look at every fabric, the most neglected first.
        Raises StateError.
        """
        parts = self._parts
        for name in PASSIVE:
            parts.components.report(name, ComponentState.RUNNING)
            parts.components.progress(name)
        await parts.watches.follow(parts.live.version.watches)
        await parts.branches.look()  # a commit after this is one that the first passes may not see
        await parts.intake.resume()
        records = await to_thread.run_sync(parts.store.fabrics)
        now = datetime.now(UTC)
        for fabric in sorted(parts.fabrics, key=lambda fabric: _neglect(records.get(fabric.name), now)):
            await parts.intake.trigger([fabric], Trigger.STARTUP)

    def _start(self, listener: socket.socket) -> None:
        parts, start = self._parts, self._parts.supervisor.start
        start(INTEGRITY, parts.integrity.run)  # before anybody can ask whether the process is ready
        parts.watchdog.guard()
        start(WATCHDOG, parts.watchdog.run)
        start(WEB, lambda: self._serve_web(listener), ends_itself=True)
        for number, worker in enumerate(parts.workers):
            start(worker_name(number), worker.run, ends_itself=True)
        start("poll", parts.poll.run)
        start(SITES, parts.left_alone.run)
        start(STATUSES, parts.statuses.run)
        start(NOTIFICATIONS, parts.notifications.run)
        for name, watch in parts.files.items():
            start(name, watch.run)

    async def _announce(self, port: int, on_ready: Callable[[], None]) -> None:
        """Say so once it serves. `port` is the one that was bound, which the configuration may leave open."""
        parts = self._parts
        while self._web is None or not self._web.started:
            if self._stopping.is_set():
                return
            await asyncio.sleep(0.01)
        log.info("serving", host=parts.host, port=port, fabrics=[fabric.name for fabric in parts.fabrics])
        for fabric in parts.fabrics:
            if fabric.simulated:
                log.warning("simulated targets", fabric=fabric.name, simulated=list(fabric.simulated))
        parts.watchdog.notifier.ready()
        on_ready()

    async def _serve_web(self, listener: socket.socket) -> None:
        self._web = WebServer(web_configuration(self._parts.web))
        self._web.should_exit = self._stopping.is_set()
        await self._web.serve(sockets=[listener.dup()])

    async def _end(self) -> None:
        """End every part at its next boundary, and what has none at once."""
        parts = self._parts
        parts.watchdog.notifier.stopping()
        parts.watchdog.rest()
        parts.supervisor.stop()
        parts.stop.set()
        parts.queue.drain()
        parts.changes.stop()
        if self._web is not None:
            self._web.should_exit = True
        await parts.supervisor.ended()
        await parts.watches.close()


def _neglect(record: FabricRecord | None, now: datetime) -> tuple[int, float]:
    """Fabrics that were never in line come first, then those whose poll was missed, the longest overdue before others,
    then those whose last success is longest ago.
    """
    if record is None or record.last_sync is None:
        return (0, 0.0)
    if record.next_poll is not None and record.next_poll < now:
        return (1, record.next_poll.timestamp())
    return (2, record.last_sync.timestamp())
