"""Commits of ours, pushed to the lab's Git server over HTTPS while people push, hooks refuse, and connections break."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from reconciler.desired.git import GitRemote, Mirror
from reconciler.desired.publishing import GitPublisher, Waiting
from reconciler.desired.signing import SigningKey
from reconciler.errors import GitAccessError, GitUnavailableError, PushRacesError, PushRefusedError
from reconciler.model.publishing import Identity
from tests.contract.git_branch import GitBranch
from tests.contract.publisher_suite import PublisherContract, always, proposal
from tests.lab.git_files import Fault
from tests.lab.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reconciler.model.publishing import Proposal, Published
    from reconciler.model.revision import Revision
    from tests.lab.git_server import GitServer, Repository
    from tests.lab.ssh_server import SshServer

pytestmark = pytest.mark.lab

PEOPLE = 20
OURS = 5
WHO = Identity("hedgehog-reconciler", "reconciler@localhost")


class Time:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def branch(repository: Repository) -> GitBranch:
    return GitBranch(repository.path)


@pytest.fixture
def mirror_at(repository: Repository, tmp_path: Path) -> Callable[..., Mirror]:
    """A mirror of the repository, or of the same under another address."""
    server = repository.server
    password = tmp_path / "password"
    password.write_text(f"{server.password}\n")

    def make(url: str = repository.url, timeout: float = 60.0) -> Mirror:
        remote = GitRemote("gitops", url, "main", server.username, password_file=password, ca_file=server.ca_file)
        return Mirror(remote, tmp_path / "mirror", timeout)

    return make


@pytest.fixture
def mirror(mirror_at: Callable[..., Mirror]) -> Mirror:
    return mirror_at()


def _publisher(mirror: Mirror, wait: Callable[[float], bool] = lambda _: False) -> GitPublisher:
    return GitPublisher(mirror, WHO, Time(), Waiting(wait))


@pytest.fixture
def publisher(mirror: Mirror) -> GitPublisher:
    return _publisher(mirror)


@pytest.mark.long
class TestGitPublisherOverHttps(PublisherContract):
    @pytest.fixture
    def publisher(self, mirror: Mirror) -> GitPublisher:
        return _publisher(mirror)

    @pytest.fixture
    def branch(self, repository: Repository) -> GitBranch:
        return GitBranch(repository.path)


class Person:
    """Somebody with a clone, who pushes one file, again and again until the push goes through."""

    def __init__(self, number: int, repository: Repository, folder: Path) -> None:
        self.file = f"people/{number}"
        self._clone = folder / f"person-{number}"
        self._repository = repository

    def push(self) -> str:
        self._clone.mkdir()
        self._git("init", "--quiet")
        while True:
            time.sleep(random.uniform(0, 0.3))  # noqa: S311 - people push whenever they like
            self._git("fetch", "--quiet", self._repository.url, "refs/heads/main")
            self._git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
            path = self._clone / self.file
            path.parent.mkdir(exist_ok=True)
            path.write_text("mine\n")
            self._git("add", "--all")
            self._git("commit", "--quiet", "--message", self.file)
            if self._git("push", "--quiet", self._repository.url, "HEAD:refs/heads/main", is_checked=False):
                return self._head()

    def _head(self) -> str:
        return (self._clone / ".git" / "HEAD").read_text().strip()

    def _git(self, *args: str, is_checked: bool = True) -> bool:
        env = self._repository.server.environment()
        done = subprocess.run(
            ["git", *args], cwd=self._clone, env=env, timeout=60, capture_output=True, check=is_checked
        )
        return done.returncode == 0


def test_twenty_people_push(branch: GitBranch, publisher: GitPublisher, repository: Repository, tmp_path: Path) -> None:
    """Each of ours is made while somebody else is first. The history is one line all the same, in which everybody's
    commits are, whole and in order.
    """
    for option in ("receive.denyNonFastForwards", "receive.denyDeletes"):
        branch.git("config", option, "true")
    first = branch.push({"start": "1"})
    people = [Person(number, repository, tmp_path) for number in range(PEOPLE)]
    ours: list[Published] = []
    lost = 0

    with ThreadPoolExecutor(2) as pool:
        pushes = [pool.submit(person.push) for person in people]
        while len(ours) < OURS:
            try:
                published = publisher.publish(_late(branch, pushes, f"ours/{len(ours)}"))
            except PushRacesError:
                lost += 10
                continue  # as the next pass does
            assert published is not None
            ours.append(published)
            lost += published.tries - 1

    commits = [published.revision.commit for published in ours]
    history = branch.history()
    assert lost > 0
    assert sorted(history) == sorted([first, *(push.result() for push in pushes), *commits])
    assert [branch.parents(commit) for commit in history] == [[], *([commit] for commit in history[:-1])]
    assert [commit for commit in history if commit in commits] == commits
    wanted = {"start", *(person.file for person in people), *(f"ours/{number}" for number in range(len(ours)))}
    assert set(branch.files(history[-1])) == wanted


def _late(branch: GitBranch, pushes: Sequence[Future[str]], path: str) -> Callable[[Revision], Proposal]:
    """A proposal that comes, the first time that it is asked for, when somebody has pushed meanwhile."""
    asked: list[Revision] = []

    def propose(tip: Revision) -> Proposal:
        asked.append(tip)
        while len(asked) == 1 and branch.history()[-1] == tip.commit and not all(push.done() for push in pushes):
            time.sleep(0.05)
        return proposal({path: "ours"})

    return propose


PROTECTION = 'echo "GitLab: You are not allowed to push code to protected branches on this project." >&2; exit 1'


def test_a_protected_branch(branch: GitBranch, mirror: Mirror, publisher: GitPublisher) -> None:
    """It is called so, in the words of the host; reading goes on, and a push goes through once it may."""
    tip = branch.push({"a": "1"})
    branch.hook("pre-receive", PROTECTION)

    with pytest.raises(PushRefusedError) as caught:
        publisher.publish(always({"b": "2"}))

    assert caught.value.reason == "BranchProtected"
    assert caught.value.message == (
        f"{mirror.remote.place}: branch main: our push is refused: pre-receive hook declined: "
        "You are not allowed to push code to protected branches on this project."
    )
    assert branch.history() == [tip]
    assert mirror.tip() == mirror.fetch()
    branch.hook("pre-receive", None)
    assert publisher.publish(always({"b": "2"})) is not None


def test_over_ssh(branch: GitBranch, repository: Repository, ssh_server: SshServer, tmp_path: Path) -> None:
    """A push over ssh goes through, with a signature of the very same key; one that is refused is told the same."""
    tip = branch.push({"a": "1"})
    key = ssh_server.key_file
    remote = GitRemote(
        "gitops",
        ssh_server.url_of(repository),
        "main",
        ssh_key_file=key,
        known_hosts_file=ssh_server.known_hosts_file,
    )
    signing = SigningKey("ssh", str(key), key.read_bytes)
    publisher = GitPublisher(Mirror(remote, tmp_path / "ssh"), WHO, Time(), Waiting(lambda _: False), signing=signing)

    published = publisher.publish(always({"b": "2"}))

    assert published is not None
    assert branch.history() == [tip, published.revision.commit]
    assert "gpgsig -----BEGIN SSH" in branch.git("cat-file", "commit", published.revision.commit)
    branch.hook("pre-receive", PROTECTION)
    with pytest.raises(PushRefusedError, match="to protected branches on this project") as caught:
        publisher.publish(always({"b": "3"}))
    assert caught.value.reason == "BranchProtected"


def test_no_right_to_push(branch: GitBranch, mirror: Mirror, publisher: GitPublisher, repository: Repository) -> None:
    """403 for a push, where a fetch is let in."""
    branch.push({"a": "1"})
    branch.git("config", "http.receivepack", "false")

    with pytest.raises(PushRefusedError, match="403") as caught:
        publisher.publish(always({"b": "2"}))

    assert caught.value.reason == "PushDenied"
    with pytest.raises(PushRefusedError, match="403"):
        publisher.check()
    assert repository.server.password not in caught.value.message
    assert mirror.fetch()


def test_a_repository_that_is_gone(branch: GitBranch, publisher: GitPublisher) -> None:
    """404 between fetch and push."""
    branch.push({"a": "1"})
    gone = branch.directory.with_suffix(".gone")

    def propose(_: Revision) -> Proposal:
        branch.directory.rename(gone)
        return proposal({"b": "2"})

    try:
        with pytest.raises(GitAccessError, match="not found"):
            publisher.publish(propose)
    finally:
        gone.rename(branch.directory)

    assert len(branch.history()) == 1


def test_a_host_that_is_gone(branch: GitBranch, mirror: Mirror, publisher: GitPublisher, git_server: GitServer) -> None:
    """A host that goes away between fetch and push is unavailable, and the mirror stands where it stood."""
    tip = branch.push({"a": "1"})

    def propose(_: Revision) -> Proposal:
        git_server.stop()
        return proposal({"b": "2"})

    try:
        with pytest.raises(GitUnavailableError):
            publisher.publish(propose)
    finally:
        git_server.start()

    assert branch.history() == [tip]
    assert mirror.tip() == mirror.fetch()
    assert publisher.publish(always({"b": "2"})) is not None


def test_a_host_that_hangs(branch: GitBranch, mirror_at: Callable[..., Mirror], repository: Repository) -> None:
    """A push ends in time; the branch is looked at, which takes as long; and then it is told."""
    branch.push({"a": "1"})
    mirror = mirror_at(timeout=1.0)

    def propose(_: Revision) -> Proposal:
        repository.server.set_fault(repository.name, Fault.HANG)
        return proposal({"b": "2"})

    start = time.monotonic()
    try:
        with pytest.raises(GitUnavailableError, match="did not end in time"):
            _publisher(mirror).publish(propose)
    finally:
        repository.server.set_fault(repository.name, None)

    assert time.monotonic() - start < 10.0


def test_an_answer_that_is_lost(branch: GitBranch, mirror_at: Callable[..., Mirror], repository: Repository) -> None:
    """The connection breaks when the host has taken the commit: it is looked for, found, and there is one."""
    tip = branch.push({"a": "1"})
    taken = branch.directory / "taken"
    branch.hook("post-receive", f"touch {taken}; sleep 1")
    asked: list[Revision] = []

    def propose(revision: Revision) -> Proposal:
        asked.append(revision)
        return proposal({"b": "2"})

    with Proxy(urlsplit(repository.url).port or 0) as proxy:
        mirror = mirror_at(proxy.url + urlsplit(repository.url).path)
        cutting = threading.Thread(target=_cut_when, args=(taken, proxy))
        cutting.start()
        try:
            published = _publisher(mirror).publish(propose)
        finally:
            cutting.join()

    assert published is not None
    assert len(asked) == 1
    assert branch.history() == [tip, published.revision.commit]
    assert mirror.tip() == published.revision


def _cut_when(file: Path, proxy: Proxy) -> None:
    end = time.monotonic() + 30.0
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.01)
    proxy.cut()


def test_a_thousand_files(branch: GitBranch, publisher: GitPublisher) -> None:
    """A commit that is larger than one piece of HTTP."""
    branch.push({"a": "1"})
    words = random.Random(1)  # noqa: S311 - text that does not compress
    files: dict[str, str | None] = {f"managed/{number}": f"{words.random()}\n" * 20 for number in range(1000)}
    blob = "".join(f"{words.random()}\n" for _ in range(200_000))

    published = publisher.publish(always({**files, "large": blob}))

    assert published is not None
    assert len(branch.git("ls-tree", "-r", "--name-only", published.revision.commit).split()) == 1002
