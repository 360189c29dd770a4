"""Clients of forges: against a double of each that refuses what the real one would, and against odd servers."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from reconciler.errors import ConfigurationError
from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.model.commit_status import ForgePost, StatusState
from reconciler.status.asking import LARGEST_ANSWER, Question, ask
from reconciler.status.forges import ForgeAccess, ForgeClient, ForgeProbe
from reconciler.status.forges.dialects import LONGEST_WAIT, MAX_QUOTED, SLOWER, judge
from tests.forge_double import ForgeDouble, Posted
from tests.unit.loopback import Answer, as_json, closed_port, serving, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("github", "gitlab", "gitea")
COMMIT = "a" * 40
TOKEN = "canary-token"
LINK = "https://reconciler.example.com/fabrics/dc1"


@dataclass(frozen=True)
class Held:
    """A token, or none that can be read."""

    token: bytes | None = TOKEN.encode()

    def read(self) -> bytes:
        if self.token is None:
            raise ConfigurationError("secrets/forge: no such file")
        return self.token


@contextmanager
def forge(kind: str, project: str = "net/gitops") -> Iterator[tuple[ForgeDouble, ForgeAccess]]:
    double = ForgeDouble(kind, project, TOKEN)
    double.start()
    try:
        yield double, ForgeAccess(kind, double.api_url, project, "main", Held())
    finally:
        double.stop()


def _post(state: StatusState = StatusState.SUCCEEDED, link: str | None = LINK) -> ForgePost:
    return ForgePost(COMMIT, state, "hedgehog-reconciler/dc1", "x" * 140, link)


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_is_taken(kind: str) -> None:
    """Each state has a word that the forge knows, and everything arrives as it was said."""
    with forge(kind) as (double, access):
        answers = [ForgeClient(access).send(_post(state)) for state in StatusState]

        assert answers == [ServerAnswer(AnswerKind.SENT)] * len(StatusState)
        words = {
            "github": ["pending", "pending", "success", "failure", "error"],
            "gitlab": ["pending", "running", "success", "failed", "canceled"],
        }
        assert double.states(COMMIT) == words.get(kind, words["github"])
        assert double.last(COMMIT) == Posted(
            COMMIT, "hedgehog-reconciler/dc1", words.get(kind, words["github"])[-1], "x" * 140, LINK
        )


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_link(kind: str) -> None:
    """Where there is nothing to lead to, nothing is led to."""
    with forge(kind) as (double, access):
        assert ForgeClient(access).send(_post(link=None)).kind is AnswerKind.SENT
        assert double.posted[0].target_url is None


@pytest.mark.parametrize("state", [StatusState.QUEUED, StatusState.RUNNING])
def test_gitlab_is_told_twice(state: StatusState) -> None:
    """That the status is so already, since an answer was lost, is fine."""
    with forge("gitlab", "a/b/gitops") as (double, access):
        client = ForgeClient(access)

        assert [client.send(_post(state)).kind for _ in range(2)] == [AnswerKind.SENT] * 2
        assert len(double.posted) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_commit(kind: str) -> None:
    """A commit that is not there is no reason to leave others out."""
    with forge(kind) as (double, access):
        double.has_commit = lambda _: False

        answer = ForgeClient(access).send(_post())

        assert answer.kind is AnswerKind.REFUSED
        assert "ommit" in answer.message


@pytest.mark.parametrize("kind", KINDS)
def test_refusals(kind: str) -> None:
    """A wrong token, a missing right and an unknown project stall, and each is said."""
    with forge(kind) as (double, access):
        double.may_write = False
        wrong = [replace(access, token=Held(b"other")), access, replace(access, project="net/other")]

        answers = [ForgeClient(one).send(_post()) for one in wrong]

    assert {answer.kind for answer in answers} == {AnswerKind.STALLED}
    for answer, text in zip(answers, ["401: the token is not", "403: the token may", "404: there is no"], strict=True):
        assert text in answer.message


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_probe_tells(kind: str) -> None:
    """Without writing anything it is told whether the token may."""
    with forge(kind) as (double, access):
        assert ForgeProbe(access).look()[0] == "ok"
        double.may_write = False
        state, message = ForgeProbe(access).look()
        assert (state, "writing commit statuses takes" in message) == ("failing", True)
        assert (
            ForgeProbe(replace(access, token=Held(b"x")))
            .look()[1]
            .endswith("the token is not accepted: Bad credentials")
        )
        assert double.posted == []
    assert ForgeProbe(access).look()[1].startswith("it cannot be reached")
    assert ForgeProbe(replace(access, token=Held(None))).look() == ("failing", "secrets/forge: no such file")


@pytest.mark.parametrize(
    ("scopes", "state"), [("repo:status, gist", "ok"), ("repo", "ok"), ("gist", "failing"), ("", "failing")]
)
def test_scopes_at_github(scopes: str, state: str) -> None:
    """A classic token tells what it may."""
    body = as_json({"permissions": {"push": True}}).body
    with serving() as server:
        server.otherwise = Answer(body=body, headers={"X-OAuth-Scopes": scopes})
        assert ForgeProbe(ForgeAccess("github", server.url, "a/b", "main", Held())).look()[0] == state


@pytest.mark.parametrize(
    ("project", "token", "state"),
    [
        ({"permissions": {"project_access": None, "group_access": {"access_level": 40}}}, {"scopes": ["api"]}, "ok"),
        ({"permissions": {"group_access": {"access_level": 40}}}, {"scopes": ["read_api"]}, "failing"),
        ({"permissions": {"group_access": {"access_level": 40}}}, [], "ok"),
        ({"permissions": {"project_access": None, "group_access": None}}, {"scopes": ["api"]}, "warning"),
        ([], {}, "warning"),
    ],
)
def test_scopes_at_gitlab(project: dict[str, object], token: dict[str, object], state: str) -> None:
    """The role may be a group's; what is not told is not claimed."""
    with serving() as server:
        server.answer("GET /projects/a%2Fb", as_json(project))
        server.answer("GET /personal_access_tokens/self", as_json(token))
        assert ForgeProbe(ForgeAccess("gitlab", server.url, "a/b", "main", Held())).look()[0] == state


