"""The mirror: fetching a branch and reading it by id."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import GitRemote, Mirror
from reconciler.desired.tree import TreeEntry, batches
from reconciler.errors import BranchNotFoundError, GitAccessError, GitUnavailableError
from reconciler.model.revision import Revision
from tests.processes.desired.origins import Content, Link, Origin, Submodule, git, mirror_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_fetch_returns_the_tip_and_follows_it(origin: Origin, mirror: Mirror) -> None:
    """Each fetch returns the branch's tip, also after a forced push; before the first there is none."""
    assert mirror.tip() is None

    first = origin.commit({"a.yaml": "1"})
    assert mirror.fetch() == Revision("main", first)
    second = origin.commit({"a.yaml": "2"})
    assert mirror.fetch() == Revision("main", second)
    assert mirror.fetch() == Revision("main", second)
    origin.reset(first)
    assert mirror.fetch() == Revision("main", first) == mirror.tip()


def test_the_tip_survives_a_restart_without_network(origin: Origin, mirror: Mirror) -> None:
    """A new process knows the last fetched tip and reads it while the host is away."""
    commit = origin.commit({"d/a.yaml": "1"})
    mirror.fetch()
    shutil.rmtree(origin.directory)

    restarted = mirror_of(origin.url, mirror.directory)

    assert restarted.tip() == Revision("main", commit)
    assert [entry.path for entry in restarted.list_files(Revision("main", commit), "d")] == ["d/a.yaml"]


def test_a_new_commit_that_was_not_fetched_is_not_the_tip(origin: Origin, mirror: Mirror) -> None:
    """The tip is what was fetched, not what the host has."""
    first = origin.commit({"a.yaml": "1"})
    mirror.fetch()
    origin.commit({"a.yaml": "2"})

    assert mirror.tip() == Revision("main", first)


def test_only_the_branch_is_mirrored(origin: Origin, mirror: Mirror) -> None:
    """Other branches and tags are not fetched."""
    origin.commit({"a.yaml": "1"})
    origin.commit({"b.yaml": "1"}, branch="other")
    git(origin.directory, "tag", "v1", "main")
    mirror.fetch()

    assert git(mirror.directory / "repository", "for-each-ref", "--format=%(refname)") == "refs/heads/main"


@pytest.mark.parametrize("call", [Mirror.fetch, Mirror.check], ids=["fetch", "check"])
def test_an_absent_branch_is_told_apart(call: Callable[[Mirror], object], origin: Origin, mirror: Mirror) -> None:
    """An empty repository, one without the branch and one whose default branch has another name raise
    BranchNotFoundError, which names branch and place and what is there instead.
    """
    with pytest.raises(BranchNotFoundError, match=r"origin: there is no branch main: the repository is empty$"):
        call(mirror)
    origin.commit({"a.yaml": "1"}, branch="trunk")
    with pytest.raises(BranchNotFoundError, match=r"origin: there is no branch main$"):
        call(mirror)
    git(origin.directory, "symbolic-ref", "HEAD", "refs/heads/trunk")
    with pytest.raises(BranchNotFoundError, match=r"origin: there is no branch main; the default branch is trunk$"):
        call(mirror)


@pytest.mark.parametrize("call", [Mirror.fetch, Mirror.check], ids=["fetch", "check"])
def test_a_renamed_default_branch(call: Callable[[Mirror], object], origin: Origin, mirror: Mirror) -> None:
    """A branch that was fetched and is renamed is missing, and said to have another name; named back, all is well."""
    commit = origin.commit({"a.yaml": "1"})
    mirror.fetch()
    git(origin.directory, "branch", "-m", "main", "release/2.0")

    with pytest.raises(BranchNotFoundError, match=r"there is no branch main; the default branch is release/2.0$"):
        call(mirror)

    git(origin.directory, "branch", "-m", "release/2.0", "main")
    call(mirror)
    assert mirror.tip() == Revision("main", commit)


