"""What is said of dependencies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reconciler.app.installation import built_commit, verify_build, verify_versions
from reconciler.model.verification import Verdict

if TYPE_CHECKING:
    from pathlib import Path


def _versions(root: Path, build: str | None) -> list[tuple[Verdict, str]]:
    (root / "reconciler").mkdir()
    if build is not None:
        (root / "reconciler" / "_build.json").write_text(build)
    return [(one.state, one.message) for one in verify_versions(root)]


def test_versions_of_a_source_tree(tmp_path: Path) -> None:
    """Only a wheel says with what it was built."""
    ((state, _),) = _versions(tmp_path, None)

    assert state is Verdict.NOT_APPLICABLE


def test_versions_that_differ(tmp_path: Path) -> None:
    """By what is installed here."""
    locked = ["structlog==0.0.1", "no-such-thing==1.0", "packaging==1.0 ; python_version < '3'"]

    found = _versions(tmp_path, json.dumps({"locked": locked}))

    assert [state for state, _ in found] == [Verdict.WARNING, Verdict.FAILING]
    assert found[0][1].endswith("is installed, 0.0.1 is locked")
    assert found[1][1] == "no-such-thing is not installed, 1.0 is locked"


@pytest.mark.parametrize("build", ["{}", "not json", '{"locked": ["a b"]}'])
def test_a_damaged_list_of_versions(tmp_path: Path, build: str) -> None:
    """It is no list of nothing."""
    ((state, message),) = _versions(tmp_path, build)

    assert state is Verdict.FAILING
    assert message.startswith("reconciler/_build.json cannot be used: ")


@pytest.mark.parametrize(
    ("build", "state", "message"),
    [
        (None, Verdict.NOT_APPLICABLE, "only a built wheel tells"),
        ('{"version": "1.2", "commit": "0123+changes"}', Verdict.OK, "version 1.2, built from 0123+changes"),
        (
            '{"version": "1.2", "commit": null}',
            Verdict.OK,
            "version 1.2, built from a tree of which no commit is known",
        ),
        ("[]", Verdict.FAILING, "reconciler/_build.json cannot be used"),
    ],
)
def test_what_was_built(tmp_path: Path, build: str | None, state: Verdict, message: str) -> None:
    """The commit, as far as the wheel tells it."""
    (tmp_path / "reconciler").mkdir()
    if build is not None:
        (tmp_path / "reconciler" / "_build.json").write_text(build)

    found = verify_build(tmp_path)

    assert (found.state, found.message.startswith(message)) == (state, True)


@pytest.mark.parametrize(
    ("build", "commit"),
    [
        ('{"commit": "0123+changes"}', "0123+changes"),
        ('{"commit": null}', None),
        ('{"commit": ["0123"]}', None),
        ("{}", None),
        ("[]", None),
        ("not json", None),
        (None, None),
    ],
)
def test_the_commit_of_the_build(tmp_path: Path, build: str | None, commit: str | None) -> None:
    """What cannot be read tells none, and stops nobody."""
    (tmp_path / "reconciler").mkdir()
    if build is not None:
        (tmp_path / "reconciler" / "_build.json").write_text(build)

    assert built_commit(tmp_path) == commit
