"""`POST /reconcile`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from structlog.testing import capture_logs

from reconciler.errors import ConfigurationError, StateError, StoppedError
from reconciler.model.requests import RequestState
from tests.unit.webhooks.asgi import Answer, Body, ask
from webhooks.app import create_app
from webhooks.testing import FakePlans

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from webhooks.app import WebOptions
    from webhooks.testing import FakeIntake, FakeStatus

AUTHORIZED = {"Authorization": "Bearer canary-api-token"}


async def post(app: Starlette, body: bytes = b"", headers: dict[str, str] = AUTHORIZED) -> Answer:
    return await ask(app, "POST", "/reconcile", headers, body)


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"fabric": null}', b'{"dry_run": false}'])
async def test_all_fabrics(app: Starlette, body: bytes) -> None:
    """Without a name every fabric is asked for; the disabled ones are named as skipped."""
    answer = await post(app, body)

    assert answer.status == 202
    assert answer.json == {
        "requests": [
            {"id": "r1", "fabric": "dc1", "state": "queued"},
            {"id": "r2", "fabric": "dc3", "state": "queued"},
        ],
        "skipped": ["dc2"],
    }


async def test_one_fabric(app: Starlette) -> None:
    """A named fabric is asked for alone; asked for again before its pass, the second joins."""
    first = await post(app, b'{"fabric": "dc1"}')
    second = await post(app, b'{"fabric": "dc1"}')

    assert first.json == {"requests": [{"id": "r1", "fabric": "dc1", "state": "queued"}], "skipped": []}
    assert (second.status, second.json["requests"][0]["state"]) == (202, "joined")


async def test_content_type_does_not_matter(app: Starlette) -> None:
    """The body is JSON whatever its type says: command-line clients send the type of a form."""
    headers = AUTHORIZED | {"Content-Type": "application/x-www-form-urlencoded"}

    assert (await post(app, b'{"fabric": "dc1"}', headers)).status == 202


@pytest.mark.parametrize("outcome", [RequestState.SUCCEEDED, RequestState.FAILED, RequestState.SUPERSEDED])
async def test_wait_until_the_end(app: Starlette, intake: FakeIntake, outcome: RequestState) -> None:
    """With wait the answer comes when all requests are terminal, is 200 whatever the outcome, and tells it."""
    answers: list[Answer] = []
    started = anyio.current_time()

    async def wait() -> None:
        answers.append(await post(app, b'{"fabric": "dc1", "wait": 60}'))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.sleep(7.5)
        intake.finish("r1", outcome)

    assert anyio.current_time() - started == 7.5
    assert answers[0].status == 200
    assert answers[0].json["requests"] == [(await ask(app, "GET", "/requests/r1")).json]
    assert answers[0].json["requests"][0]["state"] == outcome.value


@pytest.mark.parametrize("seconds", [0, 0.5, 1, 2.5, 600])
async def test_wait_in_vain(app: Starlette, seconds: float) -> None:
    """When the time is over the answer is 202 with the present states."""
    started = anyio.current_time()

    answer = await post(app, b'{"fabric": "dc1", "wait": %s}' % str(seconds).encode())

    assert anyio.current_time() - started == pytest.approx(seconds)
    assert (answer.status, answer.json["requests"][0]["state"]) == (202, "queued")
    assert set(answer.json["requests"][0]) >= {"id", "fabric", "trigger", "accepted", "outcome", "pass", "revision"}


async def test_wait_for_some(app: Starlette, intake: FakeIntake) -> None:
    """While one of several requests is not terminal the answer is 202, with the state of each."""
    answers: list[Answer] = []

    async def wait() -> None:
        answers.append(await post(app, b'{"wait": 60}'))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.sleep(7.5)
        intake.finish("r1")

    assert answers[0].status == 202
    assert [one["state"] for one in answers[0].json["requests"]] == ["succeeded", "queued"]


@pytest.mark.parametrize("seconds", [0, 600])
async def test_wait_for_what_has_ended(app: Starlette, intake: FakeIntake, seconds: int) -> None:
    """Requests that are terminal already are answered without waiting."""
    intake.ends_as = RequestState.SUCCEEDED
    started = anyio.current_time()

    answer = await post(app, b'{"wait": %d}' % seconds)

    assert (answer.status, anyio.current_time() - started) == (200, 0)


async def test_wait_for_nothing(app: Starlette, intake: FakeIntake) -> None:
    """When every fabric is skipped there is nothing to wait for."""
    intake.fabrics = [replace(one, is_enabled=False) for one in intake.fabrics]

    answer = await post(app, b'{"wait": 600}')

    assert (answer.status, answer.json) == (200, {"requests": [], "skipped": ["dc1", "dc2", "dc3"]})


async def test_wait_ends_when_the_service_stops(app: Starlette, intake: FakeIntake) -> None:
    """A wait does not hold up the end of the service: it is answered within a second."""
    answers: list[Answer] = []

    async def wait() -> None:
        answers.append(await post(app, b'{"fabric": "dc1", "wait": 600}'))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.sleep(5.5)
        intake.is_stopped = True

    assert anyio.current_time() <= 6.5
    assert answers[0].status == 202


async def test_wait_ends_when_nobody_listens(app: Starlette) -> None:
    """A wait whose client is gone ends within a second."""
    started = anyio.current_time()

    await ask(app, "POST", "/reconcile", AUTHORIZED, Body([b'{"fabric": "dc1", "wait": 600}'], hangs_up=True))

    assert anyio.current_time() - started <= 1.0


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        pytest.param(b"[]", "malformed", None, id="a list"),
        pytest.param(b'"dc1"', "malformed", None, id="a text"),
        pytest.param(b"fabric=dc1", "malformed", None, id="a form"),
        pytest.param(b"{", "malformed", None, id="cut"),
        pytest.param(b"[" * 1000 + b"]" * 1000, "malformed", None, id="deep"),
        pytest.param(b'{"wait": NaN}', "malformed", None, id="NaN"),
        pytest.param(b'{"wait": Infinity}', "malformed", None, id="infinity"),
        pytest.param(b'{"fabric": "dc1", "fabric": "dc2"}', "malformed", "fabric", id="a key twice"),
        pytest.param(b'{"fabrics": "dc1"}', "invalid", "fabrics", id="unknown key"),
        pytest.param(b'{"a\\nb": 1}', "invalid", "a�b", id="unknown key of two lines"),
        pytest.param(b'{"fabric": 5}', "invalid", "fabric", id="fabric is a number"),
        pytest.param(b'{"fabric": ["dc1"]}', "invalid", "fabric", id="fabric is a list"),
        pytest.param(b'{"wait": "60"}', "invalid", "wait", id="wait is text"),
        pytest.param(b'{"wait": true}', "invalid", "wait", id="wait is a boolean"),
        pytest.param(b'{"wait": null}', "invalid", "wait", id="wait is null"),
        pytest.param(b'{"wait": -1}', "invalid", "wait", id="negative wait"),
        pytest.param(b'{"wait": 600.1}', "invalid", "wait", id="long wait"),
        pytest.param(b'{"wait": ' + b"9" * 4000 + b"}", "invalid", "wait", id="wait of 4000 digits"),
        pytest.param(b'{"dry_run": "yes"}', "invalid", "dry_run", id="dry run is text"),
        pytest.param(b'{"dry_run": null}', "invalid", "dry_run", id="dry run is null"),
    ],
)
async def test_refused_body(app: Starlette, intake: FakeIntake, body: bytes, code: str, field: str | None) -> None:
    """A body that is not understood is answered 400 with the field, and nothing is queued."""
    answer = await post(app, body)

    assert (answer.status, answer.code, answer.json["error"].get("field")) == (400, code, field)
    assert answer.json["error"]["message"].isprintable()
    assert not intake.requests


async def test_dry_run(app: Starlette, intake: FakeIntake, plans: FakePlans) -> None:
    """It is answered with the plan of each fabric that passes may be made of, after a fetch, and requests nothing."""
    answer = await post(app, b'{"dry_run": true}')
    named = await post(app, b'{"fabric": "dc3", "dry_run": true, "wait": 5}')

    assert (answer.status, named.status) == (200, 200)
    assert [plan["fabric"] for plan in answer.json["plans"]] == ["dc1", "dc3"]
    assert answer.json["skipped"] == ["dc2"]
    assert named.json == {"plans": [{"fabric": "dc3", "hash": None, "actions": []}], "skipped": []}
    assert plans.fetched == ["dc1", "dc3", "dc3"]
    assert intake.requests == {}


@pytest.mark.parametrize(
    ("fabric", "expected", "code"),
    [
        pytest.param("dc9", 404, "unknown_fabric", id="unknown"),
        pytest.param("dc2", 409, "fabric_disabled", id="disabled"),
        pytest.param("dc3", 409, "fabric_suspended", id="suspended"),
    ],
)
async def test_refused_dry_run(
    app: Starlette, intake: FakeIntake, plans: FakePlans, fabric: str, expected: int, code: str
) -> None:
    """A named fabric that no pass may be made of is refused as it is for a pass; nothing is fetched."""
    intake.suspended["dc3"] = None

    answer = await post(app, b'{"fabric": "%s", "dry_run": true}' % fabric.encode())

    assert (answer.status, answer.code, plans.fetched) == (expected, code, [])


@pytest.mark.parametrize(
    ("fabric", "expected", "code"),
    [
        pytest.param("dc9", 404, "unknown_fabric", id="unknown"),
        pytest.param("", 404, "unknown_fabric", id="empty"),
        pytest.param("dc2", 409, "fabric_disabled", id="disabled"),
    ],
)
async def test_refused_fabric(app: Starlette, fabric: str, expected: int, code: str) -> None:
    """A fabric that does not exist is 404; one that is disabled is 409 when it is named."""
    answer = await post(app, b'{"fabric": "%s"}' % fabric.encode())

    assert (answer.status, answer.code, answer.json["error"]["field"]) == (expected, code, "fabric")


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param([], id="none"),
        pytest.param([b""], id="empty"),
        pytest.param([b"Bearer"], id="scheme only"),
        pytest.param([b"Bearer "], id="empty token"),
        pytest.param([b"Bearer canary-api-toke"], id="a character short"),
        pytest.param([b"Bearer canary-api-tokenX"], id="a character long"),
        pytest.param([b"Bearer CANARY-API-TOKEN"], id="upper case"),
        pytest.param(["Bearer é".encode("latin-1")], id="not ASCII"),
        pytest.param([b"Bearer \xff\x00"], id="not text"),
        pytest.param([b"Basic canary-api-token"], id="another scheme"),
        pytest.param([b"canary-api-token"], id="no scheme"),
        pytest.param([b"Bearer canary-api-token", b"Bearer other"], id="two headers"),
    ],
)
async def test_unauthorized(app: Starlette, intake: FakeIntake, authorization: list[bytes]) -> None:
    """Without the token the answer is 401 with a challenge, and nothing is queued."""
    answer = await ask(app, "POST", "/reconcile", [(b"authorization", value) for value in authorization], b"{}")

    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="reconciler"'
    assert not intake.requests


@pytest.mark.parametrize("value", ["bearer canary-api-token", "BEARER  canary-api-token "])
async def test_authorized(app: Starlette, value: str) -> None:
    """The scheme's case and spaces around the token do not matter."""
    assert (await post(app, headers={"Authorization": value})).status == 202


