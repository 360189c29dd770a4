"""The watchdog of the running service, over a real event loop, a real worker and the socket of a service manager."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.app.parts import build_parts
from reconciler.app.watchdog import Patience
from reconciler.cli.service_check import check_service
from reconciler.model.verification import Verdict
from tests.processes.app.running import Client, run, wait_until
from tests.unit.app.configuration import LOCAL, local_repository, settings
from tests.unit.app.test_systemd import Systemd

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from starlette.types import ASGIApp, Receive, Scope, Send

    from reconciler.app.parts import Parts


def _blockable(web: ASGIApp, seconds: float) -> ASGIApp:
    """The application, with a path that does what no code in the event loop may do."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/block":
            time.sleep(seconds)  # noqa: ASYNC251 - this is the point
        await web(scope, receive, send)

    return serve


def test_a_blocked_event_loop(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says where the loop is, the metrics count it, systemd hears nothing meanwhile, and is told of begin and
    end of the service.
    """
    systemd = Systemd(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    found = settings(tmp_path, LOCAL, repositories=[local_repository(repository)])
    heard: list[str] = []

    def build() -> Parts:
        parts = build_parts(found, Patience(blocked=1.0))
        return replace(parts, web=_blockable(parts.web, 2.5))

    def during(client: Client) -> None:
        heard.extend(systemd.heard())
        wait_until(lambda: "WATCHDOG=1" in systemd.heard(), "a sign of life")
        blocker = threading.Thread(target=partial(client.get, "/block"))
        blocker.start()
        wait_until(lambda: any(line["event"] == "event loop blocked" for line in client.log), "it was noticed")
        systemd.heard()
        time.sleep(0.5)
        assert systemd.heard() == []
        blocker.join()
        wait_until(lambda: "WATCHDOG=1" in systemd.heard(), "a sign of life again")
        assert "reconciler_event_loop_blocked_total 1.0" in client.get("/metrics").text.splitlines()
        assert client.get("/livez").status_code == 200

    client = run(build, during)

    (line,) = [line for line in client.log if line["event"] == "event loop blocked"]
    assert "time.sleep(seconds)" in line["stack"]
    assert "READY=1" in heard
    assert "STOPPING=1\nSTATUS=Stopping" in systemd.heard()
    systemd.close()


def test_a_process_that_was_stopped(repository: Path, tmp_path: Path) -> None:
    """One that somebody stopped for a while, with all its threads, says that, and blames no code for it."""
    found = settings(tmp_path, LOCAL, repositories=[local_repository(repository)])

    def during(client: Client) -> None:
        wait_until(lambda: client.get("/readyz").status_code == 200, "ready")
        stopper = f"sleep 0.2; kill -STOP {os.getpid()}; sleep 4; kill -CONT {os.getpid()}"
        subprocess.run(["sh", "-c", stopper], check=True, timeout=30)
        wait_until(lambda: any(line["event"] == "process stood still" for line in client.log), "it is told")

    client = run(lambda: build_parts(found, Patience(blocked=3.0)), during)

    assert [line for line in client.log if line["event"] == "event loop blocked"] == []


class SilentServer:
    """Takes connections and never answers, until it is closed."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self._connections.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close()


def test_a_hung_worker(repository: Path, tmp_path: Path) -> None:
    """While a pass waits longer than it may, the liveness probe is 503 and names worker, fabric and phase; then it is
    200 again. Readiness is another question. What `ensure` and `verify` find of it is a failure.
    """
    netbox = SilentServer()
    fabric = {"cluster": {"local": True}, "netbox": {"url": netbox.url, "token_file": "secrets/netbox-token"}}
    found = settings(tmp_path, fabric, repositories=[local_repository(repository)])

    def during(client: Client) -> None:
        wait_until(lambda: client.get("/livez").status_code == 503, "the worker hangs")
        hanging = client.get("/livez").json()["hanging"]
        assert list(hanging) == ["worker-1"]
        assert hanging["worker-1"].startswith("the pass over dc1 has made no progress since 20")
        assert hanging["worker-1"].endswith("in phase netbox")
        assert client.get("/readyz").status_code == 200
        wait_until(lambda: client.get("/healthz").json()["components"]["worker-1"]["reason"], "health says so too")
        (judged,) = [one for one in check_service(found, client.url) if one.subject == "service: worker-1"]
        assert (judged.state, judged.message) == (Verdict.FAILING, f"hangs: {hanging['worker-1']}")
        netbox.close()
        wait_until(lambda: client.get("/livez").status_code == 200, "it goes on")

    client = run(lambda: build_parts(found, Patience(hung=2.0)), during)

    (line, *_) = [line for line in client.log if line["event"] == "worker hangs"]
    assert (line["worker"], line["fabric"], line["phase"]) == ("worker-1", "dc1", "netbox"), json.dumps(line)
