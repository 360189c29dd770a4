"""`GET /fabrics/{name}/plan` and `POST /fabrics/{name}/approve`."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from reconciler.errors import FabricDisabledError, PreviewBusyError, StateError, StoppedError
from tests.unit.webhooks.asgi import Answer, ask
from webhooks.app import create_app
from webhooks.testing import FakePlans

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from reconciler.model.json import JSONObject
    from webhooks.options import WebOptions
    from webhooks.testing import FakeIntake, FakeStatus

AUTHORIZED = {"Authorization": "Bearer canary-api-token"}
PATIENCE = 10.0
"""Seconds, after which a test goes on, to fail."""
HASH = "abcdef012345" + "6" * 52
BODY = b'{"hash": "abcdef012345"}'


async def approve(app: Starlette, body: bytes, fabric: str = "dc1", headers: dict[str, str] = AUTHORIZED) -> Answer:
    return await ask(app, "POST", f"/fabrics/{fabric}/approve", headers, body)


async def test_plan(app: Starlette, intake: FakeIntake, plans: FakePlans) -> None:
    """Whoever may read sees the plan, at the revision that was fetched last: nothing is fetched or requested."""
    answer = await ask(app, "GET", "/fabrics/dc1/plan")

    assert (answer.status, answer.json) == (200, {"fabric": "dc1", "hash": HASH, "actions": []})
    assert (plans.fetched, intake.requests) == ([], {})


async def test_plan_where_reads_are_protected(
    intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions
) -> None:
    """It needs the token as every read does."""
    app = create_app(intake, status, plans, replace(options, protect_reads=True))

    assert (await ask(app, "GET", "/fabrics/dc1/plan")).status == 401
    assert (await ask(app, "GET", "/fabrics/dc1/plan", AUTHORIZED)).status == 200


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        pytest.param(FabricDisabledError("off"), 409, "fabric_disabled", id="disabled"),
        pytest.param(PreviewBusyError("another plan is being made"), 503, "busy", id="busy"),
        pytest.param(StoppedError("stopping"), 503, "stopping", id="stopping"),
        pytest.param(StateError("damaged"), 503, "state_unusable", id="state"),
        pytest.param(RuntimeError("canary-inside"), 500, "internal_error", id="unexpected"),
    ],
)
async def test_no_plan(app: Starlette, plans: FakePlans, error: Exception, expected: int, code: str) -> None:
    """What stands in the way of a plan is said, and nothing of the inside."""
    plans.failure = error

    for answer in (await ask(app, "GET", "/fabrics/dc1/plan"), await approve(app, BODY)):
        assert (answer.status, answer.code) == (expected, code)
        assert b"canary" not in answer.body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"hash": "%s"}' % HASH.encode(), id="whole"),
        pytest.param(BODY, id="12 characters"),
        pytest.param(b'{"hash": " ABCDEF0123456 ", "by": null}', id="capitals and blanks"),
    ],
)
async def test_approve(app: Starlette, intake: FakeIntake, body: bytes) -> None:
    """The answer is the fabric, the whole hash, and the request of the pass that carries the plan out."""
    answer = await approve(app, body)

    assert (answer.status, answer.json["name"], answer.json["approved"]) == (200, "dc1", HASH)
    assert answer.json["request"] == {"id": "r1", "fabric": "dc1", "state": "queued"}
    assert intake.approved == {"dc1": HASH}
    assert (await ask(app, "GET", "/requests/r1")).json["state"] == "queued"


@dataclass
class SlowPlans(FakePlans):
    """The plan of dc2 takes until it `may_end`; `entered` tells of each that began, `ended` holds those that did."""

    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_end: threading.Event = field(default_factory=threading.Event)
    ended: list[str] = field(default_factory=list)

    def plan(self, fabric: str, *, is_fetching: bool = False) -> JSONObject:
        if fabric == "dc2":
            self.entered.release()
            self.may_end.wait(PATIENCE)
            self.ended.append(fabric)
        return super().plan(fabric, is_fetching=is_fetching)


async def test_slow_plans_do_not_hold_up_an_approval(
    intake: FakeIntake, status: FakeStatus, options: WebOptions
) -> None:
    """However many strangers look at plans: whoever has the token approves, and makes dry runs, meanwhile."""
    plans = SlowPlans(intake, {"dc1": HASH})
    app = create_app(intake, status, plans, options)
    async with anyio.create_task_group() as tasks:
        for _ in range(9):
            tasks.start_soon(ask, app, "GET", "/fabrics/dc2/plan")
        for _ in range(2):
            assert await to_thread.run_sync(partial(plans.entered.acquire, timeout=PATIENCE))

        approved = await approve(app, BODY)
        planned = await ask(app, "POST", "/reconcile", AUTHORIZED, b'{"fabric": "dc1", "dry_run": true}')

        assert (approved.status, planned.status, plans.ended) == (200, 200, [])
        plans.may_end.set()
    assert len(plans.ended) == 9


async def test_who_approved(app: Starlette, intake: FakeIntake) -> None:
    """In the words of whoever asks."""
    await approve(app, b'{"hash": "abcdef012345", "by": "ann"}')

    assert intake.names == {"dc1": "ann"}


@pytest.mark.parametrize(
    ("fabric", "expected", "code"),
    [
        pytest.param("dc9", 404, "unknown_fabric", id="unknown fabric"),
        pytest.param("dc2", 409, "fabric_disabled", id="disabled"),
        pytest.param("dc3", 409, "fabric_suspended", id="suspended"),
        pytest.param("dc4", 409, "plan_changed", id="another plan"),
    ],
)
async def test_what_is_not_approved(
    app: Starlette, intake: FakeIntake, plans: FakePlans, fabric: str, expected: int, code: str
) -> None:
    """A plan that is not the present one, or of a fabric that no pass may be made of."""
    plans.hashes |= {"dc2": HASH, "dc3": HASH, "dc4": "0" * 64}
    intake.fabrics = [*intake.fabrics, replace(intake.fabrics[0], name="dc4")]
    intake.suspended["dc3"] = None

    answer = await approve(app, BODY, fabric)

    assert (answer.status, answer.code) == (expected, code)
    assert answer.json["error"]["field"] == ("hash" if code == "plan_changed" else "fabric")
    assert (intake.approved, intake.requests) == ({}, {})


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        pytest.param(b"", "invalid", "hash", id="no body"),
        pytest.param(b"{", "malformed", None, id="no JSON"),
        pytest.param(b'{"hash": "abcdef01234"}', "invalid", "hash", id="11 characters"),
        pytest.param(b'{"hash": "%s6"}' % HASH.encode(), "invalid", "hash", id="65 characters"),
        pytest.param(b'{"hash": "abcdef01234x"}', "invalid", "hash", id="not hex"),
        pytest.param(b'{"hash": 123456789012}', "invalid", "hash", id="a number"),
        pytest.param(b'{"hash": "abcdef012345", "by": 5}', "invalid", "by", id="a name that is a number"),
        pytest.param(b'{"hash": "abcdef012345", "who": "x"}', "invalid", "who", id="another key"),
    ],
)
async def test_refused_body(app: Starlette, intake: FakeIntake, body: bytes, code: str, field: str | None) -> None:
    """A body that is not understood is answered 400 with the field, and nothing is approved."""
    answer = await approve(app, body)

    assert (answer.status, answer.code, answer.json["error"].get("field")) == (400, code, field)
    assert intake.approved == {}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["no token", "another token"])
async def test_unauthorized(app: Starlette, intake: FakeIntake, headers: dict[str, str]) -> None:
    """Without the token nothing is approved, whatever fabric is named."""
    for fabric in ("dc1", "dc9"):
        answer = await approve(app, BODY, fabric, headers)
        assert (answer.status, answer.code) == (401, "unauthorized")

    assert intake.approved == {}


async def test_stopping(app: Starlette, intake: FakeIntake) -> None:
    """A service that stops approves nothing any more."""
    intake.is_stopped = True

    assert ((await approve(app, BODY)).status, intake.approved) == (503, {})


async def test_a_fabric_that_is_gone_by_the_answer(app: Starlette, status: FakeStatus) -> None:
    """A fabric that leaves the configuration meanwhile is 404."""
    status.intake = type(status.intake)()

    assert (await approve(app, BODY)).code == "unknown_fabric"


async def test_reading_approves_nothing(app: Starlette, intake: FakeIntake) -> None:
    """Only POST does: a link that somebody follows changes nothing."""
    answer = await ask(app, "GET", "/fabrics/dc1/approve", AUTHORIZED)

    assert (answer.status, intake.approved) == (405, {})