@pytest.mark.parametrize("token", [None, b""])
async def test_no_token_is_configured(
    intake: FakeIntake, status: FakeStatus, options: WebOptions, token: bytes | None
) -> None:
    """Without a configured token nobody may ask, least of all with an empty one."""
    app = create_app(intake, status, FakePlans(), replace(options, api_token=lambda: token))

    assert (await post(app, headers={"Authorization": "Bearer "})).status == 401


async def test_token_is_read_anew(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> None:
    """A token that is changed while the service runs counts from the next request on."""
    tokens = [b"canary-api-token", b"new-token"]
    app = create_app(intake, status, FakePlans(), replace(options, api_token=lambda: tokens.pop(0)))

    assert [(await post(app)).status, (await post(app)).status] == [202, 401]


async def test_unreadable_token(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> None:
    """A token that cannot be read lets nobody in."""

    def unreadable() -> bytes:
        raise ConfigurationError("server.api_token_file: no such file")

    app = create_app(intake, status, FakePlans(), replace(options, api_token=unreadable))

    with capture_logs() as lines:
        answer = await post(app)

    assert (answer.status, answer.code) == (503, "configuration_unusable")
    assert "api_token_file" not in answer.body.decode()
    assert lines[0]["error"] == "server.api_token_file: no such file"
    assert not intake.requests


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(StateError("the state is damaged"), "state_unusable", id="state"),
        pytest.param(StoppedError("the service is stopping"), "stopping", id="stopping"),
    ],
)
async def test_unavailable(app: Starlette, intake: FakeIntake, error: Exception, code: str) -> None:
    """What cannot be taken in now is answered 503, to come again."""
    intake.failure = error

    answer = await post(app)

    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, code, "10")


async def test_stopping(app: Starlette, intake: FakeIntake) -> None:
    """A service that stops takes in no request."""
    intake.is_stopped = True

    assert (await post(app)).status == 503
