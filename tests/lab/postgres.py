"""A private PostgreSQL cluster, apart from any that the machine has."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.commands import run
from tests.lab.packages import locate
from tests.lab.ports import HOST

if TYPE_CHECKING:
    from tests.lab.commands import Command
    from tests.lab.process import Background

PROGRAMS = {"initdb"}
ROLE = "netbox"
_START_TIMEOUT = 60.0
_QUERY_TIMEOUT = 120.0
# nothing here has to survive a crash, so nothing waits for a disk
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "60",
    "jit": "off",
}


def make_folder() -> Path:
    """An empty folder that the cluster's system user owns and reaches, whoever else may not enter the lab's folder."""
    folder = Path(tempfile.mkdtemp(prefix="reconciler-lab-postgres-"))
    user = system_user()
    if user is not None:
        shutil.chown(folder, user, user)
    return folder


def system_user() -> str | None:
    """PostgreSQL refuses to run as root, so then another user is taken; None: the present user."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Postgres:
    """One cluster in a folder from `make_folder`, with one superuser, `netbox`, known by a password."""

    def __init__(self, folder: Path, port: int, password: str, process: Background) -> None:
        self._data = folder / "data"
        self._port = port
        self._password = password
        self._process = process
        # its other programs stand beside the real one, not beside a link to it
        self._programs = locate("initdb").resolve().parent

    def start(self) -> None:
        """Make the cluster if there is none, start it if it does not run, wait until it answers."""
        user = system_user()
        if not (self._data / "PG_VERSION").exists():
            self._initialize(user)
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command: Command = [self._programs / "postgres", "-D", self._data, "-p", str(self._port), *settings]
        self._process.start(command, cwd=self._data, env=self._environment(), user=user)
        self._process.wait_until(lambda: self._client("pg_isready", "-t", "1"), timeout=_START_TIMEOUT)

    def stop(self) -> None:
        """End the server and its sessions (its fast shutdown)."""
        self._process.stop(sign=signal.SIGINT)

    def execute(self, *statements: str, database: str = "postgres") -> str:
        """Run SQL statements one by one; the rows' values, a line each. Raises `LabError` at the first that fails."""
        return self.script(";\n".join(statements) + ";", database=database)

    def script(self, text: str, *, database: str) -> str:
        """Run what `dump` wrote."""
        return self._client("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, stdin=text)

    def dump(self, database: str) -> str:
        """The SQL that makes the database's content."""
        text = self._client("pg_dump", "--no-owner", "--no-privileges", "-d", database)
        # newer releases frame a dump in psql commands with a random word, which older ones do not know
        kept = (line for line in text.splitlines() if not line.startswith(("\\restrict ", "\\unrestrict ")))
        return "\n".join(kept) + "\n"

    def _initialize(self, user: str | None) -> None:
        secret = self._data.with_name("password")
        secret.touch(mode=0o600)
        secret.write_text(self._password, encoding="ascii")
        if user is not None:
            shutil.chown(secret, user, user)
        command: list[str | Path] = [self._programs / "initdb", "-D", self._data, "-U", ROLE, "--pwfile", secret]
        command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        run(command, timeout=_START_TIMEOUT, cwd=secret.parent, user=user)
        secret.unlink()

    def _client(self, program: str, *arguments: str, stdin: str = "") -> str:
        command: Command = [self._programs / program, "-h", HOST, "-p", str(self._port), "-U", ROLE, *arguments]
        return run(command, timeout=_QUERY_TIMEOUT, env=self._environment(), stdin=stdin)

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": self._password}
