"""`POST /fabrics/{name}/suspend` and `/resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError, StoppedError
from reconciler.model.requests import RequestState
from tests.payloads import github
from tests.unit.webhooks.asgi import Answer, Body, ask

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from webhooks.testing import FakeIntake, FakeStatus

AUTHORIZED = {"Authorization": "Bearer canary-api-token"}
SINCE = "2026-01-01T00:00:00Z"


async def post(app: Starlette, path: str, body: bytes = b"", headers: dict[str, str] = AUTHORIZED) -> Answer:
    return await ask(app, "POST", path, headers, body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", None, id="no body"),
        pytest.param(b" \n", None, id="blank body"),
        pytest.param(b"{}", None, id="no reason"),
        pytest.param(b'{"reason": null}', None, id="null"),
        pytest.param(b'{"reason": " "}', None, id="blank"),
        pytest.param(b'{"reason": " cabling of rack 7 "}', "cabling of rack 7", id="text"),
        pytest.param('{"reason": "Umbau im Süden"}'.encode(), "Umbau im Süden", id="not ASCII"),
        pytest.param(b'{"reason": "%s"}' % (b"x" * 500), "x" * 500, id="500 characters"),
    ],
)
async def test_suspend(app: Starlette, intake: FakeIntake, body: bytes, reason: str | None) -> None:
    """The answer is the fabric as it then is, with since when and why."""
    answer = await post(app, "/fabrics/dc1/suspend", body)

    assert answer.status == 200
    assert answer.json == {
        "name": "dc1",
        "repository": "gitops",
        "enabled": True,
        "suspended": {"since": SINCE, "reason": reason, "by": None},
    }
    assert intake.suspended == {"dc1": reason}
    assert (await ask(app, "GET", "/fabrics/dc1")).json == answer.json


async def test_who(app: Starlette, intake: FakeIntake) -> None:
    """Both say in whose name, in the words of whoever asks."""
    answer = await post(app, "/fabrics/dc1/suspend", b'{"reason": "cabling", "by": " ann "}')
    assert answer.json["suspended"] == {"since": SINCE, "reason": "cabling", "by": "ann"}
    assert intake.names == {"dc1": "ann"}

    assert (await post(app, "/fabrics/dc1/resume", b'{"by": "bob"}')).status == 200
    assert intake.names == {"dc1": "bob"}


async def test_suspend_again(app: Starlette, intake: FakeIntake) -> None:
    """A second suspension replaces the reason."""
    await post(app, "/fabrics/dc1/suspend", b'{"reason": "cabling"}')

    answer = await post(app, "/fabrics/dc1/suspend", b'{"reason": "upgrade"}')

    assert (answer.status, answer.json["suspended"]["reason"]) == (200, "upgrade")
    assert intake.suspended == {"dc1": "upgrade"}


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_resume(app: Starlette, intake: FakeIntake, body: bytes) -> None:
    """The answer is the fabric as it then is, and the request of its pass, which can be followed."""
    await post(app, "/fabrics/dc1/suspend")

    answer = await post(app, "/fabrics/dc1/resume", body)

    assert (answer.status, answer.json["suspended"]) == (200, None)
    assert answer.json["request"] == {"id": "r1", "fabric": "dc1", "state": "queued"}
    assert (await ask(app, "GET", "/requests/r1")).json["state"] == "queued"
    assert intake.suspended == {}


async def test_resume_of_a_disabled_fabric(app: Starlette) -> None:
    """A fabric that is disabled, too, has no pass to follow when it is resumed."""
    await post(app, "/fabrics/dc2/suspend")

    answer = await post(app, "/fabrics/dc2/resume")

    assert (answer.status, answer.json["request"], answer.json["suspended"]) == (200, None, None)


async def test_what_a_suspended_fabric_is_asked(app: Starlette, intake: FakeIntake) -> None:
    """A delivery is ignored, a request for it is a conflict, one for all skips it, and what waited is superseded."""
    await post(app, "/reconcile", b'{"fabric": "dc1"}')
    await post(app, "/fabrics/dc1/suspend")

    body = github.encoded(github.push())
    delivery = await ask(app, "POST", "/webhooks/github", github.headers(body), body)
    named = await post(app, "/reconcile", b'{"fabric": "dc1"}')
    everything = await post(app, "/reconcile")

    assert (delivery.status, delivery.json["result"]) == (200, "ignored")
    assert (named.status, named.code, named.json["error"]["field"]) == (409, "fabric_suspended", "fabric")
    assert everything.json["skipped"] == ["dc1", "dc2"]
    assert intake.requests["r1"].state is RequestState.SUPERSEDED


@pytest.mark.parametrize(
    ("path", "expected", "code"),
    [
        pytest.param("/fabrics/dc9/suspend", 404, "unknown_fabric", id="suspend what is not there"),
        pytest.param("/fabrics/dc9/resume", 404, "unknown_fabric", id="resume what is not there"),
        pytest.param("/fabrics/%0A%1B/suspend", 404, "unknown_fabric", id="a name of control characters"),
        pytest.param("/fabrics/dc1/resume", 409, "fabric_not_suspended", id="resume what is not suspended"),
    ],
)
async def test_refused_fabric(app: Starlette, path: str, expected: int, code: str) -> None:
    """A fabric that does not exist is 404, and one that is not suspended cannot be resumed."""
    answer = await post(app, path)

    assert (answer.status, answer.code, answer.json["error"]["field"]) == (expected, code, "fabric")
    assert answer.json["error"]["message"].isprintable()


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        pytest.param("suspend", b"{", "malformed", None, id="no JSON"),
        pytest.param("suspend", b'["x"]', "malformed", None, id="no object"),
        pytest.param("suspend", b'{"reason": "a", "reason": "b"}', "malformed", "reason", id="twice"),
        pytest.param("suspend", b'{"reason": 1}', "invalid", "reason", id="a number"),
        pytest.param("suspend", b'{"reason": ["x"]}', "invalid", "reason", id="a list"),
        pytest.param("suspend", b'{"reason": "%s"}' % (b"x" * 501), "invalid", "reason", id="501 characters"),
        pytest.param("suspend", rb'{"reason": "a\nforged"}', "invalid", "reason", id="two lines"),
        pytest.param("suspend", rb'{"reason": "\u001b[2J"}', "invalid", "reason", id="an escape sequence"),
        pytest.param("suspend", rb'{"reason": "\ud800"}', "invalid", "reason", id="a lone surrogate"),
        pytest.param("suspend", rb'{"reason": "\u202egnilbac"}', "invalid", "reason", id="text that runs backwards"),
        pytest.param("suspend", b'{"why": "x"}', "invalid", "why", id="another key"),
        pytest.param("suspend", b'{"by": 1}', "invalid", "by", id="a number for a name"),
        pytest.param("suspend", b'{"by": "%s"}' % (b"x" * 101), "invalid", "by", id="a name of 101 characters"),
        pytest.param("resume", b'{"reason": "x"}', "invalid", "reason", id="resume takes no reason"),
        pytest.param("resume", b"[]", "malformed", None, id="resume with a list"),
    ],
)
async def test_refused_body(
    app: Starlette, intake: FakeIntake, path: str, body: bytes, code: str, field: str | None
) -> None:
    """A body that is not understood is answered 400 with the field, and nothing changes."""
    intake.suspended["dc3"] = "before"

    answer = await post(app, f"/fabrics/dc3/{path}", body)

    assert (answer.status, answer.code, answer.json["error"].get("field")) == (400, code, field)
    assert answer.json["error"]["message"].isprintable()
    assert intake.suspended == {"dc3": "before"}


@pytest.mark.parametrize("path", ["suspend", "resume"])
@pytest.mark.parametrize("authorization", [{}, {"Authorization": "Bearer wrong"}], ids=["no token", "another token"])
async def test_unauthorized(app: Starlette, intake: FakeIntake, path: str, authorization: dict[str, str]) -> None:
    """Without the token the answer is 401, also for a fabric that does not exist, and nothing changes."""
    intake.suspended["dc3"] = "before"

    for fabric in ("dc1", "dc3", "dc9"):
        answer = await post(app, f"/fabrics/{fabric}/{path}", b"{", authorization)
        assert (answer.status, answer.code) == (401, "unauthorized")

    assert intake.suspended == {"dc3": "before"}


@pytest.mark.parametrize("path", ["suspend", "resume"])
async def test_reading_is_no_switch(app: Starlette, intake: FakeIntake, path: str) -> None:
    """Only POST switches: a link that somebody follows changes nothing."""
    answer = await ask(app, "GET", f"/fabrics/dc1/{path}", AUTHORIZED)

    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert intake.suspended == {}


@pytest.mark.parametrize("path", ["suspend", "resume"])
async def test_bodies_are_bounded(app: Starlette, intake: FakeIntake, path: str) -> None:
    """A body that is too large is 413, as everywhere."""
    body = Body([b"x" * 2**20] * 6)

    answer = await ask(app, "POST", f"/fabrics/dc1/{path}", AUTHORIZED, body)

    assert (answer.status, intake.suspended) == (413, {})


@pytest.mark.parametrize("path", ["suspend", "resume"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(StateError("the state is damaged"), "state_unusable", id="state"),
        pytest.param(StoppedError("the service is stopping"), "stopping", id="stopping"),
    ],
)
async def test_unavailable(app: Starlette, intake: FakeIntake, path: str, error: Exception, code: str) -> None:
    """What cannot be stored now is answered 503, to come again."""
    intake.failure = error

    answer = await post(app, f"/fabrics/dc1/{path}")

    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, code, "10")


@pytest.mark.parametrize("path", ["suspend", "resume"])
async def test_stopping(app: Starlette, intake: FakeIntake, path: str) -> None:
    """A service that stops switches nothing any more."""
    intake.is_stopped = True

    assert ((await post(app, f"/fabrics/dc1/{path}")).status, intake.suspended) == (503, {})


async def test_a_fabric_that_is_gone_by_the_answer(app: Starlette, status: FakeStatus) -> None:
    """A fabric that leaves the configuration while it is suspended is 404, as it is for every other question."""
    intake = status.intake
    status.intake = type(intake)()

    answer = await post(app, "/fabrics/dc1/suspend")

    assert (answer.status, answer.code) == (404, "unknown_fabric")
