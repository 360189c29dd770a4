"""Secrets, read from where they are kept each time they are used, so that a rotated one is found."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import ConfigurationError
from reconciler.settings.known_secrets import note
from reconciler.settings.kubeconfig import note_credentials, secret_files

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_SECRET = 64 * 1024
"""Bytes. Certificates and keys are a few thousand; reading is bounded."""

LARGEST_KUBECONFIG = 1024 * 1024
"""Bytes of a kubeconfig that are looked at; a larger one is refused where it is used."""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is: a file, or an environment variable. Never the secret itself, so that it can be shown."""

    file: Path | None = None
    env: str | None = None

    def read(self) -> bytes:
        """The secret as it is now, without one trailing line end.

        Raises ConfigurationError, naming file or variable, where it is gone, unreadable, empty or larger than 64 KiB.
        """
        try:
            return read_file(self.file) if self.file is not None else read_variable(self.env or "")
        except UnusableError as error:
            raise ConfigurationError(f"{self.file or self.env}: {error}") from None

    @classmethod
    def of(cls, file: Path | None, env: str | None) -> SecretSource | None:
        """None where neither is configured."""
        return None if file is None and env is None else cls(file, env)


class UnusableError(Exception):
    """Why a secret cannot be used. Names neither its place nor its value."""


def read_file(path: Path) -> bytes:
    """A small file, without one trailing line end. Raises UnusableError."""
    return _checked(_start_of(path, LARGEST_SECRET + 1))


def check_file(path: Path) -> None:
    """Look whether a file of any size can be read and is not empty. Raises UnusableError."""
    if not _start_of(path, 1):
        raise UnusableError("empty")


def check_kubeconfig(path: Path) -> None:
    """Look whether a kubeconfig can be read and is not empty, and remember what is secret in it. Raises
    UnusableError.
    """
    content = _start_of(path, LARGEST_KUBECONFIG)
    if not content:
        raise UnusableError("empty")
    note_credentials(content)


def files_of_kubeconfig(path: Path, context: str | None) -> tuple[Path, ...]:
    """The files with secrets that a kubeconfig names for this context (None: the current one). None where it cannot be
    read.
    """
    try:
        content = _start_of(path, LARGEST_KUBECONFIG)
    except UnusableError:
        return ()
    return tuple(path.parent / name for name in secret_files(content, context))


def _start_of(path: Path, size: int) -> bytes:
    try:
        # A pipe would block, and could not be read again.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnusableError("not a regular file")
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise UnusableError((error.strerror or "not readable").lower()) from None


def read_variable(name: str) -> bytes:
    """An environment variable, without one trailing line end. Raises UnusableError."""
    value = os.environ.get(name)
    if value is None:
        raise UnusableError("the environment variable is not set")
    return _checked(os.fsencode(value))


def is_world_readable(path: Path) -> bool:
    """Whether every user of the machine may read the file. One that cannot be looked at is not: reading it will say
    why.
    """
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _checked(content: bytes) -> bytes:
    if len(content) > LARGEST_SECRET:
        raise UnusableError(f"larger than {LARGEST_SECRET} bytes")
    line = content.removesuffix(b"\n")
    secret = line.removesuffix(b"\r") if line != content else content
    if not secret:
        raise UnusableError("empty")
    note(secret)
    return secret
