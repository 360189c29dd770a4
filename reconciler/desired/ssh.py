"""How git calls ssh: with our key and our file of host keys, and with nothing of the machine's or a user's own.

Git runs the command by a shell. It is the same text for every repository, but for numbers: names of files travel in no
command line, but lie under plain names in a folder of ours, in which ssh runs.
"""

from __future__ import annotations

import math
import os
import shutil
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.desired.workplace import remove, write
from reconciler.errors import ConfigurationError, GitAccessError
from reconciler.model.ssh import refused_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.desired.remote import GitRemote

KEY, KNOWN_HOSTS = "key", "known_hosts"
"""Names in the folder."""

_FOLDER = "RECONCILER_SSH_FOLDER"
_USER = "RECONCILER_SSH_USER"
_LONGEST_CONNECT = 30.0
_LONGEST_SILENCE = 60.0
_QUESTIONS = 4
"""How often a silent host is asked for a sign of life before it is given up."""

_OPTIONS = (
    "StrictHostKeyChecking=yes",
    f"UserKnownHostsFile={KNOWN_HOSTS}",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "CheckHostIP=no",
    "VerifyHostKeyDNS=no",
    "CanonicalizeHostname=no",
    f"IdentityFile={KEY}",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "AddKeysToAgent=no",
    "BatchMode=yes",
    "PubkeyAuthentication=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "HostbasedAuthentication=no",
    "GSSAPIAuthentication=no",
    "ProxyCommand=none",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    # No banner of the host's, which would stand among the reasons of a failure.
    "LogLevel=ERROR",
)


@contextmanager
def ssh_environment(remote: GitRemote, folder: Path, timeout: float) -> Iterator[dict[str, str]]:
    """Variables with which git reaches the remote over ssh, while the block runs; none for other remotes. `folder` is
    made, and removed at the end. `timeout` is in seconds, for one call.

    Raises GitAccessError for a key or known hosts that cannot be used, ConfigurationError without ssh, and OSError.
    """
    address = remote.ssh
    if address is None:
        yield {}
        return
    if shutil.which("ssh") is None:
        raise ConfigurationError(f"{remote.place}: ssh is not installed: Git over ssh needs OpenSSH's client")
    try:
        _lay_out(remote, folder)
        yield {
            "GIT_SSH_COMMAND": command(timeout),
            "GIT_SSH_VARIANT": "ssh",
            _FOLDER: str(folder),
            _USER: address.user or remote.username or "git",
        }
    finally:
        remove(folder)


def command(timeout: float) -> str:
    """What a shell runs in the place of ssh; git appends host and remote command."""
    connect = math.ceil(min(timeout, _LONGEST_CONNECT))
    silence = math.ceil(min(timeout, _LONGEST_SILENCE) / _QUESTIONS)
    limits = (f"ConnectTimeout={connect}", f"ServerAliveInterval={silence}", f"ServerAliveCountMax={_QUESTIONS}")
    options = " ".join(f"-o {option}" for option in (*_OPTIONS, *limits))
    return f'cd -- "${_FOLDER}" && exec ssh -F /dev/null {options} -l "${_USER}"'


def _lay_out(remote: GitRemote, folder: Path) -> None:
    key = remote.ssh_key()
    reason = refused_key(key)
    if reason is not None:
        raise GitAccessError(f"{remote.place}: the key {remote.ssh_key_source} {reason}", reason="GitKeyUnusable")
    remove(folder)
    folder.mkdir(mode=0o700)
    if remote.ssh_key_file is not None:
        _check_mode(remote, remote.ssh_key_file)
        (folder / KEY).symlink_to(remote.ssh_key_file.absolute())
    else:
        write(folder / KEY, key.decode("ascii", "replace"), 0o600)
    if remote.known_hosts_file is None or not remote.known_hosts_file.is_file():
        raise GitAccessError(f"{remote.place}: there is no file of known hosts {remote.known_hosts_file}")
    (folder / KNOWN_HOSTS).symlink_to(remote.known_hosts_file.absolute())


def _check_mode(remote: GitRemote, file: Path) -> None:
    """As ssh does, which says it in six lines of which none names the file."""
    found = file.stat()
    if found.st_uid == os.geteuid() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise GitAccessError(
            f"{remote.place}: the key file {file} is open to others (mode {mode}): ssh takes it with 0600 or 0400 only",
            reason="GitKeyUnusable",
        )
