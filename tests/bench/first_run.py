"""How long a newcomer waits: from `git clone` to a demo page that is green. Needs no lab, but the package index."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from tests.bench.figures import say

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0
"""Seconds."""

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_STEP = 0.05


def measure(folder: Path) -> None:
    """Print both figures: with nothing in pip's cache, and with what the first run left there."""
    cache = folder / "pip-cache"
    for what in ("cold", "warm"):
        cloned, installed, green = first_run(folder / what, cache)
        parts = f"clone {cloned:.1f} s, install {installed:.1f} s, demo {green:.1f} s"
        say(f"first run, {what} pip cache", f"{cloned + installed + green:.1f} s ({parts})")


def first_run(folder: Path, pip_cache: Path) -> tuple[float, float, float]:
    """Seconds that the clone takes, then the installation, then the demo until it is in sync and its page is there."""
    began = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True, timeout=PATIENCE)
    cloned = time.monotonic()
    with _running(folder, pip_cache) as process:
        url, started = _address(process, folder / ".venv-run" / "installed")
        _await_green(url)
        return cloned - began, started - cloned, time.monotonic() - started


@contextmanager
def _running(folder: Path, pip_cache: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    process = subprocess.Popen(
        ["make", "run"],
        cwd=folder,
        env={**environment, "PIP_CACHE_DIR": str(pip_cache), "COLUMNS": "400"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def _address(process: subprocess.Popen[str], installed: Path) -> tuple[str, float]:
    """The address that the demo prints, and when the installation before it had ended (monotonic seconds)."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := _ADDRESS.search(line):
            return found[0], time.monotonic() - (time.time() - installed.stat().st_mtime)
    raise RuntimeError("make run ended without printing an address")


def _await_green(url: str) -> None:
    """Until the fabric is in sync, and the page for people says so."""
    deadline = time.monotonic() + PATIENCE
    while requests.get(f"{url}/fabrics/demo", timeout=10).json()["sync_status"] != "in_sync":
        if time.monotonic() > deadline:
            raise TimeoutError("the demo is not in sync")
        time.sleep(_STEP)
    page = requests.get(url, headers={"Accept": "text/html"}, timeout=10)
    page.raise_for_status()
    if "In sync" not in page.text:
        raise RuntimeError("the fabric is in sync, and the page does not say so")
