"""Where a repository is and how we show who we are there: checked values, no I/O but reading a password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from reconciler.errors import ConfigurationError, GitAccessError

if TYPE_CHECKING:
    from pathlib import Path

_BRANCH = re.compile(r"[A-Za-z0-9._/-]{1,200}")
_URL = re.compile(r"[!-~]{1,2000}")
_FORBIDDEN_IN_BRANCH = ("..", "@{", "//", "/.", "/-", ".lock/")
_LONGEST_PASSWORD = 64 * 1024


@dataclass(frozen=True, slots=True)
class GitRemote:
    """A repository and one branch of it.

    The password is in a file or an environment variable and is read anew for each call, so it can be rotated.
    `ca_file` (PEM) replaces the system's certificate authorities. `allow_local` also admits `file` URLs, and plain
    `http` to a loopback address. Raises ConfigurationError for anything that must not reach git's command line.
    """

    name: str
    url: str
    branch: str
    username: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    ca_file: Path | None = None
    allow_local: bool = False

    def __post_init__(self) -> None:
        _check_url(self.name, self.url, allow_local=self.allow_local)
        _check_branch(self.name, self.branch)

    @property
    def scheme(self) -> str:
        return self._parts.scheme

    @property
    def host(self) -> str:
        """Host and port as the URL spells them; empty for a file."""
        return self._parts.netloc

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine, which no proxy can reach for us."""
        return bool(self._parts.hostname) and _is_loopback(self._parts.hostname)

    @property
    def place(self) -> str:
        """Host and repository, for messages."""
        return f"{self._parts.netloc}{self._parts.path}"

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    def password(self) -> str | None:
        """The password as it is now, without its trailing newline; None where none is configured.

        Raises GitAccessError, naming the file or the variable, when it cannot be read.
        """
        try:
            if self.password_file is not None:
                with self.password_file.open("rb") as file:
                    text = file.read(_LONGEST_PASSWORD).decode()
            elif self.password_env is not None:
                text = os.environ[self.password_env]
            else:
                return None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise GitAccessError(f"{self.place}: the password file {self.password_file}: {reason}") from None
        except KeyError:
            raise GitAccessError(
                f"{self.place}: the variable {self.password_env} with the password is not set"
            ) from None
        return text.removesuffix("\n").removesuffix("\r")


def _check_branch(name: str, branch: str) -> None:
    if (
        not _BRANCH.fullmatch(branch)
        or branch[0] in "-./"
        or branch.endswith((".", "/", ".lock"))
        or any(part in branch for part in _FORBIDDEN_IN_BRANCH)
    ):
        raise ConfigurationError(f"repository {name}: {branch[:100]!r} is not usable as the name of a branch")


def _check_url(name: str, url: str, *, allow_local: bool) -> None:
    place = f"repository {name}: url"
    if not _URL.fullmatch(url):
        raise ConfigurationError(f"{place}: blanks and characters beyond ASCII are not allowed")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"{place}: not a URL") from None
    if "@" in parts.netloc:
        raise ConfigurationError(f"{place}: must not contain a user name or a password")
    if parts.query or parts.fragment or not parts.path.strip("/"):
        raise ConfigurationError(f"{place}: must end with the path of a repository")
    _check_scheme(place, parts, host, allow_local=allow_local)


def _check_scheme(place: str, parts: SplitResult, host: str | None, *, allow_local: bool) -> None:
    if parts.scheme == "https":
        if not host:
            raise ConfigurationError(f"{place}: names no host")
    elif parts.scheme not in ("http", "file"):
        raise ConfigurationError(f"{place}: must start with https://")
    elif not allow_local:
        raise ConfigurationError(f"{place}: {parts.scheme} is for development only: it needs allow_local")
    elif parts.scheme == "file" and parts.netloc:
        raise ConfigurationError(f"{place}: a file URL has three slashes and names no host")
    elif parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"{place}: plain http is for loopback addresses only: use https")


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
