"""The demo's hook: it sends what a forge would, and never stands in the way of a push."""

from __future__ import annotations

import io
import json
import runpy
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.demo import hook
from reconciler.model.requests import Receiver
from tests.unit.loopback import Answer, Loopback, closed_port, serving, speaking
from webhooks.providers import github

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.requests import Delivery
    from tests.unit.loopback import Asked

OLD, NEW, NONE = "a" * 40, "b" * 40, "0" * 40
REPOSITORY = "file:///demo/gitops.git"
RECEIVER = Receiver("github", "gitops", REPOSITORY, b"secret")


@pytest.fixture
def forge() -> Iterator[Loopback]:
    with serving() as loopback:
        loopback.answer("POST /webhooks/github", Answer(202, b'{"result":"accepted"}'))
        yield loopback


def _received(asked: Asked) -> Delivery:
    """The delivery as our own receiver reads it."""
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert github.is_authentic(RECEIVER.secret, headers, asked.body, 0.0)
    return github.parse(headers, asked.body)


def _deliver(url: str, *lines: str) -> list[str]:
    return hook.deliver(lines, f"{url}/webhooks/github", b"secret", REPOSITORY)


def test_a_push_is_understood(forge: Loopback) -> None:
    """A push arrives as a genuine, signed delivery that names the branch, the commit and the repository."""
    said = _deliver(forge.url, f"{OLD} {NEW} refs/heads/main\n")

    (asked,) = forge.asked
    delivery = _received(asked)
    assert (delivery.event, delivery.ref, delivery.commit) == ("push", "refs/heads/main", NEW)
    assert REPOSITORY in delivery.urls
    assert not delivery.is_deletion
    assert said == ['webhook: 202 {"result":"accepted"}']


def test_each_ref_is_a_delivery(forge: Loopback) -> None:
    """Every pushed ref has a delivery with an id of its own."""
    said = _deliver(forge.url, f"{OLD} {NEW} refs/heads/main\n", f"{NONE} {NEW} refs/tags/v1\n")

    deliveries = [_received(asked) for asked in forge.asked]
    assert [delivery.ref for delivery in deliveries] == ["refs/heads/main", "refs/tags/v1"]
    assert len({delivery.id for delivery in deliveries}) == 2
    assert len(said) == 2


@pytest.mark.parametrize(
    ("old", "new", "created", "deleted"),
    [
        pytest.param(OLD, NEW, False, False, id="moved"),
        pytest.param(NONE, NEW, True, False, id="created"),
        pytest.param(OLD, NONE, False, True, id="deleted"),
    ],
)
def test_what_happened_to_the_ref(forge: Loopback, old: str, new: str, created: bool, deleted: bool) -> None:  # noqa: FBT001 - columns of the table
    """A branch that is new, moved or gone is announced as such."""
    _deliver(forge.url, f"{old} {new} refs/heads/main\n")

    payload = json.loads(forge.asked[0].body)
    assert (payload["created"], payload["deleted"]) == (created, deleted)
    assert _received(forge.asked[0]).is_deletion is deleted


def test_a_refusal_is_told(forge: Loopback) -> None:
    """Who pushes reads what the service answered, also when it refused."""
    forge.answer("POST /webhooks/github", Answer(401, b'{"error":{"code":"bad_signature"}}'))

    assert _deliver(forge.url, f"{OLD} {NEW} refs/heads/main") == [
        'webhook: 401 {"error":{"code":"bad_signature"}}',
    ]


def test_a_long_answer_is_cut(forge: Loopback) -> None:
    """No answer floods the terminal of whoever pushes."""
    forge.answer("POST /webhooks/github", Answer(200, b"x" * 100_000))

    (said,) = _deliver(forge.url, f"{OLD} {NEW} refs/heads/main")

    assert said == "webhook: 200 " + "x" * hook.LONGEST_ANSWER


def test_nobody_listens() -> None:
    """A service that is down costs one line: the poll will find the push."""
    (said,) = _deliver(f"http://127.0.0.1:{closed_port()}", f"{OLD} {NEW} refs/heads/main")

    assert said.startswith("webhook: not delivered (")
    assert "poll" in said


def test_not_http() -> None:
    """Something else that listens there costs one line too."""
    with speaking(b"SSH-2.0-OpenSSH_9.6\r\n") as url:
        (said,) = _deliver(url, f"{OLD} {NEW} refs/heads/main")

    assert said.startswith("webhook: not delivered (")


def test_not_an_address() -> None:
    """Only http and https are spoken: no file is opened because a URL says so."""
    assert hook.send("file:///etc/passwd", b"", {}) == "webhook: file:///etc/passwd is not an http(s) address"


def test_no_proxy(forge: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is not asked for an address of this machine."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)

    (said,) = _deliver(forge.url, f"{OLD} {NEW} refs/heads/main")

    assert said.startswith("webhook: 202 ")


def test_as_git_runs_it(
    forge: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as a program it reads the refs from its input, the secret from its file, and prints what it said."""
    secret = tmp_path / "webhook"
    secret.write_bytes(b"secret\n")
    arguments = ["--url", f"{forge.url}/webhooks/github", "--secret-file", str(secret), "--repository", REPOSITORY]
    monkeypatch.setattr(sys, "argv", ["hook", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{OLD} {NEW} refs/heads/main\n"))

    runpy.run_path(hook.__file__, run_name="__main__")

    assert _received(forge.asked[0]).commit == NEW
    assert capsys.readouterr().out == 'webhook: 202 {"result":"accepted"}\n'
