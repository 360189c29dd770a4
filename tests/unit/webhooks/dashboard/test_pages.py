"""What the pages show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from reconciler.errors import StateError
from tests.unit.webhooks.conftest import TOKEN
from tests.unit.webhooks.dashboard import samples
from tests.unit.webhooks.dashboard.conftest import BROWSER, Browser
from webhooks.app import create_app
from webhooks.dashboard.marks import mark

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from webhooks.app import WebOptions
    from webhooks.testing import FakeIntake, FakePlans, FakeStatus

PAGES = {
    "/": ["dc1", "Out of sync", "Simulated", "30/120", "main@0123456789", "wanted", "2 min ago", "in 58 min"],
    "/fabrics": ["All fabrics"],
    "/fabrics/dc1": [
        *(
            "Drifted",
            "1 object drifted from main@0123456789",
            "30 of 120 writes",
            "in phase <strong>netbox</strong>",
            "in 58 min",
            "every 1 h",
        ),
        *("refused", "Not configured", "github", "no webhook announced", "must be a number", "spec.vlan"),
        *("4 healthy", "1 degraded", "The first 1 of 3", "dcim.device leaf-1", "about Stalled", "1 failed"),
    ],
    "/fabrics/dc1/resources": ["9 objects", "vpc-1", "Prune pending", "Degraded", ".spec.subnets.a.vlan"],
    "/fabrics/dc1/resources/VPC/vpc-7": ["Changed", "kubectl-edit", "1001", "&#34;1002&#34;", "somebody changed it"],
    "/fabrics/dc1/resources/Switch/leaf-1": ["Degraded", "no route", "Last heartbeat"],
    "/fabrics/dc1/plan": ['hx-get="/fabrics/dc1/plan?look=now"', "<noscript>"],
    "/fabrics/dc1/plan?look=now": [
        *(
            "Once approved, a pass would <strong>create 1, update 1, delete 1",
            "in NetBox create 1, update 1, delete 1",
            "abcdef012345",
            "observed only",
            "TooManyDeletes",
            "Unreachable",
        ),
        *("ApprovalRequired", "kubectl-edit", "Fights", "VLAN 7", "dc1/VPC/vpc-1: taken", "Log in"),
    ],
    "/fabrics/dc1/topology": ["<svg", 'href="/fabrics/dc1/resources/Switch/leaf-1"', "state-failed"],
    "/fabrics/dc1/passes": ["push", "poll", "1.5 s", "Partial", "netbox 250 ms", "1 object"],
    "/fabrics/dc1/passes/p1": ["ObjectsFailed", "NetBox created", "is retried", "VPC/default/vpc-1"],
    "/healthz": ["Health", "OK"],
    "/login": ["API token", 'type="password"'],
}


_ERROR = {"phase": "fetch", "subject": None, "reason": "GitUnreachable", "message": "refused"}


@pytest.mark.parametrize(("path", "expected"), PAGES.items())
def test_page(browser: Browser, path: str, expected: list[str]) -> None:
    """Each page tells what the API knows, under the policy that lets nothing in but our own files."""
    answer = browser.get(path)

    assert answer.status_code == 200
    assert [words for words in expected if words not in answer.text] == []
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Cookie"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [*PAGES, "/nonesuch"])
def test_policy(browser: Browser, path: str) -> None:
    """No page runs, loads, frames or sends anything of another origin, nor anything that stands in the page itself."""
    headers = browser.get(path).headers

    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize(
    "path",
    ["/fabrics", "/fabrics/dc1", "/fabrics/dc1/resources", "/fabrics/dc1/plan", "/fabrics/dc1/passes", "/healthz"],
)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5", "text/html;q=0"])
def test_json_stays_the_default(browser: Browser, path: str, accept: str) -> None:
    """Who does not ask for a page before all else gets what the API promises."""
    assert browser.get(path, Accept=accept).headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [path for path in PAGES if "?" not in path])
def test_head(browser: Browser, path: str) -> None:
    """HEAD answers as GET does, without the body."""
    head = browser.client.head(path, headers=BROWSER)

    assert (head.status_code, head.content) == (200, b"")


def test_what_needs_a_look_comes_first(browser: Browser, status: FakeStatus) -> None:
    """Fabrics in trouble stand above those that are well."""
    status.views["dc2"] = samples.fabric(sync_status="error")

    text = browser.get("/").text

    assert text.index('id="fabric-dc2"') < text.index('id="fabric-dc1"')


def test_a_fresh_fabric(browser: Browser, status: FakeStatus) -> None:
    """A fabric of which nothing is known yet is shown, with its emptiness said in words."""
    status.views["dc1"] = samples.fabric(
        sync_status="never_synced", revision=None, desired_revision=None, last_attempted_revision=None,
        last_sync=None, next_poll=None, conditions=[], problems=[], problems_total=0, kinds={}, netbox_drifted=[],
        drift={"count": 0, "netbox": 0, "since": None}, waiting_in_raw=0, last_pass=None, simulated=[],
        reconciling=True, current_pass=None,
        webhook={"provider": None, "last_received": None, "last_verified": None, "silent_since": None},
        health=dict.fromkeys(("Healthy", "Progressing", "Degraded", "Unknown"), 0), progress=None,
    )  # fmt: skip
    status.histories.clear()
    status.objects.clear()
    status.wirings.clear()

    assert "No pass has ended yet" in browser.get("/fabrics/dc1").text
    assert "A pass is due" in browser.get("/fabrics/dc1").text
    assert "No pass has ended yet" in browser.get("/fabrics/dc1/passes").text
    assert "No switch, server or connection" in browser.get("/fabrics/dc1/topology").text
    assert "No object is known yet" in browser.get("/fabrics/dc1/resources").text
    assert "Never synced" in browser.get("/").text


def test_no_fabrics(browser: Browser, intake: FakeIntake) -> None:
    """An empty configuration says what to do."""
    intake.fabrics = ()

    assert "No fabric is configured yet" in browser.get("/").text


def test_a_plan_with_nothing_to_do(browser: Browser, plans: FakePlans) -> None:
    """It says so, and offers nothing to approve."""
    approval = {"required": False, "needed": False, "hash": None, "approved": True, "by": "Ada", "since": samples.T1}
    nothing: JSONObject = {
        "actions": [],
        "drifted": [],
        "blocks": [],
        "errors": [],
        "unknown": [],
        "problems": [],
        "netbox": None,
    }
    plans.views["dc1"] = samples.plan(approval=approval, **nothing)

    text = browser.get("/fabrics/dc1/plan?look=now").text

    assert "Nothing to do in the cluster" in text
    assert "by <bdi>Ada</bdi>" in text
    assert "approve this plan" not in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"errors": [_ERROR]}, "What a pass would do is not known"),
        ({"unknown": ["Switch"]}, "What a pass would do is not known"),
        ({"hash": None}, "What a pass would do is not known"),
        ({"hash": None, "mode": None}, "No cluster"),
        ({"hash": None, "mode": None, "errors": [_ERROR]}, "What a pass would do is not known"),
    ],
)
def test_a_plan_of_what_could_not_be_read(
    browser: Browser, plans: FakePlans, changes: JSONObject, expected: str
) -> None:
    """That nothing is known to be done is not said to be nothing to do."""
    plans.views["dc1"] = samples.plan(actions=[]) | {"errors": [], "unknown": []} | changes

    text = browser.get("/fabrics/dc1/plan?look=now").text

    assert expected in text
    assert "Nothing to do" not in text


def test_what_waits_for_approval_is_shown_whole(member: Browser, plans: FakePlans) -> None:
    """Beside the button, and before what does not wait, of which there may be more than a page takes."""
    action = samples.plan()["actions"][1]
    free = [action | {"name": f"free-{number}"} for number in range(600)]
    held = [action | {"name": f"held-{number}", "held": "ApprovalRequired"} for number in range(600)]
    plans.views["dc1"] = samples.plan(actions=free + held)

    text = member.get("/fabrics/dc1/plan?look=now").text

    assert [number for number in range(600) if f">held-{number}<" not in text] == []
    assert ">free-499<" in text
    assert ">free-500<" not in text
    assert "The first 500 of 600" in text
    places = [text.index(words) for words in ("Waits for approval", "Approve the plan", ">held-599<", ">free-0<")]
    assert places == sorted(places)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_of_the_program(browser: Browser, path: str) -> None:
    """A template that reaches for a method where it means a field would show it."""
    text = browser.get(path).text

    assert "built-in" not in text
    assert "object at 0x" not in text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/nonesuch", "There is nothing at this path"),
        ("/fabrics/dc9", "No fabric dc9 is configured"),
        ("/fabrics/dc9/plan?look=now", "no fabric dc9 is configured"),
        ("/fabrics/dc9/plan", "No fabric dc9 is configured"),
        ("/fabrics/dc1/passes/p9", "No pass p9"),
        ("/fabrics/dc1/resources/VPC/nonesuch", "No VPC nonesuch"),
        ("/fabrics/%ED%A0%80", "No fabric"),
    ],
)
def test_not_found(browser: Browser, path: str, expected: str) -> None:
    """What is not there is a page that says so, and where to go on."""
    answer = browser.get(path)

    assert answer.status_code == 404
    assert expected in answer.text
    assert 'href="/"' in answer.text


@pytest.mark.parametrize("path", ["/", "/fabrics/dc1", "/fabrics/dc1/resources", "/fabrics/dc1/plan"])
def test_unusable_state(browser: Browser, status: FakeStatus, path: str) -> None:
    """While the state cannot be read nothing is made up: 503, and what to look at."""
    status.failure = StateError("canary: the state is damaged")

    answer = browser.get(path)

    assert answer.status_code == 503
    assert "Load the page anew" in answer.text
    assert "canary" not in answer.text


def test_unexpected_error(browser: Browser, status: FakeStatus) -> None:
    """What nobody expected is a page too, which tells nothing of the inside."""
    status.failure = RuntimeError("canary")

    answer = browser.get("/")

    assert (answer.status_code, "canary" in answer.text) == (500, False)
    assert "log" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_health_that_is_not_well(browser: Browser, status: FakeStatus) -> None:
    """The page has the status of the probe."""
    status.is_ready = False

    answer = browser.get("/healthz")

    assert answer.status_code == 503
    assert "Failing" in answer.text


def test_health_tells_all(browser: Browser, status: FakeStatus) -> None:
    """Version, build, and fabrics that are overdue, which are why it may not be well."""
    status.details = {
        "version": "1.2.3",
        "build": "sha256:3f9c2a",
        "overdue": [{"fabric": "dc<1>", "since": samples.T1}],
    }

    text = browser.get("/healthz").text

    assert "Version 1.2.3, build <code>sha256:3f9c2a</code>" in text
    assert "<bdi>dc&lt;1&gt;</bdi></a>: its poll has been more than an interval late" in text
    status.details = {"version": "1.2.3", "build": None, "overdue": []}
    assert "nobody recorded" in browser.get("/healthz").text


def test_health_needs_no_events(browser: Browser) -> None:
    """Where reads are protected who only looks at health may not follow them."""
    assert 'data-events=""' in browser.get("/healthz").text
    assert 'data-every="5"' in browser.get("/healthz").text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_first_page_is_for_everybody(browser: Browser, accept: str, method: str) -> None:
    """There is no JSON of it that would be the default."""
    answer = browser.client.request(method, "/", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_login_leads_back(browser: Browser) -> None:
    """To the page with its filter, not only to its path."""
    text = browser.get("/fabrics/dc1/resources?q=leaf&state=changed").text

    assert 'href="/login?next=%2Ffabrics%2Fdc1%2Fresources%3Fq%3Dleaf%26state%3Dchanged"' in text


def test_groups_and_missing_devices(browser: Browser, status: FakeStatus) -> None:
    """Many servers in one lead to all servers; what is not declared leads nowhere."""
    node = status.wirings["dc1"]["nodes"][1]
    servers = [node | {"kind": "Server", "name": f"s-{n}", "row": "server", "leafs": ["leaf-1"]} for n in range(49)]
    status.wirings["dc1"]["nodes"] += [*servers, node | {"name": "leaf-9", "state": "missing"}]

    text = browser.get("/fabrics/dc1/topology").text

    assert 'href="/fabrics/dc1/resources?kind=Server"' in text
    assert 'aria-label="Switch leaf-9, missing"' in text
    assert "resources/Switch/leaf-9" not in text
    states = ["in_sync", "changed", "desired_only", "prune_pending", "waiting", "missing", "failed", "cluster_only"]
    legend = text[text.index('aria-label="Colours"') : text.index("</ul>")]
    assert [state for state in [*states, "unknown"] if mark(state).label not in legend] == []


@pytest.mark.parametrize("path", [path for path in PAGES if path not in {"/healthz", "/login"}])
def test_protected_reads(
    intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions, path: str
) -> None:
    """Where reads are protected a page leads to the login and back; the session opens the API's reads too."""
    app = create_app(intake, status, plans, replace(options, protect_reads=True))
    browser = Browser(TestClient(app))

    led = browser.get(path)
    following = browser.client.get(led.headers["location"], headers=BROWSER)
    assert led.status_code == 303
    assert browser.get("/fabrics/dc9").status_code == 303
    assert browser.get("/fabrics", Accept="application/json").status_code == 401
    assert 'action="/login"' in following.text

    back = browser.log_in(TOKEN.decode(), next=path).headers["location"]
    assert back == path
    assert browser.get(path).status_code == 200
    assert browser.get("/fabrics", Accept="application/json").status_code == 200


def test_a_program_at_the_protected_first_page(
    intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions
) -> None:
    """It needs the token, as for all that is read; no form would help it."""
    client = TestClient(create_app(intake, status, plans, replace(options, protect_reads=True)))

    assert client.get("/", follow_redirects=False).status_code == 401
    assert client.get("/", headers={"Authorization": f"Bearer {TOKEN.decode()}"}).status_code == 200
