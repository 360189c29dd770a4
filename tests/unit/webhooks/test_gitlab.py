"""What proves GitLab's deliveries, and what is read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.requests import Delivery
from tests.payloads import github, gitlab
from tests.unit.webhooks.reading import lowered, refusal_of
from webhooks.providers.gitlab import delivery_id, is_authentic, parse

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from webhooks.payload import MalformedPayloadError

NOW = 1_614_265_330.0
BODY = b'{"test": 2432232314}'
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
RIGHT = VECTOR["webhook-signature"]


def parsed(payload: JSON, event: str = "Push Hook") -> Delivery:
    body = gitlab.encoded(payload)
    return parse(lowered(gitlab.headers(body, event=event)), body)


def refused(body: bytes, event: str = "Push Hook", **headers: str) -> MalformedPayloadError:
    return refusal_of(lambda: parse(lowered(gitlab.headers(body, event=event) | headers), body))


# Proof


@pytest.mark.parametrize(
    ("secret", "token", "expected"),
    [
        pytest.param(gitlab.SECRET, gitlab.SECRET.decode(), True, id="the secret"),
        pytest.param("gr\u00fcn".encode(), "gr\u00fcn".encode().decode("latin-1"), True, id="not ASCII"),
        pytest.param(gitlab.SECRET, gitlab.SECRET.decode()[:-1], False, id="a letter short"),
        pytest.param(gitlab.SECRET, gitlab.SECRET.decode() + "x", False, id="a letter long"),
        pytest.param(gitlab.SECRET, "", False, id="empty"),
        pytest.param(gitlab.SECRET, "\u20ac", False, id="what cannot be sent"),
        pytest.param(b"", "", False, id="empty secret"),
    ],
)
def test_token(secret: bytes, token: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """A secret token is compared byte for byte."""
    assert is_authentic(secret, {"x-gitlab-token": token}, BODY, NOW) is expected


def test_no_token() -> None:
    """A delivery without a token proves nothing."""
    assert not is_authentic(gitlab.SECRET, {}, BODY, NOW)


def test_published_vector() -> None:
    """The example of Standard Webhooks is authentic."""
    assert is_authentic(gitlab.SIGNING_SECRET, VECTOR, BODY, NOW)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"webhook-signature": f"v1,{'A' * 43}= {RIGHT}"}, True, id="the second of two"),
        pytest.param({"webhook-signature": f"{RIGHT} v1a,xxx v2,{RIGHT[3:]} {'x' * 100}"}, True, id="unknown versions"),
        pytest.param({"webhook-signature": ""}, False, id="empty"),
        pytest.param({"webhook-signature": "v1,"}, False, id="empty signature"),
        pytest.param({"webhook-signature": RIGHT[3:]}, False, id="no version"),
        pytest.param({"webhook-signature": RIGHT.replace("v1", "v2")}, False, id="another version"),
        pytest.param({"webhook-signature": RIGHT[:-1]}, False, id="no padding"),
        pytest.param({"webhook-signature": RIGHT.replace(",", ", ")}, False, id="space within"),
        pytest.param({"webhook-signature": "v1,\u00e9"}, False, id="not ASCII"),
        pytest.param({"webhook-signature": f"v1,{'A' * 43}="}, False, id="another signature"),
        pytest.param({"webhook-id": "msg_other"}, False, id="another id"),
        pytest.param({"webhook-id": ""}, False, id="empty id"),
        pytest.param({"webhook-timestamp": "1614265331"}, False, id="another time"),
        pytest.param({"webhook-timestamp": ""}, False, id="no time"),
        pytest.param({"webhook-timestamp": "01614265330"}, False, id="leading zero"),
        pytest.param({"webhook-timestamp": "1614265330.0"}, False, id="fraction"),
        pytest.param({"webhook-timestamp": "-1"}, False, id="negative"),
        pytest.param({"webhook-timestamp": "\u00b2"}, False, id="another script's digit"),
        pytest.param({"webhook-timestamp": "9" * 5000}, False, id="5000 digits"),
    ],
)
def test_signing_token(changed: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """One right signature over id, time and body is needed; whatever else there is raises nothing."""
    assert is_authentic(gitlab.SIGNING_SECRET, VECTOR | changed, BODY, NOW) is expected


@pytest.mark.parametrize(("age", "expected"), [(0, True), (300, True), (300.5, False), (-300, True), (-300.5, False)])
def test_age(age: float, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """A delivery that was signed more than five minutes ago, or ahead, proves nothing."""
    assert is_authentic(gitlab.SIGNING_SECRET, VECTOR, BODY, NOW + age) is expected


@pytest.mark.parametrize("secret", [b"whsec_", b"whsec_?", b"whsec_abc", "whsec_\u00e9".encode(), b"whsec_ "])
def test_signing_token_without_a_key(secret: bytes) -> None:
    """A signing token whose key is empty or unreadable proves nothing, and is no secret token either."""
    assert not is_authentic(secret, VECTOR | {"x-gitlab-token": secret.decode("latin-1")}, BODY, NOW)


def test_a_signature_is_never_passed_over() -> None:
    """A delivery that carries a signature does not count for its token, be the signature right or wrong."""
    headers = lowered(gitlab.headers(BODY))

    assert is_authentic(gitlab.SECRET, headers, BODY, NOW)
    assert not is_authentic(gitlab.SECRET, headers | VECTOR, BODY, NOW)
    assert not is_authentic(gitlab.SECRET, headers | {"webhook-signature": ""}, BODY, NOW)


def test_a_signing_token_is_never_sent() -> None:
    """A signing token in the place of a secret token proves nothing: it is to sign, not to be told."""
    token = {"x-gitlab-token": gitlab.SIGNING_SECRET.decode()}

    assert not is_authentic(gitlab.SIGNING_SECRET, token, BODY, NOW)


# Ids


def test_ids_by_preference() -> None:
    """The id of the signature goes before the key of the attempts, and both before what is made of the event."""
    headers = {"webhook-id": "a", "idempotency-key": "b", "x-gitlab-event-uuid": "c"}

    assert delivery_id(headers, BODY) == "a"
    del headers["webhook-id"]
    assert delivery_id(headers, BODY) == "b"
    del headers["idempotency-key"]
    made = delivery_id(headers, BODY)
    assert len(made) == 64
    assert made != delivery_id(headers, BODY + b" ")
    assert made != delivery_id({"x-gitlab-event-uuid": "d"}, BODY)
    assert made == delivery_id(headers, BODY)


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        pytest.param({}, "x-gitlab-event-uuid", id="none"),
        pytest.param({"webhook-id": ""}, "webhook-id", id="empty"),
        pytest.param({"idempotency-key": "a b"}, "idempotency-key", id="two words"),
        pytest.param({"x-gitlab-event-uuid": "\u00e9"}, "x-gitlab-event-uuid", id="not ASCII"),
    ],
)
def test_no_id(headers: dict[str, str], field: str) -> None:
    """A delivery that nothing numbers is refused, and the header is named."""
    assert refusal_of(lambda: delivery_id(headers, BODY)).field == field


# Payload


def test_push() -> None:
    """A push names the ref, the commit and every address of the project."""
    assert parsed(gitlab.push()) == Delivery(
        provider="gitlab",
        id=gitlab.KEY,
        event="push",
        ref="refs/heads/main",
        commit=github.COMMIT,
        replaces=github.BEFORE,
        urls=(gitlab.URL, "git@gitlab.example.com:net/gitops.git", "https://gitlab.example.com/net/gitops"),
        details={"repository": "net/gitops", "pusher": "jsmith"},
    )


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        pytest.param(gitlab.tag(), "Tag Push Hook", id="project hook"),
        pytest.param(gitlab.tag(), "System Hook", id="system hook"),
    ],
)
def test_tag(payload: JSON, event: str) -> None:
    """A tag is a push of a ref that is no branch."""
    assert (parsed(payload, event).event, parsed(payload, event).ref) == ("push", "refs/tags/v1.0.0")


def test_system_hook() -> None:
    """A push that the hook of a whole instance tells of is a push."""
    assert parsed(gitlab.push(), "System Hook") == parsed(gitlab.push())


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(gitlab.deletion(), id="as documented"),
        pytest.param(gitlab.push(checkout_sha=None), id="nothing to check out"),
        pytest.param(gitlab.push(commit=github.NO_COMMIT), id="only zeros"),
    ],
)
def test_deletion(payload: JSON) -> None:
    """A deleted branch has no commit."""
    delivery = parsed(payload)

    assert (delivery.is_deletion, delivery.commit, delivery.ref) == (True, None, "refs/heads/main")


def test_custom_template() -> None:
    """A push of nothing but ref, after and one address, as a template may leave it, is enough."""
    delivery = parsed({"ref": "refs/heads/main", "after": github.COMMIT, "project": {"web_url": gitlab.URL}})

    assert (delivery.commit, delivery.is_deletion, delivery.urls) == (github.COMMIT, False, (gitlab.URL,))


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        pytest.param({"project": "boom"}, "Merge Request Hook", id="another event"),
        pytest.param({"event_name": "repository_update"}, "System Hook", id="another event of an instance"),
        pytest.param({}, "System Hook", id="an event without a name"),
        pytest.param(gitlab.push(), "push", id="another spelling"),
    ],
)
def test_other_events(payload: JSON, event: str) -> None:
    """Of any other event only its name is read, whatever its payload holds."""
    assert parsed(payload, event) == Delivery("gitlab", gitlab.KEY, event)


def test_event_name_is_cleaned() -> None:
    """The name of an event is text for people: short, and without line breaks."""
    event = parsed({}, "a\nlevel=error" + "x" * 1000).event

    assert (len(event), event.isprintable()) == (200, True)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        pytest.param(gitlab.push(project=None), "project", id="null project"),
        pytest.param(gitlab.push(project=[]), "project", id="project is a list"),
        pytest.param(gitlab.push(project={"web_url": 5}), "project.web_url", id="address is a number"),
        pytest.param(gitlab.push(ref="main"), "ref", id="short ref"),
        pytest.param(gitlab.push() | {"ref": None}, "ref", id="null ref"),
        pytest.param(gitlab.push(after=None), "after", id="null commit"),
        pytest.param(gitlab.push(after="x" * 40), "after", id="no commit"),
        pytest.param(gitlab.push(user_username=[]), "user_username", id="user is a list"),
    ],
)
def test_refused_push(payload: JSON, field: str) -> None:
    """A push whose needed fields are missing or of another kind is refused, and the field is named."""
    assert refused(gitlab.encoded(payload)).field == field


@pytest.mark.parametrize("event", ["", " "])
def test_no_event(event: str) -> None:
    """A delivery that does not say what happened is refused."""
    assert refused(b"{}", event).field == "x-gitlab-event"
