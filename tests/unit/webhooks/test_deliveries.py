"""`POST /webhooks/{provider}`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from structlog.testing import capture_logs

from reconciler.errors import StateError
from reconciler.model.requests import Accepted, RequestState
from tests.payloads import github
from tests.unit.webhooks.asgi import Answer, Body, ask
from webhooks.app import create_app
from webhooks.providers import PROVIDERS
from webhooks.testing import FakeIntake, FakePlans

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from httpx2 import Response
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from reconciler.model.json import JSON
    from reconciler.model.requests import Delivery
    from webhooks.app import WebOptions
    from webhooks.testing import FakeStatus

FORM = "application/x-www-form-urlencoded"
OTHER_SECRET = b"canary-other-secret"


def post(client: TestClient, payload: JSON, event: str = "push", **changed: str | bytes) -> Response:
    body = github.encoded(payload)
    return client.post("/webhooks/github", content=body, headers=signed(body, event=event, **changed))


def signed(body: bytes, **changed: str | bytes) -> Mapping[str, str]:
    return github.headers(body, **changed)  # type: ignore[arg-type]  # texts, and the secret in bytes


def test_push_is_accepted(client: TestClient, intake: FakeIntake, counted: Counter[tuple[str, str]]) -> None:
    """A verified push to a branch that a fabric follows is taken in, and answered 202 with its requests."""
    answer = post(client, github.push())

    assert answer.status_code == 202
    assert answer.json() == {
        "delivery": github.GUID,
        "result": "accepted",
        "requests": [{"id": "r1", "fabric": "dc1", "state": "queued"}],
    }
    assert [(one.commit, names) for one, names in intake.delivered] == [(github.COMMIT, ("gitops",))]
    assert counted == {("github", "accepted"): 1}


def test_form_is_accepted(client: TestClient) -> None:
    """A form is signed over its raw body and read like JSON."""
    body = github.form(github.push())

    answer = client.post("/webhooks/github", content=body, headers=github.headers(body, content_type=FORM))

    assert answer.status_code == 202


def test_second_push_joins(client: TestClient) -> None:
    """A push before the first one's pass began is served by the same pass, and says so."""
    post(client, github.push())

    answer = post(client, github.push(), delivery="second")

    assert answer.json()["requests"] == [{"id": "r2", "fabric": "dc1", "state": "joined"}]


@pytest.mark.parametrize("has_ended", [False, True])
def test_same_delivery_twice(
    client: TestClient, intake: FakeIntake, counted: Counter[tuple[str, str]], *, has_ended: bool
) -> None:
    """A delivery that comes again causes nothing, and is answered 200 with the first requests."""
    post(client, github.push())
    if has_ended:
        intake.finish("r1", RequestState.FAILED)

    answer = post(client, github.push())

    assert answer.status_code == 200
    assert answer.json() == {
        "delivery": github.GUID,
        "result": "duplicate",
        "reason": "a delivery with this id was taken in before",
        "requests": [{"id": "r1", "fabric": "dc1", "state": "queued"}],
    }
    assert (len(intake.delivered), len(intake.requests)) == (1, 1)
    assert counted == {("github", "accepted"): 1, ("github", "duplicate"): 1}


def test_duplicate_comes_before_parse(client: TestClient) -> None:
    """A known id is a duplicate before its payload is looked at."""
    post(client, github.push())

    assert post(client, []).json()["result"] == "duplicate"


