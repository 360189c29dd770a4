"""Repositories to fetch from, and a Git host that answers as it is told: what tests of the mirror need."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from reconciler.desired.git import GitRemote, Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository."""

    commit: str = "1" * 40


Content = str | bytes | Link | Submodule


def git(directory: Path, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """Plain git, with nothing of this machine's configuration unless `env` brings it in; what it printed."""
    surroundings = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(directory), **(env or {})}
    done = subprocess.run(
        ["git", "-C", str(directory), *args],
        input=stdin,
        capture_output=True,
        check=True,
        timeout=60,
        env=surroundings,
    )
    return done.stdout.decode().strip()


class Origin:
    """A bare repository that is committed to without a worktree, so that it can hold what a worktree would refuse."""

    def __init__(self, directory: Path) -> None:
        (directory / "objects").mkdir(parents=True)
        (directory / "refs").mkdir()
        (directory / "HEAD").write_text("ref: refs/heads/main\n")
        (directory / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        self.directory = directory
        self._tips: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"file://{self.directory}"

    def commit(self, files: Mapping[str | bytes, Content], branch: str = "main", author: str = "Someone") -> str:
        """Make these files the whole content of a branch; the commit's id."""
        head = f"commit refs/heads/{branch}\nmark :1\ncommitter {author} <a@example.com> 1700000000 +0000\ndata 0\n"
        parent = f"from {self._tips[branch]}\n" if branch in self._tips else ""
        changes = b"".join(_change(path, content) for path, content in files.items())
        stream = f"{head}{parent}deleteall\n".encode() + changes + b"\nget-mark :1\n"
        self._tips[branch] = git(self.directory, "fast-import", "--quiet", "--cat-blob-fd=1", stdin=stream)
        return self._tips[branch]

    def commit_tree(self, entries: list[tuple[str, bytes, bytes]], branch: str = "main") -> str:
        """Commit one tree of (mode, name, content), names unchecked; the commit's id."""
        tree = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(self._store("blob", content))
            for mode, name, content in entries
        )
        person = "A <a@example.com> 1 +0000"
        commit = f"tree {self._store('tree', tree)}\nauthor {person}\ncommitter {person}\n\n"
        commit = self._store("commit", commit.encode())
        self.reset(commit, branch)
        return commit

    def _store(self, kind: str, content: bytes) -> str:
        return git(self.directory, "hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=content)

    def reset(self, commit: str, branch: str = "main") -> None:
        """Move a branch, as a forced push does."""
        self._tips[branch] = commit
        git(self.directory, "update-ref", f"refs/heads/{branch}", commit)


def _change(path: str | bytes, content: Content) -> bytes:
    name = path.encode() if isinstance(path, str) else path
    quoted = b'"' + b"".join(bytes([c]) if 0x20 < c < 0x7F and c not in b'"\\' else b"\\%03o" % c for c in name) + b'"'
    if isinstance(content, Submodule):
        return f"M 160000 {content.commit} ".encode() + quoted + b"\n"
    mode = b"120000" if isinstance(content, Link) else b"100644"
    text = content.target if isinstance(content, Link) else content
    data = text.encode() if isinstance(text, str) else text
    return b"M " + mode + b" inline " + quoted + b"\ndata %d\n" % len(data) + data + b"\n"


def mirror_of(url: str, directory: Path, timeout: float = 20.0) -> Mirror:
    """A mirror of the branch main, local URLs allowed."""
    return Mirror(GitRemote("gitops", url, "main", allow_local=True), directory, timeout)


@dataclass
class Host:
    """A host that answers every request with one status, and remembers what it was asked and by whom."""

    port: int
    status: int = 401
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    """`user:password` of each request that carried them."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def run_host() -> Iterator[Host]:
    """A host on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.requests.append(self.path)
            kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
            if kind == "Basic":
                host.logins.append(base64.b64decode(credentials).decode())
            self.send_response(host.status)
            for name, value in {"WWW-Authenticate": 'Basic realm="git"', **host.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(host.body)))
            self.end_headers()
            self.wfile.write(host.body)

        def log_message(self, *args: object) -> None:
            """Not to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
