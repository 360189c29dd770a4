"""A page follows what happens, without being loaded anew, and leaves alone what its reader does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.conftest import photograph
from tests.processes.app.running import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

    from tests.browser.conftest import Complaints
    from tests.browser.served import Served

SLOW = 5.0
"""Seconds; the goal is 1."""

_MARK = "window.loaded = 'once'"
_REMEMBER = """
    window.seen = [];
    new MutationObserver(() => {
      const said = document.querySelector(".found").textContent.trim();
      if (said !== "4 objects") window.seen.push(said);
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
"""
_MARKED = "window.loaded === 'once'"


def _shown(page: Page, text: str, seconds: Callable[[], float]) -> float:
    """Seconds until the page says so."""
    expect(page.locator("#drift")).to_contain_text(text)
    return seconds()


def _drift(served: Served) -> int:
    count: int = served.status("demo")["drift"]["count"]
    return count


def test_drift_appears_and_heals(page: Page, served: Served) -> None:
    """Both are seen within a second of the service's knowing of them, by who only looks."""
    page.goto("/fabrics/demo")
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("#drift")).to_have_text("none")
    page.evaluate(_MARK)

    served.edit("VPC", "vpc-01", {"spec": {"subnets": {"default": {"vlan": 2998}}}})
    served.reconcile("demo")
    known = time.monotonic()
    appeared = _shown(page, "1 in the cluster", lambda: time.monotonic() - known)
    expect(page.locator("#status")).to_contain_text("Out of sync")
    expect(page.get_by_role("status").last).to_contain_text("demo: out of sync, 1 drifted")
    photograph(page, "drift")

    served.configure(self_heal=True)
    wait_until(lambda: _drift(served) == 0, "healed")
    known = time.monotonic()
    healed = _shown(page, "none", lambda: time.monotonic() - known)
    expect(page.locator("#status")).to_contain_text("In sync")
    print(f"drift shown after {appeared:.2f} s, its healing after {healed:.2f} s")  # noqa: T201 - people read the measure

    assert max(appeared, healed) < SLOW
    assert page.evaluate(_MARKED)
    served.configure(self_heal=False)


def test_what_a_reader_does_stays(member: Page, served: Served) -> None:
    """An update moves neither focus nor place, closes nothing and eats no text."""
    page = member
    page.set_viewport_size({"width": 900, "height": 500})
    page.goto("/fabrics/demo")
    expect(page.locator("#live")).to_have_text("Live")
    page.get_by_text("Suspend…").click()
    reason = page.get_by_label("Reason, for those who come after you")
    reason.fill("while I ty")
    page.evaluate("window.scrollTo(0, 120)")
    before = page.locator("#h-passes ~ .scroll tbody tr").first.inner_text()
    page.evaluate(_MARK)

    served.reconcile("demo")

    expect(page.locator("#h-passes ~ .scroll tbody tr").first).not_to_have_text(before, use_inner_text=True)
    expect(page.locator("#h-passes ~ .scroll tbody tr").first).to_contain_text("request")
    expect(reason).to_be_focused()
    expect(reason).to_have_value("while I ty")
    assert page.evaluate("window.scrollY") == 120
    assert page.evaluate("document.getElementById('suspend').open")
    page.keyboard.type("pe")
    expect(reason).to_have_value("while I type")
    assert page.evaluate(_MARKED)


def test_a_plan_that_is_read_does_not_change(page: Page, served: Served) -> None:
    """Who reads a plan is told that it is old; it does not become another under their eyes."""
    page.goto("/fabrics/demo/plan?look=now")
    expect(page.locator("#plan")).to_contain_text("objects are as Git declares")
    expect(page.locator("#live")).to_have_text("Live")
    page.evaluate("document.getElementById('plan').dataset.mine = 'yes'")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    with page.expect_response("**/plan"):
        served.reconcile("demo")
    expect(page.locator("#stale")).to_be_hidden()  # a pass that changed nothing makes no plan old
    served.edit("VPC", "vpc-01", {"spec": {"subnets": {"default": {"vlan": 2997}}}})
    served.reconcile("demo")

    expect(page.locator("#stale")).to_be_visible()
    assert page.evaluate("document.getElementById('plan').dataset.mine") == "yes"
    assert [url for url in asked if "look=" in url] == []
    served.configure(self_heal=True)
    wait_until(lambda: _drift(served) == 0, "healed")
    served.configure(self_heal=False)


def test_a_plan_that_cannot_be_made(page: Page, served: Served, complaints: Complaints) -> None:
    """The page says so, and does not ask again with each event."""
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(response=route.fetch(url=f"{served.url}/fabrics/nonesuch"))

    page.route("**/plan?look=now", fail)
    page.goto("/fabrics/demo/plan")
    expect(page.locator("#plan")).to_contain_text("No fabric nonesuch is configured")
    expect(page.locator("#live")).to_have_text("Live")

    for _ in range(2):
        with page.expect_response("**/plan"):
            served.reconcile("demo")

    expect(page.locator("#plan")).to_contain_text("No fabric nonesuch is configured")
    assert len(asked) == 1
    complaints.clear()


def test_a_page_that_cannot_be_fetched(page: Page, served: Served, complaints: Complaints) -> None:
    """What is shown stays, and is no longer said to be live; and is again once the service answers."""
    page.goto("/fabrics/demo")
    expect(page.locator("#live")).to_have_text("Live")
    page.route(f"{served.url}/fabrics/demo", lambda route: route.fulfill(status=503, body="no"))

    served.reconcile("demo")

    expect(page.locator("#live")).to_have_text("Not live")
    expect(page.get_by_role("heading", name="demo")).to_be_visible()
    page.unroute(f"{served.url}/fabrics/demo")
    expect(page.locator("#live")).to_have_text("Live")
    assert {"503" in complaint for complaint in complaints} == {True}
    complaints.clear()


def test_a_page_of_what_is_no_more(page: Page, served: Served, complaints: Complaints) -> None:
    """It says so, and shows nothing of what was."""
    page.goto("/fabrics/demo")
    expect(page.locator("#live")).to_have_text("Live")
    gone = f"{served.url}/fabrics/nonesuch"
    page.route(f"{served.url}/fabrics/demo", lambda route: route.fulfill(response=route.fetch(url=gone)))

    served.reconcile("demo")

    expect(page.locator("main")).to_contain_text("No fabric nonesuch is configured")
    expect(page.locator("#status")).to_have_count(0)
    assert {"404" in complaint for complaint in complaints} == {True}
    complaints.clear()


def test_health_is_fetched_anew(page: Page) -> None:
    """No event tells of it, so the page looks by itself, and says how often."""
    page.goto("/healthz")
    expect(page.locator("#live")).to_have_text("Every 5 s")
    page.evaluate("document.querySelector('h1').textContent = 'old'")

    expect(page.get_by_role("heading", name="Health")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Every 5 s")


def test_an_update_that_comes_late(page: Page, served: Served) -> None:
    """What was asked for before a search and answered after it does not take the search's answer away."""
    page.goto("/fabrics/demo/resources")
    expect(page.locator("#live")).to_have_text("Live")
    held: list[Route] = []
    page.route(lambda url: url.endswith("/fabrics/demo/resources"), lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function, which a method of a list does not bear
    with page.expect_request("**/resources"):
        served.reconcile("demo")

    page.get_by_label("Search").fill("spine-01--")
    expect(page.locator(".found")).to_have_text("4 objects")
    page.evaluate(_REMEMBER)
    with page.expect_response("**/resources?q=spine-01--**"):  # the update that follows is of what is shown now
        for one in held:
            one.continue_()

    expect(page.locator(".found")).to_have_text("4 objects")
    assert page.evaluate("window.seen") == []
