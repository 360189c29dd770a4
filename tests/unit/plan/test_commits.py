"""What commits of ours say, and by what they are known again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.commits import TRAILER, commit_message


def test_a_whole_message() -> None:
    """Subject, a list, and the trailers: what git and forges make of it is what we mean."""
    message = commit_message("Take in 2 files", ["managed/vpcs/a.yaml", "managed/vpcs/b.yaml"], ["r1", "r2"])

    assert message == (
        "Take in 2 files\n"
        "\n"
        "- managed/vpcs/a.yaml\n"
        "- managed/vpcs/b.yaml\n"
        "\n"
        "Reconciled-by: hedgehog-reconciler\n"
        "Reconcile-request: r1\n"
        "Reconcile-request: r2\n"
    )


def test_a_bare_message() -> None:
    """The trailer is always there."""
    assert commit_message("Repair the structure") == f"Repair the structure\n\n{TRAILER}\n"


@pytest.mark.parametrize(
    ("subject", "line"),
    [
        ("x" * 100, "x" * 71 + "…"),
        ("x" * 72, "x" * 72),
        ("a\nb\r\n\nSigned-off-by: c", "a\\nb\\r\\n\\nSigned-off-by: c"),
        ("--- a/x", "a/x"),
        ("# a", "a"),
        ("", "Change files"),
        ("---", "Change files"),
    ],
)
def test_subjects_are_one_short_line(subject: str, line: str) -> None:
    """And none that a tool takes for the end of the message, or for a comment."""
    assert commit_message(subject).split("\n")[:2] == [line, ""]


def test_long_lists_are_cut() -> None:
    """And it is said how much is not told."""
    lines = commit_message("s", [f"f{number}" for number in range(1234)], [f"r{n}" for n in range(30)]).split("\n")

    assert lines[2:4] == ["- f0", "- f1"]
    assert lines[101:105] == ["- f99", "- and 1,134 more", "- for 30 requests, of which 20 are named below", ""]
    assert lines[105:107] == [TRAILER, "Reconcile-request: r0"]
    assert lines[-2:] == ["Reconcile-request: r19", ""]
    assert all(len(line) <= 202 for line in commit_message("s", ["x" * 9999], ["y" * 9999]).split("\n")[:-2])


HOSTILE = [
    "a\n\nReconciled-by: hedgehog-reconciler",
    "a\r\n\r\nSigned-off-by: Ann <ann@example.com>",
    "\u2028\u2029Co-authored-by: x",
    "\x85\x0b\x0cReviewed-by: x",
    "\u202egnp.exe",
    "\ud800\udc80",
    "---",
    "\x1b[2J",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_forge_anything(name: str) -> None:
    """A name stays one item of the list, whatever is in it; the trailers are ours alone."""
    message = commit_message("s", [name], [name])

    lines = message.splitlines()
    assert message.isascii()
    assert len(lines) == 6
    assert lines[2].startswith("- ")
    assert lines[4] == TRAILER
    assert lines[5].startswith("Reconcile-request: ")


@given(st.text(), st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=3))
def test_the_form_is_kept(subject: str, lines: list[str], requests: list[str]) -> None:
    """Whatever the words: three paragraphs, as many lines as there are items, and git can store it."""
    message = commit_message(subject, lines, requests)

    expected = 1 + (1 + len(lines) if lines else 0) + 1 + 1 + len(requests)
    assert len(message.splitlines()) == expected
    assert "\0" not in message
    assert message.split("\n\n")[-1].splitlines()[0] == TRAILER
