"""Control of the lab's ssh server, which serves the Git server's repositories."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.commands import Command, run
from tests.lab.errors import LabError
from tests.lab.packages import locate
from tests.lab.ports import HOST, free_ports
from tests.lab.process import Background
from tests.lab.state import remember, remembered

if TYPE_CHECKING:
    from tests.lab.git_server import Repository
    from tests.lab.progress import Progress

_START_TIMEOUT = 30.0
_CONNECT_TIMEOUT = 5.0
_TOOL_TIMEOUT = 30.0
_SEPARATION = Path("/run/sshd")
"""The empty folder in which sshd, as root, keeps what strangers talk to; gone with each start of the machine."""

_CONFIGURATION = """\
Port {port}
ListenAddress {host}
HostKey "{folder}/host_key"
AuthorizedKeysFile "{folder}/authorized_keys"
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
DisableForwarding yes
PermitUserRC no
MaxStartups 100
LogLevel VERBOSE
ForceCommand exec git-shell -c "$SSH_ORIGINAL_COMMAND"
"""


_NO_PENALTIES = "PerSourcePenalties no\n"
"""For OpenSSH 9.8 and newer, which would shut us out after a few refusals; older ones do not know it."""


@dataclass(frozen=True)
class SshState:
    port: int
    user: str


def make_key(path: Path, *, passphrase: str = "") -> Path:
    """Make a pair of keys: the private one here, the public one beside it with `.pub`."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "lab", "-f", path], timeout=_TOOL_TIMEOUT)
    return path


def _make_separation() -> None:
    if os.geteuid() == 0:
        _SEPARATION.mkdir(mode=0o755, exist_ok=True)


class SshServer:
    """The OpenSSH server on a port of its own, with a host key and one authorized key of its own, for this user and
    for nothing but Git.
    """

    name = "ssh"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state_file = folder / "state.json"
        self._configuration = folder.absolute() / "sshd_config"
        self._process = Background(folder, "sshd")

    @property
    def url(self) -> str:
        return f"ssh://{self._state().user}@{HOST}:{self._state().port}"

    @property
    def known_as(self) -> str:
        """The host as a file of known hosts spells it."""
        return f"[{HOST}]:{self._state().port}"

    @property
    def key_file(self) -> Path:
        """The private key that is let in."""
        return self._folder / "key"

    @property
    def known_hosts_file(self) -> Path:
        return self._folder / "known_hosts"

    def url_of(self, repository: Repository) -> str:
        """The address of a repository of the Git server beside this one."""
        return f"{self.url}{repository.path}"

    def known_hosts(self, key: Path) -> str:
        """The line of a file of known hosts by which this server would have another key."""
        kind, content, _ = key.with_suffix(".pub").read_text("ascii").split()
        return f"{self.known_as} {kind} {content}\n"

    def needed_programs(self) -> set[str]:
        return {"git", "sshd", "ssh", "ssh-keygen"}

    def up(self, progress: Progress) -> None:
        if not self.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            for name in ("host_key", "key"):
                make_key(self._folder / name)
            shutil.copy(self._folder / "key.pub", self._folder / "authorized_keys")
            (port,) = free_ports(1)
            remember(self._state_file, SshState(port, getpass.getuser()))
            self.known_hosts_file.write_text(self.known_hosts(self._folder / "host_key"), encoding="ascii")
            _make_separation()
            self._configure(port)
        if not self.is_running():
            progress.say("starting the ssh server")
            self.start()

    def down(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def exists(self) -> bool:
        return self._state_file.exists()

    def is_running(self) -> bool:
        return self._process.is_running()

    def stop(self) -> None:
        self._process.stop()

    def start(self) -> None:
        _make_separation()
        command: Command = [locate("sshd"), "-D", "-e", "-f", self._configuration]
        self._process.start(command)
        self._process.wait_until(self._connect, timeout=_START_TIMEOUT)

    def variables(self) -> dict[str, str]:
        return {
            "SSH_URL": self.url,
            "SSH_KEY_FILE": str(self.key_file),
            "SSH_KNOWN_HOSTS_FILE": str(self.known_hosts_file),
        }

    def _configure(self, port: int) -> None:
        usual = _CONFIGURATION.format(port=port, host=HOST, folder=self._folder.absolute())
        for text in (usual + _NO_PENALTIES, usual):
            self._configuration.write_text(text, encoding="utf-8")
            try:
                run([locate("sshd"), "-t", "-f", self._configuration], timeout=_TOOL_TIMEOUT)
            except LabError:
                if text == usual:
                    raise
            else:
                return

    def _state(self) -> SshState:
        found = remembered(self._state_file, SshState)
        if found is None:
            raise LabError("the ssh server is not up: make lab")
        return found

    def _connect(self) -> None:
        try:
            with socket.create_connection((HOST, self._state().port), _CONNECT_TIMEOUT) as connection:
                greeting = connection.recv(4)
        except OSError as error:
            raise LabError(f"no connection: {error}") from error
        if greeting != b"SSH-":
            raise LabError("what answers is no ssh server")
