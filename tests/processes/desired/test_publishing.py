"""Commits of ours by real git: what every publisher promises, and what can go wrong on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.publishing import GitPublisher, Waiting
from reconciler.errors import BranchNotFoundError, GitUnavailableError, PathRefusedError, PushRefusedError, StoppedError
from reconciler.model.publishing import Identity
from reconciler.model.revision import Revision
from tests.contract.git_branch import GitBranch
from tests.contract.publisher_suite import MESSAGE, PublisherContract, always, proposal
from tests.processes.desired.origins import Link, Origin, Submodule, git, mirror_of

if TYPE_CHECKING:
    from reconciler.desired.git import Mirror
    from reconciler.model.publishing import Proposal

WHO = Identity("Robo Reconciler", "robo@example.com")
WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class StandingClock:
    def now(self) -> datetime:
        return WHEN

    def monotonic(self) -> float:
        return 0.0


class Waits:
    """How long was waited, without waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.is_stopping = False

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self.is_stopping


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def publisher(mirror: Mirror, waits: Waits) -> GitPublisher:
    return GitPublisher(mirror, WHO, StandingClock(), Waiting(waits, lambda: 0.5))


@pytest.fixture
def branch(origin: Origin) -> GitBranch:
    return GitBranch(origin.directory)


def test_a_push_is_tried(publisher: GitPublisher, branch: GitBranch) -> None:
    """The remote is asked, also one whose hook would refuse everything, and nothing of it is there afterwards."""
    branch.push({"a": "x"})
    branch.refuse()
    before = branch.git("for-each-ref"), branch.git("count-objects", "-v")

    publisher.check()

    assert (branch.git("for-each-ref"), branch.git("count-objects", "-v")) == before


class TestGitPublisher(PublisherContract):
    @pytest.fixture
    def publisher(self, mirror: Mirror, waits: Waits) -> GitPublisher:
        return GitPublisher(mirror, WHO, StandingClock(), Waiting(waits, lambda: 0.5))

    @pytest.fixture
    def branch(self, origin: Origin) -> GitBranch:
        return GitBranch(origin.directory)


def test_who_and_when(publisher: GitPublisher, branch: GitBranch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Author, committer and time are those that were given, in UTC, whatever the surroundings say."""
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_EMAIL", "GIT_AUTHOR_DATE", "EMAIL", "TZ"):
        monkeypatch.setenv(name, "Asia/Tokyo")
    branch.push({"a": "1"})

    published = publisher.publish(always({"b": "2"}))

    assert published is not None
    head = branch.git("cat-file", "commit", published.revision.commit).split("\n")
    stamp = f"Robo Reconciler <robo@example.com> {int(WHEN.timestamp())} +0000"
    assert head[2:4] == [f"author {stamp}", f"committer {stamp}"]


def test_reading_goes_on_at_the_commit(mirror: Mirror, publisher: GitPublisher, branch: GitBranch) -> None:
    """After it was pushed, the mirror's branch stands at the commit, without a fetch."""
    branch.push({"a": "1"})
    published = publisher.publish(always({"f/b": "2"}))

    assert published is not None
    assert mirror.tip() == published.revision
    assert [entry.path for entry in mirror.list_files(published.revision, "f")] == ["f/b"]
    assert mirror.fetch() == published.revision


def test_a_refused_push_leaves_the_mirror(mirror: Mirror, publisher: GitPublisher, branch: GitBranch) -> None:
    """After a push that failed the mirror's branch is the remote's."""
    tip = branch.push({"a": "1"})
    branch.refuse()

    with pytest.raises(PushRefusedError) as caught:
        publisher.publish(always({"b": "2"}))

    assert caught.value.reason == "PushRefused"
    assert mirror.tip() == Revision("main", tip)


def test_modes_and_what_is_not_named_stay(publisher: GitPublisher, origin: Origin, branch: GitBranch) -> None:
    """Everything beside the path of a change stays to the byte: links, submodules, modes of old tools; and a program
    that changes is one afterwards.
    """
    origin.commit({"program": "1", "f/link": Link("../x"), "f/sub": Submodule(), "f/old": "1"})
    listing = branch.git("ls-tree", "main").replace("100644", "100755")
    odd = _tree(branch, branch.git("ls-tree", "main:f").replace("100644", "100664"))
    listing = listing.replace(branch.git("rev-parse", "main:f").strip(), odd)
    before = branch.git("commit-tree", _tree(branch, listing), stdin="x", env=dict.fromkeys(_IDENTITY, "x")).strip()
    origin.reset(before)

    published = publisher.publish(always({"program": "2", "f/new": "1"}))

    assert published is not None
    after = published.revision.commit
    changed = branch.git("diff-tree", "-r", "--no-renames", before, after).splitlines()
    assert [(line.split()[0:2], line.split("\t")[1]) for line in changed] == [
        ([":000000", "100644"], "f/new"),
        ([":100755", "100755"], "program"),
    ]
    assert "100664 old" in branch.git("cat-file", "tree", f"{after}:f")


def _tree(branch: GitBranch, listing: str) -> str:
    return branch.git("mktree", stdin=listing).strip()


_IDENTITY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("link/a", "link is a symbolic link and not a folder"),
        ("sub/a", "sub is a submodule and not a folder"),
        ("link", "link is a symbolic link and not a file"),
        ("sub", "sub is a submodule and not a file"),
    ],
)
def test_links_and_submodules_are_in_the_way(
    publisher: GitPublisher, origin: Origin, branch: GitBranch, path: str, words: str
) -> None:
    """No link is followed, and none is replaced."""
    origin.commit({"link": Link("folder"), "sub": Submodule(), "folder/a": "1"})

    with pytest.raises(PathRefusedError, match=words):
        publisher.publish(always({path: "2"}))

    assert len(branch.history()) == 1


