"""Control of the lab's NetBox: the real one, on a private PostgreSQL and Redis."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import journal, netbox_dump, netbox_stores
from tests.lab.errors import LabError
from tests.lab.netbox_install import (
    DUMP,
    VERSION,
    needed_programs,
    netbox_environment,
    netbox_root,
    process_environment,
)
from tests.lab.netbox_stores import NetBoxStores
from tests.lab.ports import HOST, free_ports
from tests.lab.postgres import make_folder
from tests.lab.process import Background
from tests.lab.state import remember, remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.commands import Command
    from tests.lab.progress import Progress

_START_TIMEOUT = 120.0
_PROBE_TIMEOUT = 60.0
_WEB_STOP_GRACE = 0.5
_WORKER_STOP_GRACE = 5.0
_LARGEST_ANSWER = 1 << 20
_WRITE_METHODS = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class NetBoxState:
    environment: str
    postgres_folder: str
    port: int
    postgres_port: int
    redis_port: int
    password: str


@dataclass(frozen=True)
class NetBoxRequest:
    """One request that was answered."""

    method: str
    path: str
    code: int
    user_agent: str


class NetBoxServer:
    """One NetBox with an administrator, two tokens that write and one that only reads."""

    name = "netbox"
    token = netbox_dump.TOKEN
    """The administrator's, of version 2 (`Authorization: Bearer …`)."""
    token_v1 = netbox_dump.TOKEN_V1
    """The administrator's, of version 1 (`Authorization: Token …`)."""
    read_only_token = netbox_dump.READ_ONLY_TOKEN
    """Of version 2; a write with it is refused with 403."""
    username = netbox_dump.ADMIN_USER
    password = netbox_dump.ADMIN_PASSWORD

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state_file = folder / "state.json"
        self._access_log = folder / "access.jsonl"
        self._web = Background(folder, "gunicorn")
        self._worker = Background(folder, "rqworker")

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._state().port}"

    def needed_programs(self) -> set[str]:
        return netbox_stores.PROGRAMS | needed_programs()

    def up(self, progress: Progress) -> None:
        environment = netbox_environment(progress)
        if not DUMP.exists():
            raise LabError(f"{DUMP.name} is absent: python -m tests.lab make-netbox-dump")
        if not self.exists():
            self._lay_out(environment)
        if not self.is_running():
            progress.say(f"starting NetBox {VERSION}")
            self._start_stores()
            self.start()

    def down(self) -> None:
        self.stop_webhook_worker()
        self.stop()
        if self.exists():
            self._stores().stop()
            shutil.rmtree(self._state().postgres_folder, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def exists(self) -> bool:
        return self._state_file.exists()

    def is_running(self) -> bool:
        return self._web.is_running() and self._stores().are_running()

    def stop(self) -> None:
        """End the web part; the stores stay."""
        # even its quick shutdown takes 4 s of taking the interpreters apart, and nothing is in them that is kept
        self._web.stop(sign=signal.SIGQUIT, grace=_WEB_STOP_GRACE)

    def start(self) -> None:
        root, port = netbox_root(self._folder), self._state().port
        self._web.start(_gunicorn_command(self._state(), root), cwd=root, env=self._process_environment(root))
        self._web.wait_until(lambda: _probe(port), timeout=_START_TIMEOUT)

    def variables(self) -> dict[str, str]:
        return {"NETBOX_URL": self.url, "NETBOX_TOKEN": self.token}

    def reset(self) -> None:
        """Give back the database as it was after migration, in about a second; the web part notices by itself.

        Requests that are being answered then fail. Queued webhooks are forgotten.
        """
        self._stores().reset()

    def configure(self, **parameters: object) -> None:
        """Set dynamic parameters of NetBox's configuration, as its administrator would; a reset takes them back."""
        into = "insert into core_configrevision (created, comment, data, active)"
        values = f"values (now(), '', $data${json.dumps(parameters)}$data$, true)"
        self.sql("update core_configrevision set active = false", f"{into} {values}")
        self._stores().forget_cache()

    @contextmanager
    def backup(self) -> Iterator[Callable[[], None]]:
        """A backup of the database as it is now, until the context ends. What it gives goes back to it, as `reset`
        goes back to the migrations: ids that were given since are given again.
        """
        name = f"backup_{secrets.token_hex(4)}"
        stores = self._stores()
        stores.back_up(name)
        try:
            yield lambda: stores.reset(name)
        finally:
            stores.forget(name)

    def mark(self) -> int:
        """A moment, for `writes_since`."""
        return journal.length(self._access_log)

    def requests_since(self, mark: int) -> list[NetBoxRequest]:
        """The requests answered since the mark, oldest first; those whose answer a client has seen are all there."""
        return [NetBoxRequest(**entry) for entry in journal.entries_since(self._access_log, mark)]

    def writes_since(self, mark: int) -> list[NetBoxRequest]:
        """Those of them that are REST writes. POST to /graphql/ is a read and not among them."""
        requests = self.requests_since(mark)
        return [one for one in requests if one.method in _WRITE_METHODS and one.path.startswith("/api/")]

    def sql(self, *statements: str) -> str:
        """Run SQL in the database, past NetBox; the rows' values, a line each."""
        return self._stores().postgres.execute(*statements, database=netbox_stores.DATABASE)

    def start_webhook_worker(self) -> None:
        """Start the background worker that sends webhooks, and does nothing else; it is off unless asked for."""
        root = netbox_root(self._folder)
        command: Command = [f"{self._state().environment}/bin/netbox", "rqworker", "high"]
        self._worker.start(command, cwd=root, env=self._process_environment(root))
        self._worker.wait_until(self._find_worker, timeout=_START_TIMEOUT)

    def stop_webhook_worker(self) -> None:
        self._worker.stop(grace=_WORKER_STOP_GRACE)

    def _find_worker(self) -> None:
        if not self._stores().workers():
            raise LabError("no worker is registered")

    def _lay_out(self, environment: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        port, postgres_port, redis_port = free_ports(3)
        password = secrets.token_hex(16)
        state = NetBoxState(str(environment), str(make_folder()), port, postgres_port, redis_port, password)
        remember(self._state_file, state)

    def _start_stores(self) -> None:
        stores = self._stores()
        stores.start()
        stores.prepare(DUMP)

    def _stores(self) -> NetBoxStores:
        state = self._state()
        ports = (state.postgres_port, state.redis_port)
        return NetBoxStores(self._folder, Path(state.postgres_folder), ports, state.password)

    def _process_environment(self, root: Path) -> dict[str, str]:
        log = {"LAB_ACCESS_LOG": str(self._access_log)}
        return {**process_environment(root), **self._stores().settings(), **log}

    def _state(self) -> NetBoxState:
        found = remembered(self._state_file, NetBoxState)
        if found is None:
            raise LabError("NetBox is not up: make lab")
        return found


def _gunicorn_command(state: NetBoxState, root: Path) -> Command:
    memory = Path("/dev/shm")  # noqa: S108 - a heartbeat file there never waits for a disk
    return [
        f"{state.environment}/bin/gunicorn",
        "lab_wsgi:application",
        f"--chdir={root}",
        f"--bind={HOST}:{state.port}",
        "--workers=2",
        "--preload",
        "--timeout=300",
        "--no-control-socket",
        *([f"--worker-tmp-dir={memory}"] if memory.is_dir() else []),
    ]


def _probe(port: int) -> None:
    """Raises `LabError` unless the API recognizes the administrator's token, which needs all parts at work."""
    connection = HTTPConnection(HOST, port, timeout=_PROBE_TIMEOUT)
    try:
        connection.request(
            "GET", "/api/authentication-check/", headers={"Authorization": f"Bearer {netbox_dump.TOKEN}"}
        )
        answer = connection.getresponse()
        answer.read(_LARGEST_ANSWER)
    except (OSError, HTTPException) as error:
        raise LabError(f"no answer: {error}") from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise LabError(f"HTTP {answer.status}")
