"""Hosts that refuse, fail or hang, and a git that is missing: each has its own error, in time."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import MINIMUM_GIT, GitRemote, Mirror, git_version
from reconciler.errors import BranchNotFoundError, ConfigurationError, GitAccessError, GitUnavailableError
from tests.processes.desired.origins import Origin, mirror_of

if TYPE_CHECKING:
    from tests.processes.desired.origins import Host


def test_a_host_that_does_not_answer_costs_the_timeout(tmp_path: Path) -> None:
    """A call ends in time, as unavailable, and leaves no process behind."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        mirror = mirror_of(url, tmp_path / "mirror", timeout=0.2)
        start = time.monotonic()

        with pytest.raises(GitUnavailableError, match=r"127.0.0.1:\d+/x.git: git did not end in time"):
            mirror.check()

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
        mirror = mirror_of(f"http://127.0.0.1:{silent.getsockname()[1]}/x.git", tmp_path / "mirror", timeout=0.5)
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


def _kill_git_at(word: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on something ends git whenever it is called with this word."""
    git = shutil.which("git")
    directory.mkdir()
    (directory / "git").write_text(f'#!/bin/sh\ncase "$*" in *{word}*) kill -9 $$;; esac\nexec {git} "$@"\n')
    (directory / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def test_git_that_is_killed_is_told(
    origin: Origin, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When something else ends git, that is said, and is no time-out."""
    origin.commit({"a": "1"})
    _kill_git_at("ls-remote", tmp_path / "bin", monkeypatch)

    with pytest.raises(GitUnavailableError, match="origin: git was ended by signal 9"):
        mirror.check()


def test_git_that_ends_before_its_end_is_noted_did_not_end_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock tells that git was ended for its time, where the note of it comes too late."""
    programs = {
        "git": 'case "$*" in *ls-remote*) sleep 0.5; kill -9 $$;; esac; echo git version 2.99.0',
        "pgrep": "sleep 1",  # asked for the children of git before it is ended for its time
    }
    for name, script in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    mirror = mirror_of("http://127.0.0.1:1/x.git", tmp_path / "mirror", timeout=0.2)

    with pytest.raises(GitUnavailableError, match="git did not end in time"):
        mirror.check()


@pytest.mark.parametrize("word", ["batch-check", "rev-list"])
def test_no_answer_is_not_another_history(
    origin: Origin, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """A look at the history that something ended is an error, and not the answer that a commit is no part of it."""
    commit = origin.commit({"a": "1"})
    revision = mirror.fetch()
    _kill_git_at(word, tmp_path / "bin", monkeypatch)

    with pytest.raises(GitUnavailableError, match="the mirror cannot be read"):
        mirror.ancestry([commit], revision)


def test_a_missing_branch_is_told_without_more(
    origin: Origin, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the remote cannot be asked what it has instead, the branch is missing all the same."""
    origin.commit({"a": "1"}, branch="trunk")
    _kill_git_at("ls-remote", tmp_path / "bin", monkeypatch)

    with pytest.raises(BranchNotFoundError, match=r"there is no branch main$"):
        mirror.fetch()


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
    mirror = mirror_of(f"http://127.0.0.1:{port}/net/gitops.git", tmp_path / "mirror")

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
    mirror = mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

    with pytest.raises(error):
        mirror.fetch()


def test_a_check_sorts_answers_too(host: Host, tmp_path: Path) -> None:
    """A check raises what a fetch would."""
    mirror = mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

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
    mirror = mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

    with pytest.raises(GitAccessError, match="not found"):
        mirror.fetch()


def test_a_page_in_gits_place_is_no_repository(host: Host, tmp_path: Path) -> None:
    """A login page with status 200, as a proxy serves it, is an outage, not an empty repository."""
    host.status, host.body = 200, b"<html>\n<p>Please log in\n</html>\n"
    mirror = mirror_of(f"{host.url}/net/gitops.git", tmp_path / "mirror")

    for call in (mirror.fetch, mirror.check):
        with pytest.raises(GitUnavailableError, match="is this a git repository"):
            call()


def test_the_installed_git_is_new_enough() -> None:
    """The version is read from git itself."""
    assert git_version() >= MINIMUM_GIT


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("#!/bin/sh\necho git version 2.38.9", "git 2.38.9 is too old: 2.39.1 or newer", id="old"),
        pytest.param("#!/bin/sh\necho git version 2.39", "git 2.39.0 is too old", id="without a patch level"),
        pytest.param("#!/bin/sh\nexit 1", "does not tell its version", id="broken"),
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
