"""The tree that an image and a host get, built by the script that they are built by."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.cache import built, cache_folder, exclusive

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT = Path(__file__).parents[3]
SCRIPT = PROJECT / "deploy" / "build_tree.sh"
PREFIX = "/opt/hedgehog-reconciler"
"""Where a tree is outside of tests."""

_LOCKS = ("requirements.lock", "requirements-build.lock")
_SOURCES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
_PACKAGES = ("reconciler", "webhooks")
_TIMEOUT = 600.0


def build() -> Path:
    """The tree of the present sources, and nobody may change it.

    What comes of the lock files takes most of the time and is kept for this user, as an image's layer of them is.
    """
    digest = _digest([SCRIPT, *(PROJECT / name for name in _LOCKS)])
    folder = built(f"tree-{sys.version_info.major}.{sys.version_info.minor}-{digest[:12]}", _install_dependencies)
    tree, mark = folder / "tree", folder / "sources"
    digest = _digest(_sources())
    with exclusive(cache_folder() / f"{folder.name}.sources.lock"):
        if not mark.exists() or mark.read_text() != digest:
            mark.unlink(missing_ok=True)
            _run(folder, "project")
            mark.write_text(digest)
    return tree


def _install_dependencies(folder: Path) -> None:
    _run(folder, "dependencies")


def _run(folder: Path, step: str) -> None:
    # what this process runs in must not find its way into the tree
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = {**foreign, "PYTHON": str(Path(sys.executable).resolve()), "TOOLS": str(folder / "tools")}
    done = subprocess.run(
        [SCRIPT, folder / "tree", step], env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _sources() -> Iterable[Path]:
    """What the project's step reads."""
    modules = (path for package in _PACKAGES for path in (PROJECT / package).rglob("*") if path.is_file())
    return sorted([*(PROJECT / name for name in _SOURCES), *(path for path in modules if path.suffix != ".pyc")])


def _digest(files: Iterable[Path]) -> str:
    found = hashlib.sha256(str(PROJECT).encode())
    for file in files:
        found.update(f"{file}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
