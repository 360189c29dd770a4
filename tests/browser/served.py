"""A service to look at: five fabrics of one repository, whose embedded clusters can be edited behind its back.

Run as a program it is that service; a line of JSON on its standard input is an edit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import yaml

from reconciler.app.clock import SystemClock
from reconciler.app.logs import configure_logs
from reconciler.app.parts import build_parts
from reconciler.app.service import serve
from reconciler.demo.place import Place, prepare
from reconciler.model.objects import ObjectKey
from reconciler.model.passes import SyncState
from reconciler.settings import load
from reconciler.store import open_store
from tests.lab.ports import free_ports
from tests.processes.app.running import wait_until
from tests.unit.store import samples

if TYPE_CHECKING:
    from reconciler.app.parts import Parts
    from reconciler.model.json import JSONObject

PROJECT = Path(__file__).parents[2]
LARGE = 10_000
"""Objects of the fabric `large`."""

_NAMESPACE = """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: VLANNamespace
metadata: {name: default}
spec: {ranges: [{from: 1000, to: 2999}]}
"""
_BROKEN = """\
apiVersion: vpc.githedgehog.com/v1beta1
kind: VPC
metadata: {name: "<script>alert(1)</script>"}
spec: [
"""
_STOP_TIMEOUT = 25.0


class Served:
    """The running service. `demo` shows drift without healing it, `gated` and `approved` wait for an approval, `broken`
    has problems, and `large` is disabled, so that its many objects stay as they were written.
    """

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder, free_ports(1)[0])
        self.url = self.place.url
        prepare(self.place)
        self.token = self.place.token_file.read_text().strip()
        files = {f"{name}/namespace.yaml": _NAMESPACE for name in ("gated", "approved", "broken")}
        self._commit({**files, "broken/bad.yaml": _BROKEN})
        self.configure()
        _write_large(folder / "state" / "reconciler.db")
        self._process = self._start()

    def configure(self, *, self_heal: bool = False) -> None:
        """Write the configuration, which the running service picks up."""
        document = yaml.safe_load(self.place.config.read_text())
        (demo, *_) = document["fabrics"]
        demo["cluster"] = {"local": True, "prune": True, "self_heal": self_heal}
        others = [
            {"name": name, "repository": "gitops", "path": f"gitops/hedgehog/{name}", **more}
            for name, more in (
                ("gated", {"cluster": {"local": True, "approval": "required"}}),
                ("approved", {"cluster": {"local": True, "approval": "required"}}),
                ("broken", {"cluster": {"local": True}}),
                ("large", {"cluster": {"local": True}, "enabled": False}),
            )
        ]
        document["fabrics"] = [demo, *others]
        self.place.config.write_text(yaml.safe_dump(document, sort_keys=False))

    def edit(self, kind: str, name: str, patch: JSONObject) -> None:
        """Change an object of `demo` in its cluster, as somebody with kubectl does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([kind, name, patch]) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "edited\n"

    def reconcile(self, fabric: str) -> None:
        """A pass, to its end."""
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"fabric": fabric, "wait": 30}
        answer = requests.post(f"{self.url}/reconcile", json=body, headers=headers, timeout=40)
        assert answer.status_code == 200, answer.text

    def status(self, fabric: str) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/fabrics/{fabric}", timeout=10).json()
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_STOP_TIMEOUT)

    def _start(self) -> subprocess.Popen[str]:
        log = self.place.folder / "service.log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.served", str(self.place.config)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=written,
                text=True,
            )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", log.read_text()[-3000:]
        wait_until(lambda: self.status("demo")["sync_status"] == "in_sync", "demo in sync")
        for fabric in ("gated", "approved", "broken"):
            self._wait_for_pass(fabric)
        return process

    def _wait_for_pass(self, fabric: str) -> None:
        wait_until(lambda: self.status(fabric)["last_pass"], f"a pass over {fabric}")

    def _commit(self, files: dict[str, str]) -> None:
        work = self.place.folder / "more"
        _git(self.place.folder, "clone", "--quiet", str(self.place.repository), str(work))
        for name, text in files.items():
            file = work / "gitops" / "hedgehog" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        _git(work, "add", "--all")
        _git(work, "-c", "user.name=me", "-c", "user.email=me@localhost", "commit", "--quiet", "--message", "More")
        hooks = ("-c", "core.hooksPath=/dev/null")
        _git(work, *hooks, "push", "--quiet", str(self.place.repository), "HEAD:main")


def _git(folder: Path, *arguments: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=folder, env=inherited, check=True, timeout=60, capture_output=True)


def _write_large(state: Path) -> None:
    """Ten thousand objects, as a pass would have left them."""
    store = open_store(state, SystemClock())
    try:
        objects = tuple(
            replace(
                samples.object_state(f"vpc-{number:05}"),
                state=SyncState.CHANGED if number % 100 == 0 else SyncState.IN_SYNC,
            )
            for number in range(LARGE)
        )
        store.record_pass(replace(samples.pass_result("large-1", "large"), objects=objects))
    finally:
        store.close()


def _take_edits(parts: Parts) -> None:
    """Do as standard input says, until it ends."""
    for line in sys.stdin:
        kind, name, patch = json.loads(line)
        cluster: Any = parts.live.subjects()["demo"].cluster
        cluster.edit(ObjectKey(kind, "default", name), patch)
        sys.stdout.write("edited\n")
        sys.stdout.flush()


def main(configuration: str) -> None:
    configure_logs()
    parts = build_parts(load(Path(configuration)))

    def on_ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        threading.Thread(target=_take_edits, args=(parts,), daemon=True).start()

    serve(lambda: parts, on_ready)


if __name__ == "__main__":
    main(sys.argv[1])
