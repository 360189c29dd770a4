"""The branch main of a bare repository, as the suite of publishers looks at it, and pushes to it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class GitBranch:
    """`push` is how others push to it, and gives the commit; without it they are on the machine itself."""

    def __init__(self, directory: Path, push: Callable[[Mapping[str, str | None]], str] | None = None) -> None:
        self.directory = directory
        self.push = push or self._push

    def history(self) -> list[str]:
        if not self.git("for-each-ref", "refs/heads/main"):
            return []
        return self.git("rev-list", "--reverse", "refs/heads/main").split()

    def parents(self, commit: str) -> list[str]:
        return self.git("rev-list", "--parents", "-1", commit).split()[1:]

    def files(self, commit: str) -> dict[str, str]:
        names = [name for name in self.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0") if name]
        return {name: self.git("cat-file", "blob", f"{commit}:{name}") for name in names}

    def message(self, commit: str) -> str:
        return self.git("cat-file", "commit", commit).partition("\n\n")[2]

    def refuse(self) -> None:
        self.hook("pre-receive", "echo not on a Friday >&2; exit 1")

    def hook(self, name: str, script: str | None) -> None:
        """Let the server run this at each push; None: nothing any more."""
        file = self.directory / "hooks" / name
        file.unlink(missing_ok=True)
        if script is not None:
            file.parent.mkdir(exist_ok=True)
            draft = file.with_suffix(".draft")
            draft.write_text(f"#!/bin/sh\n{script}\n")
            draft.chmod(0o755)
            draft.rename(file)

    def _push(self, files: Mapping[str, str | None]) -> str:
        before = self.history()[-1:]
        head = "commit refs/heads/main\ncommitter Someone <a@example.com> 1700000000 +0000\ndata 0\n"
        parent = f"from {before[0]}\n" if before else ""
        self.git("fast-import", "--quiet", stdin=f"{head}{parent}{''.join(map(_change, files.items()))}\n")
        return self.history()[-1]

    def git(self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None) -> str:
        """Plain git in the repository, with nothing of this machine's configuration."""
        surroundings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            **(env or {}),
        }
        command = ["git", "-C", str(self.directory), *args]
        done = subprocess.run(
            command, input=stdin.encode(), capture_output=True, check=True, timeout=60, env=surroundings
        )
        return done.stdout.decode(errors="replace")


def _change(file: tuple[str, str | None]) -> str:
    path, text = file
    quoted = '"' + "".join(c if 0x20 < ord(c) < 0x7F and c not in '"\\' else _octal(c) for c in path) + '"'
    return f"D {quoted}\n" if text is None else f"M 100644 inline {quoted}\ndata {len(text.encode())}\n{text}\n"


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in char.encode())
