"""NetBox itself, from its Python package, in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.cache import built, is_built
from tests.lab.commands import run
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.progress import Progress

VERSION = "4.7.3"
DUMP = Path(__file__).with_name(f"netbox-{VERSION}.sql.gz")
CONSTRAINTS = Path(__file__).with_name(f"netbox-{VERSION}.constraints.txt")
_ROOT = Path(__file__).with_name("netbox_root")
_NAME = f"netbox-{VERSION}"
_PYTHONS = ("python3.12", "python3.13")  # the measured one first
_OLDEST = (3, 12)
_INSTALL_TIMEOUT = 1800.0
_PROBE_TIMEOUT = 30.0


def needed_programs() -> set[str]:
    """What the installation compiles with; nothing when NetBox is installed."""
    return set() if is_built(_NAME) else {"gcc", "pg_config"}


def netbox_environment(progress: Progress) -> Path:
    """The virtual environment with NetBox, made first where needed. Raises `LabError` without a Python for it."""
    return built(_NAME, lambda folder: _install(folder, progress)) / "venv"


def netbox_root(folder: Path) -> Path:
    """NetBox's root with its configuration, laid out in `folder`."""
    root = folder / "root"
    (root / "conf").mkdir(parents=True, exist_ok=True)
    shutil.copy(_ROOT / "configuration.py", root / "conf")
    shutil.copy(_ROOT / "lab_wsgi.py", root)
    return root


def process_environment(root: Path) -> dict[str, str]:
    """What NetBox's processes see of the environment; to be completed by the stores' settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "NETBOX_ROOT": str(root), "PYTHONWARNINGS": "ignore"}


def _install(folder: Path, progress: Progress) -> None:
    python = find_python()
    progress.say(f"installing NetBox {VERSION}, about 2 minutes, once")
    run([python, "-m", "venv", folder / "venv"], timeout=_INSTALL_TIMEOUT)
    command: list[str | Path] = [folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    if CONSTRAINTS.exists():
        command += ["--constraint", CONSTRAINTS]
    run([*command, f"netbox=={VERSION}"], timeout=_INSTALL_TIMEOUT)
    progress.say(f"installed NetBox {VERSION}")


def find_python() -> Path:
    """A Python that NetBox runs on: the present one, on PATH, or pyenv's. Raises `LabError` when there is none."""
    for candidate in _candidates():
        if _is_recent(candidate):
            return candidate
    oldest = ".".join(map(str, _OLDEST))
    raise LabError(f"NetBox {VERSION} needs Python {oldest} or newer: pyenv install {oldest}, or put one on PATH")


def _candidates() -> Iterator[Path]:
    yield from (Path(found) for found in map(shutil.which, _PYTHONS) if found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    if os.access(pyenv, os.R_OK | os.X_OK):
        for name in _PYTHONS:
            yield from sorted(pyenv.glob(f"versions/{name.removeprefix('python')}*/bin/python"))
    yield Path(sys.executable)


def _is_recent(python: Path) -> bool:
    """Asks the program itself: pyenv puts names on PATH that only complain."""
    try:
        answer = run([python, "-c", "import sys; print(*sys.version_info[:2])"], timeout=_PROBE_TIMEOUT)
    except LabError:
        return False
    major, minor = map(int, answer.split())
    return (major, minor) >= _OLDEST