def test_the_token_is_that_of_the_moment() -> None:
    """It is read before each request, and one that no header can carry is refused without being quoted."""
    with forge("github") as (double, access):
        assert ForgeClient(access).send(_post()).kind is AnswerKind.SENT
        double.token = "rotated"
        assert ForgeClient(replace(access, token=Held(b"rotated\n"))).send(_post()).kind is AnswerKind.SENT
        before = double.requests
        for bad in (b"two words", b"caf\xc3\xa9", b"a\x00b", b" "):
            answer = ForgeClient(replace(access, token=Held(bad))).send(_post())
            assert answer == ServerAnswer(
                AnswerKind.STALLED, "the token is not one: it is empty or holds odd characters"
            )
        assert ForgeClient(replace(access, token=Held(None))).send(_post()).kind is AnswerKind.STALLED
        assert double.requests == before


def test_a_server_that_shows_the_token() -> None:
    """What a forge says of a request is never repeated with the token in it."""
    with serving() as server:
        server.otherwise = as_json({"message": f"bad request: Authorization: Bearer {TOKEN}"}, 403)
        answer = ForgeClient(ForgeAccess("github", server.url, "a/b", "main", Held())).send(_post())

    assert answer.message.endswith("Bearer ***")


@pytest.mark.parametrize("secret", ["pässwörd-☃", "größe"])
def test_secrets_of_any_letters(secret: str) -> None:
    """Whatever letters a secret has, no form of it is in an answer; what of that is no text stays."""
    in_base64 = base64.b64encode(f"me:{secret}".encode())
    with serving() as server:
        forms = (secret.encode(), quote(secret).encode(), json.dumps(secret)[1:-1].encode())
        server.otherwise = Answer(403, b"\xff " + b" ".join([*forms, in_base64]))
        reply = ask(Question("GET", server.url, {}, hidden=(secret.encode(),)))

    assert reply.body.startswith(b"\xff *** *** *** ")
    assert in_base64 not in reply.body