async def test_same_delivery_at_the_same_time(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> None:
    """Of two copies that are under way at once, one is accepted and the other a duplicate."""

    class Slow(FakeIntake):
        async def deliver(self, delivery: Delivery, repositories: Sequence[str]) -> Accepted:
            await anyio.sleep(1)
            return await super().deliver(delivery, repositories)

    slow = Slow(intake.webhooks, intake.fabrics)
    app = create_app(slow, status, FakePlans(), options)
    body = github.encoded(github.push())
    answers: list[Answer] = []

    async def one() -> None:
        answers.append(await ask(app, "POST", "/webhooks/github", github.headers(body), body))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        tasks.start_soon(one)

    assert sorted((answer.status, answer.json["result"]) for answer in answers) == [
        (200, "duplicate"),
        (202, "accepted"),
    ]
    assert len(slow.requests) == 1


@pytest.mark.parametrize(
    ("payload", "event", "reason"),
    [
        pytest.param(github.push(ref="refs/heads/topic"), "push", "no fabric follows this branch", id="other branch"),
        pytest.param(github.push(ref="refs/tags/v1"), "push", "no fabric follows this branch", id="tag"),
        pytest.param(github.deletion(), "push", "the branch was deleted", id="deleted branch"),
        pytest.param(
            github.push(repository=github.repository("net/unknown")),
            "push",
            "no repository that this signature speaks for has one of its addresses",
            id="unknown repository",
        ),
        pytest.param(
            github.push(repository=github.repository("net/other")),
            "push",
            "no repository that this signature speaks for has one of its addresses",
            id="repository of another secret",
        ),
        pytest.param(github.push(), "star", "the event star causes nothing, only push does", id="other event"),
    ],
)
def test_ignored(client: TestClient, intake: FakeIntake, payload: JSON, event: str, reason: str) -> None:
    """What is verified and causes nothing is answered 200 with the reason, so that the forge keeps the webhook."""
    answer = post(client, payload, event)

    assert answer.status_code == 200
    assert answer.json() == {"delivery": github.GUID, "result": "ignored", "reason": reason, "requests": []}
    assert not intake.requests


def test_disabled_fabrics(client: TestClient, intake: FakeIntake) -> None:
    """A push that only disabled fabrics follow is ignored."""
    intake.fabrics = [replace(one, is_enabled=False) for one in intake.fabrics]

    assert post(client, github.push()).json()["reason"] == "the fabrics are disabled"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(github.ping(), "the webhook works for gitops", id="known repository"),
        pytest.param(
            github.ping(repository=github.repository("net/unknown")),
            "the signature is right, but no repository that it speaks for has one of these addresses",
            id="unknown repository",
        ),
        pytest.param(github.ping(repository=None), "the signature is right", id="organisation"),
    ],
)
def test_ping(client: TestClient, counted: Counter[tuple[str, str]], payload: JSON, reason: str) -> None:
    """A ping is answered 200 and says whether pushes of that webhook will arrive."""
    answer = post(client, payload, "ping")

    assert answer.status_code == 200
    assert answer.json() == {"delivery": github.GUID, "result": "ping", "reason": reason, "requests": []}
    assert counted == {("github", "ping"): 1}


def test_every_secret_is_tried(client: TestClient, intake: FakeIntake) -> None:
    """A delivery signed with the last configured secret reaches that secret's repository."""
    answer = post(client, github.push(repository=github.repository("net/other")), secret=OTHER_SECRET)

    assert [one["fabric"] for one in answer.json()["requests"]] == ["dc3"]
    assert intake.delivered[0][1] == ("other",)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("sha256=", id="empty digest"),
        pytest.param("sha256=é", id="not ASCII"),
        pytest.param("sha256=" + "0" * 64, id="zeros"),
        pytest.param("sha1=" + "0" * 40, id="SHA-1"),
        pytest.param(github.signature(github.encoded(github.push()), b"unknown"), id="another secret"),
        pytest.param(github.signature(github.encoded(github.push()), b""), id="empty secret"),
        pytest.param(github.signature(b"another body"), id="another body"),
    ],
)
async def test_unverified(
    app: Starlette, intake: FakeIntake, counted: Counter[tuple[str, str]], signature: str | None
) -> None:
    """Without the right signature the answer is 401, and nothing happens."""
    body = github.encoded(github.push())
    headers = github.headers(body)
    del headers["X-Hub-Signature-256"]
    if signature is not None:
        headers["X-Hub-Signature-256"] = signature

    answer = await ask(app, "POST", "/webhooks/github", headers, body)

    assert (answer.status, answer.code) == (401, "bad_signature")
    assert (intake.delivered, counted) == ([], {("github", "bad_signature"): 1})


