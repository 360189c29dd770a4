"""The mirror: fetching, reading by id, and healing itself."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import MINIMUM_GIT, GitRemote, Mirror, git_version
from reconciler.desired.tree import TreeEntry, batches
from reconciler.errors import BranchNotFoundError, ConfigurationError, GitAccessError, GitUnavailableError
from reconciler.model.revision import Revision
from tests.unit.desired.origins import Content, Link, Origin, Submodule, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.desired.origins import Host


def _mirror_of(url: str, directory: Path, timeout: float = 20.0) -> Mirror:
    return Mirror(GitRemote("gitops", url, "main", allow_local=True), directory, timeout)


def _directory(mirror: Mirror) -> Path:
    return mirror._workplace.directory


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

    restarted = _mirror_of(origin.url, _directory(mirror))

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

    assert git(_directory(mirror) / "repository", "for-each-ref", "--format=%(refname)") == "refs/heads/main"


@pytest.mark.parametrize("call", [Mirror.fetch, Mirror.check], ids=["fetch", "check"])
def test_an_absent_branch_is_told_apart(call: Callable[[Mirror], object], origin: Origin, mirror: Mirror) -> None:
    """An empty repository and one without the branch raise BranchNotFoundError, which names branch and place."""
    for _ in range(2):
        with pytest.raises(BranchNotFoundError, match=r"origin: there is no branch main"):
            call(mirror)
        origin.commit({"a.yaml": "1"}, branch="other")


@pytest.mark.parametrize("call", [Mirror.fetch, Mirror.check], ids=["fetch", "check"])
def test_an_absent_repository_is_refused(call: Callable[[Mirror], object], tmp_path: Path) -> None:
    """A repository that does not exist stalls: trying again is pointless."""
    mirror = _mirror_of(f"file://{tmp_path}/nowhere", tmp_path / "mirror")

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
    """A commit is its own ancestor and those before it; later, foreign and malformed ids are not."""
    first = origin.commit({"a": "1"})
    second = origin.commit({"a": "2"})
    other = origin.commit({"a": "3"}, branch="other")
    mirror.fetch()

    assert mirror.is_ancestor(first, Revision("main", second))
    assert mirror.is_ancestor(second, Revision("main", second))
    assert not mirror.is_ancestor(second, Revision("main", first))
    assert not mirror.is_ancestor(other, Revision("main", second))
    assert not mirror.is_ancestor("3" * 40, Revision("main", second))
    assert not mirror.is_ancestor("main", Revision("main", second))
    assert not mirror.is_ancestor("--help", Revision("main", second))


def test_the_directory_is_private(origin: Origin, mirror: Mirror) -> None:
    """The mirror's directory is open to nobody else, whatever the umask."""
    origin.commit({"a": "1"})
    before = os.umask(0)
    try:
        mirror.fetch()
    finally:
        os.umask(before)

    assert _directory(mirror).stat().st_mode & 0o7777 == 0o700
    assert (_directory(mirror) / "askpass").stat().st_mode & 0o7777 == 0o700


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
    tamper(_directory(mirror))

    assert mirror.tip() is None
    assert mirror.fetch() == Revision("main", commit)
    assert _directory(mirror).stat().st_mode & 0o777 == 0o700
    assert not _directory(mirror).is_symlink()


def test_removing_a_link_leaves_its_target(origin: Origin, mirror: Mirror) -> None:
    """A link in the directory's place is removed, not what it points to."""
    origin.commit({"a": "1"})
    treasure = origin.directory.parent / "treasure"
    treasure.mkdir()
    (treasure / "file").write_text("kept")
    _directory(mirror).parent.mkdir()
    _directory(mirror).symlink_to(treasure)

    mirror.fetch()

    assert (treasure / "file").read_text() == "kept"


