"""`promtool`, which judges rules for Prometheus: the machine's own, or the one in Debian's package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.cache import built
from tests.lab.commands import run
from tests.lab.packages import find

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "prometheus"
_TIMEOUT = 600.0


def promtool() -> Path:
    """Where it is. The package is only unpacked, into the cache, never installed: it would start a server."""
    found = find("promtool")
    return found if found is not None else built("promtool", fetch) / "usr" / "bin" / "promtool"


def fetch(folder: Path) -> None:
    """Fetch the package and lay its files out below `folder`. Raises `LabError`."""
    downloads = folder / "downloads"
    downloads.mkdir()
    # apt's own user may not enter a folder of ours.
    apt_get = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=300"]
    run([*apt_get, "update"], timeout=_TIMEOUT)
    run([*apt_get, "download", _PACKAGE], timeout=_TIMEOUT, cwd=downloads)
    (package,) = downloads.glob("*.deb")
    run(["dpkg", "-x", package, folder], timeout=_TIMEOUT)
