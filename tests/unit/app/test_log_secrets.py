"""Secrets that were read stand in no line of the log, in whatever form they get there."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
import structlog

from reconciler.app import logs
from reconciler.app.parts import build_parts
from reconciler.settings import SecretSource, known_secrets
from reconciler.settings.known_secrets import MOST, KnownSecrets
from reconciler.settings.secret import check_kubeconfig
from tests.logs import reset_logs
from tests.unit.app.configuration import kubeconfig, secret, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "c4n+ary/s3cr&t=v@lue"


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    logs.configure_logs(as_json=True)
    yield stream
    reset_logs()


def _cleaned(value: object) -> str:
    return json.dumps(logs.clean(None, "info", {"event": "e", "value": value})["value"])


def _basic(user: str) -> str:
    return base64.b64encode(f"{user}:{CANARY}".encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CANARY, id="as it is"),
        pytest.param(f"x{CANARY}y", id="within a word"),
        pytest.param(f"https://h/?token={quote(CANARY, safe='')}&x=1", id="in a URL"),
        pytest.param(f"https://h/{quote(CANARY)}", id="in a path"),
        pytest.param(f"a={quote_plus(CANARY)}", id="in a form"),
        pytest.param(f"Authorization: Basic {_basic('u')}", id="basic, one letter"),
        pytest.param(f"Authorization: Basic {_basic('me')}", id="basic, two letters"),
        pytest.param(f"Authorization: Basic {_basic('bot')}", id="basic, three letters"),
        pytest.param(base64.urlsafe_b64encode(CANARY.encode()).decode(), id="base64 for URLs"),
        pytest.param(json.dumps({"token": CANARY}), id="in JSON"),
        pytest.param({"a": [{"b": (CANARY,)}]}, id="within values"),
        pytest.param({CANARY: 1}, id="as a key"),
        pytest.param(CANARY.encode(), id="bytes"),
        pytest.param(ValueError(f"not {CANARY}"), id="an error"),
        pytest.param(Path(f"/x/{CANARY}"), id="a path"),
        pytest.param({CANARY}, id="a set"),
    ],
)
def test_every_form(known: KnownSecrets, text: object) -> None:
    """No part of the secret is left that would tell anything of it; the text around it stays."""
    known.add(CANARY.encode())

    cleaned = _cleaned(text)

    assert "***" in cleaned
    for part in (CANARY, quote(CANARY, safe=""), "s3cr", base64.b64encode(CANARY.encode()).decode()[4:16]):
        assert part not in cleaned


def test_a_trace(known: KnownSecrets, stderr: io.StringIO) -> None:
    """An error that quotes the secret is logged without it, with its trace."""
    known.add(CANARY.encode())
    try:
        int(CANARY)
    except ValueError:
        structlog.get_logger("x").exception("failed", header=f"Basic {_basic('bot')}")

    assert "invalid literal for int() with base 10: '***'" in stderr.getvalue()
    assert "s3cr" not in stderr.getvalue()


def test_what_nobody_caught(known: KnownSecrets, stderr: io.StringIO) -> None:
    """The last words of a thread, and of the process, are lines of the log too."""
    known.add(CANARY.encode())
    logs.log_uncaught()

    def fail() -> None:
        raise ValueError(CANARY)

    thread = threading.Thread(target=fail, name="writer")
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)

    lines = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["uncaught error in a thread", "uncaught error"]
    assert all("ValueError: ***" in line["exception"] for line in lines)


def test_what_is_read_is_known(known: KnownSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a secret is what makes it known: from a file, from a variable, and again when it was rotated; the one
    before it, which others may still quote, stays hidden.
    """
    source = SecretSource(file=secret(tmp_path, "token", "first-token-1\n"))
    monkeypatch.setenv("TOKEN", "second-token-2")
    source.read()
    SecretSource(env="TOKEN").read()
    secret(tmp_path, "token", "third-token-3")
    source.read()

    assert known.hide("first-token-1 second-token-2 third-token-3") == "*** *** ***"


def test_a_key_and_its_lines(known: KnownSecrets, tmp_path: Path) -> None:
    """A private key is hidden as a whole, and each of its lines is; its frame says nothing."""
    line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"
    key = f"-----BEGIN KEY-----\n{line}\n{line[::-1]}\n-----END KEY-----"
    SecretSource(file=secret(tmp_path, "key", key)).read()

    assert known.hide(f"got {line} at -----BEGIN KEY-----") == "got *** at -----BEGIN KEY-----"
    assert line not in known.hide(json.dumps(key))