@pytest.mark.parametrize("call", [Mirror.fetch, Mirror.check], ids=["fetch", "check"])
def test_an_absent_repository_is_refused(call: Callable[[Mirror], object], tmp_path: Path) -> None:
    """A repository that does not exist stalls: trying again is pointless."""
    mirror = mirror_of(f"file://{tmp_path}/nowhere", tmp_path / "mirror")

    with pytest.raises(GitAccessError, match=r"nowhere: .*does not appear to be a git repository"):
        call(mirror)


def test_check_finds_the_branch_without_fetching(origin: Origin, mirror: Mirror) -> None:
    """A check proves reachability and the branch, and brings nothing."""
    origin.commit({"a.yaml": "1"})

    mirror.check()

    assert mirror.tip() is None


def test_a_branch_that_vanishes_keeps_its_tip(origin: Origin, mirror: Mirror) -> None:
    """After a failed fetch the last fetched tip is what it was."""
    commit = origin.commit({"a.yaml": "1"})
    mirror.fetch()
    git(origin.directory, "update-ref", "-d", "refs/heads/main")

    with pytest.raises(BranchNotFoundError):
        mirror.fetch()

    assert mirror.tip() == Revision("main", commit)


def test_files_are_listed_with_mode_and_size(origin: Origin, mirror: Mirror) -> None:
    """All entries below the directory and no others, links and submodules with their modes."""
    origin.commit(
        {
            "d/a.yaml": "12345",
            "d/sub/b.yaml": "",
            "d/link.yaml": Link("/etc/passwd"),
            "d/module": Submodule(),
            "d2/c.yaml": "1",
            "d.yaml": "1",
        },
    )
    revision = mirror.fetch()

    entries = {entry.path: (entry.mode, entry.size) for entry in mirror.list_files(revision, "d")}

    assert entries == {
        "d/a.yaml": ("100644", 5),
        "d/link.yaml": ("120000", 11),
        "d/module": ("160000", 0),
        "d/sub/b.yaml": ("100644", 0),
    }


def test_what_is_no_directory_has_no_tree_and_no_files(origin: Origin, mirror: Mirror) -> None:
    """Files, links and absent paths are no directories; no path is an option or a pattern."""
    origin.commit({"d/a.yaml": "1", "link": Link("d"), "module": Submodule()})
    revision = mirror.fetch()

    for path in ("absent", "d/a.yaml", "link", "module", "d/absent", "-d", ":(glob)*", "*", "--help", "d/", ".", ""):
        assert mirror.tree(revision, path) is None, path
        assert mirror.list_files(revision, path) == (), path


def test_a_tree_names_its_content(origin: Origin, mirror: Mirror) -> None:
    """The id of a directory's tree changes with what is in it, and with nothing else."""
    origin.commit({"d/a.yaml": "1", "e.txt": "1"})
    first = mirror.fetch()
    origin.commit({"d/a.yaml": "1", "e.txt": "2"})
    second = mirror.fetch()
    origin.commit({"d/a.yaml": "2", "e.txt": "2"})
    third = mirror.fetch()

    assert (
        mirror.tree(first, "d") == mirror.tree(second, "d") == git(origin.directory, "rev-parse", f"{first.commit}:d")
    )
    assert mirror.tree(third, "d") != mirror.tree(first, "d")


