"""A file cut into its documents: each byte that means something is in exactly one of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.desired.manifests.cutting import Part, cut
from reconciler.desired.manifests.loader import load

A, B = "kind: A\n", "kind: B\n"


def _texts(text: str) -> list[str]:
    return [part.data.decode() for part in cut(text.encode())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \n\n", [], id="a blank file"),
        pytest.param("---\n---\n", [], id="markers only"),
        pytest.param(f"{A}---\n{B}", [A, B], id="two documents"),
        pytest.param(f"---\n{A}\n\n---\n\n{B}\n", [A, f"\n{B}"], id="blank lines between"),
        pytest.param(f"# file\n---\n{A}", [f"# file\n{A}"], id="a comment before the first marker"),
        pytest.param(f"{A}# about B\n---\n{B}", [A, f"# about B\n{B}"], id="a comment before a marker"),
        pytest.param(f"{A}  # about A\n\n# about B\n---\n{B}", [f"{A}  # about A\n", f"# about B\n{B}"], id="both"),
        pytest.param(f"{A}# of A\n...\n# of B\n---\n{B}", [f"{A}# of A\n", f"# of B\n{B}"], id="an end marker"),
        pytest.param(f"{A}---\n# nothing\n---\n{B}", [A, f"# nothing\n{B}"], id="comments as a document"),
        pytest.param(f"{A}---\n# the end\n", [f"{A}# the end\n"], id="comments at the end"),
        pytest.param("kind: A\n---\n# end", ["kind: A\n# end"], id="comments at the end without a line break"),
        pytest.param("{a: 1}\n... \n# end\n", ["{a: 1}\n# end\n"], id="comments behind an end marker"),
        pytest.param(f"{A}...", [A], id="an end marker at the end"),
        pytest.param("# only\n# this\n", ["# only\n# this\n"], id="nothing but comments"),
        pytest.param(f"{A}---\n~\n---\n{B}", [A, "---\n~\n", B], id="a null that is written out"),
        pytest.param(f"--- {{a: 1}}\n---\n{B}", ["--- {a: 1}\n", B], id="content in the marker's line"),
        pytest.param(f"%YAML 1.1\n---\n{A}", [f"%YAML 1.1\n---\n{A}"], id="a directive"),
        pytest.param(f"{A}# c\n...\n%YAML 1.1\n---\n{B}", [f"{A}# c\n", f"%YAML 1.1\n---\n{B}"], id="two directives"),
        pytest.param(f"a: [\n---\n{B}", ["a: [\n", B], id="a broken document"),
        pytest.param(
            f"{A}# about the broken one\n---\na: [\n# more\n",
            [A, "# about the broken one\n---\na: [\n# more\n"],
            id="b",
        ),
        pytest.param(
            "a: |\n  x\n\n# c\n---\nb: |+\n  y\n\n---\nc: 1\n",
            ["a: |\n  x\n\n", "# c\nb: |+\n  y\n\n", "c: 1\n"],
            id="blocks",
        ),
        pytest.param("a: 'x\n# y'\n---\nc: 1\n", ["a: 'x\n# y'\n", "c: 1\n"], id="a hash in a text over two lines"),
        pytest.param("a: 1\r\n# c\r\n---\r\nb: 2\r\n", ["a: 1\r\n", "# c\r\nb: 2\r\n"], id="CRLF"),
        pytest.param("\ufeffa: 1\n---\n\ufeffb: 2\n", ["a: 1\n", "\ufeffb: 2\n"], id="byte order marks"),
        pytest.param("\ufeff\ufeffa: é # é\n# é\n---\nb: 2\n", ["a: é # é\n", "# é\nb: 2\n"], id="two marks"),
        pytest.param("a: 1\r---\rb: 2\r", ["a: 1\r---\rb: 2\r"], id="bare carriage returns"),
    ],
)
def test_what_stands_between_documents_goes_with_one_of_them(text: str, expected: list[str]) -> None:
    """Comments at the margin go with what follows, all else with what precedes; separators with none."""
    assert _texts(text) == expected


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        pytest.param("# only\n", "NoDocument", 1, id="comments"),
        pytest.param("a: 1\n---\n~\n", "EmptyDocument", 3, id="null"),
        pytest.param("a: 1\r---\rb: 2\r", "NotSeparated", 1, id="documents that cannot be told apart"),
        pytest.param("a: 1\n---\nb: [\n", "InvalidYAML", 3, id="broken"),
    ],
)
def test_what_is_no_document_is_refused(text: str, rule: str, line: int) -> None:
    """The reason is told with its line in the file."""
    part = list(cut(text.encode()))[-1]

    finding = part.builder.findings[0]
    assert (part.builder.is_refused, finding.rule, finding.line) == (True, rule, line)


def test_a_file_that_is_not_utf8_is_one_refused_document() -> None:
    """Its bytes are kept as they are."""
    (part,) = cut(b"a: 1\n---\nb: \xff\n")

    assert (part.data, part.builder.findings[0].rule) == (b"a: 1\n---\nb: \xff\n", "InvalidEncoding")


def test_lines_count_from_where_the_bytes_are() -> None:
    """A piece of a file names lines of the file."""
    first, second = cut(b"\na: 1\n---\nb: 2\n", 11)

    assert (first.builder.line, second.builder.line) == (12, 14)


@pytest.mark.parametrize("last", [A, ""])
def test_many_documents_of_comments_are_carried_at_once(last: str) -> None:
    """To what follows, or kept as what is no document: in less than 5 s of computing, not in the square of them."""
    comment = f"# {'c' * 4000}\n"
    data = f"{f'{comment}---{chr(10)}' * 8000}{last}".encode()
    start = time.process_time()

    (part,) = cut(data)

    assert time.process_time() - start < 5
    assert part.data.decode() == f"{comment * 8000}{last}"


def _lines(texts: list[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines() if line.strip() and line.strip() not in ("---", "...")]


_line = st.sampled_from(
    [
        "kind: A",
        "name: 'é'",
        "x: [1,",
        "# c",
        "  # d",
        "",
        "---",
        "...",
        "~",
        "%YAML 1.1",
        "--- # m",
        "- a",
        "x: |",
        "  y",
        "\ta",
    ]
)


@given(lines=st.lists(_line, max_size=12), end=st.sampled_from(["\n", "\r\n"]))
def test_no_line_is_lost_and_none_is_doubled(lines: list[str], end: str) -> None:
    """Of any file: all that is more than a separator is in one document, in its order."""
    text = end.join(lines)

    assert _lines(_texts(text)) == _lines([text])


@given(lines=st.lists(_line, max_size=12))
def test_documents_are_those_that_the_loader_reads(lines: list[str]) -> None:
    """Index, line, value and faults are the same; what the loader skips as empty is refused here."""
    data = "\n".join(lines).encode()

    parts = [*cut(data)]
    assume(all(finding.rule != "NotSeparated" for part in parts for finding in part.builder.findings))
    expected = [(one.index, one.line, one.value, one.findings) for one in load(data)]
    assert [_seen(part) for part in parts if part.builder.root is not None or _is_read(part)] == expected


def _is_read(part: Part) -> bool:
    return part.builder.findings[0].rule not in {"EmptyDocument", "NoDocument"}


def _seen(part: Part) -> tuple[object, ...]:
    return part.index, part.builder.line, part.builder.root, tuple(part.builder.findings)