def test_a_mirror_of_another_url_is_never_used(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    """When the configured URL changes, nothing of the old repository shows, not even while the new one is away."""
    origin.commit({"secret.yaml": "1"})
    mirror.fetch()
    other = _mirror_of(f"file://{tmp_path}/other", _directory(mirror))

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
    damage(_directory(mirror) / "repository")
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
    _lose_one_object(_directory(mirror) / "repository", blob)

    with pytest.raises(GitUnavailableError):
        list(mirror.read_blobs(entries))

    assert mirror.fetch() == revision
    assert list(mirror.read_blobs(entries)) == [(blob, b"1")]


def test_a_mirror_is_not_given_up_for_one_that_cannot_be_had(origin: Origin, mirror: Mirror) -> None:
    """While the host is away, a mirror that needs to be made anew is kept: what it can read stays readable."""
    commit = origin.commit({"d/a.yaml": "1"})
    mirror.fetch()
    _leave_a_lock(_directory(mirror) / "repository")
    origin.directory.rename(origin.directory.with_name("away"))

    with pytest.raises(GitAccessError):
        mirror.fetch()

    assert mirror.tip() == Revision("main", commit)


def test_a_directory_that_cannot_be_made_is_told(origin: Origin, tmp_path: Path) -> None:
    """Where the mirror cannot be written, the error names its place and the reason, and may pass."""
    (tmp_path / "file").write_text("")
    mirror = _mirror_of(origin.url, tmp_path / "file" / "mirror")

    with pytest.raises(GitUnavailableError, match=r"file/mirror cannot be used: .*Not a directory"):
        mirror.fetch()


def test_an_unknown_revision_is_an_error(origin: Origin, mirror: Mirror) -> None:
    """A commit that the mirror does not hold is never read as an empty directory."""
    origin.commit({"d/a.yaml": "1"})
    mirror.fetch()

    for read in (mirror.list_files, mirror.tree):
        with pytest.raises(GitUnavailableError, match="cannot be read"):
            read(Revision("main", "3" * 40), "d")


@pytest.mark.parametrize("call", [Mirror.fetch, Mirror.check], ids=["fetch", "check"])
def test_a_host_that_does_not_answer_costs_the_timeout(call: Callable[[Mirror], object], tmp_path: Path) -> None:
    """A call ends in time, as unavailable, and leaves no process behind."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        mirror = _mirror_of(url, tmp_path / "mirror")
        git_version()
        mirror.tip()
        mirror._timeout = 0.02 if call is Mirror.fetch else 0.2  # a first fetch gets ten times as much
        start = time.monotonic()

        with pytest.raises(GitUnavailableError, match=r"127.0.0.1:\d+/x.git: git did not end in time"):
            call(mirror)

        assert time.monotonic() - start < 5.0
        assert not _commands_with(url)


def test_a_host_that_does_not_answer_costs_little_more_without_ps(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the processes of git cannot be listed to be ended, its transport gives up by itself."""
    _offer_only(tmp_path / "bin", ["git", "sh", "env"], monkeypatch)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mirror = _mirror_of(f"http://127.0.0.1:{silent.getsockname()[1]}/x.git", tmp_path / "mirror", timeout=0.5)
        start = time.monotonic()

        with pytest.raises(GitUnavailableError, match="in time"):
            mirror.check()

        assert time.monotonic() - start < 5.0


def _offer_only(directory: Path, programs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the PATH hold these programs and no others."""
    directory.mkdir()
    for name in programs:
        found = shutil.which(name)
        assert found is not None
        (directory / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(directory))


def test_git_that_is_killed_is_told(origin: Origin, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """When something else ends git, that is said, and is no time-out."""
    origin.commit({"a": "1"})
    mirror.tip()
    programs = origin.directory.parent / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nkill -9 $$\n")
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    with pytest.raises(GitUnavailableError, match="origin: git was ended by signal 9"):
        mirror.check()


def _commands_with(text: str) -> list[bytes]:
    commands = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(entry.read_bytes())
        except OSError:
            continue  # it ended meanwhile
    return [command for command in commands if text.encode() in command]


def test_nobody_listening_is_unavailable(tmp_path: Path) -> None:
    """A refused connection may pass; the error names host, repository and git's reason."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    mirror = _mirror_of(f"http://127.0.0.1:{port}/net/gitops.git", tmp_path / "mirror")

    with pytest.raises(GitUnavailableError, match=rf"^127.0.0.1:{port}/net/gitops.git: .*[Cc]onnect"):
        mirror.fetch()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, GitAccessError),
        (403, GitAccessError),
        (404, GitAccessError),
        (410, GitAccessError),
        (408, GitUnavailableError),
        (429, GitUnavailableError),
        (500, GitUnavailableError),
        (502, GitUnavailableError),
        (503, GitUnavailableError),
        (504, GitUnavailableError),
    ],
)
def test_answers_of_a_host_are_sorted(status: int, error: type[Exception], host: Host, tmp_path: Path) -> None:
    """Refusals stall, outages are retried."""
    host.status = status
    mirror = _mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

    with pytest.raises(error):
        mirror.fetch()