def test_blobs_are_read_exactly(origin: Origin, mirror: Mirror) -> None:
    """Contents come back as they were committed, whatever bytes they hold."""
    contents: dict[str | bytes, Content] = {
        "d/empty": b"",
        "d/header": b"0" * 40 + b" blob 3\nabc\n",
        "d/binary": bytes(range(256)) * 1000,
    }
    origin.commit(contents)
    entries = mirror.list_files(mirror.fetch(), "d")

    blobs = dict(mirror.read_blobs(entries))

    assert {entry.path: blobs[entry.blob] for entry in entries} == contents


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([0, 1, 2], [[0, 1, 2]], id="small ones together"),
        pytest.param([20, 20, 3, 40, 1], [[20], [20, 3], [40], [1]], id="a large one alone"),
    ],
)
def test_batches_fit_in_memory(sizes: list[int], expected: list[list[int]]) -> None:
    """Files are read together up to 32 MiB."""
    entries = [TreeEntry("a", "100644", "1" * 40, size * 1024 * 1024) for size in sizes]

    assert [[entry.size // 1024 // 1024 for entry in batch] for batch in batches(entries)] == expected


def test_a_blob_that_is_not_there_is_an_error(origin: Origin, mirror: Mirror) -> None:
    """A missing blob, or one of another size than asked for, is never taken for an empty one."""
    origin.commit({"d/a": "12345"})
    (entry,) = mirror.list_files(mirror.fetch(), "d")

    for wrong in (TreeEntry("d/a", "100644", "2" * 40, 5), TreeEntry("d/a", "100644", entry.blob, 4)):
        with pytest.raises(GitUnavailableError, match=r"missing or not as the tree says|cannot be read|over"):
            list(mirror.read_blobs([wrong]))


def test_names_are_printable(origin: Origin, mirror: Mirror) -> None:
    """File names that could forge log lines or are no UTF-8 are escaped; readable ones are kept."""
    origin.commit({b"d/a\nb\x1b.yaml": "1", b"d/\xff.yaml": "2", "d/grün 網.yaml": "3"})

    paths = {entry.path for entry in mirror.list_files(mirror.fetch(), "d")}

    assert paths == {"d/a\\nb\\x1b.yaml", "d/\\xff.yaml", "d/grün 網.yaml"}


def test_ancestors_are_known(origin: Origin, mirror: Mirror) -> None:
    """A commit is its own ancestor and those before it; later ones are not; of foreign and malformed ids, and of what
    is no commit, nothing is known.
    """
    first = origin.commit({"a": "1"})
    second = origin.commit({"d/a": "2"})
    other = origin.commit({"a": "3"}, branch="other")
    (entry,) = mirror.list_files(mirror.fetch(), "d")
    strange = [other, "3" * 40, "main", "--help", "--all", "", entry.blob]

    assert mirror.ancestry([first, second, *strange], Revision("main", second)) == {first: True, second: True}
    assert mirror.ancestry([first, second], Revision("main", first)) == {first: True, second: False}
    assert mirror.ancestry(strange, Revision("main", second)) == {}
    assert mirror.ancestry([], Revision("main", second)) == {}


def test_a_commit_that_was_forced_away_is_known(origin: Origin, mirror: Mirror) -> None:
    """What was fetched once is told from what was never seen, though neither is part of the branch."""
    root = origin.commit({"a": "1"})
    gone = origin.commit({"a": "2"})
    mirror.fetch()
    origin.reset(root)
    tip = origin.commit({"a": "3"})

    assert mirror.ancestry([root, gone, tip, "3" * 40], mirror.fetch()) == {root: True, gone: False, tip: True}


def test_many_commits_are_looked_up_at_once(origin: Origin, mirror: Mirror) -> None:
    """Thousands of ids take two calls of git."""
    commit = origin.commit({"a": "1"})
    revision = mirror.fetch()
    unknown = [f"{number:040x}" for number in range(20_000)]

    assert mirror.ancestry([*unknown, commit], revision) == {commit: True}


def test_threads_share_a_mirror(origin: Origin, mirror: Mirror) -> None:
    """Fabrics of one repository fetch and read at once without disturbing each other."""
    commit = origin.commit({f"d/{n}.yaml": str(n) for n in range(50)})
    seen: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            revision = mirror.fetch()
            assert revision.commit == commit
            seen.append(len(dict(mirror.read_blobs(mirror.list_files(revision, "d")))))
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert (seen, failures) == ([50] * 4, [])


def test_calls_of_the_remote_are_told(origin: Origin, tmp_path: Path) -> None:
    """What speaks to the host is told with git's own verb and how it ended; what only reads the mirror is not."""
    told: list[tuple[str, str]] = []
    remote = GitRemote("gitops", origin.url, "main", allow_local=True)
    mirror = Mirror(remote, tmp_path / "told.git", on_call=lambda verb, _seconds, result: told.append((verb, result)))
    revision = Revision("main", origin.commit({"d/a.yaml": "1"}))

    mirror.fetch()
    mirror.check()
    mirror.list_files(revision, "d")
    shutil.rmtree(origin.directory)
    with pytest.raises(GitAccessError):
        mirror.following(remote).check()

    assert told == [("fetch", "ok"), ("ls-remote", "ok"), ("ls-remote", "error")]
