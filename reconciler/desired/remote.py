"""Where a repository is and how we show who we are there: checked values, no I/O but reading a password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from reconciler.errors import ConfigurationError, GitAccessError
from reconciler.model.ssh import SshAddress, check_ssh_user, is_ssh, parse_ssh

if TYPE_CHECKING:
    from pathlib import Path

_BRANCH = re.compile(r"[A-Za-z0-9._/-]{1,200}")
_URL = re.compile(r"[!-~]{1,2000}")
_FORBIDDEN_IN_BRANCH = ("..", "@{", "//", "/.", "/-", ".lock/")
_LARGEST_SECRET = 64 * 1024


@dataclass(frozen=True, slots=True)
class GitRemote:
    """A repository and one branch of it.

    Password and key are in a file or an environment variable and are read anew for each call, so they can be rotated.
    `ca_file` (PEM) replaces the system's certificate authorities. Over ssh there must be a key and `known_hosts_file`,
    and `username` counts where the URL names no user. `allow_local` also admits `file` URLs, and plain `http` to a
    loopback address. Raises ConfigurationError for anything that must not reach git's command line.
    """

    name: str
    url: str
    branch: str
    username: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    ca_file: Path | None = None
    allow_local: bool = False
    ssh_key_file: Path | None = None
    ssh_key_env: str | None = None
    known_hosts_file: Path | None = None

    def __post_init__(self) -> None:
        if is_ssh(self.url):
            self._check_ssh()
        else:
            _check_url(self.name, self.url, allow_local=self.allow_local)
        _check_branch(self.name, self.branch)

    def _check_ssh(self) -> None:
        try:
            parse_ssh(self.url)
        except ValueError as error:
            raise ConfigurationError(f"repository {self.name}: url: {error}") from None
        try:
            check_ssh_user(self.username or "git")
        except ValueError as error:
            raise ConfigurationError(f"repository {self.name}: username: {error}") from None
        if self.known_hosts_file is None:
            raise ConfigurationError(f"repository {self.name}: ssh needs a file of known hosts")
        if self.ssh_key_file is None and self.ssh_key_env is None:
            raise ConfigurationError(f"repository {self.name}: ssh needs a key")

    @property
    def ssh(self) -> SshAddress | None:
        """The address over ssh; None where the URL is another one."""
        return parse_ssh(self.url) if is_ssh(self.url) else None

    @property
    def scheme(self) -> str:
        return "ssh" if is_ssh(self.url) else self._parts.scheme

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
        if self.ssh is not None:
            return self.ssh.place
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
        content = self._secret("password", self.password_file, self.password_env)
        if content is None:
            return None
        try:
            return content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise GitAccessError(
                f"{self.place}: the password {_source(self.password_file, self.password_env)}: not UTF-8"
            ) from None

    def ssh_key(self) -> bytes:
        """The private key as it is now, empty where none is configured. One from a variable has the line ends that ssh
        asks for, which such places tend to lose.

        Raises GitAccessError, naming the file or the variable, when it cannot be read.
        """
        content = self._secret("key", self.ssh_key_file, self.ssh_key_env) or b""
        return content if self.ssh_key_file is not None else b"\n".join([*content.splitlines(), b""])

    @property
    def ssh_key_source(self) -> str:
        """Where the private key is, for messages."""
        return _source(self.ssh_key_file, self.ssh_key_env)

    def _secret(self, what: str, file: Path | None, variable: str | None) -> bytes | None:
        try:
            if file is not None:
                with file.open("rb") as opened:
                    return opened.read(_LARGEST_SECRET)
            return None if variable is None else os.environb[os.fsencode(variable)]
        except OSError as error:
            raise GitAccessError(f"{self.place}: the {what} {_source(file, variable)}: {error.strerror}") from None
        except KeyError:
            raise GitAccessError(f"{self.place}: the {what} {_source(file, variable)}: it is not set") from None


def _source(file: Path | None, variable: str | None) -> str:
    return f"file {file}" if file is not None else f"in the variable {variable}"


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
