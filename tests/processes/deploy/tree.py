"""The tree that an image and a host get, built by the script that they are built by."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.lab.cache import built, cache_folder, exclusive
from tests.unit.deploy.files import ROOT, copied

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT = ROOT
PREFIX = "/opt/hedgehog-reconciler"
"""Where a tree is outside of tests."""

_SCRIPT = "deploy/build_tree.sh"
_LOCKS = ("requirements.lock", "requirements-build.lock")
_TIMEOUT = 600.0


def build() -> Path:
    """The tree of the present sources, and nobody may change it. It is built of what an image is built of, and by the
    same steps.

    What comes of the lock files takes most of the time and is kept for this user, as an image's layer of them is.
    """
    digest = _digest(PROJECT / name for name in (_SCRIPT, *_LOCKS))
    name = f"tree-{sys.version_info.major}.{sys.version_info.minor}-{digest[:12]}"
    folder = built(name, lambda folder: _run(folder, "dependencies"))
    mark, digest = folder / "sources", _digest(_sources())
    with exclusive(cache_folder() / f"{name}.sources.lock"):
        if not mark.exists() or mark.read_text() != digest:
            mark.unlink(missing_ok=True)
            _run(folder, "project")
            mark.write_text(digest)
    return folder / "tree"


def _run(folder: Path, step: str) -> None:
    """One step of the script, in a copy of what the image's build is given."""
    # what this process runs in must not find its way into the tree
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = {**foreign, "PYTHON": str(Path(sys.executable).resolve()), "TOOLS": str(folder / "tools")}
    with TemporaryDirectory(prefix="reconciler-source-") as source:
        for file in _sources():
            target = Path(source) / file.relative_to(PROJECT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
        command: list[str | Path] = [Path(source) / _SCRIPT, folder / "tree", step]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _sources() -> list[Path]:
    """Every file that the Containerfile copies, but for byte code, which is not sent to an engine."""
    places = [PROJECT / name for name in copied()]
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place])]
    return sorted(file for file in files if file.is_file() and file.suffix != ".pyc")


def _digest(files: Iterable[Path]) -> str:
    """Of names and contents, and of the checkout: another one has a tree of its own."""
    found = hashlib.sha256(str(PROJECT).encode())
    for file in files:
        found.update(f"{file}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
