"""Which files below `raw/` are taken in; each other one that could be meant so is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.desired.selection import select
from reconciler.model.tree import Limits, TreeEntry
from reconciler.plan import dropped
from tests.unit.desired.folder import DIRECTORY, Folder, link, submodule


def _chosen(folder: Folder, limits: Limits = Limits()) -> tuple[list[str], list[tuple[str, str]]]:  # noqa: B008
    found = dropped.dropped(folder.ground, limits=limits)
    return [entry.path for entry in found.files], [(one.file, one.rule) for one in found.problems]


@pytest.mark.parametrize(
    "name", ["a.yaml", "a.yml", "a.json", "A.YAML", ".hidden.yaml", "readme.yaml", "sub/dir/a.yaml", ".yaml"]
)
def test_yaml_and_json_are_taken_in(name: str) -> None:
    """In any directory below, in any case, hidden or not."""
    assert _chosen(Folder({f"raw/{name}": ""})) == ([f"{DIRECTORY}/raw/{name}"], [])


@pytest.mark.parametrize(
    "name",
    [
        "raw/.gitkeep",
        "raw/README",
        "raw/sub/README.md",
        "raw/.gitignore",
        "raw/LICENSE",
        "a.yaml",
        "managed/a.yaml",
        "raw.yaml",
    ],
)
def test_files_for_people_and_files_elsewhere_are_left_alone(name: str) -> None:
    """Without a word."""
    assert _chosen(Folder({name: ""})) == ([], [])


def test_what_can_be_taken_in_counts_as_waiting() -> None:
    """Whoever reads the desired state says so, where nothing is taken in."""
    names = ("a.yaml", "B.YML", "c.json", "sub/d.yaml", "README.md", "e.txt")
    folder = Folder({f"raw/{name}": "" for name in names}, [link("raw/f.yaml")])

    assert select(folder.ground.listing, DIRECTORY, Limits()).waiting_in_raw == 4


@pytest.mark.parametrize(
    ("folder", "rule"),
    [
        pytest.param(Folder({"raw/x": ""}), "NotTakenIn", id="another file"),
        pytest.param(Folder({"raw/x.yaml.gz": ""}), "NotTakenIn", id="compressed"),
        pytest.param(Folder(others=[link("raw/x")]), "SymlinkSkipped", id="a link"),
        pytest.param(Folder(others=[link("raw/.x.yaml")]), "SymlinkSkipped", id="a hidden link"),
        pytest.param(Folder(others=[submodule("raw/x")]), "SubmoduleSkipped", id="a submodule"),
        pytest.param(Folder({"raw/a\\nb.yaml": ""}), "UnsafeName", id="an escaped line break"),
        pytest.param(Folder({f"raw/{'x' * 1024}.yaml": ""}), "PathTooLong", id="a long path"),
        pytest.param(Folder({f"raw/{'x/' * 33}a.yaml": ""}), "PathTooLong", id="a deep path"),
        pytest.param(Folder({f"raw/{'é' * 126}.yaml": ""}), "PathTooLong", id="a name of 257 bytes"),
        pytest.param(Folder({f"raw/{'x' * 256}/a.yaml": ""}), "PathTooLong", id="a directory of 256 bytes"),
        pytest.param(
            Folder({f"raw/{f'{chr(0x10300) * 63}/' * 15}{chr(0x10300) * 62}.yaml": ""}), "PathTooLong", id="4,000 bytes"
        ),
        pytest.param(Folder({"raw/git~1/a.yaml": ""}), "UnsafeName", id="a name of git's own"),
    ],
)
def test_what_is_left_out_is_named(folder: Folder, rule: str) -> None:
    """It stays where it is."""
    files, problems = _chosen(folder)

    assert files == []
    assert [one for _, one in problems] == [rule]
    assert len(problems[0][0]) <= 1024


def test_a_file_over_the_limit_is_left_out() -> None:
    """Unread."""
    assert _chosen(Folder({"raw/a.yaml": "x: 1"}), Limits(file=3)) == (
        [],
        [(f"{DIRECTORY}/raw/a.yaml", "FileTooLarge")],
    )


def test_more_than_a_pass_takes_waits_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by size; a single file is always taken."""
    monkeypatch.setattr(dropped, "MOST_BYTES", 5)
    folder = Folder({f"raw/{name}.yaml": "x: 1" for name in "abc"})
    waiting = [(f"{DIRECTORY}/raw/{name}.yaml", "Waiting") for name in "bc"]

    assert _chosen(folder) == ([f"{DIRECTORY}/raw/a.yaml"], waiting)
    monkeypatch.setattr(dropped, "MOST_BYTES", 1)
    assert _chosen(folder) == ([f"{DIRECTORY}/raw/a.yaml"], waiting)
    monkeypatch.undo()
    assert _chosen(folder, Limits(files=1)) == ([f"{DIRECTORY}/raw/a.yaml"], waiting)


def test_raw_itself_may_be_no_directory() -> None:
    """That is the structure's to say."""
    ground = replace(Folder().ground, listing=(TreeEntry(f"{DIRECTORY}/raw", "120000", "0" * 40, 1),))

    assert dropped.dropped(ground) == dropped.Dropped()
