"""The running service: one process that holds every event source, the queue, the workers and the web server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

import structlog

from reconciler.app.supervisor import Supervisor
from reconciler.app.web_server import WebServer, listen, web_configuration
from reconciler.model.requests import Trigger
from reconciler.status.health import ComponentState

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from reconciler.app.parts import Parts
    from reconciler.model.status import FabricRecord

log = structlog.get_logger("service")

STOP_TIMEOUT = 18.0
"""Seconds from the signal to the end of the process, whatever hangs. What is cut off is done again at the next start.
"""


def serve(build: Callable[[], Parts], on_ready: Callable[[], None] = lambda: None) -> None:
    """Run the service until SIGTERM or SIGINT. `on_ready` is called once it serves.

    Raises ConfigurationError, StateError when it cannot start.
    """
    asyncio.run(Service(build()).run(on_ready))


class Service:
    """Runs the parts together, and ends them in order."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._supervisor = Supervisor(parts.components)
        self._stopping = asyncio.Event()
        self._web: WebServer | None = None

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Until a signal arrives. Raises ConfigurationError, StateError when it cannot start."""
        with contextlib.closing(self._parts), listen(self._parts.host, self._parts.port) as listener:
            self._watch_signals()
            await self._queue_first_passes()
            async with asyncio.TaskGroup() as tasks:
                ending, endless = self._start(tasks, listener, on_ready)
                await self._stopping.wait()
                log.info("stopping")
                with _deadline():
                    for task in endless:
                        task.cancel()
                    self._stop()
                    await asyncio.wait(ending)
        log.info("stopped")

    def _start(
        self, tasks: asyncio.TaskGroup, listener: socket.socket, on_ready: Callable[[], None]
    ) -> tuple[list[asyncio.Task[None]], list[asyncio.Task[None]]]:
        """Start every part: those that end by themselves when the service stops, and those that never do."""
        parts, supervise = self._parts, self._supervisor.supervise
        parts.components.report("store", ComponentState.RUNNING)
        parts.components.report("queue", ComponentState.RUNNING)
        ending = [tasks.create_task(supervise("web", lambda: self._serve_web(listener)))]
        for number, worker in enumerate(parts.workers, start=1):
            ending.append(tasks.create_task(supervise(f"worker-{number}", worker.run)))
        poll = tasks.create_task(supervise("poll", parts.poll.run))
        announcement = tasks.create_task(self._announce(listener.getsockname()[1], on_ready))
        return ending, [poll, announcement]

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)

    async def _queue_first_passes(self) -> None:
        """Take up what was not finished, then look at every fabric, the most neglected first. Raises StateError."""
        parts = self._parts
        await parts.intake.resume()
        records = await asyncio.to_thread(parts.store.fabrics)
        for fabric in sorted(parts.fabrics, key=lambda fabric: _neglect(records.get(fabric.name))):
            await parts.intake.trigger([fabric], Trigger.STARTUP)

    async def _announce(self, port: int, on_ready: Callable[[], None]) -> None:
        """Say so once it serves. `port` is the one that was bound, which the configuration may leave open."""
        parts = self._parts
        while self._web is None or not self._web.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.01)
        log.info("serving", host=parts.host, port=port, fabrics=[fabric.name for fabric in parts.fabrics])
        for fabric in parts.fabrics:
            if fabric.simulated:
                log.warning("simulated targets", fabric=fabric.name, simulated=list(fabric.simulated))
        on_ready()

    async def _serve_web(self, listener: socket.socket) -> None:
        self._web = WebServer(web_configuration(self._parts.web))
        self._web.should_exit = self._stopping.is_set()
        await self._web.serve(sockets=[listener.dup()])

    def _stop(self) -> None:
        """End every part at its next boundary."""
        self._supervisor.stop()
        self._parts.stop.set()
        self._parts.queue.drain()
        if self._web is not None:
            self._web.should_exit = True


def _neglect(record: FabricRecord | None) -> tuple[bool, float]:
    """Fabrics that were never in line come first, then those whose last success is longest ago."""
    if record is None or record.last_sync is None:
        return (False, 0.0)
    return (True, record.last_sync.timestamp())


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    """End the process in any case, when the block has not ended in time."""
    timer = threading.Timer(STOP_TIMEOUT, _give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _give_up() -> None:
    log.error("stop took too long", seconds=STOP_TIMEOUT)
    os._exit(1)