def test_a_kubeconfig(known: KnownSecrets, tmp_path: Path) -> None:
    """The token in a kubeconfig is a secret; its server and its names are none."""
    users: Any = [{"name": "me", "user": {"token": CANARY, "password": "p4ssw0rd-x", "client-key-data": "S0VZ" * 8}}]
    kubeconfig(tmp_path, "kube", "https://k8s.example.com", users=users)

    check_kubeconfig(tmp_path / "secrets" / "kube")

    said = known.hide(f"{CANARY} p4ssw0rd-x {'S0VZ' * 8} https://k8s.example.com me")
    assert said == "*** *** *** https://k8s.example.com me"


@pytest.mark.parametrize(
    ("short", "text", "expected"),
    [
        pytest.param("geheim", "password geheim!", "password ***!", id="a word"),
        pytest.param("main", "domain main@sha1", "domain ***@sha1", id="not within another word"),
        pytest.param("abc", "abc", "abc", id="too short to be one"),
    ],
)
def test_short_secrets(known: KnownSecrets, short: str, text: str, expected: str) -> None:
    """A short secret is hidden where it stands alone, so that the log can still be read."""
    known.add(short.encode())

    assert known.hide(text) == expected


def test_one_within_another(known: KnownSecrets) -> None:
    """Of a secret that begins as another one does nothing is left."""
    known.add(b"long-secret")
    known.add(b"long-secret-and-longer")

    assert known.hide("long-secret-and-longer, long-secret") == "***, ***"


def test_memory_is_bounded(known: KnownSecrets) -> None:
    """Rotation for ever does not fill the memory; the last ones are hidden."""
    known.add(b"the-first-of-all")
    for number in range(MOST):
        known.add(f"number-{number}-of-all".encode())

    assert known.hide("the-first-of-all number-0-of-all") == "the-first-of-all ***"


def test_what_is_in_use_is_remembered(known: KnownSecrets) -> None:
    """What is read again and again stays, a key with each of its lines, however many others come and go."""
    key = b"-----BEGIN KEY-----\nthe-first-line-of-it\nthe-second-line-of-it\n-----END KEY-----"
    for number in range(MOST + 50):
        known_secrets.note(key)
        known_secrets.note(f"number-{number}-of-all".encode())

    assert known.hide("the-second-line-of-it number-0-of-all") == "*** number-0-of-all"


@pytest.mark.parametrize("word", ["info", "2026"])
def test_a_secret_that_is_in_every_line(known: KnownSecrets, stderr: io.StringIO, word: str) -> None:
    """Level and time of a line, which nobody else says, stay as programs read them."""
    known.add(word.encode())
    known.add(str(datetime.now(UTC).year).encode())

    structlog.get_logger("x").info(f"about {word}")

    line = json.loads(stderr.getvalue())
    assert (line["event"], line["level"]) == ("about ***", "info")
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_many_secrets_cost_little(known: KnownSecrets) -> None:
    """With the secrets of a hundred fabrics a line takes well below a millisecond."""
    for number in range(200):
        known.add(f"nbt_{number:012d}.abcdefghijklmnopqrstuvwxyz012345".encode())
    event = {"event": "written", **{f"key{number}": "some text of usual length" for number in range(8)}}
    took = []
    for _ in range(20):
        began = time.perf_counter()
        logs.clean(None, "info", dict(event))
        took.append(time.perf_counter() - began)

    assert min(took) < 0.005


def test_a_token_that_only_a_kubeconfig_names(known: KnownSecrets, tmp_path: Path) -> None:
    """The file that a kubeconfig names for its token is read with the configuration, so that its content is hidden."""
    secret(tmp_path, "rotated-token", "token-of-a-file-77\n")
    users: Any = [{"name": "me", "user": {"tokenFile": "rotated-token"}}]
    path = kubeconfig(tmp_path, "kube", "https://127.0.0.1:9", users=users)
    found = settings(tmp_path, {"cluster": {"kubeconfig": path}})

    build_parts(found).close()

    assert known.hide("token-of-a-file-77") == "***"
