"""A kubectl whose kustomize reads today's kustomizations.

Debian 12's, which the lab is content with otherwise, has one of 2018. So does every kubectl before 1.21.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from tests.lab.cache import built
from tests.lab.commands import run
from tests.lab.debian import Packages
from tests.lab.packages import ensure, find

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.progress import Progress

_RELEASE = "trixie"
_TIMEOUT = 60.0


def kubectl_program(progress: Progress) -> Path:
    """The machine's, or Debian 13's, unpacked into the cache. Raises `LabError` when there is neither."""
    found = find("kubectl")
    if found is not None and _is_of_today(found):
        return found
    return built(f"kubectl-{_RELEASE}", lambda folder: _fetch(folder, progress)) / "kubectl"


def _is_of_today(program: Path) -> bool:
    """Old ones do not know, or do not say, which kustomize they have."""
    answer = run(
        [program, "version", "--client", "--output", "json"], timeout=_TIMEOUT, env={"PATH": os.environ["PATH"]}
    )
    return "kustomizeVersion" in json.loads(answer)


def _fetch(folder: Path, progress: Progress) -> None:
    ensure({"apt-get", "dpkg"}, progress)
    progress.say("fetching kubectl, once")
    packages = Packages(folder / "apt", _RELEASE)
    packages.update()
    packages.unpack(["kubectl"], folder / "root")
    shutil.move(folder / "root/usr/bin/kubectl", folder / "kubectl")
    for scratch in ("apt", "root"):
        shutil.rmtree(folder / scratch)
