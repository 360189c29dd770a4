"""The two servers that NetBox keeps its data in: a private PostgreSQL cluster and a private Redis."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

from tests.lab.commands import Command, run
from tests.lab.packages import locate
from tests.lab.ports import HOST
from tests.lab.postgres import Postgres
from tests.lab.process import Background

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = {"initdb", "redis-server", "redis-cli"}
DATABASE = "netbox"
_TEMPLATE = "netbox_template"
_QUEUES = ("rq:queue:high", "rq:queue:default", "rq:queue:low")
_START_TIMEOUT = 30.0
_COMMAND_TIMEOUT = 30.0


class NetBoxStores:
    """Both servers with one password; their records and logs are in `folder`, PostgreSQL's data in its own."""

    def __init__(self, folder: Path, postgres_folder: Path, ports: tuple[int, int], password: str) -> None:
        """`ports`: PostgreSQL's and Redis'."""
        self._folder = folder
        self._postgres_port, self._redis_port = ports
        self._password = password
        self._redis = Background(folder, "redis")
        self._postgres_process = Background(folder, "postgres")
        self.postgres = Postgres(postgres_folder, self._postgres_port, password, self._postgres_process)

    def start(self) -> None:
        """Start what does not run, with its data as it was left."""
        self.postgres.start()
        configuration = self._folder / "redis.conf"
        configuration.touch(mode=0o600)
        settings = [f"bind {HOST}", f"port {self._redis_port}", 'save ""', f"dir {self._folder}"]
        configuration.write_text("\n".join([*settings, f"requirepass {self._password}", ""]), encoding="utf-8")
        self._redis.start([locate("redis-server"), configuration])
        self._redis.wait_until(lambda: self._redis_command("ping"), timeout=_START_TIMEOUT)

    def stop(self) -> None:
        self._redis.stop()
        self.postgres.stop()

    def are_running(self) -> bool:
        return self._redis.is_running() and self._postgres_process.is_running()

    def settings(self) -> dict[str, str]:
        """The environment that `netbox_root/configuration.py` reads."""
        return {
            "LAB_DATABASE": DATABASE,
            "LAB_POSTGRES_PORT": str(self._postgres_port),
            "LAB_REDIS_PORT": str(self._redis_port),
            "LAB_STORES_PASSWORD": self._password,
        }

    def prepare(self, dump: Path) -> None:
        """Make what is missing of the template, from a gzipped SQL dump, and of NetBox' copy."""
        if _TEMPLATE not in self.postgres.execute("select datname from pg_database where datistemplate").split():
            self._load_template(dump)
        if DATABASE not in self.postgres.execute("select datname from pg_database").split():
            self.reset()

    def back_up(self, name: str) -> None:
        """Copy NetBox' database as it is, for `reset`; NetBox' sessions are ended for that, and it makes new ones."""
        lock = f"alter database {DATABASE} with allow_connections"
        # nobody but NetBox has sessions here
        end = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        copy = f"create database {name} template {DATABASE} strategy file_copy"
        try:
            self.postgres.execute(f"drop database if exists {name}", f"{lock} false", end, copy)
        finally:
            self.postgres.execute(f"{lock} true")

    def forget(self, name: str) -> None:
        """Remove what `back_up` made."""
        self.postgres.execute(f"drop database if exists {name}")

    def reset(self, source: str = _TEMPLATE) -> None:
        """Give NetBox a fresh copy of the template, or of a backup, under whatever sessions it has, and empty its
        queues and cache.
        """
        copy = f"create database {DATABASE} template {source} strategy file_copy"
        self.postgres.execute(f"drop database if exists {DATABASE} with (force)", copy)
        self._redis_command("-n", "0", "del", *_QUEUES)
        self.forget_cache()

    def forget_cache(self) -> None:
        """Empty NetBox's cache, so that it looks into the database again."""
        self._redis_command("-n", "1", "flushdb")

    def workers(self) -> int:
        """How many background workers of NetBox are at work."""
        return int(self._redis_command("-n", "0", "scard", "rq:workers"))

    def _load_template(self, dump: Path) -> None:
        """Restore the dump and lock it, so that nothing can change what a reset copies."""
        self.postgres.execute(f"drop database if exists {_TEMPLATE}", f"create database {_TEMPLATE}")
        self.postgres.script(gzip.decompress(dump.read_bytes()).decode(), database=_TEMPLATE)
        self.postgres.execute("vacuum analyze", database=_TEMPLATE)
        self.postgres.execute(f"alter database {_TEMPLATE} with is_template true allow_connections false", "checkpoint")

    def _redis_command(self, *arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": self._password}
        command: Command = [locate("redis-cli"), "-h", HOST, "-p", str(self._redis_port), *arguments]
        return run(command, timeout=_COMMAND_TIMEOUT, env=environment)