async def test_signature_comes_before_everything_in_the_body(app: Starlette) -> None:
    """An unsigned body is not interpreted: malformed, without id, or with an id that is known, it is 401."""
    answer = await ask(app, "POST", "/webhooks/github", {"Content-Type": "application/json"}, b"[" * 1000)

    assert answer.status == 401


def test_only_unverified_deliveries_are_limited(client: TestClient, counted: Counter[tuple[str, str]]) -> None:
    """After 100 unverified deliveries a client is answered 429, to come again; verified ones still come through."""
    statuses = [post(client, github.push(), secret=b"wrong").status_code for _ in range(101)]
    last = post(client, github.push(), secret=b"wrong")

    assert statuses == [401] * 100 + [429]
    assert (last.json()["error"]["code"], last.headers["retry-after"]) == ("too_many_unverified", "10")
    assert post(client, github.push()).status_code == 202
    assert counted["github", "too_many_unverified"] == 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Hello, World!", id="not JSON"),
        pytest.param(b"[" * 1000 + b"]" * 1000, id="deep"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"ref": "x", "ref": "refs/heads/main"}', id="ref twice"),
        pytest.param(b'{"ref": "\\ud800"}', id="lone surrogate"),
        pytest.param(github.encoded(github.push(ref="refs/heads/\ud800")), id="lone surrogate in the ref"),
        pytest.param(github.encoded(github.push(ref="refs/heads/a\nlevel=error")), id="ref of two lines"),
        pytest.param(b'{"ref": "test", "repository": null}', id="null repository"),
        pytest.param(b'{"repository": {"links": {"clone": "boom"}}}', id="another forge's repository"),
        pytest.param(b'{"repository":{"links":{"clone":[{"name":"http","href":[]}]}}}', id="list for an address"),
        pytest.param(b'{"resource": {"refUpdates": []}}', id="another forge's push"),
        pytest.param(b'{"a": ' + b"1" * 5000 + b"}", id="5000 digits"),
    ],
)
def test_malformed(client: TestClient, intake: FakeIntake, counted: Counter[tuple[str, str]], body: bytes) -> None:
    """A verified body that is no readable push is answered 400 with what is wrong, and nothing happens."""
    answer = client.post("/webhooks/github", content=body, headers=github.headers(body))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    assert answer.json()["error"]["message"]
    assert (intake.delivered, counted) == ([], {("github", "malformed"): 1})


def test_empty_html_url(client: TestClient) -> None:
    """A repository without a web address is found under its others."""
    assert post(client, github.push(repository=github.repository() | {"html_url": ""})).status_code == 202


@pytest.mark.parametrize("name", ["X-GitHub-Delivery", "X-GitHub-Event"])
def test_missing_header(client: TestClient, name: str) -> None:
    """A verified delivery without an id or an event is answered 400, naming the header."""
    body = github.encoded(github.push())
    headers = {key: value for key, value in github.headers(body).items() if key != name}

    answer = client.post("/webhooks/github", content=body, headers=headers)

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, name.lower())


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data; boundary=x", "text/plain", "application/jsonx", "application/xml", "", ";"],
)
def test_content_type(client: TestClient, counted: Counter[tuple[str, str]], content_type: str) -> None:
    """Anything but JSON and urlencoded forms is answered 415, multipart above all."""
    body = b'--x\r\nContent-Disposition: form-data; name="payload"\r\n\r\n{}\r\n--x--\r\n'

    answer = client.post("/webhooks/github", content=body, headers=github.headers(body, content_type=content_type))

    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_type")
    assert counted == {("github", "unsupported_type"): 1}


def test_content_type_with_parameters(client: TestClient) -> None:
    """Parameters and case of a content type do not matter."""
    assert post(client, github.push(), content_type="Application/JSON; charset=utf-8").status_code == 202


