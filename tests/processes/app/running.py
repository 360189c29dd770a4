"""The service, run in this process, and what is done with it from outside meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
from structlog.testing import capture_logs

from reconciler.app.service import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.app.parts import Parts


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 30.0) -> None:
    """Look every 20 ms until it is true; fails with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)


def _is_settled(fabric: Any) -> bool:
    return bool(fabric["last_pass"] and fabric["next_poll"] and not fabric["reconciling"])


@dataclass
class Client:
    """What is done with the service while it runs, from outside; the signal ends it afterwards."""

    during: Callable[[Client], None]
    url: str = ""
    log: list[Any] = field(default_factory=list)
    failure: Exception | None = None
    is_served: bool = False

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=30)

    def post(self, path: str, **arguments: Any) -> requests.Response:
        return requests.post(f"{self.url}{path}", timeout=60, **arguments)

    def reconcile(self, token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(f"{self.url}/reconcile", json={"wait": 30}, headers=headers, timeout=60)

    def settle(self) -> None:
        """Until every fabric has its first pass, and nothing is due."""
        wait_until(lambda: all(map(_is_settled, self.get("/fabrics").json()["fabrics"])), "the first passes")

    def _use(self) -> None:
        try:
            self.during(self)
        except Exception as error:  # noqa: BLE001 - raised again by the test's own thread
            self.failure = error
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def on_ready(self) -> None:
        self.is_served = True
        (serving,) = [entry for entry in self.log if entry["event"] == "serving"]
        self.url = f"http://{serving['host']}:{serving['port']}"
        threading.Thread(target=self._use).start()


def run(build: Callable[[], Parts], during: Callable[[Client], None] = lambda _client: None) -> Client:
    """Run the service until `during` is over."""
    client = Client(during)
    with capture_logs() as client.log:
        serve(build, client.on_ready)
    if client.failure is not None:
        raise client.failure
    return client
