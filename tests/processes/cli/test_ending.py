"""A command that is ended while it works leaves nothing behind: no folder, and no copy of a signing key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.app.configuration import LOCAL, local_repository, settings

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0


def _repository(folder: Path, reached: Path) -> Path:
    """A repository that hangs while a push to it is under way."""
    path = folder / "gitops.git"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)]
    subprocess.run(command, env=inherited, check=True, timeout=60)
    hook = path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {reached}\nexec sleep 20\n")
    hook.chmod(0o755)
    return path


def _signing_key(folder: Path) -> Path:
    key = folder / "signing-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=60)
    return key


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_ended_while_it_pushes(tmp_path: Path, number: signal.Signals) -> None:
    """One sentence, the exit code that shells know, and an empty folder for what is temporary."""
    reached, temporary = tmp_path / "reached", tmp_path / "temporary"
    temporary.mkdir()
    repository = local_repository(_repository(tmp_path, reached))
    repository["commit"] = {"signing_key_file": str(_signing_key(tmp_path))}
    settings(tmp_path, {**LOCAL, "path": "fabrics/dc1"}, repositories=[repository])
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "init", "dc1", "--config", str(tmp_path / "reconciler.yaml")],
        env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while not reached.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    assert list(temporary.iterdir()), "it works in a folder"

    process.send_signal(number)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, said) == (128 + number, "error: interrupted\n")
    assert list(temporary.iterdir()) == []
