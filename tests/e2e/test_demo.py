"""`reconciler demo`: ready at once, and each of the three things that it prints works when it is pasted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.e2e.installation import wait_until
from tests.lab.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = 50.0
"""Seconds; the goal is 10, and these machines are noisy."""


@dataclass
class Demo:
    """A running demo, and what it printed."""

    process: subprocess.Popen[str]
    url: str
    folder: Path
    lines: list[str]

    def paste(self, *words: str) -> str:
        """Run the printed commands that hold one of these words, in the order of printing; what they printed."""
        commands = [line.strip() for line in self.lines if line.startswith("     ")]
        chosen = [command for command in commands if any(word in command for word in words)]
        assert chosen, f"nothing holds {words}: {self.lines}"
        done = subprocess.run(
            ["bash", "-c", "\n".join(chosen)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/fabrics/demo", timeout=10).json()
        return found

    def wait(self, key: str, value: object) -> dict[str, Any]:
        wait_until(lambda: self.status()[key] == value and not self.status()["reconciling"], what=f"{key} {value}")
        return self.status()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    (port,) = free_ports(1)
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "demo", "--port", str(port)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "400"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if "Ctrl-C" in line:
            break
    assert time.monotonic() - started < READY
    yield Demo(process, f"http://127.0.0.1:{port}", tmp_path, lines)
    process.send_signal(signal.SIGINT)
    process.wait(25)
    process.stdout.close()
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("reconciler-demo-")] == []


def test_the_three_things(demo: Demo) -> None:
    """A pushed VLAN arrives, a broken file is named with its line, and `status` says both, marked as simulated."""
    first = demo.wait("sync_status", "in_sync")
    assert first["simulated"] == ["cluster", "netbox"]
    assert first["counts"]["desired"] >= 60
    assert first["conditions"][0]["message"].startswith("simulated: ")

    said = demo.paste("git clone", "sed -i", "commit -qam 'Move")
    assert "webhook: 202" in said
    wait_until(lambda: demo.status()["revision"] != first["revision"], what="the pushed revision")
    moved = demo.wait("sync_status", "in_sync")
    states = requests.get(f"{demo.url}/fabrics/demo/resources", timeout=10).json()["resources"]
    assert {state["state"] for state in states} == {"in_sync"}
    # The demo's repository is on this machine, so its branch is looked at too: whichever comes first applies the push.
    assert set(moved["last_pass"]["triggers"]) <= {"push", "file"}
    passes = requests.get(f"{demo.url}/fabrics/demo/passes", timeout=10).json()["passes"]
    assert any("push" in one["triggers"] for one in passes)

    demo.paste("echo '", "commit -qam 'Break")
    broken = demo.wait("sync_status", "error")
    assert broken["problems"][0]["file"].endswith("managed/vpcs/vpc-01.yaml")
    assert broken["revision"] == moved["revision"]
    command = next(line.strip() for line in demo.lines if " status" in line and line.startswith("     "))
    said = demo.paste(command)
    assert "simulated" in said
    assert "vpc-01.yaml:" in said
    demo.paste("revert --no-edit HEAD")
    demo.wait("sync_status", "in_sync")
