"""The commands of the README and of the quick start, run as they stand there, in the order of the page.

What cannot be run here is listed in `ELSEWHERE`, each with the reason and with what runs it instead. What a page names
of the world outside (a Git host, a cluster, a NetBox) is replaced by what is on this machine; the commands are not.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from reconciler.settings import load
from tests.lab.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
QUICK_START = ROOT / "docs" / "quick-start.md"
README = ROOT / "README.md"

ELSEWHERE = {
    "make run": "installs from the package index: `python -m tests.bench first-run` runs it in a clean clone",
    "make test": "is what runs this test",
    "make soak": "takes half an hour: it is the last step of .ci/run",
    "python3 -m venv /opt/reconciler": "installs: make run does the same, from the same lock file",
    "/opt/reconciler/bin/pip install --no-deps --require-hashes -r requirements.lock": "as above",
    "/opt/reconciler/bin/pip install --no-deps .": "as above",
    "export PATH=/opt/reconciler/bin:$PATH": "the program of this environment is on the path instead",
    "(umask 077 && cp /path/to/git-token /path/to/dc1.kubeconfig /path/to/netbox-token secrets/)": "paths of yours",
    "git clone https://git.example.com/net/gitops.git && cp /path/to/objects/*.yaml gitops/gitops/hedgehog/dc1/raw/": (
        "objects of yours: tests/e2e/test_directory.py drops some"
    ),
    'git -C gitops add --all && git -C gitops commit -m "Declare dc1" && git -C gitops push': "as above",
    "reconciler init-netbox --dry-run": "NetBox is embedded here: tests/e2e/test_netbox_setup.py runs it on a real one",
    "reconciler init-netbox": "as above",
    "reconciler adopt dc1 --dry-run": "an embedded cluster has nothing to adopt: tests/e2e/test_adopt.py",
    "reconciler verify": "judges an installation: tests of verify run it on wheels that are whole and that are not",
    "reconciler ensure": "as above",
}

REPLACED = {
    "url: https://git.example.com/net/gitops.git": "url: {repository}\n    allow_local: true",
    "    auth: {{username: bot, password_file: secrets/git-token}}\n": "",
    "cluster: {{kubeconfig: secrets/dc1.kubeconfig, namespace: default}}": "cluster: {{local: true}}",
    "netbox: {{url: https://netbox.example.com, token_file: secrets/netbox-token, site: dc1}}": (
        "netbox: {{local: true, site: dc1}}"
    ),
    "server: {{api_token_file: secrets/api-token}}": "server: {{api_token_file: secrets/api-token, port: {port}}}",
}
"""What a page says of the world outside, and what stands for it here."""

CODES = {"reconciler status": {0, 2}, "reconciler status dc1": {0, 2}, "reconciler plan dc1": {0, 2}}
"""Exit codes that say how the fabric is; all other commands must end with 0."""


def commands(page: Path) -> list[str]:
    """The commands of a page, in their order: of blocks of sh, and of blocks that are indented and begin with make."""
    text = page.read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (make [a-z-]+)", text, re.MULTILINE)
    return [*indented, *(command for block in blocks for command in _split(block))]


def _split(block: str) -> Iterator[str]:
    """A line each, a here-document with the line that begins it."""
    lines = iter(block.splitlines())
    for line in lines:
        if here := re.search(r"<<'(\w+)'$", line):
            body: list[str] = []
            while not body or body[-1] != here[1]:
                body.append(next(lines))
            yield "\n".join([line, *body])
        else:
            yield line


class Shell:
    """A shell in a folder, with this environment's program on the path."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        program = Path(sys.executable).parent
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RECONCILER_"))}
        self.environment = {**inherited, "PATH": f"{program}:{os.environ['PATH']}", "RECONCILER_SERVER": url}
        self.environment["HOME"] = str(folder)

    def run(self, command: str) -> None:
        """Run it; what it makes of its folder (`cd`) holds for the next one."""
        script = f"{command}\ncode=$?\npwd > '{self.folder}/.pwd'\nexit $code"
        place = self.folder / ".pwd"
        where = place.read_text().strip() if place.exists() else str(self.folder)
        done = subprocess.run(
            ["bash", "-c", script], cwd=where, env=self.environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in CODES.get(command, {0}), f"{command}: {done.stdout}{done.stderr}"

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Run it in the background until it says that it serves."""
        where = (self.folder / ".pwd").read_text().strip()
        log = self.folder / "serve.log"
        with log.open("wb") as file:
            process = subprocess.Popen(command.split(), cwd=where, env=self.environment, stdout=file, stderr=file)
        deadline = time.monotonic() + 60
        while '"event": "serving"' not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        return process


def test_the_quick_start(tmp_path: Path) -> None:
    """Every command of the page works, one after another, and the fabric is in sync at the end."""
    (port,) = free_ports(1)
    repository = tmp_path / "gitops.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(repository)], check=True)
    shell = Shell(tmp_path, f"http://127.0.0.1:{port}")
    serving = None
    try:
        for command in commands(QUICK_START):
            if command in ELSEWHERE:
                continue
            if command == "reconciler serve":
                serving = shell.start(command)
                continue
            if command == "reconciler check":  # the page says that the next step makes the missing branch
                continue
            shell.run(_replaced(command, repository=repository.as_uri(), port=port))
            if command == "reconciler init dc1":
                shell.run("reconciler check")
        assert serving is not None, "the page serves"
        shell.run("reconciler status dc1 | grep -q in_sync")
    finally:
        if serving is not None:
            serving.send_signal(signal.SIGTERM)
            assert serving.wait(30) == 0


def _replaced(command: str, **known: object) -> str:
    for said, here in REPLACED.items():
        command = command.replace(said.format(), here.format(**known))
    return command


def test_every_command_of_the_readme_is_run() -> None:
    """Those in blocks and those within sentences: by the quick start, or elsewhere."""
    within = re.findall(r"`((?:reconciler|make) [a-z][^`\n]*)`", README.read_text())
    run = {command.partition(" --token-file")[0] for command in commands(QUICK_START)}

    assert commands(README) == ["make run", "make test"]
    assert [command for command in [*commands(README), *within] if command not in ELSEWHERE.keys() | run] == []


def test_no_exception_is_stale() -> None:
    """What is excepted stands on a page, or is named in its text."""
    texts = README.read_text() + QUICK_START.read_text()

    assert [command for command in ELSEWHERE if command not in texts] == []


def test_the_readme_shows_a_configuration_that_loads(tmp_path: Path) -> None:
    """The example of the README is one that this version takes, once the files that it names are there."""
    (example,) = re.findall(r"^```yaml\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "reconciler.yaml").write_text(example)
    for name in set(re.findall(r"secrets/[\w.-]+", yaml.safe_dump(yaml.safe_load(example)))):
        secret = tmp_path / name
        secret.parent.mkdir(exist_ok=True)
        secret.touch(mode=0o600)
        secret.write_text("x" * 40)

    settings = load(tmp_path / "reconciler.yaml")

    assert [fabric.name for fabric in settings.fabrics] == ["dc1"]
    assert settings.warnings == ()
