"""The mirror's directory: ours alone, and made anew when it is damaged or not as we left it."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import GitAccessError, GitUnavailableError
from reconciler.model.revision import Revision
from tests.processes.desired.origins import Origin, git, mirror_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.desired.git import Mirror


def test_the_directory_is_private(origin: Origin, mirror: Mirror) -> None:
    """The mirror's directory is open to nobody else, whatever the umask."""
    origin.commit({"a": "1"})
    before = os.umask(0)
    try:
        mirror.fetch()
    finally:
        os.umask(before)

    assert mirror.directory.stat().st_mode & 0o7777 == 0o700
    assert (mirror.directory / "askpass").stat().st_mode & 0o7777 == 0o700


def _open_to_all(directory: Path) -> None:
    directory.chmod(0o755)


def _copied(directory: Path) -> None:
    shutil.copytree(directory, directory.with_name("copy"))
    shutil.rmtree(directory)
    directory.with_name("copy").rename(directory)


def _linked(directory: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))
    directory.symlink_to(directory.with_name("elsewhere"))


def _a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("planted")


def _unmarked(directory: Path) -> None:
    (directory / "mirror.json").unlink()


def _remarked(directory: Path) -> None:
    mark = directory / "mirror.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "url": "file:///other"}))


def _given_away(directory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(directory, 65534, 65534)


@pytest.mark.parametrize("tamper", [_open_to_all, _copied, _linked, _a_file, _unmarked, _remarked, _given_away])
def test_a_directory_that_is_not_as_we_made_it_is_made_anew(
    tamper: Callable[[Path], None],
    origin: Origin,
    mirror: Mirror,
) -> None:
    """Another mode, owner, inode, URL or type: nothing in it is used, and the next fetch works."""
    commit = origin.commit({"a": "1"})
    mirror.fetch()
    tamper(mirror.directory)

    assert mirror.tip() is None
    assert mirror.fetch() == Revision("main", commit)
    assert mirror.directory.stat().st_mode & 0o777 == 0o700
    assert not mirror.directory.is_symlink()


def test_removing_a_link_leaves_its_target(origin: Origin, mirror: Mirror) -> None:
    """A link in the directory's place is removed, not what it points to."""
    origin.commit({"a": "1"})
    treasure = origin.directory.parent / "treasure"
    treasure.mkdir()
    (treasure / "file").write_text("kept")
    mirror.directory.parent.mkdir()
    mirror.directory.symlink_to(treasure)

    mirror.fetch()

    assert (treasure / "file").read_text() == "kept"


def test_a_mirror_of_another_url_is_never_used(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    """When the configured URL changes, nothing of the old repository shows, not even while the new one is away."""
    origin.commit({"secret.yaml": "1"})
    mirror.fetch()
    other = mirror_of(f"file://{tmp_path}/other", mirror.directory)

    assert other.tip() is None
    with pytest.raises(GitAccessError):
        other.fetch()
    assert other.tip() is None


def _leave_a_lock(repository: Path) -> None:
    (repository / "refs" / "heads" / "main.lock").touch()


def _lose_the_objects(repository: Path) -> None:
    shutil.rmtree(repository / "objects")


def _cut_the_packs(repository: Path) -> None:
    for file in (repository / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"")


def _occupy_the_branch(repository: Path) -> None:
    tip = git(repository, "rev-parse", "refs/heads/main")
    git(repository, "update-ref", "-d", "refs/heads/main")
    git(repository, "update-ref", "refs/heads/main/old", tip)


def _lose_the_head(repository: Path) -> None:
    (repository / "HEAD").write_text("")


@pytest.mark.parametrize(
    "damage",
    [_leave_a_lock, _lose_the_objects, _cut_the_packs, _occupy_the_branch, _lose_the_head],
)
def test_a_damaged_mirror_heals_with_the_next_fetch(
    damage: Callable[[Path], None],
    origin: Origin,
    mirror: Mirror,
) -> None:
    """What a crash or a kill may leave behind never stops the fetches after it."""
    origin.commit({"d/a.yaml": "1"})
    mirror.fetch()
    damage(mirror.directory / "repository")
    commit = origin.commit({"d/a.yaml": "2"})

    revision = mirror.fetch()

    assert revision == Revision("main", commit)
    assert [data for _, data in mirror.read_blobs(mirror.list_files(revision, "d"))] == [b"2"]


def _lose_one_object(repository: Path, object_id: str) -> None:
    (pack,) = (repository / "objects" / "pack").glob("*.pack")
    content = pack.read_bytes()
    shutil.rmtree(pack.parent)
    git(repository, "unpack-objects", "-q", stdin=content)
    (repository / "objects" / object_id[:2] / object_id[2:]).unlink()


def test_damage_that_only_reading_finds_heals_too(origin: Origin, mirror: Mirror) -> None:
    """A blob that cannot be read fails that pass, and the next fetch brings everything again."""
    origin.commit({"d/a.yaml": "1"})
    revision = mirror.fetch()
    entries = mirror.list_files(revision, "d")
    blob = entries[0].blob
    _lose_one_object(mirror.directory / "repository", blob)

    with pytest.raises(GitUnavailableError):
        list(mirror.read_blobs(entries))

    assert mirror.fetch() == revision
    assert list(mirror.read_blobs(entries)) == [(blob, b"1")]


def test_a_lost_blob_is_not_a_deleted_file(origin: Origin, mirror: Mirror) -> None:
    """A listing that cannot name the size of a lost blob fails as a whole: its file must not look deleted."""
    origin.commit({"d/a.yaml": "1", "d/b.yaml": "2"})
    revision = mirror.fetch()
    _lose_one_object(mirror.directory / "repository", mirror.list_files(revision, "d")[0].blob)

    with pytest.raises(GitUnavailableError, match="cannot be read"):
        mirror.list_files(revision, "d")

    assert mirror.fetch() == revision
    assert [entry.path for entry in mirror.list_files(revision, "d")] == ["d/a.yaml", "d/b.yaml"]


def test_a_mirror_is_not_given_up_for_one_that_cannot_be_had(origin: Origin, mirror: Mirror) -> None:
    """While the host is away, a mirror that needs to be made anew is kept: what it can read stays readable."""
    commit = origin.commit({"d/a.yaml": "1"})
    mirror.fetch()
    _leave_a_lock(mirror.directory / "repository")
    origin.directory.rename(origin.directory.with_name("away"))

    with pytest.raises(GitAccessError):
        mirror.fetch()

    assert mirror.tip() == Revision("main", commit)


def test_a_directory_that_cannot_be_made_is_told(origin: Origin, tmp_path: Path) -> None:
    """Where the mirror cannot be written, the error names its place and the reason, and may pass."""
    (tmp_path / "file").write_text("")
    mirror = mirror_of(origin.url, tmp_path / "file" / "mirror")

    with pytest.raises(GitUnavailableError, match=r"file/mirror cannot be used: .*Not a directory"):
        mirror.fetch()


def test_an_unknown_revision_is_an_error(origin: Origin, mirror: Mirror) -> None:
    """A commit that the mirror does not hold is never read as an empty directory."""
    origin.commit({"d/a.yaml": "1"})
    mirror.fetch()

    for read in (mirror.list_files, mirror.tree):
        with pytest.raises(GitUnavailableError, match="cannot be read"):
            read(Revision("main", "3" * 40), "d")