def test_redirects_are_not_followed() -> None:
    """The token goes nowhere but to the configured address."""
    with serving() as server, serving() as other:
        server.otherwise = Answer(307, b"", {"Location": f"{other.url}/elsewhere"})
        answer = ForgeClient(ForgeAccess("gitea", server.url, "a/b", "main", Held())).send(_post())

        assert (answer.kind, other.asked) == (AnswerKind.STALLED, [])
        assert "it redirects" in answer.message


def test_what_cannot_be_reached() -> None:
    """No server, one that hangs up, and one that speaks no HTTP: come again."""
    access = ForgeAccess("gitlab", f"http://127.0.0.1:{closed_port()}/api/v4", "a/b", "main", Held())
    answers = [ForgeClient(access).send(_post())]
    for said in (b"", b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nx", b"220 smtp\r\n\r\n"):
        with speaking(said) as url:
            answers.append(ForgeClient(replace(access, api_url=url)).send(_post()))

    assert {answer.kind for answer in answers} <= {AnswerKind.RETRIED, AnswerKind.SENT}
    assert [answer.kind for answer in answers].count(AnswerKind.RETRIED) >= 3
    assert "cannot be reached" in answers[0].message


def test_large_answers_are_left_alone() -> None:
    """No more is read than may matter."""
    with serving() as server:
        server.otherwise = Answer(502, b"x" * (LARGEST_ANSWER * 20))
        answer = ForgeClient(ForgeAccess("github", server.url, "a/b", "main", Held())).send(_post())

    assert answer == ServerAnswer(AnswerKind.RETRIED, "it answered 502")


@pytest.mark.parametrize(
    ("kind", "status", "fields", "body", "expected", "after"),
    [
        ("github", 429, {}, b"", AnswerKind.RETRIED, SLOWER),
        ("github", 429, {"Retry-After": "7"}, b"", AnswerKind.RETRIED, 7.0),
        ("github", 429, {"Retry-After": "0"}, b"", AnswerKind.RETRIED, 1.0),
        ("github", 429, {"Retry-After": "999999"}, b"", AnswerKind.RETRIED, LONGEST_WAIT),
        ("github", 429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", AnswerKind.RETRIED, SLOWER),
        ("github", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1100"}, b"", AnswerKind.RETRIED, 100.0),
        ("github", 403, {"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "1100"}, b"", AnswerKind.STALLED, None),
        ("github", 403, {}, b'{"message":"You have exceeded a secondary rate limit"}', AnswerKind.RETRIED, SLOWER),
        ("github", 422, {}, b'{"errors":[{"message":"the maximum number of statuses"}]}', AnswerKind.REFUSED, None),
        ("github", 422, {}, b'{"message":"Validation Failed","errors":["x",{"code":1}]}', AnswerKind.STALLED, None),
        ("gitlab", 400, {}, b'{"message":"Cannot transition status via :run from :running"}', AnswerKind.SENT, None),
        ("gitlab", 400, {}, b'{"message":{"state":["is invalid"]}}', AnswerKind.STALLED, None),
        ("gitlab", 409, {}, b"", AnswerKind.RETRIED, None),
        ("gitea", 400, {}, b'{"message":"Cannot transition status via"}', AnswerKind.STALLED, None),
        ("gitea", 503, {"Retry-After": "20"}, b"[]", AnswerKind.RETRIED, 20.0),
        ("gitea", 500, {}, b'{"message":"GetCommit[x]: object does not exist"}', AnswerKind.REFUSED, None),
        ("gitea", 500, {}, b"[" * 5000, AnswerKind.RETRIED, None),
    ],
)  # fmt: skip
def test_what_answers_mean(
    kind: str, status: int, fields: dict[str, str], body: bytes, expected: AnswerKind, after: float | None
) -> None:
    """What is to come again, and when; what is about one commit; and what nobody need try again."""
    answer = judge(kind, status, fields, body, 1000.0)

    assert (answer.kind, answer.after) == (expected, after)


def test_long_messages_are_cut() -> None:
    """A message of a forge is one short line."""
    answer = judge("gitea", 422, {}, b'{"message":"a\\nb' + b"x" * 5000 + b'"}', 0.0)

    assert answer.message.startswith("it answered 422: a bxx")
    assert len(answer.message) < MAX_QUOTED + 50
