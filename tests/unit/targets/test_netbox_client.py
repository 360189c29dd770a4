"""HTTP to NetBox: bounds, tokens, and what odd servers do."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from reconciler.errors import ConfigurationError, NetBoxAccessError, NetBoxUnavailableError, ReconcilerError
from reconciler.plan.netbox_features import QUICK_READS
from reconciler.targets.netbox import session
from reconciler.targets.netbox.answers import BusyError, Finding, LostError, RefusedError, read_answer
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient, NoGraphQLError
from reconciler.targets.netbox.session import TokenAuth
from tests.unit.targets.odd_server import Odd, odd

if TYPE_CHECKING:
    from reconciler.model.json import JSON

__all__ = ["odd"]

TOKEN = "nbt_canary000001.canarycanarycanarycanarycanarycanary"


def client(url: str, token: str = TOKEN, waits: list[float] | None = None) -> NetBoxClient:
    return NetBoxClient(NetBoxAccess(url, token.encode), (waits if waits is not None else []).append)


@pytest.mark.parametrize(
    ("token", "header"),
    [
        pytest.param(TOKEN, f"Bearer {TOKEN}", id="version 2"),
        pytest.param("0123456789abcdef" * 2, f"Token {'0123456789abcdef' * 2}", id="version 1"),
        pytest.param(f"{TOKEN}\n", f"Bearer {TOKEN}", id="with a line end"),
    ],
)
def test_tokens(odd: Odd, token: str, header: str) -> None:
    """Each kind of token goes under its keyword."""
    odd.say({"netbox-version": "4.7.3"})

    assert client(odd.url, token).version() == "4.7.3"
    assert odd.seen == [("GET", "/api/status/", header)]


@pytest.mark.parametrize(
    "token", [pytest.param("", id="empty"), pytest.param("a b", id="blank"), pytest.param("a\r\nX: y", id="header")]
)
def test_a_token_that_is_none(odd: Odd, token: str) -> None:
    """What cannot be a token is refused before it reaches a header, and not quoted."""
    with pytest.raises(NetBoxAccessError, match="it is empty or holds odd characters"):
        client(odd.url, token).version()

    assert odd.seen == []


def test_a_token_that_is_gone() -> None:
    """A token file that cannot be read is named."""

    def read() -> bytes:
        raise ConfigurationError("/run/token: no such file")

    with pytest.raises(NetBoxAccessError, match="/run/token: no such file"):
        TokenAuth(read).token()


def test_the_release_is_that_of_the_last_answer(odd: Odd) -> None:
    """NetBox tells it with each answer; where one does not, its version is asked for, once."""
    odd.say({"netbox-version": "4.6.2"})
    plain, telling = client(odd.url), client(odd.url)
    assert [plain.release(), plain.release()] == ["4.6.2"] * 2
    assert len(odd.seen) == 1

    odd.headers["API-Version"] = "4.6"
    assert telling.release() == "4.6"
    assert not telling.offers(QUICK_READS)
    odd.headers["API-Version"] = "4.7"
    telling.look("dcim/sites")
    assert (telling.release(), telling.offers(QUICK_READS)) == ("4.7", True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(odd: Odd, status: int) -> None:
    """A redirect is an error, and the token goes nowhere else."""
    odd.say({}, status, Location=f"{odd.url}/elsewhere")
    with pytest.raises(NetBoxAccessError, match=f"redirects .HTTP {status}.; the url must be the final one"):
        client(odd.url).version()

    assert [path for _, path, _ in odd.seen] == ["/api/status/"]


def test_the_token_is_in_no_error(odd: Odd) -> None:
    """Not even when the server sends it back."""
    odd.say({"detail": f"Invalid token {TOKEN}"}, 403)
    with pytest.raises(NetBoxAccessError) as refused:
        client(odd.url).version()

    assert str(refused.value) == "GET /api/status/: HTTP 403: Invalid token ***"


@pytest.mark.parametrize("form", [TOKEN, quote(TOKEN, safe=""), base64.b64encode(f"me:{TOKEN}".encode()).decode()])
def test_the_token_is_in_no_page(odd: Odd, form: str) -> None:
    """Whoever reads the body of a refusal, our own code or a library, sees the token in no form."""
    odd.status, odd.body = 403, b"\xff no: " + form.encode()
    answer = session.BoundedSession(TOKEN.encode, None, 1).get(odd.url)

    assert (answer.content[:6], b"***" in answer.content) == (b"\xff no: ", True)
    assert form.encode() not in answer.content


def test_a_login_page_is_no_success(odd: Odd) -> None:
    """HTML with status 200 is not taken for an answer."""
    odd.headers, odd.body = {"Content-Type": "text/html"}, b"<html>Log in</html>"
    for call in (client(odd.url).version, lambda: client(odd.url).query("site_list{id}")):
        with pytest.raises(NetBoxUnavailableError, match="is this a NetBox"):
            call()


def test_json_of_something_else(odd: Odd) -> None:
    """A server without a NetBox's version is none."""
    odd.say(["hello"])
    with pytest.raises(NetBoxAccessError, match="this is not a NetBox"):
        client(odd.url).version()


