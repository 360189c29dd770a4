"""What is read from GitHub's deliveries, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.requests import Delivery
from tests.payloads import github
from tests.unit.webhooks.reading import lowered
from webhooks.payload import MalformedPayloadError
from webhooks.providers.github import MEDIA_TYPES, parse

if TYPE_CHECKING:
    from reconciler.model.json import JSON

URLS = (
    "https://github.example.com/net/gitops.git",
    "git@github.example.com:net/gitops.git",
    "git://github.example.com/net/gitops.git",
    "https://github.example.com/net/gitops",
)


def parsed(payload: JSON, event: str = "push") -> Delivery:
    body = github.encoded(payload)
    return parse(lowered(github.headers(body, event=event)), body)


def refused(body: bytes, event: str = "push", **headers: str) -> MalformedPayloadError:
    with pytest.raises(MalformedPayloadError) as caught:
        parse(lowered(github.headers(body, event=event) | headers), body)
    return caught.value


def without(payload: dict[str, JSON], *names: str) -> dict[str, JSON]:
    return {name: value for name, value in payload.items() if name not in names}


def test_push() -> None:
    """A push names the ref, the commit and every address of the repository."""
    assert parsed(github.push()) == Delivery(
        provider="github",
        id=github.GUID,
        event="push",
        ref="refs/heads/main",
        commit=github.COMMIT,
        replaces=github.BEFORE,
        is_deletion=False,
        urls=URLS,
        details={"repository": "net/gitops", "pusher": "mona"},
    )


def test_form() -> None:
    """A form says the same as JSON."""
    body = github.form(github.push())

    delivery = parse(lowered(github.headers(body, content_type="application/x-www-form-urlencoded")), body)

    assert delivery == parsed(github.push())


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"after": github.NO_COMMIT, "deleted": True}, id="as documented"),
        pytest.param({"after": github.NO_COMMIT, "deleted": False}, id="only zeros"),
        pytest.param({"deleted": True}, id="only the flag"),
    ],
)
def test_deletion(changed: dict[str, JSON]) -> None:
    """A deleted branch has no commit."""
    delivery = parsed(github.push(**changed))

    assert (delivery.is_deletion, delivery.commit, delivery.ref) == (True, None, "refs/heads/main")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"ref": "refs/tags/v1"}, id="tag"),
        pytest.param({"created": True, "before": github.NO_COMMIT}, id="created branch"),
        pytest.param({"forced": True}, id="forced"),
        pytest.param({"head_commit": None, "commits": []}, id="no commits listed"),
        pytest.param({"ref": "refs/heads/grün/👩‍💻"}, id="branch in Unicode"),
        pytest.param({"commits": "not a list"}, id="a field that is not needed"),
    ],
)
def test_other_pushes(changed: dict[str, JSON]) -> None:
    """Pushes of other kinds are read like any other, and what is not needed does not matter."""
    delivery = parsed(github.push(**changed))

    assert (delivery.ref, delivery.commit) == (changed.get("ref", "refs/heads/main"), github.COMMIT)


def test_only_needed_fields() -> None:
    """A push of nothing but ref, after and one address is enough."""
    delivery = parsed({"ref": "refs/heads/main", "after": github.COMMIT, "repository": {"clone_url": URLS[0]}})

    assert (delivery.urls, delivery.details) == ((URLS[0],), {})


def test_text_for_people_is_cleaned() -> None:
    """What is shown to people is one line without escape sequences or surrogates, and short."""
    name = "a\r\nlevel=error\x1b[31m\ud800" + "x" * 1000

    details = parsed(github.push(pusher={"name": name})).details

    assert details["pusher"] == ("a��level=error�[31m�" + "x" * 1000)[:200]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("", URLS[:3], id="empty"),
        pytest.param(None, URLS[:3], id="null"),
        pytest.param(URLS[0], URLS[:3], id="twice"),
    ],
)
def test_html_url(url: str | None, expected: tuple[str, ...]) -> None:
    """An address that is missing, empty or said already is left out."""
    assert parsed(github.push(repository=github.repository() | {"html_url": url})).urls == expected


@pytest.mark.parametrize(
    ("payload", "urls"),
    [
        pytest.param(github.ping(), URLS, id="of a repository"),
        pytest.param(without(github.ping(), "repository"), (), id="of an organisation"),
        pytest.param(github.ping(repository=None), (), id="null repository"),
    ],
)
def test_ping(payload: JSON, urls: tuple[str, ...]) -> None:
    """A ping names the repository where it has one."""
    assert parsed(payload, "ping") == Delivery("github", github.GUID, "ping", urls=urls)


@pytest.mark.parametrize("event", ["create", "delete", "pull_request", "installation", "x"])
def test_other_events(event: str) -> None:
    """Of any other event only its name is read, whatever its payload holds."""
    assert parsed({"repository": "boom", "ref": 5}, event) == Delivery("github", github.GUID, event)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        pytest.param({"ref": "test", "repository": None}, "repository", id="null repository"),
        pytest.param(without(github.push(), "repository"), "repository", id="no repository"),
        pytest.param(github.push(repository=[]), "repository", id="repository is a list"),
        pytest.param(github.push(repository="boom"), "repository", id="repository is text"),
        pytest.param(github.push(repository={"clone_url": 5}), "repository.clone_url", id="address is a number"),
        pytest.param(github.push(repository={"ssh_url": ["x"]}), "repository.ssh_url", id="address is a list"),
        pytest.param(github.push(repository={"git_url": "x" * 2049}), "repository.git_url", id="address too long"),
        pytest.param(github.push(repository={"html_url": "a\nb"}), "repository.html_url", id="address of two lines"),
        pytest.param(github.push(repository={"full_name": {}}), "repository.full_name", id="name is an object"),
        pytest.param(github.push(pusher=7), "pusher", id="pusher is a number"),
        pytest.param(github.push(pusher={"name": True}), "pusher.name", id="pusher's name is a boolean"),
        pytest.param(without(github.push(), "ref"), "ref", id="no ref"),
        pytest.param(github.push(ref=""), "ref", id="empty ref"),
        pytest.param(github.push(ref=None), "ref", id="null ref"),
        pytest.param(github.push(ref=1.5), "ref", id="ref is a number"),
        pytest.param(github.push(ref="main"), "ref", id="short ref"),
        pytest.param(github.push(ref="refs/heads/" + "x" * 1024), "ref", id="long ref"),
        pytest.param(github.push(ref="refs/heads/a\nlevel=error"), "ref", id="ref of two lines"),
        pytest.param(github.push(ref="refs/heads/\x1b[31m"), "ref", id="ref with an escape sequence"),
        pytest.param(github.push(ref="refs/heads/\u2028"), "ref", id="ref with a line separator"),
        pytest.param(github.push(ref="refs/heads/\ud800"), "ref", id="ref with a lone surrogate"),
        pytest.param(without(github.push(), "after"), "after", id="no commit"),
        pytest.param(github.push(after=github.COMMIT[:39]), "after", id="commit a digit short"),
        pytest.param(github.push(after=github.COMMIT + "0"), "after", id="commit a digit long"),
        pytest.param(github.push(after=github.COMMIT.upper()), "after", id="commit in upper case"),
        pytest.param(github.push(after=github.COMMIT + "\n"), "after", id="commit with a line break"),
        pytest.param(github.push(after="--upload-pack=touch x".ljust(40)), "after", id="commit is an option"),
        pytest.param(github.push(after=0), "after", id="commit is a number"),
        pytest.param(github.push(deleted="yes"), "deleted", id="flag is text"),
        pytest.param(github.push(deleted=1), "deleted", id="flag is a number"),
        pytest.param([], None, id="a list"),
        pytest.param("push", None, id="a text"),
        pytest.param(None, None, id="null"),
    ],
)
def test_refused_push(payload: JSON, field: str | None) -> None:
    """A push whose needed fields are missing or of another kind is refused, and the field is named."""
    error = refused(github.encoded(payload))

    assert error.field == field
    assert error.message.isprintable()
    assert (field or "the document") in error.message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param(b"[" * 1000 + b"]" * 1000, id="1000 brackets"),
        pytest.param(b'{"a":' * 100_000, id="100,000 braces"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="-Infinity"),
        pytest.param(b'{"a": 1e999}', id="number without end"),
        pytest.param(b'{"a": ' + b"1" * 5000 + b"}", id="5000 digits"),
        pytest.param(b'{"ref": "x", "ref": "refs/heads/main"}', id="ref twice"),
        pytest.param(b'{"repository": {"ssh_url": "a", "ssh_url": "b"}}', id="address twice"),
        pytest.param(b'{"\\ud800": 1, "\\ud800": 2}', id="lone surrogate twice"),
        pytest.param(b"payload=%7B%7D", id="a form that says JSON"),
    ],
)
@pytest.mark.parametrize("event", ["push", "ping", "other"])
def test_refused_document(body: bytes, event: str) -> None:
    """A body that is not one clear JSON object is refused for every event, in a message that can be printed."""
    assert refused(body, event).message.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(github.encoded(github.push()), id="JSON that says form"),
        pytest.param(b"", id="empty"),
        pytest.param(b"other=1", id="no payload"),
        pytest.param(github.form(github.push()) + b"&payload=%7B%7D", id="two payloads"),
        pytest.param(b"payload={}\xe9", id="not ASCII"),
        pytest.param(b"payload=%ff%fe", id="not UTF-8"),
        pytest.param(b"payload=%7B%7D" + b"&x=1" * 100, id="many fields"),
        pytest.param(b"payload=", id="empty payload"),
        pytest.param(urlencode({"payload": "[]"}).encode(), id="a list"),
    ],
)
def test_refused_form(body: bytes) -> None:
    """A form without exactly one readable payload is refused."""
    refused(body, **{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})


@pytest.mark.parametrize("name", ["X-GitHub-Event", "X-GitHub-Delivery"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("a b", id="two words"),
        pytest.param("a\nb", id="two lines"),
        pytest.param("é", id="not ASCII"),
        pytest.param("x" * 201, id="long"),
    ],
)
def test_refused_header(name: str, value: str) -> None:
    """Headers that name and number a delivery are one word; the error names the header."""
    assert refused(github.encoded(github.push()), **{name: value}).field == name.lower()


def is_read_or_refused(headers: dict[str, str], body: bytes) -> bool:
    """Whether the payload gives a delivery, or an error whose message can be printed."""
    try:
        return parse(lowered(headers), body).id == github.GUID
    except MalformedPayloadError as error:
        return error.message.isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=50),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=8,
)


@given(
    changed=st.dictionaries(
        st.sampled_from(["ref", "after", "deleted", "repository", "pusher"]),
        json_values | st.dictionaries(st.sampled_from(["clone_url", "html_url", "full_name", "name"]), json_values),
    ),
    event=st.sampled_from(["push", "ping", "create"]),
)
def test_no_payload_raises_anything_else(changed: dict[str, JSON], event: str) -> None:
    """Whatever the fields hold, the payload is read or refused as malformed."""
    body = json.dumps(github.push(**changed)).encode()

    assert is_read_or_refused(github.headers(body, event=event), body)


@given(body=st.binary(max_size=200), content_type=st.sampled_from(sorted(MEDIA_TYPES)))
def test_no_body_raises_anything_else(body: bytes, content_type: str) -> None:
    """Whatever the bytes are, they are read or refused as malformed."""
    assert is_read_or_refused(github.headers(body, content_type=content_type), body)
