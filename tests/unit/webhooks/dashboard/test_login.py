"""Logging in and out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from reconciler.errors import ConfigurationError
from tests.unit.webhooks.conftest import TOKEN
from tests.unit.webhooks.dashboard.conftest import Browser
from webhooks.app import WebOptions, create_app
from webhooks.sessions import LIFETIME, MOST, Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from webhooks.testing import FakeIntake, FakePlans, FakeStatus


def test_login(browser: Browser) -> None:
    """The right token opens a session, whose cookie no script and no other site can use."""
    answer = browser.log_in(name="Ada", next="/fabrics/dc1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/fabrics/dc1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("reconciler-session=")
    assert cookie.endswith("; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict")
    assert TOKEN.decode() not in cookie
    assert "Ada" in browser.get("/").text


@pytest.fixture
def public(intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions) -> TestClient:
    """A client of a service that people reach over https."""
    return TestClient(create_app(intake, status, plans, replace(options, public_url="https://r.example.com")))


def test_secure_cookie(public: TestClient) -> None:
    """Where people come over https the cookie goes over nothing else."""
    cookie = Browser(public).log_in().headers["set-cookie"]

    assert cookie.startswith("__Host-reconciler-session=")
    assert cookie.endswith("; Secure")


@pytest.mark.parametrize("token", ["", "wrong", "canary-api-token2", "\x00", "é", "x" * 10_000, "\udfff"])
def test_wrong_token(browser: Browser, token: str) -> None:
    """It is refused with the form, says nothing of what was sent, and opens nothing."""
    with capture_logs() as lines:
        answer = browser.post("/login", {"token": token.encode("utf-8", "replace").decode(), "next": "/fabrics/dc1"})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'name="next" value="/fabrics/dc1"' in answer.text
    assert {"event": "login refused", "log_level": "warning", "client": "testclient"} in lines


def test_too_many_wrong_tokens(browser: Browser, options: WebOptions) -> None:
    """After some wrong tokens further ones are refused; the right one never is: the guesser may be another person
    behind the same proxy.
    """
    for _ in range(options.wrong_tokens_per_minute):
        assert browser.log_in("wrong").status_code == 401

    answer = browser.log_in("wrong")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert "Wait a minute" in answer.text
    assert browser.log_in().status_code == 303


def test_right_tokens_are_not_counted(browser: Browser, options: WebOptions) -> None:
    """Who knows the token may log in as often as they like."""
    for _ in range(options.wrong_tokens_per_minute + 1):
        assert browser.log_in().status_code == 303


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example.com",
        "//evil.example.com",
        "/\\evil.example.com",
        "/\\/evil.example.com",
        "/\t/evil.example.com",
        "javascript:alert(1)",
        "/a\r\nset-cookie: x=y",
        "",
        "fabrics",
        "/é",
    ],
)
def test_no_way_out(browser: Browser, following: str) -> None:
    """After the login one is here, wherever a link to the login wanted to lead."""
    assert browser.log_in(next=following).headers["location"] == "/"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
@pytest.mark.parametrize("path", ["/login", "/logout", "/fabrics/dc1/actions/reconcile"])
def test_foreign_forms(member: Browser, intake: FakeIntake, site: str, path: str) -> None:
    """A form that another site sent is refused, session or not."""
    member.get("/fabrics/dc1")

    answer = member.post(path, {"token": TOKEN.decode()}, **{"Sec-Fetch-Site": site})

    assert answer.status_code == 403
    assert not intake.requests
    assert "Load" in answer.text or "load" in answer.text


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://testserver", "testserver", 303),
        ("http://r.lan:8080", "r.lan:8080", 303),
        ("https://r.example.com", "inside:8080", 303),
        ("https://evil.example.com", "testserver", 403),
        ("null", "testserver", 403),
        ("http://", "", 403),
        ("file://testserver", "testserver", 403),
        ("http://testserver.evil.example.com", "testserver", 403),
    ],
)
def test_origin(public: TestClient, origin: str, host: str, expected: int) -> None:
    """Browsers tell Sec-Fetch-Site on https and on this machine only; elsewhere Origin must be ours."""
    headers = {"Origin": origin, "Host": host, "Accept": "text/html"}

    answer = public.post("/login", data={"token": TOKEN.decode()}, headers=headers, follow_redirects=False)

    assert answer.status_code == expected


def test_a_form_of_nowhere(browser: Browser) -> None:
    """Neither header: not a browser's form. Programs have the API."""
    assert browser.client.post("/login", data={"token": TOKEN.decode()}).status_code == 403


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b'{"token":"x"}', "application/json", 415),
        (b"x", "multipart/form-data; boundary=x", 415),
        (b"token=%ff", "application/x-www-form-urlencoded", 400),
        (b"token=\xff", "application/x-www-form-urlencoded", 400),
        (b"&a=b" * 1000, "application/x-www-form-urlencoded", 400),
        (b"name=a%0Ab", "application/x-www-form-urlencoded", 400),
        (b"name=" + b"x" * 101, "application/x-www-form-urlencoded", 400),
    ],
)
def test_malformed_forms(browser: Browser, body: bytes, media_type: str, expected: int) -> None:
    """What is no form of ours is refused before anything is looked at."""
    headers = {"Content-Type": media_type, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}

    assert browser.client.post("/login", content=body, headers=headers).status_code == expected


