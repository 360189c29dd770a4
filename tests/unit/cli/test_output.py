"""What commands print."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.text import Text

from reconciler.cli import output as out
from reconciler.model.passes import Outcome
from reconciler.model.requests import RequestState
from reconciler.model.status import SyncStatus

if TYPE_CHECKING:
    from reconciler.cli.output import Sheet


def _rendered(table: Sheet, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        pytest.param(f"main@sha1:{'0123456789' * 4}", "main@01234567", id="shortened"),
        pytest.param(f"a@b@sha1:{'0123456789' * 4}", "a@b@01234567", id="an at sign in the branch"),
        pytest.param(None, "-", id="none"),
        pytest.param("", "-", id="empty"),
    ],
)
def test_short_revision(revision: str | None, expected: str) -> None:
    """A revision is shown by its branch and the first digits of its commit."""
    assert out.short_revision(revision) == expected


def test_revisions_in_a_sentence() -> None:
    """In a table they are as short as beside it; what only looks like one stays."""
    said = f"applied main@sha1:{'0123456789' * 4}: 1 updated, x@sha1:01234567"

    assert out.brief(said) == "applied main@01234567: 1 updated, x@sha1:01234567"


def test_a_branch_is_no_markup() -> None:
    """A branch may be called anything."""
    assert Text.from_markup(out.short_revision(f"[red]x@sha1:{'0' * 40}")).plain == "[red]x@00000000"


@pytest.mark.parametrize("word", [*SyncStatus, *Outcome, *RequestState, "ok", "failing", "warning", "[b]", "\x1b[2J"])
def test_a_colour_changes_no_word(word: str) -> None:
    """A word in colour reads as it is, markup and control codes in it included."""
    assert Text.from_markup(out.coloured(word)).plain == word.replace("\x1b", "\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize(
    ("word", "style"),
    [("in_sync", "green"), ("out_of_sync", "yellow"), ("error", "red"), ("queued", "cyan"), ("warning", "yellow")],
)
def test_colours(word: str, style: str) -> None:
    """Green is well, red is not, yellow needs a look."""
    assert [str(span.style) for span in Text.from_markup(out.coloured(word)).spans] == [style]


def test_no_word() -> None:
    """Where there is no word there is a dash."""
    assert out.coloured(None) == "-"


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is printed whole and unfolded, in ASCII: no terminal and no lone surrogate stands in its way."""
    value = {"message": "x" * 500 + "\x1b[2J \ud800 [bold]", "list": [1, None, True]}

    out.print_json(value)

    text = capsys.readouterr().out
    assert json.loads(text) == value
    assert text.isascii()
    assert "\x1b" not in text
    assert text.endswith("}\n")


def test_an_error_of_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """An error goes to standard error, each finding on its line, however long, with its brackets."""
    out.print_error("reconciler.yaml cannot be used:\nfabrics[0].path: " + "x" * 300 + "\x1b[2J")

    said = capsys.readouterr()
    assert said.out == ""
    first, second = said.err.splitlines()
    assert first == "error: reconciler.yaml cannot be used:"
    assert second == "fabrics[0].path: " + "x" * 300 + "\N{REPLACEMENT CHARACTER}[2J"


def test_only_the_last_column_folds() -> None:
    """In a narrow terminal names stay whole, so that they can be copied; the message takes more lines."""
    table = out.table(["NAME", "MESSAGE"], [["a-name-of-some-length", "one two three four five six"]])

    lines = _rendered(table, 36)

    assert lines[1].startswith("a-name-of-some-length")
    assert len(lines) > 2
    assert " ".join(line[22:].strip() for line in lines[1:]) == "one two three four five six"


def test_a_terminal_that_is_too_narrow() -> None:
    """Where the names leave no room for the message, each row is a block, so that nothing is cut off."""
    table = out.table(["NAME", "STATE", "MESSAGE"], [["a-name-of-some-length", "ok", "one two three"], ["b", "-", "x"]])

    lines = _rendered(table, 24)

    expected = ["a-name-of-some-length", "  state ok", "  message one two three", "b", "  state -", "  message x"]
    assert [line.rstrip() for line in lines] == expected


def test_a_pipe_folds_nothing() -> None:
    """Each row is one line, with every cell whole and nothing behind the last, for grep and awk."""
    name, message = "a-name" * 50, "a message " * 200 + "of many words"

    lines = _rendered(
        out.table(["NAME", "STATE", "MESSAGE"], [[name, "[green]ok[/green]", message], ["b", "-", "x"]]), out.WIDE
    )

    padding = " " * len(name)
    assert lines == [f"NAME{padding[2:]}STATE  MESSAGE", f"{name}  ok     {message}", f"b{padding[:-1]}  -      x"]


@pytest.mark.parametrize("width", [10, 20, 30, 60, 200])
def test_nothing_is_cut_off(width: int) -> None:
    """Whatever the width, every character of every cell is shown."""
    cells = ["fabric-with-a-rather-long-name", "out_of_sync", "a message of several words"]

    shown = "".join("".join(_rendered(out.table(["A", "B", "C"], [cells]), width)).split())

    assert all("".join(cell.split()) in shown for cell in cells)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-2.0, "0 s ago"),
        (0.4, "0 s ago"),
        (59.4, "59 s ago"),
        (60.0, "1 min ago"),
        (3600.0, "1 h ago"),
        (7 * 86400.0, "7 d ago"),
    ],
)
def test_age(seconds: float, said: str) -> None:
    """How long ago something is, in one unit."""
    assert out.age(seconds) == said


@pytest.mark.parametrize(("time", "said"), [("2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000Z"), (None, "never")])
def test_moments_in_a_pipe(time: str | None, said: str) -> None:
    """What may be read later holds times, not ages."""
    assert out.moment(time, "never") == said


def test_problem_without_a_field() -> None:
    """A problem of a whole document names no field."""
    problem = {"file": "a.yaml", "line": 1, "severity": "error", "rule": "Syntax", "field": "", "message": "bad"}

    assert out.problem_lines({"problems": [problem]}) == ["  a.yaml:1: error: Syntax: bad"]


def test_problem_of_a_directory() -> None:
    """A directory has no line."""
    problem = {"file": "a", "line": 1, "severity": "error", "rule": "PathNotFound", "field": "", "message": "bad"}

    assert out.problem_line(problem) == "a: error: PathNotFound: bad"
