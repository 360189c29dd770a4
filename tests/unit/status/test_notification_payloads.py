"""What receivers are sent, over real HTTP, and what is made of their answers."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import ConfigurationError
from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.model.hiding import HIDDEN
from reconciler.model.notifications import Notice, NoticeEvent, Owed, Place, Sight, Was
from reconciler.model.status import SyncStatus
from reconciler.plan.notifications import MOST_PLACES
from reconciler.status.asking import Reply
from reconciler.status.notifications import HttpReceiver, ReceiverAccess, look_at_receiver
from reconciler.status.notifications.payloads import Links, alertmanager, generic, headline, slack
from reconciler.status.notifications.receiver import LONGEST_WAIT, MAX_QUOTED, judge
from tests.unit.loopback import Answer, closed_port, serving, speaking
from tests.unit.store.samples import NOON, SetClock

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-7f3a"
SINCE = datetime(2026, 3, 1, 11, tzinfo=UTC)
SIGHT = Sight(
    "dc1",
    SyncStatus.ERROR,
    "DocumentsRefused",
    "1 document was refused: <a> & b",
    "main@sha1:aa",
    "p7",
    (Place("dc1/a.yaml", 3, "Syntax"),),
    3,
)
TROUBLE = Notice(NoticeEvent.TROUBLE, SIGHT, SINCE, NOON, Was(SyncStatus.IN_SYNC, "Succeeded", SINCE))
CHANGE = replace(
    TROUBLE, event=NoticeEvent.CHANGE, was=Was(SyncStatus.OUT_OF_SYNC, "Drifted", SINCE - timedelta(hours=1))
)
RECOVERY = Notice(
    NoticeEvent.RECOVERY,
    Sight("dc1", SyncStatus.IN_SYNC, "Succeeded", "all is applied"),
    NOON,
    NOON,
    Was(SyncStatus.ERROR, "DocumentsRefused", SINCE),
)
LINKS = Links("https://r/fabrics/dc1", "https://r/fabrics/dc1/passes/p7")


@dataclass(frozen=True)
class Held:
    """A secret, or an address; None is one that cannot be read."""

    value: str | None
    is_secret: bool = True

    def read(self) -> Any:
        if self.value is None:
            raise ConfigurationError("secrets/x: no such file")
        return self.value


class HeldBytes(Held):
    def read(self) -> Any:
        found: str = super().read()
        return found.encode()


def _access(url: str, kind: str = "webhook", **changes: Any) -> ReceiverAccess:
    return replace(ReceiverAccess("people", kind, Held(url), public_url="https://r", repeat=60.0), **changes)


def _send(access: ReceiverAccess, notice: Notice = TROUBLE) -> ServerAnswer:
    return HttpReceiver(access, SetClock()).send(Owed(notice, "d1"))


# Forms


def test_the_generic_form() -> None:
    """Every key, of a trouble and of an end of which less is known."""
    assert generic(Owed(TROUBLE, "d1"), "people", LINKS) == {
        "version": 1,
        "event": "trouble",
        "delivery": "d1",
        "notification": "people",
        "fabric": "dc1",
        "status": "error",
        "reason": "DocumentsRefused",
        "message": "1 document was refused: <a> & b",
        "was": {"status": "in_sync", "reason": "Succeeded", "since": "2026-03-01T11:00:00.000Z"},
        "since": "2026-03-01T11:00:00.000Z",
        "at": "2026-03-01T12:00:00.000Z",
        "revision": "main@sha1:aa",
        "pass": "p7",
        "problems_total": 3,
        "problems": [{"file": "dc1/a.yaml", "line": 3, "rule": "Syntax"}],
        "simulated": [],
        "links": {"fabric": "https://r/fabrics/dc1", "pass": "https://r/fabrics/dc1/passes/p7"},
    }
    bare = generic(Owed(replace(RECOVERY, was=None), "d2"), "people", Links.of(RECOVERY, None))
    assert [bare[key] for key in ("was", "revision", "pass", "links")] == [
        None,
        None,
        None,
        {"fabric": None, "pass": None},
    ]


def test_links() -> None:
    """To the fabric, and to its last pass where there is one."""
    assert Links.of(TROUBLE, "https://r") == LINKS
    assert Links.of(RECOVERY, "https://r") == Links("https://r/fabrics/dc1")


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (TROUBLE, "dc1 is error (was in_sync): DocumentsRefused"),
        (replace(TROUBLE, was=None), "dc1 is error: DocumentsRefused"),
        (replace(CHANGE, was=Was(SyncStatus.ERROR, "Other", SINCE)), "dc1 is error: DocumentsRefused"),
        (replace(TROUBLE, event=NoticeEvent.REPEAT), "dc1 is still error: DocumentsRefused"),
        (RECOVERY, "dc1 is in_sync (was error): Succeeded"),
        (
            replace(TROUBLE, sight=replace(SIGHT, simulated=("cluster",))),
            "dc1 (simulated) is error (was in_sync): DocumentsRefused",
        ),
    ],
)
def test_headlines(notice: Notice, expected: str) -> None:
    """One line tells what has happened."""
    assert headline(notice) == expected


def test_slack() -> None:
    """Text for those that show no blocks; what people wrote is escaped."""
    found = slack(TROUBLE, LINKS)
    section, context = found["blocks"]
    assert found["text"] == ":red_circle: dc1 is error (was in_sync): DocumentsRefused"
    assert section["text"]["text"].split("\n") == [
        f"*{found['text']}*",
        "1 document was refused: &lt;a&gt; &amp; b",
        "• `dc1/a.yaml:3 Syntax`",
        "• `and 2 more`",
    ]
    assert context["elements"][0]["text"] == (
        "since 2026-03-01T11:00:00.000Z · revision main@sha1:aa · <https://r/fabrics/dc1|fabric>"
        " · <https://r/fabrics/dc1/passes/p7|last pass>"
    )
    assert slack(RECOVERY, Links())["text"].startswith(":large_green_circle: ")


@pytest.mark.parametrize("letter", ["x", "&"])
def test_what_slack_would_not_take(letter: str) -> None:
    """However long message, names and paths are, and however much is escaped, a section has at most 3000 characters;
    no escape is cut in two.
    """
    place = Place(letter * 900, 3, "Syntax")
    sight = replace(SIGHT, message=letter * 9000, reason=letter * 900, places=(place,) * MOST_PLACES, problems=99)
    section, _ = slack(replace(TROUBLE, sight=sight), LINKS)["blocks"]
    text = section["text"]["text"]

    assert 1500 < len(text) <= 3000
    assert [line.startswith("• ") for line in text.split("\n")] == [False] * 2 + [True] * (MOST_PLACES + 1)
    assert set(text.replace("&amp;", "").split("&")) == {text.replace("&amp;", "")}


@pytest.mark.parametrize(
    ("status", "mark"),
    [
        (SyncStatus.IN_SYNC, ":large_green_circle:"),
        (SyncStatus.DISABLED, ":large_blue_circle:"),
        (SyncStatus.OUT_OF_SYNC, ":large_orange_circle:"),
    ],
)
def test_the_mark_of_an_end(status: SyncStatus, mark: str) -> None:
    """A trouble that ends since a person suspended the fabric leaves nothing that is fine."""
    ended = replace(RECOVERY, sight=replace(RECOVERY.sight, status=status))
    assert slack(ended, Links())["text"].startswith(f"{mark} ")


def test_alerts() -> None:
    """A trouble fires for longer than until it is sent again, an end ends it, and another severity is another alert."""
    (firing,) = alertmanager(TROUBLE, LINKS, NOON, 60.0)
    assert firing["labels"] == {"alertname": "HedgehogFabricNotInSync", "fabric": "dc1", "severity": "critical"}
    assert firing["startsAt"] == "2026-03-01T11:00:00.000Z"
    assert firing["endsAt"] == "2026-03-01T12:04:00.000Z"
    assert firing["generatorURL"] == LINKS.fabric
    assert firing["annotations"]["description"] == ("1 document was refused: <a> & b\ndc1/a.yaml:3 Syntax\nand 2 more")
    assert all(isinstance(text, str) for text in firing["annotations"].values())
    (resolved,) = alertmanager(RECOVERY, Links(), NOON, 60.0)
    assert resolved["labels"] == firing["labels"]
    assert (resolved["startsAt"], resolved["endsAt"]) == ("2026-03-01T11:00:00.000Z", "2026-03-01T12:00:00.000Z")
    assert "generatorURL" not in resolved
    now, before = alertmanager(CHANGE, LINKS, NOON, 60.0)
    assert (now["labels"]["severity"], before["labels"]["severity"]) == ("critical", "warning")
    assert before["endsAt"] == "2026-03-01T12:00:00.000Z"
    alike = replace(CHANGE, was=Was(SyncStatus.ERROR, "Other", SINCE))
    assert len(alertmanager(alike, LINKS, NOON, 60.0)) == 1
    (unknown,) = alertmanager(replace(RECOVERY, was=None), Links(), NOON, 60.0)
    assert unknown["labels"]["severity"] == "info"


# Requests


def test_a_webhook_is_signed() -> None:
    """The form of our own generic provider: a signature over the body, and the id of the delivery; a token if any."""
    with serving() as server:
        server.answer("POST /hook?key=x", Answer())
        access = _access(f"{server.url}/hook?key=x", secret=HeldBytes("secret"), token=HeldBytes("token"))
        assert _send(access) == ServerAnswer(AnswerKind.SENT)

    (asked,) = server.asked
    assert asked.headers["x-signature"] == f"sha256={hmac.new(b'secret', asked.body, hashlib.sha256).hexdigest()}"
    assert asked.headers["x-delivery-id"] == json.loads(asked.body)["delivery"] == "d1"
    assert asked.headers["authorization"] == "Bearer token"
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", ["slack", "alertmanager"])
def test_others_are_not(kind: str) -> None:
    """Slack and Alertmanager get what they know, at the place that they know; a slash at the end is no other place."""
    target = {"slack": "POST /x/", "alertmanager": "POST /x/api/v2/alerts"}[kind]
    with serving() as server:
        server.answer(target, Answer(204, b""))
        assert _send(_access(f"{server.url}/x/", kind)) == ServerAnswer(AnswerKind.SENT)

    (asked,) = server.asked
    assert not {"x-signature", "x-delivery-id", "authorization"} & asked.headers.keys()
    assert isinstance(json.loads(asked.body), {"slack": dict, "alertmanager": list}[kind])


def test_what_is_read_for_each_request() -> None:
    """A rotated URL, secret or token makes it another request; one that cannot be read is said, and nothing is sent."""
    receiver = HttpReceiver(_access("https://h/x", secret=HeldBytes("a"), token=HeldBytes("b")), SetClock())
    assert (receiver.kind, receiver.token()) == ("webhook", b"https://h/x\0a\0b")
    gone = ServerAnswer(AnswerKind.STALLED, "secrets/x: no such file")
    assert _send(_access("https://h/x", token=HeldBytes(None))) == gone
    for bad in (b"two words", b"caf\xc3\xa9", b" "):
        answer = _send(_access("https://h/x", token=HeldBytes(bad.decode())))
        assert answer.message == "the token is not one: it is empty or holds odd characters"


@pytest.mark.parametrize(
    ("status", "kind", "is_unsure"),
    [
        (200, AnswerKind.SENT, False),
        (204, AnswerKind.SENT, False),
        (302, AnswerKind.STALLED, False),
        (400, AnswerKind.REFUSED, False),
        (401, AnswerKind.STALLED, False),
        (403, AnswerKind.STALLED, False),
        (404, AnswerKind.STALLED, False),
        (410, AnswerKind.STALLED, False),
        (413, AnswerKind.REFUSED, False),
        (408, AnswerKind.RETRIED, False),
        (429, AnswerKind.RETRIED, False),
        (500, AnswerKind.RETRIED, True),
        (504, AnswerKind.RETRIED, True),
    ],
)
def test_answers(status: int, kind: AnswerKind, *, is_unsure: bool) -> None:
    """What follows from an answer; a gateway that gives up may have handed the request on."""
    found = judge(Reply(status, {"Retry-After": "7"}, b"no\nway"))

    assert (found.kind, found.is_unsure) == (kind, is_unsure)
    assert found.after == (7.0 if kind is AnswerKind.RETRIED else None)


def test_what_answers_say() -> None:
    """On one line, cut, and with a wait that is bounded."""
    assert judge(Reply(403, {}, b"no\nway")).message == "it answered 403: no way"
    assert judge(Reply(302, {}, b"x")).message == "it answered 302: it redirects, so the address is not the present one"
    assert len(judge(Reply(400, {}, b"x" * 9000)).message) < MAX_QUOTED + 50
    assert judge(Reply(503, {"Retry-After": "999999"}, b"")) == ServerAnswer(
        AnswerKind.RETRIED, "it answered 503", LONGEST_WAIT, is_unsure=True
    )
    assert judge(Reply(503, {"Retry-After": "soon"}, b"")).after is None


def test_no_secret_shows() -> None:
    """Neither the URL nor a token is in what is said of a request that fails, whatever a server shows of it."""
    with serving() as server:
        url = f"{server.url}/{CANARY}?key={CANARY}"
        server.otherwise = Answer(500, f"{url} {CANARY}-token /{CANARY} key={CANARY}".encode())
        shown = _send(_access(url, token=HeldBytes(f"{CANARY}-token")))
    with speaking(b"nonsense\r\n\r\n") as odd:
        confused = _send(_access(f"{odd}/{CANARY}"))
    refused = _send(_access(f"http://127.0.0.1:{closed_port()}/{CANARY}"))

    assert HIDDEN in shown.message
    for answer in (shown, confused, refused):
        assert answer.message
        assert CANARY not in answer.message
    assert (confused.is_unsure, refused.is_unsure) == (True, False)
    assert "Connection refused" in refused.message


def test_a_url_that_is_no_secret() -> None:
    """What a server says of its path, which stands in the configuration, helps whoever reads it."""
    with serving() as server:
        server.otherwise = Answer(400, b"no route /hooks/people")
        access = replace(_access(server.url), address=Held(f"{server.url}/hooks/people", is_secret=False))
        assert _send(access).message == "it answered 400: no route /hooks/people"
        assert _send(replace(access, address=Held(f"{server.url}/hooks/people"))).message.endswith(f"route {HIDDEN}")


# Looking


def test_a_look_sends_nothing() -> None:
    """Whether anything answers there, for `reconciler check`."""
    with serving() as server:
        state, message = look_at_receiver(_access(f"{server.url}/{CANARY}"))
    assert (state, server.asked) == ("ok", [])
    assert message.endswith("nothing was sent, so whether it takes notifications is not known")
    assert CANARY not in message


def test_a_look_that_fails(tmp_path: Path) -> None:
    """Nobody there, a secret that cannot be read, and a server without a certificate that is trusted."""
    port = closed_port()
    assert look_at_receiver(_access(f"http://127.0.0.1:{port}/x")) == (
        "failing",
        "it cannot be reached: Connection refused",
    )
    assert look_at_receiver(_access("http://h", secret=HeldBytes(None))) == ("failing", "secrets/x: no such file")
    with serving() as server:
        url = server.url.replace("http:", "https:")
        state, message = look_at_receiver(_access(url))
        assert state == "failing"
        assert message.startswith("it cannot be reached: ")
    absent = look_at_receiver(_access("https://127.0.0.1:1", ca_file=tmp_path / "ca.pem"))
    assert absent[0] == "failing"
