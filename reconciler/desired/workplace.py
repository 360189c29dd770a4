"""The private directory in which git works for us: made by us, open to nobody else, or made again."""

from __future__ import annotations

import json
import os
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MARK = "mirror.json"
_ASKPASS = "askpass"
SIGNING = "signing"
"""The folder in which a key is for as long as a commit takes."""

_LARGEST = 64 * 1024
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"

ASKPASS_SCRIPT = """\
#!/bin/sh
# Answers what git asks about the configured host, and about no other: a redirect must not carry the password away.
case "$1" in
"Username for '$RECONCILER_GIT_HOST': ")
  printf '%s\\n' "$RECONCILER_GIT_USERNAME" ;;
"Password for '$RECONCILER_GIT_LOGIN': " | "Password for '$RECONCILER_GIT_LOGIN_ENCODED': ")
  if [ -n "$RECONCILER_GIT_PASSWORD_FILE" ]; then
    cat -- "$RECONCILER_GIT_PASSWORD_FILE"
  else
    printf '%s\\n' "$RECONCILER_GIT_PASSWORD"
  fi ;;
*)
  exit 1 ;;
esac
"""
"""Git takes the first line of the answer."""


class Workplace:
    """A directory for the mirror of one URL. All methods raise OSError."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.askpass = directory / _ASKPASS
        self.repository = directory / "repository"
        self.replacement = directory / "replacement"
        self.ssh = directory / "ssh"
        self._url = url

    def ensure(self) -> None:
        """Make the directory, unless it is there as we made it: owner, mode, inode and URL. Else what is there is
        removed first: it may be another repository's, or planted.
        """
        if not self._is_ours():
            remove(self.directory)
            self.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.mkdir(mode=0o700)
            self.directory.chmod(0o700)
            self._write_mark()
        if _content(self.askpass) != ASKPASS_SCRIPT:
            write(self.askpass, ASKPASS_SCRIPT, 0o700)
        remove(self.replacement)
        # What a process left that was killed while it held a key there.
        remove(self.ssh)
        remove(self.directory / SIGNING)

    def make(self, repository: Path) -> None:
        """Make an empty bare repository, unless it is there; and give it our configuration in any case, and nothing
        else, so that none can be planted in there. No template of the system's has a part in it.
        """
        for part in ("objects", "refs"):
            (repository / part).mkdir(parents=True, exist_ok=True)
        for name, content in (("HEAD", "ref: refs/heads/main\n"), ("config", _CONFIG)):
            if _content(repository / name) != content:
                write(repository / name, content, 0o600)

    def replace(self) -> None:
        """Put the replacement in the repository's place."""
        remove(self.repository)
        self.replacement.rename(self.repository)

    def _is_ours(self) -> bool:
        try:
            found = self.directory.lstat()
        except FileNotFoundError:
            return False
        is_private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700  # noqa: PLR2004 - rwx for us
        return is_private and found.st_uid == os.geteuid() and _content(self.directory / _MARK) == self._mark()

    def _mark(self) -> str:
        return json.dumps({"url": self._url, "inode": self.directory.lstat().st_ino})

    def _write_mark(self) -> None:
        write(self.directory / _MARK, self._mark(), 0o600)


def _content(path: Path) -> str | None:
    """A small text file of ours; None when it is absent, no plain file, or holds something else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_LARGEST).decode()
    except (OSError, UnicodeDecodeError):
        return None


def write(path: Path, text: str, mode: int) -> None:
    """Write a new file with this mode in the place of whatever is there."""
    remove(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)


def remove(path: Path) -> None:
    """Remove a file, a link (not what it points to), or a directory with all in it. Absent is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