def test_a_link_can_be_removed(publisher: GitPublisher, origin: Origin, branch: GitBranch) -> None:
    """The link, and not what it names."""
    origin.commit({"link": Link("folder/a"), "folder/a": "1"})

    published = publisher.publish(always({"link": None}))

    assert published is not None
    assert branch.files(published.revision.commit) == {"folder/a": "1"}


def test_pauses_grow(publisher: GitPublisher, branch: GitBranch, waits: Waits) -> None:
    """Between tries one waits longer and longer, by chance; not after a refusal, nor before the first."""
    branch.push({"a": "0"})
    rivals = iter(range(6))

    def propose(_: Revision) -> Proposal:
        if (number := next(rivals, None)) is not None:
            branch.push({"a": f"{number}!"})
        return proposal({"b": "1"})

    assert publisher.publish(propose) is not None
    assert waits.seconds == [0.1, 0.2, 0.4, 0.8, 1.6, 2.5]


def test_a_stop_ends_it(publisher: GitPublisher, branch: GitBranch, waits: Waits) -> None:
    """A service that stops does not try again."""
    branch.push({"a": "0"})
    waits.is_stopping = True

    def propose(_: Revision) -> Proposal:
        branch.push({"a": "1"})
        return proposal({"b": "1"})

    with pytest.raises(StoppedError):
        publisher.publish(propose)

    assert len(branch.history()) == 2


def test_an_answer_that_is_lost(mirror: Mirror, publisher: GitPublisher, branch: GitBranch) -> None:
    """Where the host dies after it took the commit, we look: it is there, and there is one."""
    tip = branch.push({"a": "1"})
    branch.hook("post-receive", "kill -9 $PPID")
    asked: list[Revision] = []

    def propose(revision: Revision) -> Proposal:
        asked.append(revision)
        return proposal({"b": "2"})

    published = publisher.publish(propose)

    assert published is not None
    assert len(asked) == 1
    assert branch.history() == [tip, published.revision.commit]
    assert mirror.tip() == published.revision == published.tip


def test_an_answer_that_is_lost_below_others(publisher: GitPublisher, branch: GitBranch) -> None:
    """Also where somebody has pushed on top of it meanwhile."""
    branch.push({"a": "1"})
    theirs = (
        "read old new ref; c=$(echo theirs | git -c user.name=x -c user.email=x commit-tree -p $new $new^{tree});"
        " git update-ref refs/heads/main $c; kill -9 $PPID"
    )
    branch.hook("post-receive", theirs)

    published = publisher.publish(always({"b": "2"}))

    assert published is not None
    assert branch.history()[1:] == [published.revision.commit, published.tip.commit]


def test_a_host_that_dies_before_it_takes_anything(publisher: GitPublisher, branch: GitBranch, waits: Waits) -> None:
    """It is looked at, tried once more with the very same commit, and told."""
    tip = branch.push({"a": "1"})
    log = branch.directory / "seen"
    branch.hook("pre-receive", f"cat >> {log}; kill -9 $PPID")

    with pytest.raises(GitUnavailableError):
        publisher.publish(always({"b": "2"}))

    assert branch.history() == [tip]
    assert len(waits.seconds) == 2
    first, second = (line.split()[1] for line in log.read_text().splitlines())
    assert first == second


def test_a_remote_that_is_gone(mirror: Mirror, publisher: GitPublisher, branch: GitBranch) -> None:
    """Before the push, or during it: the error is a fetch's, and the mirror's branch stays."""
    tip = branch.push({"a": "1"})
    gone = branch.directory.with_name("gone")

    def propose(_: Revision) -> Proposal:
        branch.directory.rename(gone)
        return proposal({"b": "2"})

    with pytest.raises(Exception, match="does not appear to be a git repository"):
        publisher.publish(propose)

    gone.rename(branch.directory)
    assert (mirror.tip(), branch.history()) == (Revision("main", tip), [tip])


def test_a_deleted_branch_is_not_brought_back(publisher: GitPublisher, branch: GitBranch) -> None:
    """A branch that somebody deletes before our push stays deleted."""
    branch.push({"a": "1"})

    def propose(_: Revision) -> Proposal:
        branch.git("update-ref", "-d", "refs/heads/main")
        return proposal({"b": "2"})

    with pytest.raises(BranchNotFoundError):
        publisher.publish(propose)

    assert branch.history() == []


