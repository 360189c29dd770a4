"""The programs of the browser tests: Debian's Chromium, and axe-core from npm."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.lab.cache import built, cache_folder, exclusive
from tests.lab.commands import run
from tests.lab.packages import ensure, locate
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = "4.14.1"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""Of `axe.min.js`, which is under MPL-2.0 and so not part of this repository."""

_INSTALL_TIMEOUT = 120.0


def chromium() -> Path:
    """Where Chromium is, installed as root on a Debian machine that lacks it. Raises LabError with what to do."""
    with exclusive(cache_folder() / "chromium.lock"):
        ensure({"chromium"}, Progress())
    return locate("chromium")


def axe() -> str:
    """The source of axe-core, fetched from npm once. Raises LabError."""
    with exclusive(cache_folder() / "npm.lock"):
        folder = built(f"axe-core-{AXE}", _install_axe)
    source = (folder / "node_modules" / "axe-core" / "axe.min.js").read_bytes()
    found = hashlib.sha256(source).hexdigest()
    assert found == AXE_SHA256, f"npm gave another axe-core {AXE}: {found}"
    return source.decode()


def _install_axe(folder: Path) -> None:
    ensure({"npm"}, Progress())
    flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    run(["npm", "install", *flags, "--prefix", folder, f"axe-core@{AXE}"], timeout=_INSTALL_TIMEOUT)
