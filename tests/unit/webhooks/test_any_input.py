"""No input causes a 5xx."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.requests import Receiver
from tests.payloads import github
from tests.unit.webhooks.asgi import Answer, Body, ask
from tests.unit.webhooks.dashboard import samples
from webhooks.app import WebOptions, create_app
from webhooks.testing import FakeFabric, FakeIntake, FakePlans, FakeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.from_thread import BlockingPortal

    from reconciler.model.json import JSON

SENT = ["content-type", "content-length", "authorization", "host", "x-github-event", "x-github-delivery"]
PATHS = ["/webhooks/github", "/webhooks/x", "/reconcile", "/fabrics", "/fabrics/dc1", "/requests/r1", "/livez", "/"]

header_values = st.binary(max_size=40) | st.sampled_from(
    [b"application/json", b"push", b"ping", b"Bearer token", b"sha256=", b"multipart/form-data; boundary=x"]
)
headers = st.lists(
    st.tuples(st.sampled_from([*SENT, "x-hub-signature-256"]).map(str.encode), header_values), max_size=8
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=8,
)
documents = json_values.map(lambda value: json.dumps(value).encode())


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    """One event loop for all examples."""
    with anyio.from_thread.start_blocking_portal() as portal:
        yield portal


def answered(portal: BlockingPortal, method: str, path: str, sent: list[tuple[bytes, bytes]], body: Body) -> Answer:
    """The answer of an application that has answered nobody before."""
    webhook = Receiver("github", "gitops", "https://github.example.com/net/gitops.git", github.SECRET)
    intake = FakeIntake([webhook], [FakeFabric("dc1")])
    options = WebOptions(api_token=lambda: b"token", max_body_bytes=4096)
    app = create_app(intake, FakeStatus(intake, views={"dc1": samples.fabric()}), FakePlans(), options)
    return portal.call(ask, app, method, path, sent, body)


def holds(answer: Answer) -> bool:
    """Whether an answer is below 500, and JSON whose errors have code and message; or the first page."""
    if answer.headers.get("content-type", "").startswith("text/html"):
        return answer.status == 200
    if answer.status < 400:
        return isinstance(answer.json, dict)
    return answer.status < 500 and {"code", "message"} <= set(answer.json["error"])


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    path=st.sampled_from(PATHS) | st.text(st.sampled_from("/.%?0aA-"), max_size=12).map("/".__add__),
    sent=headers,
    chunks=st.lists(st.binary(max_size=3000), max_size=3) | documents.map(lambda body: [body]),
    is_cut=st.booleans(),
)
def test_any_request(
    *,
    portal: BlockingPortal,
    method: str,
    path: str,
    sent: list[tuple[bytes, bytes]],
    chunks: list[bytes],
    is_cut: bool,
) -> None:
    """Whatever strangers send is answered, and never with a 5xx."""
    assert holds(answered(portal, method, path, sent, Body(chunks, is_cut=is_cut)))


@given(
    body=documents
    | st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(list(github.push())), json_values).map(
        lambda changed: github.encoded(github.push(**changed))
    ),
    event=st.sampled_from(["push", "ping", "star"]),
    delivery=st.text(st.characters(max_codepoint=255), max_size=20),
    content_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded"]),
)
def test_any_signed_delivery(portal: BlockingPortal, body: bytes, event: str, delivery: str, content_type: str) -> None:
    """Whatever is signed with a secret is answered, and never with a 5xx."""
    sent = github.headers(body, event=event, delivery=delivery, content_type=content_type)
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]

    answer = answered(portal, "POST", "/webhooks/github", pairs, Body([body]))

    assert holds(answer)
    assert answer.status in {200, 202, 400, 413}


@given(document=json_values | st.dictionaries(st.sampled_from(["fabric", "wait", "dry_run"]), json_values))
def test_any_manual_request(portal: BlockingPortal, document: JSON) -> None:
    """Whatever someone with the token asks for is answered, and never with a 5xx."""
    if isinstance(document, dict) and isinstance(document.get("wait"), int | float):
        document["wait"] = 0
    body = Body([json.dumps(document).encode()])

    assert holds(answered(portal, "POST", "/reconcile", [(b"authorization", b"Bearer token")], body))
