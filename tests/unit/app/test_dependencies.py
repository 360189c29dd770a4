"""What is said of dependencies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reconciler.app.dependencies import verify_dependencies, verify_versions
from reconciler.model.verification import Verdict
from tests.unit.other_user import another_user, as_root, open_folder

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


@pytest.mark.parametrize("build", ["{}", "[]", "not json", '{"locked": ["a b"]}'])
def test_a_damaged_list_of_versions(tmp_path: Path, build: str) -> None:
    """It is no list of nothing."""
    ((state, message),) = _versions(tmp_path, build)

    assert state is Verdict.FAILING
    assert message.startswith("reconciler/_build.json cannot be used: ")


def _leave(folder: Path, *lines: str) -> Path:
    """What an installer leaves of a package; without lines no description."""
    folder.mkdir()
    if lines:
        (folder / "METADATA").write_text("".join(f"{line}\n" for line in ("Metadata-Version: 2.1", *lines)))
    return folder


def test_what_an_interrupted_installer_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder is named, whatever lacks in it; what pip was about to remove is not what is installed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    left = [
        _leave(tmp_path / "empty-1.0.dist-info"),
        _leave(tmp_path / "nameless-1.0.dist-info", "Version: 1.0"),
        _leave(tmp_path / "unversioned-1.0.dist-info", "Name: unversioned"),
        _leave(tmp_path / "~hole-0.9.dist-info", "Name: whole", "Version: 0.9"),
    ]
    _leave(tmp_path / "whole-1.0.dist-info", "Name: whole", "Version: 1.0")
    unreadable = _leave(tmp_path / "binary-1.0.dist-info", "Name: binary")
    (unreadable / "METADATA").write_bytes(b"Name: \xff\n")

    found = _versions(tmp_path, json.dumps({"locked": ["whole==1.0"]}))

    assert {state for state, _ in found} == {Verdict.WARNING}
    assert [message.partition(" describes no package")[0] for _, message in found] == sorted(
        map(str, (*left, unreadable))
    )


def test_all_as_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two of one name the first on the path counts, which is imported. Descriptions of the older form are read."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    for place in (second, first):
        monkeypatch.syspath_prepend(str(place))
    _leave(first / "Some_Thing-2.0.dist-info", "Name: Some_Thing", "Version: 2.0")
    _leave(second / "some_thing-1.0.dist-info", "Name: some-thing", "Version: 1.0")
    (second / "old.egg-info").mkdir()
    (second / "old.egg-info" / "PKG-INFO").write_text("Name: old\nVersion: 3\n")

    assert _versions(tmp_path, json.dumps({"locked": ["some-thing==2.0", "old==3"]})) == [
        (Verdict.OK, "all are installed in the versions that are locked")
    ]


def test_what_this_source_tree_needs() -> None:
    """There is no list of versions, and Python is looked at all the same."""
    assert [(one.subject, one.state) for one in verify_dependencies()] == [
        ("dependencies", Verdict.NOT_APPLICABLE),
        ("python", Verdict.OK),
    ]


@as_root
def test_a_place_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported from it, so nothing is said of it."""
    with open_folder() as folder:
        (folder / "closed").mkdir(mode=0o700)
        monkeypatch.setattr("sys.path", [str(folder / "closed" / "in it")])
        with another_user():
            (found,) = verify_versions(folder)

    assert found.state is Verdict.NOT_APPLICABLE
