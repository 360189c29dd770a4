"""Addresses of repositories over ssh, and keys: what may be, judged from the text alone."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import urlsplit

DEFAULT_PORT = 22

_SCP_LIKE = re.compile(r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9._-]+):(?!//)(?P<path>.*)", re.DOTALL)
_SCHEMES = ("ssh://", "git+ssh://", "ssh+git://")
_NOT_HOSTS = frozenset({"ext", "fd", "file", "ftp", "ftps", "git", "http", "https", "ssh"})
"""What a colon with one slash behind it, or with two colons, makes of a mistyped URL or of another transport."""

_TEXT = re.compile(r"[!-~]{1,2000}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_PATH = re.compile(r"(?:[A-Za-z0-9._~+@=,/-]|%(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e]))+")

_ENVELOPE = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_MAGIC = b"openssh-key-v1\0"
_NO_CIPHER = b"\0\0\0\4none"
_ENCRYPTED = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


@dataclass(frozen=True, slots=True)
class SshAddress:
    """A repository over ssh. `user` and `port` are None where the address names none."""

    user: str | None
    host: str
    port: int | None
    path: str
    """Without slashes around it."""

    @property
    def place(self) -> str:
        """Host and repository, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}/{self.path}" if self.port in (None, DEFAULT_PORT) else f"{host}:{self.port}/{self.path}"

    @property
    def known_as(self) -> str:
        """The host as a file of known hosts spells it."""
        return self.host if self.port in (None, DEFAULT_PORT) else f"[{self.host}]:{self.port}"


def is_ssh(url: str) -> bool:
    """Whether Git would use ssh: `ssh://host/path`, or `host:path` with or without a user."""
    return url.startswith(_SCHEMES) or _SCP_LIKE.fullmatch(url) is not None


def parse_ssh(url: str) -> SshAddress:
    """The address, in which nothing can be taken for an option or a command: neither by git nor by ssh nor by a shell.

    Raises ValueError with a reason that does not quote the URL.
    """
    if not _TEXT.fullmatch(url):
        raise ValueError("must be a URL, without spaces and control characters")
    user, host, port, path = _of_url(url) if "://" in url else _of_scp(url)
    if user is not None:
        check_ssh_user(user)
    if not _is_host(host):
        raise ValueError("must name a host for ssh")
    bare = path.strip("/")
    if not bare:
        raise ValueError("must name a repository, not a server")
    if not _PATH.fullmatch(path) or bare[0] in "-%":
        raise ValueError("must end with a path of letters, digits and ._~+@=,/- for ssh, which does not begin with -")
    return SshAddress(user, host.lower(), port, bare)


def check_ssh_user(name: str) -> str:
    """A user over ssh. Raises ValueError."""
    if not _USER.fullmatch(name):
        raise ValueError("must name a user of letters, digits and ._- for ssh, and no password")
    return name


def _of_url(url: str) -> tuple[str | None, str, int | None, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        # Its text quotes the URL.
        raise ValueError("must be a URL") from None
    if parts.scheme != "ssh" or port == 0:
        raise ValueError("must be ssh://USER@HOST/PATH or USER@HOST:PATH for ssh")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("must not hold a query or a fragment")
    user, separator, _ = parts.netloc.rpartition("@")
    return user if separator else None, host, port, parts.path


def _of_scp(url: str) -> tuple[str | None, str, int | None, str]:
    found = _SCP_LIKE.fullmatch(url)
    if found is None or found["host"].lower() in _NOT_HOSTS:
        raise ValueError("must be a URL")
    return found["user"], found["host"], None, found["path"]


def _is_host(host: str) -> bool:
    try:
        return bool(_HOST.fullmatch(host)) or "%" not in str(IPv6Address(host))
    except ValueError:
        return False


def refused_key(key: bytes) -> str | None:
    """Why ssh cannot use the content of a file as a private key without asking anybody; None where it may."""
    if b"PRIVATE KEY-----" not in key:
        is_public = key.startswith((b"ssh-", b"ecdsa-", b"sk-")) or b"PUBLIC KEY-----" in key
        return "is a public key: the private one is needed" if is_public else "is not a private key"
    if any(mark in key for mark in _ENCRYPTED) or _has_cipher(key):
        return "has a passphrase, for which nobody can be asked"
    if b"\r" in key or not key.endswith(b"\n"):
        # ssh would say "error in libcrypto".
        return "needs the line ends of Unix, and one behind its last line"
    return None


def _has_cipher(key: bytes) -> bool:
    envelope = _ENVELOPE.search(key)
    if envelope is None:
        return False
    try:
        content = base64.b64decode(envelope[1])
    except binascii.Error:
        return False  # ssh says what it lacks
    return content.startswith(_MAGIC) and not content.startswith(_MAGIC + _NO_CIPHER)
