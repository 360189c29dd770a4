"""Control of the lab's Git server, and repositories on it."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import journal
from tests.lab.certificates import Authority
from tests.lab.commands import Command, run
from tests.lab.errors import LabError
from tests.lab.git_files import Fault, GitFiles, GitState
from tests.lab.ports import HOST, free_ports
from tests.lab.process import Background

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.progress import Progress

_PROJECT = Path(__file__).parents[2]
_START_TIMEOUT = 30.0
_CONNECT_TIMEOUT = 5.0
_GIT_TIMEOUT = 120.0


@dataclass(frozen=True)
class GitRequest:
    """One HTTP request that the server answered."""

    method: str
    path: str
    query: str
    code: int


class GitServer:
    """Bare repositories behind HTTPS with basic authentication, writable, with an authority of their own."""

    name = "git"

    def __init__(self, folder: Path) -> None:
        self._files = GitFiles(folder)
        self._process = Background(folder, "git")

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self._files.state().port}"

    @property
    def username(self) -> str:
        return self._files.state().username

    @property
    def password(self) -> str:
        return self._files.state().password

    @property
    def ca_file(self) -> Path:
        """The authority's certificate in PEM."""
        return self._files.certificates / "ca.crt"

    def needed_programs(self) -> set[str]:
        return {"git"}

    def up(self, progress: Progress) -> None:
        if not self.exists():
            self._files.repositories.mkdir(parents=True, exist_ok=True)
            Authority(self._files.certificates).issue_server("server")
            (port,) = free_ports(1)
            self._files.set_state(GitState(port, username="lab", password=secrets.token_urlsafe(16)))
        if not self.is_running():
            progress.say("starting the Git server")
            self.start()

    def down(self) -> None:
        self.stop()
        shutil.rmtree(self._files.folder, ignore_errors=True)

    def exists(self) -> bool:
        return self._files.exists()

    def is_running(self) -> bool:
        return self._process.is_running()

    def stop(self) -> None:
        self._process.stop()

    def start(self) -> None:
        command: Command = [sys.executable, "-m", "tests.lab.git_http", self._files.folder]
        self._process.start(command, cwd=_PROJECT)
        self._process.wait_until(self._connect, timeout=_START_TIMEOUT)

    def variables(self) -> dict[str, str]:
        return {
            "GIT_URL": self.url,
            "GIT_USERNAME": self.username,
            "GIT_PASSWORD": self.password,
            "GIT_CA_FILE": str(self.ca_file),
        }

    def create_repository(self, name: str) -> str:
        """Make an empty bare repository with HEAD at `main`; its URL. Raises `LabError` when it exists."""
        repository = self.repository(name)
        if repository.path.exists():
            raise LabError(f"repository {name} exists")
        run(["git", "init", "--quiet", "--bare", "-b", "main", repository.path], timeout=_GIT_TIMEOUT)
        run(["git", "-C", repository.path, "config", "http.receivepack", "true"], timeout=_GIT_TIMEOUT)
        return repository.url

    def repository(self, name: str) -> Repository:
        """A handle of the repository, whether or not it exists."""
        path = self._files.repositories / f"{name}.git"
        return Repository(name, f"{self.url}/{name}.git", path, self._files.clones / name, self)

    def delete_repository(self, name: str) -> None:
        """Remove it, the fault set for it and the clone that `Repository.push_files` used."""
        repository = self.repository(name)
        self.set_fault(name, None)
        shutil.rmtree(repository.path)
        shutil.rmtree(repository.clone, ignore_errors=True)

    def set_fault(self, name: str, fault: Fault | None) -> None:
        """Mistreat each later request for the repository; None ends that."""
        faults = {other: present for other, present in self._files.faults().items() if other != name}
        self._files.set_faults(faults if fault is None else {**faults, name: fault})

    def mark(self) -> int:
        """A moment, for `requests_since`."""
        return journal.length(self._files.journal)

    def requests_since(self, mark: int) -> list[GitRequest]:
        """The requests answered since the mark, oldest first; those whose answer a client has seen are all there."""
        return [GitRequest(**entry) for entry in journal.entries_since(self._files.journal, mark)]

    def environment(self, *, password: str | None = None, ca_file: Path | None = None) -> dict[str, str]:
        """Variables with which the command `git` reaches this server, and no setting of the user's.

        Give another password or authority to be refused.
        """
        credentials = f"{self.username}:{password or self.password}"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._files.folder),
            "NO_PROXY": HOST,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSL_CAINFO": str(ca_file or self.ca_file),
            "GIT_AUTHOR_NAME": "Lab",
            "GIT_AUTHOR_EMAIL": "lab@localhost",
            "GIT_COMMITTER_NAME": "Lab",
            "GIT_COMMITTER_EMAIL": "lab@localhost",
            # in the environment, because a password in an argument or URL can be read by every user
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}",
        }

    def _connect(self) -> None:
        context = ssl.create_default_context(cafile=self.ca_file)
        try:
            with (
                socket.create_connection((HOST, self._files.state().port), _CONNECT_TIMEOUT) as plain,
                context.wrap_socket(plain, server_hostname=HOST),
            ):
                return
        except OSError as error:
            raise LabError(f"no TLS connection: {error}") from error


@dataclass(frozen=True)
class Repository:
    """One repository on the server."""

    name: str
    url: str
    path: Path
    """The bare repository; tests may write hooks there."""
    clone: Path
    """Where `push_files` works."""
    server: GitServer

    def push_files(self, files: Mapping[str, str | None], *, message: str = "Change", branch: str = "main") -> str:
        """Commit texts by path (None removes) on top of the branch as the server has it, and push; the commit's id.

        Goes over HTTPS like anyone's push. An absent branch begins with this commit.
        """
        self._check_out(branch)
        for path, text in files.items():
            place = self.clone / path
            if text is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return self._git("rev-parse", "HEAD").strip()

    def _check_out(self, branch: str) -> None:
        if not self.clone.exists():
            self.clone.mkdir(parents=True)
            self._git("init", "--quiet")
            self._git("remote", "add", "origin", self.url)
        self._git("fetch", "--quiet", "--prune", "origin")
        known = self._git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin").split()
        if branch in known:
            self._git("checkout", "--quiet", "--force", "-B", branch, f"origin/{branch}")
            self._git("clean", "--quiet", "-dffx")
        else:
            self._git("checkout", "--quiet", "--orphan", branch)

    def _git(self, *arguments: str) -> str:
        return run(["git", *arguments], timeout=_GIT_TIMEOUT, env=self.server.environment(), cwd=self.clone)