@pytest.mark.parametrize("is_packed", [False, True])
def test_answers_are_bounded(odd: Odd, monkeypatch: pytest.MonkeyPatch, *, is_packed: bool) -> None:
    """An answer that is too large is dropped while it is read, also one that is small on the wire."""
    monkeypatch.setattr(session, "LARGEST_ANSWER", 100_000)
    odd.body = b'"' + b"a" * 200_000 + b'"'
    if is_packed:
        odd.body, odd.headers = gzip.compress(odd.body), {**odd.headers, "Content-Encoding": "gzip"}
    with pytest.raises(NetBoxAccessError, match="larger than 100000 bytes"):
        client(odd.url).version()


def test_slow_answers_are_bounded(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes too long in all is given up, and asked for again only so often."""
    monkeypatch.setattr(session, "LONGEST_ANSWER", -1.0)
    with pytest.raises(NetBoxUnavailableError, match="did not answer in time"):
        client(odd.url).version()

    assert len(odd.seen) == 4


def test_broken_compression(odd: Odd) -> None:
    """A body that is not what its header says is a lost answer."""
    odd.headers["Content-Encoding"] = "gzip"
    with pytest.raises(LostError, match="the connection to NetBox broke"):
        client(odd.url).write("POST", "dcim/sites", [])


def test_deep_json(odd: Odd) -> None:
    """JSON that is nested beyond reason is an error like other nonsense."""
    odd.body = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(NetBoxUnavailableError, match="instead of JSON"):
        client(odd.url).query("site_list{id}")


@pytest.mark.parametrize(
    ("statuses", "waits"),
    [
        pytest.param([502, 503, 504], [0.5, 1.0, 2.0], id="three bad answers"),
        pytest.param([429], [0.5], id="too many requests"),
    ],
)
def test_reads_are_repeated(odd: Odd, statuses: list[int], waits: list[float]) -> None:
    """A few bad answers are waited out, longer each time."""
    odd.say({"data": {"site_list": []}})
    odd.answers, waited = statuses, list[float]()

    assert client(odd.url, waits=waited).query("site_list{id}") == {"site_list": []}
    assert waited == waits


def test_retry_after(odd: Odd) -> None:
    """NetBox's own word on when to come back counts, up to ten seconds; a date does not."""
    waited: list[float] = []
    for value in ("7", "3600", "Wed, 21 Oct 2026 07:28:00 GMT"):
        odd.headers["Retry-After"], odd.answers = value, [503]
        client(odd.url, waits=waited).write("POST", "dcim/sites", [])

    assert waited == [7.0, 10.0, 0.5]


def test_writes_are_repeated_only_when_they_were_not_done(odd: Odd) -> None:
    """A 502 may have been carried out: the client does not send it again by itself."""
    odd.answers = [502]
    with pytest.raises(LostError) as lost:
        client(odd.url).write("POST", "dcim/sites", [])

    assert not lost.value.may_run
    assert len(odd.seen) == 1


def test_conditions(odd: Odd) -> None:
    """ETags go along with a write, all of them; addresses are those of the REST API."""
    client(odd.url).write("PATCH", "ipam/vlan-groups", [], ['W/"a"', 'W/"b"'])
    client(odd.url).write("DELETE", "ipam/vlan-groups/7", {})

    assert [(method, path) for method, path, _ in odd.seen] == [
        ("PATCH", "/api/ipam/vlan-groups/"),
        ("DELETE", "/api/ipam/vlan-groups/7/"),
    ]
    assert odd.conditions == ['W/"a", W/"b"', None]


def test_nobody_there() -> None:
    """A port on which nothing listens: nothing was sent, so that a write may be repeated as well."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        waited: list[float] = []
        with pytest.raises(BusyError, match=f"NetBox at {url} cannot be reached: Connection refused$"):
            client(url, waits=waited).write("POST", "dcim/sites", [])

    assert waited == [0.5, 1.0, 2.0]


def test_a_certificate_that_is_not_trusted() -> None:
    """TLS errors that only a change of configuration heals stall instead of being repeated."""
    error = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    def read() -> bytes:
        raise error

    with pytest.raises(NetBoxAccessError, match="certificate is not trusted"):
        NetBoxClient(NetBoxAccess("http://127.0.0.1:1", read), print).version()


@pytest.mark.parametrize("url", ["nonsense", "netbox.example.com/api"])
def test_a_url_that_is_none(url: str) -> None:
    """What is no URL is an error of the configuration."""
    with pytest.raises(NetBoxAccessError, match="the url is not one"):
        client(url).version()


def test_credentials_in_the_url() -> None:
    """The address shows none."""
    assert client("https://bob:secret@netbox.example.com/sub/").address == "https://netbox.example.com/sub"


def test_queries_fit_into_a_url(odd: Odd) -> None:
    """Queries are packed into few requests, none too long, and no field twice in one."""
    odd.say({"data": {"a_list": [{"id": "1"}]}})
    parts = ["a_list(x:1){id}", "a_list(x:2){id}", "b_list{" + "b" * 3000 + "}", "c_list{" + "c" * 3000 + "}"]
    answer = client(odd.url).query(*parts)

    queries = [parse_qs(urlsplit(path).query)["query"][0] for _, path, _ in odd.seen]
    assert sorted(query[:8] for query in queries) == ["{a_list(", "{a_list(", "{c_list{"]  # they are sent at once
    assert all(len(path) < 4000 for _, path, _ in odd.seen)
    assert len(answer["a_list"]) == 3


def test_pages_of_one_list_are_asked_for_at_once(odd: Odd) -> None:
    """Two pages of a list are two requests, also where they would fit into one."""
    odd.say({"data": {"a_list": []}})
    client(odd.url).query("a_list(x:1){id}", "later:a_list(x:2){id}", "b_list{id}")

    queries = [parse_qs(urlsplit(path).query)["query"][0] for _, path, _ in odd.seen]
    assert sorted(queries) == ["{a_list(x:1){id}}", "{later:a_list(x:2){id} b_list{id}}"]


@pytest.mark.parametrize(
    ("errors", "kind", "text"),
    [
        pytest.param([{"message": "Cannot query field 'x'"}], NoGraphQLError, "does not know what we ask", id="field"),
        pytest.param(
            [{"message": "database is down", "path": ["x"]}], NetBoxUnavailableError, "database is down", id="work"
        ),
        pytest.param(
            [{"message": "Cannot return null for non-nullable field", "path": ["x"]}],
            NetBoxAccessError,
            "may not view what records refer to",
            id="rights",
        ),
        pytest.param("odd", NetBoxAccessError, "odd", id="odd"),
        pytest.param(["odd"], NetBoxAccessError, "odd", id="odd list"),
    ],
)
def test_errors_of_graphql(odd: Odd, errors: JSON, kind: type[ReconcilerError], text: str) -> None:
    """GraphQL's errors come with status 200: one that NetBox met at work may pass, one in our question stays."""
    odd.say({"data": None, "errors": errors})
    with pytest.raises(kind, match=text):
        client(odd.url).query("site_list{id}")


def test_graphql_is_off(odd: Odd) -> None:
    """The reason that NetBox gives is told."""
    odd.status, odd.body = 404, b"The GraphQL API is not enabled."
    with pytest.raises(NoGraphQLError, match="HTTP 404: The GraphQL API is not enabled"):
        client(odd.url).query("site_list{id}")


def test_a_short_list_that_is_not(odd: Odd) -> None:
    """A filter that was passed over answers with everything: better an error than a part of it."""
    odd.say({"results": [{}] * 1000, "next": f"{odd.url}/api/extras/custom-fields/?offset=1000"})
    with pytest.raises(NetBoxAccessError, match="answers more than was asked for"):
        client(odd.url).listing("extras/custom-fields", {"name": ["a"]})


def answered(status: int, body: bytes, content_type: str = "application/json") -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.reason = "Bad"
    response.headers["Content-Type"] = content_type
    response._content = body
    headers = {"Authorization": "Bearer nbt_canary.secret+one"}
    response.request = requests.Request("GET", "http://127.0.0.1/api/", headers=headers).prepare()
    return response


@pytest.mark.parametrize("form", ["nbt_canary.secret+one", "nbt_canary.secret%2Bone", "Qm5idF9jYW5hcnkuc2VjcmV0K29uZQ"])
@pytest.mark.parametrize("body", ['{{"detail": "no: {}"}}', "no: {}"])
def test_a_refusal_that_repeats_the_token(form: str, body: str) -> None:
    """What NetBox, or something in front of it, says of a request is told without what it was shown."""
    with pytest.raises(NetBoxAccessError) as failed:
        read_answer(answered(403, body.format(form).encode()), "GET sites")

    assert "no:" in failed.value.message
    assert "canary" not in failed.value.message
    assert "idF9jYW5hcnkuc2VjcmV0K29uZ" not in failed.value.message


def test_a_reason_that_repeats_the_token() -> None:
    response = answered(401, b"")
    response.reason = "no nbt_canary.secret+one"

    with pytest.raises(NetBoxAccessError, match=r"no \*\*\*$"):
        read_answer(response, "GET sites")


@pytest.mark.parametrize(
    ("status", "body", "message", "findings"),
    [
        pytest.param(
            400,
            {
                "detail": "2 of 3 objects could not be created.",
                "errors": [
                    {"index": 0, "errors": {"__all__": ["Custom field 'hh_key' must have a unique value."]}},
                    {"index": 2, "errors": {"custom_fields": {"hh_asn": "must be an integer"}, "name": ["a", "b"]}},
                    "odd",
                ],
            },
            "2 of 3 objects could not be created.",
            (
                Finding("Custom field 'hh_key' must have a unique value.", position=0),
                Finding("custom_fields.hh_asn: must be an integer; name: a; name: b", position=2),
            ),
            id="bulk create",
        ),
        pytest.param(
            409,
            {"detail": "1 of 1 objects", "errors": [{"id": 7, "errors": {"__all__": ["1 dependent object"]}}]},
            "1 of 1 objects",
            (Finding("1 dependent object", record_id=7),),
            id="bulk delete",
        ),
        pytest.param(
            403,
            {"detail": "1 of 1", "errors": [{"id": 7, "errors": {"__all__": ["no permission on this object"]}}]},
            "1 of 1",
            (Finding("no permission on this object", record_id=7),),
            id="rights on one object",
        ),
        pytest.param(400, {"name": ["exists", None]}, "name: exists", (), id="single"),
        pytest.param(400, ["Expected a list"], "Expected a list", (), id="list"),
        pytest.param(500, {"error": "duplicate\nkey", "exception": "X"}, "duplicate key", (), id="race"),
        pytest.param(
            412,
            {"detail": "Precondition failed."},
            "somebody changed it since it was read; the next pass looks again",
            (),
            id="stale",
        ),
        pytest.param(413, {}, "Bad", (), id="too large"),
    ],
)
def test_refusals(status: int, body: JSON, message: str, findings: tuple[Finding, ...]) -> None:
    """NetBox's words come out in one line, and each record that it names by its position or id."""
    with pytest.raises(RefusedError) as refused:
        read_answer(answered(status, json.dumps(body).encode()), "POST /x/")

    assert (refused.value.status, refused.value.message, refused.value.findings) == (status, message, findings)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(401, NetBoxAccessError, id="who are you"),
        pytest.param(403, NetBoxAccessError, id="you may not"),
        pytest.param(429, BusyError, id="later"),
        pytest.param(502, LostError, id="proxy"),
        pytest.param(503, BusyError, id="down"),
        pytest.param(504, LostError, id="proxy waited"),
        pytest.param(522, LostError, id="another proxy"),
    ],
)
def test_pages_of_proxies(status: int, kind: type[Exception]) -> None:
    """What a proxy's page says is not repeated; its status decides."""
    with pytest.raises(kind, match=f"POST /x/: HTTP {status}: Bad"):
        read_answer(answered(status, b"<html>very long</html>", "text/html"), "POST /x/")


def test_no_content() -> None:
    """A delete has no body."""
    assert read_answer(answered(204, b""), "DELETE /x/") is None
