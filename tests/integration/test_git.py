"""The mirror against a real Git host: HTTPS, credentials and authority from files, refusals, outages."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import GitRemote, Mirror
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.errors import BranchNotFoundError, GitAccessError, GitUnavailableError
from reconciler.model.fabric import Fabric
from reconciler.model.revision import Revision
from tests.lab.certificates import Authority
from tests.lab.git_files import Fault
from tests.lab.server import outage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.git_server import GitServer, Repository

pytestmark = pytest.mark.lab

VPC = "apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata: {name: vpc-1}\nspec: {}\n"


@pytest.fixture
def password_file(git_server: GitServer, tmp_path: Path) -> Path:
    """The password as a person writes it: with a newline at its end."""
    file = tmp_path / "password"
    file.write_text(f"{git_server.password}\n")
    return file


def _remote(
    repository: Repository, password_file: Path, ca_file: Path | None = None, branch: str = "main"
) -> GitRemote:
    server = repository.server
    return GitRemote(
        "gitops",
        repository.url,
        branch,
        server.username,
        password_file=password_file,
        ca_file=ca_file or server.ca_file,
    )


@pytest.fixture
def mirror(repository: Repository, password_file: Path, tmp_path: Path) -> Mirror:
    return Mirror(_remote(repository, password_file), tmp_path / "mirror")


def test_a_push_becomes_desired_state(repository: Repository, mirror: Mirror) -> None:
    """What anyone pushes is fetched over HTTPS with credentials and authority from files, and read."""
    commit = repository.push_files({"fabrics/dc1/vpc.yaml": VPC, "fabrics/dc1/raw/new.yaml": VPC})
    source = FabricSource(mirror, Fabric("dc1", "gitops", "main", "fabrics/dc1"), ParseCache())
    mirror.check()

    desired = source.read(source.fetch())

    assert desired.revision == Revision("main", commit) == source.last_fetched()
    assert [str(key) for key in desired.manifests] == ["VPC/vpc-1"]
    assert (desired.problems, desired.waiting_in_raw) == ((), 1)


def test_a_fetch_without_news_is_cheap(repository: Repository, mirror: Mirror) -> None:
    """When the branch stands still, nothing is downloaded: only its tip is asked for."""
    repository.push_files({"a": "1\n"})
    first = mirror.fetch()
    mark = repository.server.mark()

    assert mirror.fetch() == first
    assert len(repository.server.requests_since(mark)) <= 3


def test_the_password_of_a_variable(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password may stand in an environment variable."""
    repository.push_files({"a": "1\n"})
    server = repository.server
    monkeypatch.setenv("LAB_GIT_PASSWORD", server.password)
    remote = GitRemote(
        "gitops",
        repository.url,
        "main",
        server.username,
        password_env="LAB_GIT_PASSWORD",
        ca_file=server.ca_file,
    )

    assert Mirror(remote, tmp_path / "mirror").fetch()


def test_a_wrong_password_is_refused_until_it_is_right(
    repository: Repository,
    mirror: Mirror,
    password_file: Path,
) -> None:
    """A rotated password is used by the very next call; the refused one is in no message."""
    commit = repository.push_files({"a": "1\n"})
    right = password_file.read_text()
    password_file.write_text("canary-wrong-password\n")
    for call in (mirror.fetch, mirror.check):
        with pytest.raises(GitAccessError, match="Authentication failed") as caught:
            call()
        assert "canary" not in str(caught.value)

    password_file.write_text(right)

    assert mirror.fetch() == Revision("main", commit)


def test_no_password_is_refused(repository: Repository, tmp_path: Path) -> None:
    """Where the host wants credentials and none are configured, nobody is asked at a terminal."""
    remote = GitRemote("gitops", repository.url, "main", ca_file=repository.server.ca_file)

    with pytest.raises(GitAccessError, match="could not read Username"):
        Mirror(remote, tmp_path / "mirror").fetch()


def test_an_untrusted_authority_is_refused(
    repository: Repository,
    password_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host whose certificate another authority signed gets no request, whatever the environment says."""
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(repository.server.ca_file))
    Authority(tmp_path / "other")
    mark = repository.server.mark()
    other_authority = _remote(repository, password_file, tmp_path / "other" / "ca.crt")
    for remote in (other_authority, replace(other_authority, ca_file=None)):
        with pytest.raises(GitAccessError, match="certificate"):
            Mirror(remote, tmp_path / "mirror").fetch()

    assert repository.server.requests_since(mark) == []


def test_an_absent_authority_file_is_named(repository: Repository, password_file: Path, tmp_path: Path) -> None:
    """A CA file that is not there is told by its path."""
    mirror = Mirror(_remote(repository, password_file, tmp_path / "absent.crt"), tmp_path / "mirror")

    with pytest.raises(GitAccessError, match=r"there is no CA file .*absent\.crt"):
        mirror.fetch()


def test_an_unknown_repository_is_refused(git_server: GitServer, password_file: Path, tmp_path: Path) -> None:
    """404 stalls: only a change of configuration or host can help."""
    mirror = Mirror(_remote(git_server.repository("nowhere"), password_file), tmp_path / "mirror")

    with pytest.raises(GitAccessError, match=r"nowhere\.git: .*not found"):
        mirror.fetch()


def test_an_outage_passes(repository: Repository, mirror: Mirror, git_server: GitServer) -> None:
    """While the server is stopped fetches are unavailable and the last tip is known; afterwards they go on."""
    first = repository.push_files({"a": "1\n"})
    mirror.fetch()

    with outage(git_server):
        for call in (mirror.fetch, mirror.check):
            with pytest.raises(GitUnavailableError, match=r"127\.0\.0\.1"):
                call()
        assert mirror.tip() == Revision("main", first)

    second = repository.push_files({"a": "2\n"})
    assert mirror.fetch() == Revision("main", second)


def test_a_host_in_trouble_is_unavailable(repository: Repository, mirror: Mirror, git_server: GitServer) -> None:
    """503 may pass."""
    repository.push_files({"a": "1\n"})
    git_server.set_fault(repository.name, Fault.UNAVAILABLE)
    with pytest.raises(GitUnavailableError, match="503"):
        mirror.fetch()
    git_server.set_fault(repository.name, None)

    assert mirror.fetch()


def test_a_host_that_hangs_costs_the_timeout(
    repository: Repository,
    password_file: Path,
    git_server: GitServer,
    tmp_path: Path,
) -> None:
    """A call ends in time although the connection stands."""
    repository.push_files({"a": "1\n"})
    mirror = Mirror(_remote(repository, password_file), tmp_path / "mirror", timeout=1.0)
    mirror.fetch()
    git_server.set_fault(repository.name, Fault.HANG)
    start = time.monotonic()
    try:
        with pytest.raises(GitUnavailableError, match="did not end in time"):
            mirror.fetch()
        assert time.monotonic() - start < 5.0
    finally:
        git_server.set_fault(repository.name, None)


def test_an_empty_repository_and_an_absent_branch(repository: Repository, mirror: Mirror) -> None:
    """Both are BranchNotFoundError, until someone pushes the branch."""
    for found in (": the repository is empty", ""):
        for call in (mirror.fetch, mirror.check):
            with pytest.raises(BranchNotFoundError, match=f"there is no branch main{found}$"):
                call()
        repository.push_files({"a": "1\n"}, branch="other")

    commit = repository.push_files({"a": "1\n"})
    assert mirror.fetch() == Revision("main", commit)
