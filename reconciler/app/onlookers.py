"""Those who look on while the service works: marks of progress, metrics of calls, traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars

if TYPE_CHECKING:
    from reconciler.ports import Clock
    from reconciler.queue import Next, Taken
    from reconciler.settings import Settings
    from reconciler.status.marks import Marks
    from reconciler.status.metrics import Metrics
    from reconciler.status.tracing import PassTraces
    from reconciler.worker import Runner


class Calls:
    """Who is told of calls of outside systems: the metrics, and the marks of the pass that they are made for."""

    def __init__(self, metrics: Metrics, marks: Marks) -> None:
        self._metrics = metrics
        self._marks = marks

    def ended(self, target: str, method: str, seconds: float, result: str) -> None:
        """In the thread that made the call."""
        self._metrics.call(target, method, seconds, result)
        self._marks.here()


class Watched:
    """The runner of one worker, of which the watchdog knows whether it gets on."""

    def __init__(self, runner: Runner, marks: Marks, worker: str) -> None:
        self._runner = runner
        self._marks = marks
        self._worker = worker

    def run(self, taken: Taken) -> Next:
        with self._marks.running(self._worker, taken.key), bound_contextvars(worker=self._worker):
            return self._runner.run(taken)


def build_traces(settings: Settings, clock: Clock) -> PassTraces | None:
    """What makes traces of passes, where they are wanted."""
    wanted = settings.tracing
    if wanted is None:
        return None
    # Only now: nobody else shall pay for the library with memory.
    from reconciler.status.tracing import PassTraces, TracingAccess  # noqa: PLC0415

    headers = wanted.read_headers if wanted.headers else None
    access = TracingAccess(wanted.endpoint, wanted.service_name, wanted.sample, headers, wanted.ca_file)
    return PassTraces(access, clock)