def test_logout(member: Browser) -> None:
    """The session ends here, not only in the browser."""
    cookie = member.client.cookies["reconciler-session"]
    member.get("/")

    answer = member.post("/logout")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "Log out" not in member.get("/", Cookie=f"reconciler-session={cookie}").text


def test_logout_without_a_session(browser: Browser) -> None:
    """Nothing to end, and nothing to fear."""
    assert browser.post("/logout").status_code == 303


def test_logout_needs_its_own_form(member: Browser) -> None:
    """Nobody is logged out by a form that was not made for them."""
    assert member.post("/logout", {"csrf": "x"}).status_code == 403


def test_no_token_configured(intake: FakeIntake, status: FakeStatus, plans: FakePlans) -> None:
    """Nobody can log in, not with an empty token either, and the page says why."""
    browser = Browser(TestClient(create_app(intake, status, plans, WebOptions(api_token=lambda: None))))

    assert "No API token is configured" in browser.get("/login").text
    assert browser.log_in("").status_code == 401


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _headers(sessions: Sessions, cookie: str) -> Headers:
    return Headers({"cookie": cookie.partition(";")[0]})


def test_sessions_end() -> None:
    """After twelve hours, and as soon as the token is another one."""
    clock, token = Clock(), [b"one"]
    sessions = Sessions(lambda: token[0], clock, is_secure=False)
    headers = _headers(sessions, sessions.open(b"one", "Ada", Headers()))

    clock.now += LIFETIME - 1
    found = sessions.of(headers)
    assert found is not None
    assert found.by == "Ada"
    clock.now += 1
    assert sessions.of(headers) is None
    headers = _headers(sessions, sessions.open(b"one", None, Headers()))
    token[0] = b"two"
    assert sessions.of(headers) is None
    token[0] = b""
    assert sessions.of(headers) is None


def test_sessions_are_bounded() -> None:
    """The oldest makes room for one more than is kept."""
    sessions = Sessions(lambda: b"one", Clock(), is_secure=False)
    opened = [_headers(sessions, sessions.open(b"one", None, Headers())) for _ in range(MOST + 1)]

    assert sessions.of(opened[0]) is None
    assert all(sessions.of(one) for one in opened[1:])


@pytest.mark.parametrize("cookie", ["", "reconciler-session=", "reconciler-session=x", "x", "reconciler-session=é;"])
def test_no_session(cookie: str) -> None:
    """What was not given out opens nothing."""
    sessions = Sessions(lambda: b"one", Clock(), is_secure=False)
    sessions.open(b"one", None, Headers())

    assert sessions.of(Headers({"cookie": cookie})) is None


def _unreadable() -> bytes | None:
    raise ConfigurationError("canary: the file cannot be read")


@pytest.mark.parametrize("cookie", ["", "reconciler-session=x"])
def test_pages_without_a_token_to_read(
    intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions, cookie: str
) -> None:
    """A token file that cannot be read takes away what needs the token, not the pages."""
    browser = Browser(TestClient(create_app(intake, status, plans, replace(options, api_token=_unreadable))))

    answer = browser.get("/fabrics/dc1", Cookie=cookie)
    login = browser.get("/login", Cookie=cookie)

    assert (answer.status_code, "Drifted" in answer.text) == (200, True)
    assert (login.status_code, "canary" in login.text) == (503, False)
    assert "text/html" in login.headers["content-type"]


def test_sessions_wait_for_a_token_that_can_be_read() -> None:
    """While it cannot be, nobody is known; the log says why, and afterwards all are known again."""
    read: list[Callable[[], bytes | None]] = [lambda: b"one"]

    def token() -> bytes | None:
        return read[0]()

    sessions = Sessions(token, Clock(), is_secure=False)
    headers = _headers(sessions, sessions.open(b"one", "Ada", Headers()))

    read[0] = _unreadable
    with capture_logs() as lines:
        assert sessions.of(headers) is None
    assert [line["log_level"] for line in lines] == ["warning"]
    read[0] = lambda: b"one"
    assert sessions.of(headers) is not None


def test_services_on_two_ports(member: Browser) -> None:
    """Browsers send a cookie to all ports of a host: each service has a name of its own for it."""
    cookie = member.log_in().headers["set-cookie"]
    headers = {"Sec-Fetch-Site": "same-origin", "Host": "testserver:8081", "Accept": "text/html"}
    other = member.client.post("/login", data={"token": TOKEN.decode()}, headers=headers, follow_redirects=False)

    assert cookie.startswith("reconciler-session=")
    name, _, value = other.headers["set-cookie"].partition(";")[0].partition("=")
    assert name == "reconciler-session-8081"
    assert "Log out" in member.get("/", Host="testserver:8081", Cookie=f"{name}={value}").text
    assert "Log out" not in member.get("/", Host="testserver:8082", Cookie=f"{name}={value}").text
