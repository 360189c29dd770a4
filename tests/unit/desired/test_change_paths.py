"""Which paths no commit of ours may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.change_paths import paths_of
from reconciler.model.changes import FileChange


def _paths(*paths: str) -> list[tuple[bytes, ...]]:
    return list(paths_of(FileChange(path, b"") for path in paths))


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a/b/c.yaml",
        ".github/x",
        ".gitignore",
        "a.git/x",
        "..a/b..",
        "a\nb",
        "größe",
        "x" * 255,
        "git~2",
        "a:b",
        "a\\b",
        " ",
        "-f",
    ],
)
def test_names_are_names(path: str) -> None:
    """Whatever git takes is taken."""
    assert _paths(path) == [tuple(part.encode() for part in path.split("/"))]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\0b", "\0"],
)
def test_nothing_leads_out(path: str) -> None:
    """Neither up, nor to the root, nor to nowhere."""
    with pytest.raises(ValueError, match="is not a path inside of the repository"):
        _paths(path)


@pytest.mark.parametrize(
    "path",
    [
        ".git",
        ".git/config",
        "a/.git",
        ".GIT/x",
        ".Git",
        ".g\u200cit/x",
        "\ufeff.git",
        ".git ",
        ".git.",
        ".git . .",
        ".git::$INDEX_ALLOCATION/x",
        "git~1",
        "GIT~1/x",
        "a\\.git\\config",
    ],
)
def test_nothing_leads_into_gits_own_folder(path: str) -> None:
    """Not on the file systems of those either who fetch what we pushed."""
    with pytest.raises(ValueError, match="leads into git's own folder"):
        _paths(path)


@pytest.mark.parametrize("path", ["x" * 256, "ä" * 128, "/".join(["x" * 200] * 21)])
def test_too_long_to_be_checked_out(path: str) -> None:
    """What nobody could check out is not written. It may be removed."""
    with pytest.raises(ValueError, match="is longer than a file system takes"):
        _paths(path)

    assert len(paths_of([FileChange(path, None)])) == 1


def test_bytes_that_are_no_text() -> None:
    """Names of other encodings are spelled as Python does; half a surrogate pair is none."""
    assert _paths("a\udcff/b") == [(b"a\xff", b"b")]
    with pytest.raises(ValueError, match="cannot be spelled"):
        _paths("a\ud800")


def test_paths_that_contradict_each_other() -> None:
    """Nothing is changed twice, and nothing is a file and a folder."""
    with pytest.raises(ValueError, match="twice"):
        _paths("a/b", "c", "a/b")
    with pytest.raises(ValueError, match="in a folder that is to be a file"):
        _paths("a/b/c", "a")


@given(st.text(max_size=40))
def test_no_text_gets_past(path: str) -> None:
    """Whatever is let through goes down from the root, by names that git and file systems take for names."""
    try:
        (names,) = _paths(path)
    except ValueError:
        return
    assert b"/".join(names).decode("utf-8", "surrogateescape") == path
    assert not {b"", b".", b".."} & set(names)
    assert all(name.lower() != b".git" and b"\0" not in name for name in names)
