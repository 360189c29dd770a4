"""Which paths everybody can check out."""

from __future__ import annotations

import pytest

from reconciler.model.paths import can_be_shown, is_in_git_folder, is_too_long


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("x" * 255, False, id="the longest name"),
        pytest.param("x" * 256, True, id="a longer one"),
        pytest.param("é" * 127, False, id="254 bytes"),
        pytest.param("é" * 128, True, id="256 bytes"),
        pytest.param(f"{'x' * 256}/a", True, id="a directory"),
        pytest.param("\udcff" * 255, False, id="bytes that are no text"),
        pytest.param("/".join(["x" * 255] * 16), False, id="the longest path"),
        pytest.param("/".join(["x" * 255] * 15 + ["x" * 127] * 2), False, id="4,095 bytes in 17 steps"),
        pytest.param("/".join(["x" * 255] * 16 + [""]), True, id="4,096 bytes"),
    ],
)
def test_bytes_are_counted(path: str, *, expected: bool) -> None:
    """Of each step and of the whole."""
    assert is_too_long(path) is expected


def test_gits_own_folder() -> None:
    """At any step, by any name that a file system takes for it."""
    assert all(map(is_in_git_folder, (".git", "a/.GIT/b", "git~1/a", "a\\.git. ", ".g\u200cit")))
    assert not any(map(is_in_git_folder, ("git", ".gitignore", "a/git~2", "")))


@pytest.mark.parametrize(
    ("path", "can"),
    [
        ("secrets/client.key", True),
        ("/run/schlüssel", True),
        ("x" * 255, True),
        ("x" * 256, False),
        ("-----BEGIN\nkey", False),
        ("a\0b", False),
        ("\udcff", False),
    ],
)
def test_what_can_be_shown(path: str, *, can: bool) -> None:
    """A path on one line, and nothing that no file system takes."""
    assert can_be_shown(path) is can
