"""Asking over HTTP: what is known of a request that got no answer."""

from __future__ import annotations

import ssl
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import requests
from urllib3.exceptions import InvalidHeader, ProtocolError

from reconciler.status import asking
from reconciler.status.asking import Question, UnansweredError, ask
from tests.unit.loopback import speaking

if TYPE_CHECKING:
    from pathlib import Path


def _unanswered(url: str, headers: dict[str, str] | None = None, ca_file: Path | None = None) -> UnansweredError:
    with pytest.raises(UnansweredError) as caught:
        ask(Question("POST", url, headers or {}, b"{}", ca_file))
    return caught.value


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that vanishes is told of by its name, and nothing was sent."""
    error = _unanswered("https://127.0.0.1:9", ca_file=tmp_path / "ca.pem")

    assert not error.is_unsure
    assert str(tmp_path / "ca.pem") in error.message


@pytest.mark.parametrize(
    ("url", "headers"),
    [("nonsense", {}), ("http://[::1", {}), ("http://127.0.0.1:1/", {"X": "a\nb"})],
)
def test_what_is_no_request(url: str, headers: dict[str, str]) -> None:
    """A URL or a header that is none goes nowhere."""
    assert not _unanswered(url, headers).is_unsure


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\nnonsense!",
    ],
)
def test_an_answer_that_is_none(said: bytes) -> None:
    """Whoever says it has the request."""
    with speaking(said) as url:
        assert _unanswered(url).is_unsure


def _chained(*errors: Exception) -> Exception:
    for outer, inner in pairwise(errors):
        outer.__context__ = inner
    return errors[0]


@pytest.mark.parametrize(
    ("error", "is_unsure"),
    [
        (_chained(requests.exceptions.SSLError("x"), ssl.SSLCertVerificationError("self-signed")), False),
        (_chained(requests.exceptions.SSLError("x"), ssl.SSLEOFError("broke off")), True),
        (_chained(requests.exceptions.InvalidHeader("x"), InvalidHeader("lengths of the answer")), True),
        (_chained(requests.ConnectionError("x"), ProtocolError("x"), ValueError("not a number")), True),
    ],
)
def test_which_errors_say_that_nothing_arrived(
    monkeypatch: pytest.MonkeyPatch, error: Exception, *, is_unsure: bool
) -> None:
    """A certificate that is not trusted does; a connection that breaks off does not, whatever it broke off by."""

    def fail(_question: Question) -> None:
        raise error

    monkeypatch.setattr(asking, "_ask", fail)

    assert _unanswered("https://127.0.0.1").is_unsure is is_unsure
