"""Keys that sign commits, in the hands of git for as long as one commit takes.

Whatever the permissions of the key's own file are, git gets a copy that is open to nobody else, in the mirror's private
directory, and no agent and no keyring of the user's.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from reconciler.desired.environment import is_passed_on
from reconciler.desired.git_answers import reason_of
from reconciler.desired.workplace import remove
from reconciler.errors import SigningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SigningFormat = Literal["ssh", "openpgp"]

_PROGRAMS: Mapping[SigningFormat, str] = {"ssh": "ssh-keygen", "openpgp": "gpg"}
_TIMEOUT = 30.0

_GPG_OPTIONS = "batch\nno-tty\npinentry-mode error\n"
"""Nobody is there who could be asked for a passphrase."""

_LONGEST_HOME = 80
"""Characters. The agent's socket is in it, whose path may have 107."""

_MOST_SOCKETS = 10

_FINGERPRINT = 9
"""The field of a line of `--with-colons`, counted from 0."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key without a passphrase. `place` names its file or variable; `read` gives it as it is now, and raises
    errors of reconciler.errors. The key itself never shows in a repr.
    """

    format: SigningFormat
    place: str
    read: Callable[[], bytes] = field(repr=False)

    def failed(self, reason: str, folder: Path | None = None) -> SigningError:
        """The error for a key by which nothing can be signed. Our copy of it, in `folder`, goes by its own name."""
        words = reason if folder is None else reason.replace(str(folder / _KEY), self.place)
        return SigningError(f"commits cannot be signed with the {self.format} key {self.place}: {words}")


class Signer(NamedTuple):
    """What a call of `git commit-tree` needs to sign: options before and behind the command, and variables."""

    options: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    explain: Callable[[str], SigningError] | None = None
    """The error for what git says when it fails; None: nothing is signed."""


_KEY = "key"


@contextmanager
def signer(key: SigningKey | None, folder: Path) -> Iterator[Signer]:
    """A signer until the end of the block, which alone uses `folder`: made for it, and removed with all in it.

    Raises SigningError, naming the key's file or variable, and what `key.read` raises.
    """
    if key is None:
        yield Signer()
        return
    content = key.read().replace(b"\r\n", b"\n") + b"\n"
    with _private(folder, is_short=key.format == "openpgp") as home:
        if key.format == "ssh":
            yield _ssh(key, content, home)
        else:
            try:
                yield _openpgp(key, content, home)
            finally:
                _end_agent(home)


@contextmanager
def _private(folder: Path, *, is_short: bool) -> Iterator[Path]:
    """The folder, or one with a shorter path where it has to be short."""
    if is_short and len(str(folder)) > _LONGEST_HOME:
        with tempfile.TemporaryDirectory(prefix="reconciler-signing-") as short:
            yield Path(short)
        return
    remove(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        _remove_beside_agent(folder)


def _remove_beside_agent(folder: Path) -> None:
    """An agent that ends removes its sockets itself, also while we do."""
    for _ in range(_MOST_SOCKETS):
        with suppress(FileNotFoundError):
            remove(folder)
            return
    remove(folder)


def _ssh(key: SigningKey, content: bytes, home: Path) -> Signer:
    file = home / _KEY
    _write(file, content)
    # What is wrong with a key is said better here: a signature is tried with others too, and those are spoken of.
    _run(key, home, "-y", "-P", "", "-f", str(file))
    env = {"SSH_AUTH_SOCK": "", "SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}
    return Signer(("-c", "gpg.format=ssh"), (f"-S{file}",), env, lambda said: _explain(key, said, home))


def _openpgp(key: SigningKey, content: bytes, home: Path) -> Signer:
    _write(home / "gpg.conf", _GPG_OPTIONS.encode())
    _gpg(key, home, "--import", stdin=content)
    listing = _gpg(key, home, "--with-colons", "--list-secret-keys").split(b"\n")
    fingerprints = [
        line.split(b":")[_FINGERPRINT].decode("ascii")
        for before, line in pairwise(listing)
        if before.startswith(b"sec:") and line.startswith(b"fpr:")
    ]
    if len(fingerprints) != 1:
        raise key.failed(f"it holds {len(fingerprints) or 'no'} private keys, and must hold one")
    # Git keeps to itself what gpg says when it does not sign.
    _gpg(key, home, "--local-user", fingerprints[0], "--detach-sign", stdin=b"\n")
    flags = (f"-S{fingerprints[0]}",)
    env = {"GNUPGHOME": str(home)}
    return Signer(("-c", "gpg.format=openpgp"), flags, env, lambda said: _explain(key, said, home))


def _gpg(key: SigningKey, home: Path, *args: str, stdin: bytes = b"") -> bytes:
    return _run(key, home, "--homedir", str(home), "--quiet", *args, stdin=stdin)


def _run(key: SigningKey, home: Path, *args: str, stdin: bytes = b"") -> bytes:
    """What the program of the key's format prints. Raises SigningError."""
    program = _PROGRAMS[key.format]
    try:
        done = subprocess.run(  # noqa: S603 - no word of it comes from outside
            [program, *args], input=stdin, capture_output=True, check=False, timeout=_TIMEOUT, env=_environment()
        )
    except FileNotFoundError:
        raise key.failed(f"{program} is not installed") from None
    except subprocess.TimeoutExpired:
        raise key.failed(f"{program} did not end in time") from None
    if done.returncode != 0:
        raise _explain(key, done.stderr.decode("utf-8", "replace"), home)
    return done.stdout


def _end_agent(home: Path) -> None:
    """Ours, of this home. Where gpgconf is missing it ends by itself, within a minute of the home's removal."""
    command = ["gpgconf", "--homedir", str(home), "--kill", "all"]
    try:
        subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT, env=_environment())  # noqa: S603
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if is_passed_on(name)} | {"LC_ALL": "C"}


def _explain(key: SigningKey, said: str, home: Path) -> SigningError:
    program = _PROGRAMS[key.format]
    if f"cannot run {program}" in said:
        return key.failed(f"{program} is not installed")
    lines = [line for line in said.split("\n") if line.strip() and not line.startswith(("fatal:", "hint:"))]
    # Git writes a question mark where ssh-keygen ends its lines with a carriage return.
    words = "; ".join(dict.fromkeys(line.removeprefix("error: ").strip().rstrip("?") for line in lines))
    return key.failed(reason_of(words.replace(f"{home}/", "") if key.format == "openpgp" else words), home)


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
