"""What a wheel says of itself beyond the hashes that its RECORD holds: `reconciler/_build.json`.

The content depends on nothing but the tree and its commit, so that the same tree gives the same wheel.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "reconciler/_build.json"
LOCK = "requirements.lock"
GIT_TIMEOUT = 30.0
COMMIT_VARIABLE = "RECONCILER_COMMIT"
BUILT = ("reconciler", "webhooks")
"""The folders whose files, added or not, get into a wheel."""

_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\\n]+?))?\s*\\?$", re.MULTILINE
)


class BuildHook(BuildHookInterface[Any]):
    """Adds the build's description to the wheel. An editable installation has none: its files change."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        description = {"version": self.metadata.version, "commit": commit(root), "locked": locked(root / LOCK)}
        draft = Path(self.directory) / "_build.json"
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(description, indent=1, sort_keys=True) + "\n")
        build_data["force_include"][str(draft)] = TARGET

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        (Path(self.directory) / "_build.json").unlink(missing_ok=True)


def locked(lock: Path) -> list[str]:
    """The versions of the lock file, each as a requirement with the marker that tells for which machines it is."""
    pins = _PIN.finditer(lock.read_text())
    return [" ; ".join(filter(None, (f"{pin['name']}=={pin['version']}", pin["marker"]))) for pin in pins]


def commit(root: Path) -> str | None:
    """The commit that is checked out, with `+changes` where the files differ from it, or there are modules that nobody
    added. None where the tree is not a repository of its own: a copy inside of another one has nothing to do with that
    one's commits. A build that is given no repository is told the commit by a variable.
    """
    if told := os.environ.get(COMMIT_VARIABLE):
        return told
    try:
        top = _git(root, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != root.resolve():
            return None
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
        changes += _git(root, "ls-files", "--others", "--exclude-standard", "--", *BUILT)
        return _git(root, "rev-parse", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    answer = subprocess.run(  # noqa: S603 - our words, and a folder
        command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT
    )
    return answer.stdout.strip()
