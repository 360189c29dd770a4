"""What proves deliveries of Gitea and Forgejo, what is read from them, and that GitHub's route knows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reconciler.model.requests import Delivery
from tests.payloads import gitea, github
from tests.unit.webhooks.reading import lowered, refusal_of
from webhooks.providers import PROVIDERS, recognised

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSON

URLS = (
    "https://gitea.example.com/net/gitops.git",
    "ssh://git@gitea.example.com:2222/net/gitops.git",
    "https://gitea.example.com/net/gitops",
)
FORMS = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
HEADERS = [("gitea", gitea.headers), ("forgejo", gitea.forgejo_headers)]
SIGNATURES = {"gitea": "x-gitea-signature", "forgejo": "x-forgejo-signature"}

both = pytest.mark.parametrize(("name", "headers"), HEADERS, ids=["gitea", "forgejo"])


def is_authentic(name: str, secret: bytes, headers: dict[str, str], body: bytes) -> bool:
    return PROVIDERS[name].is_authentic(secret, lowered(headers), body, 0.0)


# Proof


@both
def test_signature(name: str, headers: Callable[..., dict[str, str]]) -> None:
    """The signature is bare hexadecimal over the body, under a secret that is not empty."""
    body = github.encoded(gitea.push())
    genuine = headers(body)

    assert is_authentic(name, gitea.SECRET, genuine, body)
    assert not is_authentic(name, b"another", genuine, body)
    assert not is_authentic(name, gitea.SECRET, genuine, body + b" ")
    assert not is_authentic(name, b"", headers(body, secret=b""), body)


@both
def test_no_secret_proves_nothing(name: str, headers: Callable[..., dict[str, str]]) -> None:
    """What is sent where no secret is set carries empty signatures, and proves nothing."""
    body = github.encoded(gitea.push())
    sent = headers(body, secret=b"")

    assert (sent["X-Gitea-Signature"], sent["X-Hub-Signature-256"]) == ("", "sha256=")
    assert not is_authentic(name, gitea.SECRET, sent, body)


@both
@pytest.mark.parametrize("forged", ["", "0" * 64, "sha256=" + "0" * 64, "\u00e9", "0" * 63, "\u20ac"])
def test_forged_signature(name: str, headers: Callable[..., dict[str, str]], forged: str) -> None:
    """A header that is not exactly the signature is not authentic, though those of GitHub's form are right."""
    body = github.encoded(gitea.push())

    assert not is_authentic(name, gitea.SECRET, lowered(headers(body)) | {SIGNATURES[name]: forged}, body)


@both
def test_form_is_signed_over_its_field(name: str, headers: Callable[..., dict[str, str]]) -> None:
    """Of a form the decoded field is signed, not the body."""
    body, document = gitea.form(gitea.push()), json.dumps(gitea.push()).encode()

    assert is_authentic(name, gitea.SECRET, headers(body, document=document), body)
    assert not is_authentic(name, gitea.SECRET, headers(body) | FORMS, body)


@both
@pytest.mark.parametrize("body", [b"", b"other=1", b"payload=%ff", b"\xff", b"payload=&payload="])
def test_form_without_a_payload(name: str, headers: Callable[..., dict[str, str]], body: bytes) -> None:
    """A form without exactly one readable field proves nothing, and raises nothing."""
    assert not is_authentic(name, gitea.SECRET, headers(body, document=b""), body)


def test_forgejo_under_the_headers_of_gitea() -> None:
    """Where Forgejo's own headers are absent those of Gitea count."""
    body = github.encoded(gitea.push())
    headers = lowered(gitea.headers(body))
    provider = PROVIDERS["forgejo"]

    assert provider.is_authentic(gitea.SECRET, headers, body, 0.0)
    assert provider.delivery_id(headers, body) == gitea.UUID
    assert provider.parse(headers, body).provider == "forgejo"


def test_forgejos_own_headers_go_first() -> None:
    """A wrong signature of Forgejo's own is not made good by one under Gitea's name."""
    body = github.encoded(gitea.push())
    headers = gitea.forgejo_headers(body) | {"X-Forgejo-Signature": "0" * 64, "X-Forgejo-Delivery": "own"}

    assert not is_authentic("forgejo", gitea.SECRET, headers, body)
    assert PROVIDERS["forgejo"].delivery_id(lowered(headers), body) == "own"


