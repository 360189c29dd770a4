"""What is done from a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.webhooks.dashboard import samples
from webhooks.testing import FakeFabric

if TYPE_CHECKING:
    from tests.unit.webhooks.dashboard.conftest import Browser
    from webhooks.testing import FakeIntake, FakePlans

ACTIONS = ["reconcile", "suspend", "resume", "approve"]


def test_reconcile(member: Browser, intake: FakeIntake) -> None:
    """The button asks for a pass, through the same intake as everybody, and comes back to say so."""
    member.get("/fabrics/dc1")

    answer = member.post("/fabrics/dc1/actions/reconcile")

    following = answer.headers["location"]
    assert (answer.status_code, following.partition("?")[0]) == (303, "/fabrics/dc1")
    assert [(one.fabric, one.trigger) for one in intake.requests.values()] == [("dc1", "request")]
    assert "Requested: a pass over this fabric is queued" in member.get(following).text
    assert 'id="done"' not in member.get(following).text


@pytest.mark.parametrize("done", [*ACTIONS, "x", "%3Cb%3E"])
def test_nothing_is_said_that_was_not_done(member: Browser, done: str) -> None:
    """No link of others makes the page claim something."""
    assert 'id="done"' not in member.get(f"/fabrics/dc1?done={done}").text


def test_what_was_done_is_said_to_who_did_it(member: Browser) -> None:
    """To nobody else, whoever learns of the link."""
    member.get("/fabrics/dc1")
    following = member.post("/fabrics/dc1/actions/reconcile").headers["location"]

    assert 'id="done"' not in member.get(following, Cookie="x=y").text
    assert 'id="done"' in member.get(following).text


def test_resuming_a_disabled_fabric(member: Browser, intake: FakeIntake) -> None:
    """No pass is claimed where none is queued."""
    intake.suspended["dc2"] = None
    assert "actions/resume" in member.get("/fabrics/dc2").text

    following = member.post("/fabrics/dc2/actions/resume").headers["location"]

    assert intake.requests == {}
    assert "no pass is queued, because the fabric is disabled or suspended" in member.get(following).text


def test_words_that_nobody_comes_for_are_bounded(member: Browser) -> None:
    """The newest are there all the same."""
    member.get("/fabrics/dc1")
    answers = [member.post("/fabrics/dc1/actions/reconcile").headers["location"] for _ in range(101)]

    assert 'id="done"' in member.get(answers[-1]).text
    assert 'id="done"' not in member.get(answers[0]).text


@pytest.mark.parametrize(
    ("fabric", "suspended"), [(FakeFabric("dc1", is_enabled=False), {}), (FakeFabric("dc1"), {"dc1": None})]
)
def test_no_approval_where_no_pass_is_made(
    member: Browser, intake: FakeIntake, fabric: FakeFabric, suspended: dict[str, str | None]
) -> None:
    """It would be refused: the page says why instead."""
    intake.fabrics, intake.suspended = [fabric], suspended

    text = member.get("/fabrics/dc1/plan?look=now").text

    assert "there is nothing to approve now" in text
    assert "actions/approve" not in text


def test_suspend_and_resume(member: Browser, intake: FakeIntake) -> None:
    """Both are recorded with the name that was given at login, and the page shows them."""
    member.get("/fabrics/dc1")
    member.post("/fabrics/dc1/actions/suspend", {"reason": "  maintenance  "})

    assert (intake.suspended, intake.names) == ({"dc1": "maintenance"}, {"dc1": "Ada"})
    text = member.get("/fabrics/dc1").text
    assert "by <bdi>Ada</bdi>: <bdi>maintenance</bdi>" in text
    assert "actions/suspend" not in text
    assert "actions/reconcile" not in text

    member.post("/fabrics/dc1/actions/resume")
    assert intake.suspended == {}
    assert len(intake.requests) == 1


def test_approve(member: Browser, intake: FakeIntake) -> None:
    """The plan that the page showed is approved, by its whole hash."""
    assert f'value="{samples.HASH}"' in member.get("/fabrics/dc1/plan?look=now").text

    answer = member.post("/fabrics/dc1/actions/approve", {"hash": samples.HASH})

    assert "Approved: the next pass carries this plan out" in member.get(answer.headers["location"]).text
    assert (intake.approved, intake.names) == ({"dc1": samples.HASH}, {"dc1": "Ada"})


def test_a_plan_that_changed(member: Browser, intake: FakeIntake, plans: FakePlans) -> None:
    """What was read is approved, or nothing."""
    member.get("/fabrics/dc1/plan?look=now")
    plans.views["dc1"] = samples.plan(hash="f" * 64)

    answer = member.post("/fabrics/dc1/actions/approve", {"hash": samples.HASH})

    assert answer.status_code == 409
    assert "look at how things stand now" in answer.text
    assert not intake.approved


@pytest.mark.parametrize("action", ACTIONS)
def test_not_logged_in(browser: Browser, intake: FakeIntake, action: str) -> None:
    """Who is not logged in is led to where that is done, and nothing happens."""
    answer = browser.post(f"/fabrics/dc1/actions/{action}", {"hash": samples.HASH})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Ffabrics%2Fdc1")
    assert (intake.requests, intake.suspended, intake.approved) == ({}, {}, {})


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("csrf", ["", "x", "é", "\x00"])
def test_forms_of_another_session(member: Browser, intake: FakeIntake, action: str, csrf: str) -> None:
    """A form must be made for the session that sends it."""
    answer = member.post(f"/fabrics/dc1/actions/{action}", {"csrf": csrf, "hash": samples.HASH})

    assert answer.status_code == 403
    assert (intake.requests, intake.suspended, intake.approved) == ({}, {}, {})


@pytest.mark.parametrize(
    ("path", "fields", "expected", "said"),
    [
        ("/fabrics/dc9/actions/reconcile", {}, 404, "no fabric dc9 is configured"),
        ("/fabrics/dc2/actions/reconcile", {}, 409, "the fabric dc2 is disabled"),
        ("/fabrics/dc1/actions/resume", {}, 409, "the fabric dc1 is not suspended"),
        ("/fabrics/dc1/actions/approve", {}, 400, "must be the hash of a plan"),
        ("/fabrics/dc1/actions/suspend", {"reason": "x" * 501}, 400, "at most 500 characters"),
        ("/fabrics/dc1/actions/suspend", {"reason": "a\nb"}, 400, "one line"),
        ("/fabrics/dc1/actions/destroy", {}, 404, "nothing at this path"),
    ],
)
def test_what_cannot_be_done(member: Browser, path: str, fields: dict[str, str], expected: int, said: str) -> None:
    """The page says why, and what to do."""
    member.get("/fabrics/dc1")

    answer = member.post(path, fields)

    assert (answer.status_code, said in answer.text) == (expected, True)


def test_stopping(member: Browser, intake: FakeIntake) -> None:
    """A service that stops takes nothing in."""
    member.get("/fabrics/dc1")
    intake.is_stopped = True

    assert member.post("/fabrics/dc1/actions/reconcile").status_code == 503


def test_a_session_does_nothing_over_the_api(member: Browser, intake: FakeIntake) -> None:
    """The API's own routes take the token alone: no form reaches them with a cookie."""
    for path in ("/reconcile", "/fabrics/dc1/suspend", "/fabrics/dc1/resume", "/fabrics/dc1/approve"):
        assert member.post(path).status_code == 401
    assert (intake.requests, intake.suspended) == ({}, {})


@pytest.mark.parametrize("action", ACTIONS)
def test_no_action_by_a_link(member: Browser, intake: FakeIntake, action: str) -> None:
    """GET changes nothing."""
    assert member.get(f"/fabrics/dc1/actions/{action}").status_code == 405
    assert not intake.requests
