"""Repositories on this machine: where a branch's tip is, and when it moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.triggers.branches import LocalBranch, LocalBranches, read_tip

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "1" * 40, "2" * 40
PACKED = f"# pack-refs with: peeled fully-peeled sorted\n{NEW} refs/heads/main-2\n{OLD} refs/heads/main\n^{NEW}\n"


def _branch(folder: Path, name: str = "main") -> LocalBranch:
    return LocalBranch("gitops", folder, name)


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        pytest.param("file:///srv/git/a.git", "/srv/git/a.git", id="a path"),
        pytest.param("file:///srv/a%20b", "/srv/a b", id="an escaped path"),
        pytest.param("https://git.example.com/a.git", None, id="another machine"),
        pytest.param("http://127.0.0.1/a.git", None, id="a server of this machine"),
    ],
)
def test_which_repositories_are_local(url: str, folder: str | None) -> None:
    """Only what is a folder of this machine can be watched."""
    found = LocalBranch.of("gitops", url, "main")

    assert (str(found.folder) if found else None) == folder


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param({"refs/heads/main": OLD + "\n"}, id="bare"),
        pytest.param({".git/refs/heads/main": OLD + "\n"}, id="with a worktree"),
        pytest.param({"packed-refs": PACKED}, id="packed"),
        pytest.param({".git/packed-refs": PACKED}, id="packed, with a worktree"),
        pytest.param({"refs/heads/main": OLD + "\n", "packed-refs": f"{NEW} refs/heads/main\n"}, id="packed before"),
        pytest.param({".git": "gitdir: real\n", "real/refs/heads/main": OLD}, id="the folder is elsewhere"),
        pytest.param(
            {".git": "gitdir: own\n", "own/commondir": "../shared\n", "shared/refs/heads/main": OLD},
            id="a further worktree",
        ),
        pytest.param(
            {"refs/heads": "this repository uses the reftable format\n", "reftable/tables.list": OLD}, id="tables"
        ),
    ],
)
def test_where_the_tip_is(tmp_path: Path, layout: dict[str, str]) -> None:
    """The tip is found wherever Git keeps it."""
    for name, content in layout.items():
        _write(tmp_path / name, content)

    assert read_tip(_branch(tmp_path)) == OLD


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"refs/heads/other": OLD}, id="another branch"),
        pytest.param({"packed-refs": f"{OLD} refs/tags/main\n{OLD} refs/heads/a/main\n"}, id="others packed"),
        pytest.param({".git": "not a link\n"}, id="an odd file"),
    ],
)
def test_no_tip(tmp_path: Path, layout: dict[str, str]) -> None:
    """A branch that is not there has no tip, and nothing fails."""
    for name, content in layout.items():
        _write(tmp_path / name, content)

    assert read_tip(_branch(tmp_path)) is None


class Moves:
    """The repositories whose branch moved. `failures` are raised by the next ones."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failures: list[Exception] = []

    async def __call__(self, repository: str) -> None:
        if self.failures:
            raise self.failures.pop()
        self.seen.append(repository)


async def test_a_move(tmp_path: Path) -> None:
    """The first look moves nothing; another tip does once; a branch that is gone, or comes, has moved too."""
    ref = _write(tmp_path / "refs" / "heads" / "main", OLD)
    moves = Moves()
    branches = LocalBranches(lambda: [_branch(tmp_path)], moves)

    await branches.look()
    await branches.look()
    assert moves.seen == []
    assert ref in branches.files()

    ref.write_text(NEW)
    await branches.look()
    await branches.look()
    assert moves.seen == ["gitops"]

    ref.unlink()
    await branches.look()
    ref.write_text(NEW)
    await branches.look()
    assert moves.seen == ["gitops"] * 3


async def test_what_is_no_move(tmp_path: Path) -> None:
    """Another branch, the index, and the packing of refs move nothing."""
    ref = _write(tmp_path / "refs" / "heads" / "main", OLD)
    moves = Moves()
    branches = LocalBranches(lambda: [_branch(tmp_path)], moves)
    await branches.look()

    _write(tmp_path / "refs" / "heads" / "other", NEW)
    _write(tmp_path / "index", NEW)
    await branches.look()
    _write(tmp_path / "packed-refs", PACKED)
    ref.unlink()
    await branches.look()

    assert moves.seen == []


async def test_a_move_that_could_not_be_told(tmp_path: Path) -> None:
    """A move that could not be taken in is told again at the next look."""
    ref = _write(tmp_path / "refs" / "heads" / "main", OLD)
    moves = Moves()
    branches = LocalBranches(lambda: [_branch(tmp_path)], moves)
    await branches.look()
    ref.write_text(NEW)
    moves.failures.append(RuntimeError("disk full"))

    with pytest.raises(RuntimeError):
        await branches.look()
    await branches.look()

    assert moves.seen == ["gitops"]


async def test_branches_that_come_and_go(tmp_path: Path) -> None:
    """A branch that is configured later has moved at its first look, as a commit may have come after the pass that the
    change caused; so has one that was forgotten and comes back.
    """
    ref = _write(tmp_path / "refs" / "heads" / "main", OLD)
    moves, configured = Moves(), list[LocalBranch]()
    branches = LocalBranches(lambda: tuple(configured), moves)
    await branches.look()

    configured.append(_branch(tmp_path))
    await branches.look()
    await branches.look()
    assert moves.seen == ["gitops"]

    gone = configured.pop()
    await branches.look()
    ref.write_text(NEW)
    configured.append(gone)
    await branches.look()

    assert moves.seen == ["gitops"] * 2