# Recognition


@pytest.mark.parametrize(
    ("route", "headers", "expected"),
    [
        pytest.param("github", github.headers(b""), "github", id="GitHub"),
        pytest.param("github", gitea.headers(b""), "gitea", id="Gitea as GitHub"),
        pytest.param("github", gitea.forgejo_headers(b""), "forgejo", id="Forgejo as GitHub"),
        pytest.param("gitea", gitea.headers(b""), "gitea", id="Gitea"),
        pytest.param("gitea", gitea.forgejo_headers(b""), "gitea", id="Forgejo as Gitea"),
        pytest.param("forgejo", gitea.headers(b""), "forgejo", id="Gitea as Forgejo"),
        pytest.param("gitlab", gitea.headers(b""), "gitlab", id="another route"),
    ],
)
def test_recognised(route: str, headers: dict[str, str], expected: str) -> None:
    """On GitHub's route whoever sends GitHub's headers among others is recognised as what it is."""
    provider = recognised(route, lowered(headers))

    assert provider is PROVIDERS[expected]


@pytest.mark.parametrize("route", ["", "GitHub", "gogs"])
def test_no_provider(route: str) -> None:
    """A route that names no provider has none, whatever is sent there."""
    assert recognised(route, lowered(gitea.headers(b""))) is None


# Payload


@both
def test_push(name: str, headers: Callable[..., dict[str, str]]) -> None:
    """A push names the ref, the commit and every address of the repository."""
    body = github.encoded(gitea.push())

    assert PROVIDERS[name].parse(lowered(headers(body)), body) == Delivery(
        provider=name,
        id=gitea.UUID,
        event="push",
        ref="refs/heads/main",
        commit=github.COMMIT,
        replaces=github.BEFORE,
        urls=URLS,
        details={"repository": "net/gitops", "pusher": "gitea"},
    )


@both
def test_form(name: str, headers: Callable[..., dict[str, str]]) -> None:
    """A form says the same as JSON."""
    form, body = gitea.form(gitea.push()), github.encoded(gitea.push())
    parse = PROVIDERS[name].parse

    assert parse(lowered(headers(form, document=body)), form) == parse(lowered(headers(body)), body)


def test_deletion() -> None:
    """A deleted branch has no commit."""
    body = github.encoded(gitea.deletion())
    delivery = PROVIDERS["gitea"].parse(lowered(gitea.headers(body)), body)

    assert (delivery.is_deletion, delivery.commit, delivery.ref) == (True, None, "refs/heads/main")


@pytest.mark.parametrize("event", ["create", "delete", "pull_request", "x"])
def test_other_events(event: str) -> None:
    """Of any other event only its name is read, whatever its payload holds."""
    body = github.encoded({"repository": "boom", "ref": 5})

    delivery = PROVIDERS["gitea"].parse(lowered(gitea.headers(body, event=event)), body)

    assert delivery == Delivery("gitea", gitea.UUID, event)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        pytest.param(gitea.push(repository=None), "repository", id="null repository"),
        pytest.param(gitea.push(repository={"clone_url": []}), "repository.clone_url", id="address is a list"),
        pytest.param(gitea.push(ref="main"), "ref", id="short ref"),
        pytest.param(gitea.push(after=""), "after", id="no commit"),
        pytest.param(gitea.push(pusher="x"), "pusher", id="pusher is text"),
        pytest.param([], None, id="a list"),
    ],
)
def test_refused_push(payload: JSON, field: str | None) -> None:
    """A push whose needed fields are missing or of another kind is refused, and the field is named."""
    body = github.encoded(payload)

    assert refusal_of(lambda: PROVIDERS["gitea"].parse(lowered(gitea.headers(body)), body)).field == field


@both
@pytest.mark.parametrize("header", ["delivery", "event"])
def test_refused_header(name: str, headers: Callable[..., dict[str, str]], header: str) -> None:
    """A delivery without an id or an event is refused, and its own header is named."""
    body = github.encoded(gitea.push())
    sent = lowered(headers(body)) | {f"x-{name}-{header}": ""}

    assert refusal_of(lambda: PROVIDERS[name].parse(sent, body)).field == f"x-{name}-{header}"