@pytest.mark.parametrize("provider", ["azuredevops", "unknown", "GitHub", "%00", "github%0A", "a%1B%5B31m"])
def test_provider_that_nobody_uses(client: TestClient, counted: Counter[tuple[str, str]], provider: str) -> None:
    """A provider that does not exist is answered 404, and counted under one name whatever it is called."""
    body = github.encoded(github.push())

    answer = client.post(f"/webhooks/{provider}", content=body, headers=github.headers(body))

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert answer.json()["error"]["message"].isprintable()
    assert counted == {("unknown", "not_found"): 1}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_provider_without_repositories(
    client: TestClient, intake: FakeIntake, counted: Counter[tuple[str, str]], provider: str
) -> None:
    """A provider that nothing uses is answered 404: there is no secret that could prove anything."""
    intake.webhooks = [one for one in intake.webhooks if one.provider != provider]
    body = github.encoded(github.push())

    answer = client.post(f"/webhooks/{provider}", content=body, headers=github.headers(body))

    assert (answer.status_code, counted) == (404, {(provider, "not_found"): 1})


def test_stopping(client: TestClient, intake: FakeIntake) -> None:
    """A service that stops takes in nothing, and says when to come again."""
    intake.is_stopped = True

    answer = post(client, github.push())

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping")
    assert answer.headers["retry-after"] == "10"


async def test_stopping_while_the_body_comes(app: Starlette, intake: FakeIntake) -> None:
    """A delivery that was under way when the service began to stop is not taken in."""
    body = github.encoded(github.push())

    async def stop() -> None:
        await anyio.sleep(1)
        intake.is_stopped = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop)
        answer = await ask(app, "POST", "/webhooks/github", github.headers(body), Body([body], pause=2.0))

    assert (answer.status, intake.delivered) == (503, [])


def test_unusable_state(client: TestClient, intake: FakeIntake, counted: Counter[tuple[str, str]]) -> None:
    """What cannot be made durable is not accepted: 503, and the cause only in the log."""
    intake.failure = StateError("state/reconciler.db is not writable")

    with capture_logs() as lines:
        answer = post(client, github.push())

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "state_unusable")
    assert "reconciler.db" not in answer.text
    assert [line["error"] for line in lines if line["log_level"] == "error"] == ["state/reconciler.db is not writable"]
    assert counted == {("github", "state_unusable"): 1}


def test_delivery_is_logged(client: TestClient) -> None:
    """Each delivery leaves one line with provider, id, result and requests; a refused one with the reason."""
    with capture_logs() as lines:
        post(client, github.push())
        post(client, github.push(), secret=b"wrong")

    told = [{name: value for name, value in line.items() if name != "log_level"} for line in lines]
    assert [line for line in told if line["event"] != "request"] == [
        {
            "event": "delivery",
            "provider": "github",
            "id": github.GUID,
            "requests": ["r1"],
            "result": "accepted",
            "reason": None,
        },
        {
            "event": "delivery refused",
            "provider": "github",
            "code": "bad_signature",
            "reason": "The signature is missing or made with another secret.",
        },
    ]


def test_nothing_tells_a_secret(client: TestClient, intake: FakeIntake, options: WebOptions) -> None:
    """Neither logs nor answers nor representations of what is configured hold a secret."""
    with capture_logs() as lines:
        answers = [
            post(client, github.push()).text,
            post(client, github.push(), secret=b"wrong").text,
            post(client, {}).text,
        ]

    told = repr((lines, answers, intake.webhooks, options))
    assert not [secret for secret in (github.SECRET, OTHER_SECRET, b"canary-api-token") if secret.decode() in told]


async def test_limit_of_unverified_is_an_option(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> None:
    """The number of unverified deliveries that are answered 401 is what the options say."""
    app = create_app(intake, status, FakePlans(), replace(options, unverified_per_minute=0))

    assert (await ask(app, "POST", "/webhooks/github", {"Content-Type": "application/json"}, b"{}")).status == 429