def test_a_rewound_branch_is_not_brought_back(publisher: GitPublisher, branch: GitBranch) -> None:
    """What somebody took back before our push stays taken back, although our push would be a fast forward."""
    first = branch.push({"a": "1"})
    branch.push({"secret": "oops"})

    def propose(_: Revision) -> Proposal:
        branch.git("update-ref", "refs/heads/main", first)
        return proposal({"b": "2"})

    published = publisher.publish(propose)

    assert published is not None
    assert branch.history() == [first, published.revision.commit]
    assert branch.files(published.revision.commit) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("lost", ["f", "f/a", "g"])
def test_a_damaged_mirror_is_made_anew(mirror: Mirror, publisher: GitPublisher, branch: GitBranch, lost: str) -> None:
    """An object that is lost in the mirror costs one try, also where we only name it."""
    branch.push({"f/a": "1", "g/b": "2"})
    mirror.fetch()
    repository = mirror.directory / "repository"
    for pack in repository.glob("objects/pack/*.pack"):
        moved = pack.rename(repository / "moved")
        git(repository, "unpack-objects", "-q", stdin=moved.read_bytes())
    found = branch.git("rev-parse", f"main:{lost}").strip()
    (repository / "objects" / found[:2] / found[2:]).unlink()

    with pytest.raises(GitUnavailableError, match=r"the mirror cannot be read: .*(missing|unavailable)"):
        publisher.publish(always({"f/b": "2"}))

    assert publisher.publish(always({"f/b": "2"})) is not None


def test_a_kill_before_the_push(tmp_path: Path, origin: Origin, branch: GitBranch) -> None:
    """A process that is killed when the commit is made, and not pushed, leaves nothing that anyone meets: the next one
    makes one commit, and no key lies about.
    """
    tip = branch.push({"a": "1"})
    state, reached = tmp_path / "state", tmp_path / "reached"
    child = _start(state, origin, reached)
    try:
        _await(reached)
    finally:
        child.kill()
        child.wait()

    mirror = mirror_of(origin.url, state)
    assert mirror.tip() == Revision("main", tip)
    assert branch.history() == [tip]
    refs = git(state / "repository", "for-each-ref", "--format=%(refname)")
    assert refs == "refs/heads/main"
    published = GitPublisher(mirror, WHO, StandingClock(), Waiting(Waits())).publish(always({"b": "2"}))
    assert published is not None
    assert branch.history() == [tip, published.revision.commit]


def test_a_kill_after_the_push(tmp_path: Path, origin: Origin, branch: GitBranch) -> None:
    """A process that is killed when the host has the commit, and says so, makes no second one after its start."""
    tip = branch.push({"a": "1"})
    state, reached = tmp_path / "state", tmp_path / "reached"
    branch.hook("post-receive", f"touch {reached}; sleep 30")
    child = _start(state, origin, tmp_path / "never", is_pushing=True)
    try:
        _await(reached)
    finally:
        child.kill()
        child.wait()
        branch.hook("post-receive", None)

    mirror = mirror_of(origin.url, state)
    assert len(branch.history()) == 2
    assert mirror.tip() == Revision("main", tip)
    assert GitPublisher(mirror, WHO, StandingClock(), Waiting(Waits())).publish(always({"b": "2"})) is None
    assert len(branch.history()) == 2


_CHILD = """
import sys, time
from pathlib import Path
from reconciler.desired.publishing import GitPublisher, Waiting
from reconciler.desired.workbench import Workbench
from tests.contract.publisher_suite import always
from tests.processes.desired.origins import mirror_of
from tests.processes.desired.test_publishing import WHO, StandingClock

state, url, reached, is_pushing = sys.argv[1:]
push = Workbench.push

def hang(bench, commit, tip):
    if is_pushing == "True":
        return push(bench, commit, tip)
    Path(reached).touch()
    time.sleep(60)

Workbench.push = hang
publisher = GitPublisher(mirror_of(url, Path(state)), WHO, StandingClock(), Waiting(lambda _: False))
publisher.publish(always({"b": "2"}))
"""


def _start(state: Path, origin: Origin, reached: Path, *, is_pushing: bool = False) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _CHILD, str(state), origin.url, str(reached), str(is_pushing)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[3], env={**os.environ, "PYTHONPATH": "."})


def _await(file: Path) -> None:
    end = time.monotonic() + 30.0
    while not file.exists():
        assert time.monotonic() < end, f"{file} never came to be"
        time.sleep(0.02)


def test_many_files_at_once(publisher: GitPublisher, branch: GitBranch) -> None:
    """5,000 files in one commit are a matter of a second or two."""
    branch.push({"raw/all.yaml": "x" * 1000})
    files: dict[str, str | None] = {
        f"managed/vpcs/vpc-{number:05}.yaml": f"name: {number}\n" * 40 for number in range(5000)
    }
    start = time.monotonic()

    published = publisher.publish(always({**files, "raw/all.yaml": None}))

    assert published is not None
    assert time.monotonic() - start < 10.0
    assert len(branch.git("ls-tree", "-r", "--name-only", published.revision.commit).splitlines()) == 5000
    assert published.proposal.message == MESSAGE
