"""Metrics of the process: its parts, its requests, its calls, its event loop."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.status.health import Components, ComponentState
from reconciler.status.metrics import Metrics, Standing
from tests.unit.status.test_metrics import Scrape
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from reconciler.status.health import Component


class Standings:
    """Components, and what metrics say of them."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.components = Components(self.clock)
        self.metrics = Metrics()

    def scrape(self, *, is_ready: bool = True, silent: dict[str, bool] | None = None) -> Scrape:
        parts: dict[str, Component] = self.components.all()
        standing = Standing(self.clock.now(), parts, is_ready, silent=silent or {})
        self.metrics.render((), depth=0, oldest=0.0, standing=standing)
        return Scrape(self.metrics)


def test_parts_are_told_by_name() -> None:
    """A part that failed is down until it runs again, and its restarts add up."""
    desk = Standings()
    desk.components.report("poll", ComponentState.RUNNING)
    desk.components.report("web", ComponentState.RUNNING)
    desk.components.report("poll", ComponentState.FAILED, "disk full")
    down = desk.scrape(is_ready=False)
    desk.components.report("poll", ComponentState.RUNNING, is_restart=True)
    up = desk.scrape()

    assert down.all("reconciler_component_up") == {("poll",): 0, ("web",): 1}
    assert (down.one("reconciler_ready"), up.one("reconciler_ready")) == (0, 1)
    assert up.all("reconciler_component_up") == {("poll",): 1, ("web",): 1}
    assert up.all("reconciler_component_restarts_total") == {("poll",): 1, ("web",): 0}


def test_the_watches_of_a_fabric_are_one() -> None:
    """However many kinds are watched, a fabric has one series: the worst state, all restarts, the longest silence."""
    desk = Standings()
    for name in ("watch/dc1/VPC", "watch/dc1/Switch", "watch/dc2/VPC"):
        desk.components.report(name, ComponentState.RUNNING)
    desk.clock.advance(seconds=30)
    desk.components.progress("watch/dc1/VPC")
    desk.components.progress("watch/dc2/VPC")
    desk.components.trouble("watch/dc1/Switch", "no answer")
    troubled = desk.scrape()
    desk.clock.advance(seconds=10)
    desk.components.progress("watch/dc1/Switch")
    recovered = desk.scrape()

    assert troubled.all("reconciler_watch_up") == {("dc1",): 0, ("dc2",): 1}
    assert troubled.all("reconciler_watch_age_seconds") == {("dc1",): 30, ("dc2",): 0}
    assert recovered.all("reconciler_watch_up") == {("dc1",): 1, ("dc2",): 1}
    assert recovered.all("reconciler_watch_restarts_total") == {("dc1",): 1, ("dc2",): 0}
    assert recovered.all("reconciler_watch_age_seconds") == {("dc1",): 10, ("dc2",): 10}
    assert recovered.all("reconciler_component_up") == {}


def test_a_clock_that_was_set_back() -> None:
    """A watch cannot have heard something in the future."""
    desk = Standings()
    desk.components.report("watch/dc1/VPC", ComponentState.RUNNING)
    earlier = desk.clock.now() - timedelta(hours=1)

    standing = Standing(earlier, desk.components.all(), is_ready=True)
    desk.metrics.render((), depth=0, oldest=0.0, standing=standing)

    assert Scrape(desk.metrics).one("reconciler_watch_age_seconds") == 0


def test_silent_webhooks() -> None:
    """A repository with a webhook has a series; one that left has none any more."""
    desk = Standings()

    assert desk.scrape(silent={"a": True, "b": False}).all("reconciler_webhook_silent") == {("a",): 1, ("b",): 0}
    assert desk.scrape(silent={"b": False}).all("reconciler_webhook_silent") == {("b",): 0}


def test_requests_and_calls() -> None:
    """Requests count by method, route and status; calls by whom they asked, how, and what came of it."""
    metrics = Metrics()
    metrics.request("GET", "/fabrics/{name}", 200, 0.5)
    metrics.request("GET", "/fabrics/{name}", 404, 0.25)
    metrics.call("netbox", "GET", 2.0, "ok")
    metrics.call("git", "fetch", 60.0, "no_answer")

    scrape = Scrape(metrics)

    assert scrape.all("reconciler_http_requests_total", method="GET", route="/fabrics/{name}") == {
        ("200",): 1,
        ("404",): 1,
    }
    assert scrape.all("reconciler_http_request_duration_seconds_sum") == {("GET", "/fabrics/{name}"): 0.75}
    assert scrape.all("reconciler_client_call_duration_seconds_count") == {
        ("GET", "ok", "netbox"): 1,
        ("fetch", "no_answer", "git"): 1,
    }


def test_odd_methods_are_one() -> None:
    """Whatever words strangers send as methods, they add one series."""
    metrics = Metrics()
    for number in range(50):
        metrics.request(f"BREW{number}", "unmatched", 404, 0.001)

    assert Scrape(metrics).all("reconciler_http_requests_total") == {("404", "other", "unmatched"): 50}


def test_the_event_loop() -> None:
    """How late it came round, how often it did not, and how many workers hang."""
    metrics = Metrics()
    metrics.lag(0.2)
    metrics.blocked()
    metrics.hung(2)

    scrape = Scrape(metrics)

    assert scrape.one("reconciler_event_loop_lag_seconds_sum") == 0.2
    assert scrape.one("reconciler_event_loop_blocked_total") == 1
    assert scrape.one("reconciler_workers_hung") == 2


def test_streams_last_as_long_as_they_are_wanted() -> None:
    """They are counted, and kept out of the durations, of which an hour of listening would say nothing."""
    metrics = Metrics()
    metrics.request("GET", "/events", 200, None)

    scrape = Scrape(metrics)

    assert scrape.one("reconciler_http_requests_total") == 1
    assert scrape.all("reconciler_http_request_duration_seconds_count") == {}


def test_no_series_about_series() -> None:
    """When a counter began is nothing that anybody asks for."""
    metrics = Metrics()
    metrics.request("GET", "/fabrics", 200, 0.1)

    assert "_created" not in metrics.render((), depth=0, oldest=0.0)[0].decode()
