"""The process itself: what it is, its parts, its event loop."""

from __future__ import annotations

import platform
from collections import defaultdict
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from reconciler import __version__
from reconciler.status.health import WATCH, Component, ComponentState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

_LAG_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class ProcessMetrics:
    """What the standard collectors know of the process, what was built, and how the event loop gets on."""

    def __init__(self, registry: CollectorRegistry, commit: str | None) -> None:
        info = Gauge(
            "reconciler_build_info",
            "Always 1; what was built is in the labels",
            ["version", "commit", "python"],
            registry=registry,
        )
        info.labels(__version__, commit or "unknown", platform.python_version()).set(1)
        self.ready = Gauge("reconciler_ready", "1: every part of the process runs, as /readyz says", registry=registry)
        self.lag = Histogram(
            "reconciler_event_loop_lag_seconds",
            "How much later than asked for the event loop came round, looked at each second",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self.blocked = Counter(
            "reconciler_event_loop_blocked",
            "Times that the event loop did not come round for 10 seconds",
            registry=registry,
        )
        self.hung = Gauge("reconciler_workers_hung", "Workers whose pass makes no progress any more", registry=registry)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)


class ComponentCollector(Collector):
    """The parts of the process, as they were when `look` was called. The watches of a fabric are one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._components: Mapping[str, Component] = {}
        self._now: datetime | None = None
        registry.register(self)

    def look(self, components: Mapping[str, Component], now: datetime) -> None:
        self._components, self._now = components, now

    def collect(self) -> Iterable[Metric]:
        own = {name: one for name, one in self._components.items() if not name.startswith(WATCH)}
        yield from _parts(own)
        yield from self._watches()

    def _watches(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "reconciler_watch_up", "1: every watch of the fabric's cluster runs without trouble", labels=["fabric"]
        )
        restarts = CounterMetricFamily(
            "reconciler_watch_restarts",
            "Times that a watch of the fabric's cluster was begun anew after a failure",
            labels=["fabric"],
        )
        age = GaugeMetricFamily(
            "reconciler_watch_age_seconds",
            "Since the quietest watch of the fabric last heard anything: an event, a bookmark, a regular end",
            labels=["fabric"],
        )
        for fabric, watches in _by_fabric(self._components).items():
            up.add_metric([fabric], float(all(map(_is_well, watches))))
            restarts.add_metric([fabric], sum(one.restarts for one in watches))
            heard = [one.last_ok or one.since for one in watches]
            if self._now is not None:
                age.add_metric([fabric], max((self._now - min(heard)).total_seconds(), 0.0))
        yield from (up, restarts, age)


def _parts(components: Mapping[str, Component]) -> Iterator[Metric]:
    up = GaugeMetricFamily("reconciler_component_up", "1: the part of the process runs", labels=["component"])
    restarts = CounterMetricFamily(
        "reconciler_component_restarts", "Times that the part was started again after a failure", labels=["component"]
    )
    for name, component in components.items():
        up.add_metric([name], float(component.state is ComponentState.RUNNING))
        restarts.add_metric([name], component.restarts)
    yield from (up, restarts)


def _by_fabric(components: Mapping[str, Component]) -> Mapping[str, list[Component]]:
    found: defaultdict[str, list[Component]] = defaultdict(list)
    for name, component in components.items():
        if name.startswith(WATCH):
            found[name.removeprefix(WATCH).partition("/")[0]].append(component)
    return found


def _is_well(component: Component) -> bool:
    return component.state is ComponentState.RUNNING and component.reason is None
