"""What people do on the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.conftest import photograph
from tests.processes.app.running import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Complaints
    from tests.browser.served import Served


def test_by_keyboard_alone(page: Page, served: Served) -> None:
    """From the first page to a requested pass without a mouse."""
    page.goto("/fabrics/demo")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    _tab_to(page, "Log in")
    page.keyboard.press("Enter")
    expect(page.get_by_label("API token")).to_be_focused()
    page.keyboard.type(served.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    assert page.url.endswith("/fabrics/demo")

    _tab_to(page, "Reconcile now")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Requested: a pass over this fabric is queued")).to_be_visible()
    expect(page.locator("#h-passes ~ .scroll tbody tr").first).to_contain_text("request")
    photograph(page, "requested")


def _tab_to(page: Page, text: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == text:
            return
    raise AssertionError(f"{text} is not reached by Tab")


def test_suspend_and_resume(member: Page, served: Served) -> None:
    """Suspended with a reason, in the name of who did it; and taken up again."""
    page = member
    page.goto("/fabrics/broken")
    page.get_by_text("Suspend…").click()
    page.get_by_label("Reason, for those who come after you").fill("new spine <b>")
    page.get_by_role("button", name="Suspend", exact=True).click()

    expect(page.locator("main").get_by_text("by Ada: new spine <b>")).to_be_visible()
    suspended = served.status("broken")["suspended"]
    assert (suspended["by"], suspended["reason"]) == ("Ada", "new spine <b>")
    photograph(page, "suspended")

    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Resumed: a pass over this fabric is queued")).to_be_visible()
    assert served.status("broken")["suspended"] is None


def test_approve(member: Page, served: Served) -> None:
    """The plan that waits is read, approved by its hash, and carried out."""
    page = member
    page.goto("/fabrics/approved/plan")
    expect(page.locator("#plan")).to_contain_text("Create")
    page.get_by_role("button", name="Approve the plan").click()

    expect(page.get_by_text("Approved: the next pass carries this plan out")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("In sync")
    wait_until(lambda: served.status("approved")["sync_status"] == "in_sync", "approved in sync")


def test_a_wrong_token(page: Page, complaints: Complaints) -> None:
    """It is refused with the form, and a word of why."""
    page.goto("/login")
    page.get_by_label("API token").fill("wrong")
    with page.expect_response("**/login") as answered:
        page.get_by_role("main").get_by_role("button", name="Log in").click()
    assert answered.value.status == 401
    expect(page.get_by_role("alert")).to_contain_text("not the API token")
    assert "401" in complaints.pop()


def test_logout(member: Page) -> None:
    """Whoever comes next has to log in."""
    member.goto("/fabrics/demo")
    member.get_by_role("button", name="Log out").click()
    member.goto("/fabrics/demo")
    expect(member.get_by_role("button", name="Reconcile now")).to_have_count(0)


def test_actions_without_scripts(browser: Browser, served: Served) -> None:
    """Login and actions are plain forms."""
    context = browser.new_context(base_url=served.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login?next=/fabrics/demo")
    page.get_by_label("API token").fill(served.token)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Reconcile now").click()
    expect(page.get_by_text("Requested: a pass over this fabric is queued")).to_be_visible()
    context.close()


def test_a_foreign_page_does_nothing(browser: Browser, served: Served, page: Page) -> None:
    """A form of another site is refused, although the browser sends it from a person who is logged in."""
    before = served.status("demo")["last_pass"]["id"]
    context = browser.new_context()
    foreign = context.new_page()
    foreign.set_content(
        f'<form method="post" action="{served.url}/fabrics/demo/actions/reconcile"><button>Win</button></form>'
    )
    with foreign.expect_response("**/actions/reconcile") as answered:
        foreign.get_by_role("button").click()

    assert answered.value.status == 403
    assert served.status("demo")["last_pass"]["id"] == before
    context.close()
