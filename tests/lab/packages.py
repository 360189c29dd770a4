"""The programs that the lab needs, and the Debian packages that bring them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.commands import run
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from tests.lab.progress import Progress

_PACKAGE_OF = {
    "apt-get": "apt",
    "chromium": "chromium",
    "curl": "curl",
    "dpkg": "dpkg",
    "gcc": "gcc",
    "git": "git",
    "initdb": "postgresql",
    "kubectl": "kubernetes-client",
    "npm": "npm",
    "openssl": "openssl",
    "pg_config": "libpq-dev",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "setpriv": "util-linux",
    "sshd": "openssh-server",
    "systemd-analyze": "systemd",
    "tar": "tar",
    "unshare": "util-linux",
    "xz": "xz-utils",
}
_APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq")
_NOTHING_STARTS = {"RUNLEVEL": "1", "SYSTEMD_OFFLINE": "1"}
"""Has invoke-rc.d and systemctl, which the packages' scripts call, start nothing."""

_UPDATE_TIMEOUT = 300.0
_INSTALL_TIMEOUT = 900.0


def find(program: str) -> Path | None:
    """Where the program is, also in a folder that is not on every user's path. PostgreSQL's own are looked for in
    Debian's folders too, newest version first.
    """
    on_path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if on_path is not None:
        return Path(on_path)
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{program}")
    return max(versions, key=lambda found: float(found.parts[-3]), default=None)


def locate(program: str) -> Path:
    """As `find`; raises `LabError` with the command that installs the program."""
    found = find(program)
    if found is None:
        raise LabError(f"{program} not found: apt-get install {_PACKAGE_OF.get(program, program)}")
    return found


def ensure(programs: set[str], progress: Progress) -> None:
    """Install the Debian packages of those programs that are missing, as root on a machine with apt.

    Elsewhere raises `LabError` with the command to give. The server that a package brings is not started: it would
    listen where nobody asked it to.
    """
    missing = sorted(program for program in programs if find(program) is None)
    if not missing:
        return
    wanted = sorted({_PACKAGE_OF[program] for program in missing})
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(f"{', '.join(missing)} not found: apt-get install {' '.join(wanted)}")
    install(wanted, progress)
    for program in missing:
        locate(program)


def install(packages: list[str], progress: Progress) -> None:
    """Install Debian packages, without questions and without what they merely recommend."""
    progress.say(f"installing Debian packages, once: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", **_NOTHING_STARTS}
    run([*_APT_GET, "update"], timeout=_UPDATE_TIMEOUT, env=environment)
    run([*_APT_GET, "install", "-y", "--no-install-recommends", *packages], timeout=_INSTALL_TIMEOUT, env=environment)
