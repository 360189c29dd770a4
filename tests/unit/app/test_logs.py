"""The log: one event a line, and nothing in it that its reader must not see or that its writer did not say."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from reconciler.app.logs import MAX_TEXT, MAX_TRACE, clean, configure_logs
from tests.logs import reset_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger("test")


@contextmanager
def _configured(level: str = "info", *, as_json: bool | None = True) -> Iterator[None]:
    """Logging as a fresh process configures it; it is left as it was."""
    root = logging.getLogger()
    before = (root.handlers, root.level)
    root.handlers = []
    try:
        configure_logs(level=level, as_json=as_json)
        yield
    finally:
        root.handlers, root.level = before
        reset_logs()


def _fail(message: str) -> None:
    raise ValueError(message)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == "", "standard output is for the answers of commands"
    return [json.loads(line) for line in err.splitlines()]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """An event is one line of JSON on standard error, with its level, its time and its values."""
    with _configured():
        log.warning("stopping", fabric="dc1", failures=2)

    (line,) = _lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "stopping", "level": "warning", "fabric": "dc1", "failures": 2}


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        pytest.param("debug", ["debug", "info", "error"], id="all"),
        pytest.param("info", ["info", "error"], id="default of serve"),
        pytest.param("error", ["error"], id="only errors"),
    ],
)
def test_level(level: str, expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is below the level is not written."""
    with _configured(level):
        log.debug("a")
        log.info("b")
        log.error("c")

    assert [line["level"] for line in _lines(capsys)] == expected


def test_a_person_gets_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the lines are text; elsewhere they are JSON without being asked."""
    with _configured(as_json=None):
        log.info("for programs")
    assert [line["event"] for line in _lines(capsys)] == ["for programs"]

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with _configured(as_json=None):
        log.info("for people", fabric="dc1")

    text = capsys.readouterr().err
    assert "for people" in text
    assert not text.startswith("{")


def test_libraries_take_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    """A library's warning is one line like all others, cleaned and with its name; what it merely tells is dropped."""
    with _configured():
        logging.getLogger("urllib3").info("connected")
        logging.getLogger("urllib3").warning("retrying\n{} %s", "https://bot:secret@git.example.com/x")

    (line,) = _lines(capsys)
    assert line["event"] == "retrying {} https://***@git.example.com/x"
    assert (line["level"], line["logger"]) == ("warning", "urllib3")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_a_trace_is_whole_and_clean(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: FBT001 - a case
    """The trace of an error is logged with its lines, and without the credentials and control codes in it."""
    with _configured(as_json=as_json):
        try:
            _fail("https://bot:canary@git.example.com/x \x1b[2J")
        except ValueError:
            log.exception("task failed")

    text = capsys.readouterr().err
    assert "ValueError: https://***@git.example.com/x" in text
    assert "test_a_trace_is_whole_and_clean" in text
    assert "canary" not in text
    assert "\x1b[2J" not in text
    assert "\\u001b" not in text


def test_a_trace_is_bounded() -> None:
    """Of a trace without end the end is kept, where the reason stands."""
    cleaned = clean(None, "error", {"exception": "x\n" * MAX_TRACE + "ValueError: why"})["exception"]

    assert isinstance(cleaned, str)
    assert len(cleaned) == MAX_TRACE
    assert cleaned.endswith("ValueError: why")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("plain, 'quoted', ümläut", "plain, 'quoted', ümläut", id="as it is"),
        pytest.param("a\nlevel=error\rb\tc", "a level=error b c", id="line ends"),
        pytest.param("a\x1b[2J\x00\x7f\x9bb", "a [2J   b", id="control codes"),
        pytest.param("x" * (MAX_TEXT + 1), "x" * MAX_TEXT, id="too long"),
        pytest.param("https://bot:s3cret@h/p and http://x:y@z", "https://***@h/p and http://***@z", id="credentials"),
        pytest.param("https://bot:s3@cr:et@h/p", "https://***@h/p", id="a password with an at sign"),
        pytest.param("https://h/p@v1 main@sha1:0", "https://h/p@v1 main@sha1:0", id="an at sign elsewhere"),
        pytest.param({"a\n": ["b\n", ("c\n",)]}, {"a ": ["b ", ["c "]]}, id="within values"),
        pytest.param({"url": "ssh://u:p@h"}, {"url": "ssh://***@h"}, id="credentials within values"),
        pytest.param(7, 7, id="a number"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_clean(value: object, expected: object) -> None:
    """Values lose credentials, control characters and excess length, at any depth, and nothing else."""
    assert clean(None, "info", {"event": "e", "value": value}) == {"event": "e", "value": expected}
