"""A repository as it lies on disk: the same files as git would list, and no step out of it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from reconciler.desired import working_copy
from reconciler.desired.selection import Limits
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.desired.working_copy import NO_COMMIT, WorkingCopy
from reconciler.errors import ConfigurationError
from reconciler.model.fabric import Fabric
from reconciler.model.objects import ObjectKey, Source

if TYPE_CHECKING:
    from pathlib import Path

FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1")
PATH = "fabrics/dc1"


def _vpc(name: str) -> str:
    return f"apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata:\n  name: {name}\nspec: {{mode: x}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The fabric's folder in a working copy."""
    made = tmp_path / PATH
    made.mkdir(parents=True)
    return made


@pytest.fixture
def copy(tmp_path: Path, folder: Path) -> WorkingCopy:
    return WorkingCopy(tmp_path, "main")


def _paths(copy: WorkingCopy) -> list[str]:
    return [entry.path.removeprefix(f"{PATH}/") for entry in copy.list_files(copy.fetch(), PATH)]


def test_a_fabric_is_read(copy: WorkingCopy, folder: Path) -> None:
    """Its documents, with the files as Git names them, and the lines of their fields."""
    (folder / "vpcs").mkdir()
    (folder / "vpcs" / "a.yaml").write_text(_vpc("a"))
    source = FabricSource(copy, FABRIC, ParseCache())

    desired = source.read(source.fetch())

    (manifest,) = desired.manifests.values()
    assert manifest.key == ObjectKey("VPC", "default", "a")
    assert manifest.source == Source(f"{PATH}/vpcs/a.yaml")
    assert source.lines(desired.revision, [(manifest.source, ("metadata", "name"))]) == [4]
    assert desired.revision.commit == NO_COMMIT
    assert source.last_fetched() == desired.revision
    assert (source.tree(desired.revision), source.ancestry(["a" * 40], desired.revision)) == (None, {})


def test_files_come_in_gits_order(copy: WorkingCopy, folder: Path) -> None:
    """By their bytes, through all folders."""
    for name in ("a/z.yaml", "a.yaml", "b.yaml", "a-b.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()

    assert _paths(copy) == ["a-b.yaml", "a.yaml", "a/z.yaml", "b.yaml"]


def test_links_are_not_followed(copy: WorkingCopy, folder: Path, tmp_path: Path) -> None:
    """To a file or a folder: each is a problem of its own, as it is for a commit."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b.yaml").write_text(_vpc("b"))
    (folder / "file.yaml").symlink_to(tmp_path / "outside" / "b.yaml")
    (folder / "folder").symlink_to(tmp_path / "outside")
    source = FabricSource(copy, FABRIC, ParseCache())

    desired = source.read(source.fetch())

    assert desired.manifests == {}
    assert [(one.file, one.rule) for one in desired.problems] == [
        (f"{PATH}/file.yaml", "SymlinkSkipped"),
        (f"{PATH}/folder", "SymlinkSkipped"),
    ]


def test_repositories_inside_are_submodules(copy: WorkingCopy, folder: Path) -> None:
    """Whether they have a `.git` folder or file; the working copy's own is not looked into."""
    (folder / "one" / ".git").mkdir(parents=True)
    (folder / "two").mkdir()
    (folder / "two" / ".git").write_text("gitdir: elsewhere\n")
    (folder / ".git").mkdir()

    found = copy.list_files(copy.fetch(), PATH)

    assert [(entry.path, entry.is_submodule) for entry in found] == [(f"{PATH}/one", True), (f"{PATH}/two", True)]


def test_limits_are_those_of_a_commit(copy: WorkingCopy, folder: Path) -> None:
    """A file over them is a problem."""
    (folder / "a.yaml").write_text(_vpc("a"))
    source = FabricSource(copy, FABRIC, ParseCache(), Limits(file=10))

    assert [one.rule for one in source.read(source.fetch()).problems] == ["FileTooLarge"]


def test_what_git_does_not_take_is_left_out(copy: WorkingCopy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes and sockets: to open them would block."""
    os.mkfifo(folder / "pipe.yaml")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind("socket.yaml")

        assert _paths(copy) == []


def test_odd_names_are_printable(copy: WorkingCopy, folder: Path) -> None:
    """As git's listing shows them, and the file is read all the same."""
    (folder / "a\n\udcff.yaml").write_text(_vpc("a"))

    (entry,) = copy.list_files(copy.fetch(), PATH)

    assert entry.path == rf"{PATH}/a\n\xff.yaml"
    assert list(copy.read_blobs([entry])) == [(entry.blob, _vpc("a").encode())]


def test_a_folder_that_is_not_there(copy: WorkingCopy, tmp_path: Path) -> None:
    """The fabric's, or the working copy itself: the path that was looked for is named."""
    with pytest.raises(ConfigurationError, match=r"fabrics/dc2 cannot be read: No such file"):
        copy.list_files(copy.fetch(), "fabrics/dc2")
    with pytest.raises(ConfigurationError, match=r"nowhere cannot be read: No such file"):
        WorkingCopy(tmp_path / "nowhere", "main").list_files(copy.fetch(), PATH)


def test_a_path_that_leads_elsewhere(copy: WorkingCopy, folder: Path) -> None:
    """As in a mirror, there is nothing."""
    (folder / "a.yaml").touch()

    assert copy.list_files(copy.fetch(), f"{PATH}/../dc1") == ()


def test_a_folder_that_is_a_link(copy: WorkingCopy, tmp_path: Path) -> None:
    """Git would not go there; the working copy itself may be one."""
    (tmp_path / "fabrics" / "dc2").symlink_to(tmp_path / PATH)
    (tmp_path / "linked").symlink_to(tmp_path)

    with pytest.raises(ConfigurationError, match="dc2 is not a directory"):
        copy.list_files(copy.fetch(), "fabrics/dc2")
    assert WorkingCopy(tmp_path / "linked", "main").list_files(copy.fetch(), PATH) == ()


def test_a_file_that_went_away(copy: WorkingCopy, folder: Path) -> None:
    """Named, with the reason."""
    (folder / "a.yaml").touch()
    entries = copy.list_files(copy.fetch(), PATH)
    (folder / "a.yaml").unlink()

    with pytest.raises(ConfigurationError, match=r"a\.yaml cannot be read: No such file"):
        list(copy.read_blobs(entries))


def test_a_folder_without_end(copy: WorkingCopy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was named by mistake is not walked to its end."""
    monkeypatch.setattr(working_copy, "MOST_ENTRIES", 2)
    for name in "abc":
        (folder / name).touch()

    with pytest.raises(ConfigurationError, match="holds more than 2 files"):
        copy.list_files(copy.fetch(), PATH)