def test_a_check_sorts_answers_too(host: Host, tmp_path: Path) -> None:
    """A check raises what a fetch would."""
    mirror = _mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

    host.status = 401
    with pytest.raises(GitAccessError):
        mirror.check()
    host.status = 503
    with pytest.raises(GitUnavailableError):
        mirror.check()


def test_no_proxy_is_asked_for_this_machine(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host on loopback is reached directly, whatever proxy the environment names."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    host.status = 404
    mirror = _mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

    with pytest.raises(GitAccessError, match="not found"):
        mirror.fetch()


def test_a_page_in_gits_place_is_no_repository(host: Host, tmp_path: Path) -> None:
    """A login page with status 200, as a proxy serves it, is an outage, not an empty repository."""
    host.status, host.body = 200, b"<html>\n<p>Please log in\n</html>\n"
    mirror = _mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

    for call in (mirror.fetch, mirror.check):
        with pytest.raises(GitUnavailableError, match="is this a git repository"):
            call()


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


def test_the_installed_git_is_new_enough() -> None:
    """The version is read from git itself."""
    assert git_version() >= MINIMUM_GIT


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("#!/bin/sh\necho git version 2.38.9", "git 2.38.9 is too old: 2.39.1 or newer", id="old"),
        pytest.param("#!/bin/sh\necho git version 2.39", "git 2.39.0 is too old", id="without a patch level"),
        pytest.param("#!/bin/sh\nexit 1", "too old", id="broken"),
        pytest.param(None, "git is not installed", id="absent"),
    ],
)
def test_an_old_or_missing_git_is_refused(
    script: str | None,
    says: str,
    mirror: Mirror,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Below the floor nothing is fetched; the error says what is installed and what is needed."""
    _offer_only(tmp_path / "bin", ["env"], monkeypatch)
    if script is not None:
        (tmp_path / "bin" / "git").write_text(script)
        (tmp_path / "bin" / "git").chmod(0o755)

    with pytest.raises(ConfigurationError, match=says):
        mirror.fetch()


def test_a_missing_git_is_told_whatever_is_around(
    mirror: Mirror,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told as well where variables have to be withheld from git, and where there are none."""
    _offer_only(tmp_path / "bin", ["env"], monkeypatch)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match="git is not installed"):
        mirror.check()

    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    with pytest.raises(ConfigurationError, match="git is not installed"):
        mirror.check()


def test_an_absent_authority_file_is_named(origin: Origin, tmp_path: Path) -> None:
    """A CA file that is not there is told by its path before anything is asked."""
    remote = GitRemote("gitops", origin.url, "main", ca_file=tmp_path / "ca.crt", allow_local=True)

    with pytest.raises(GitAccessError, match=r"origin: there is no CA file .*ca\.crt"):
        Mirror(remote, tmp_path / "mirror").check()
