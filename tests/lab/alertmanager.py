"""A real Alertmanager, for the tests that send it alerts."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests

from tests.lab import packages
from tests.lab.errors import LabError
from tests.lab.ports import HOST, free_ports
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "prometheus-alertmanager"

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 10.0
_CONFIGURATION = "route: {receiver: nobody, group_wait: 1h}\nreceivers: [{name: nobody}]\n"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its URL, for the duration of the block; it keeps what it knows in the folder."""
    packages.ensure({PROGRAM}, Progress())
    configuration = folder / "alertmanager.yml"
    configuration.write_text(_CONFIGURATION)
    (port,) = free_ports(1)
    address = f"{HOST}:{port}"
    flags = [f"--config.file={configuration}", f"--storage.path={folder}", f"--web.listen-address={address}"]
    with (folder / "alertmanager.log").open("wb") as log:
        # Alone: it would look for others of its kind.
        command = [str(packages.locate(PROGRAM)), *flags, "--cluster.listen-address="]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _await_ready(process, f"http://{address}/-/ready")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(_STOP_TIMEOUT)


def _await_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise LabError("Alertmanager does not get ready")
