"""The built artefact: a wheel of this tree, installed in environments that hold nothing else of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from reconciler.demo.place import Place, prepare
from tests.lab.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.json import JSONObject

PROJECT = Path(__file__).parents[3]
BUILT = ("reconciler", "webhooks", "pyproject.toml", "requirements.lock", "hatch_build.py", "README.md", "LICENSE")
TIMEOUT = 180.0
"""Seconds for whatever is run. A machine that does much else needs them."""


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of what it is built from, as an image does."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in BUILT:
        origin = PROJECT / name
        if origin.is_dir():
            shutil.copytree(origin, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(origin, source / name)
    _pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder / "wheels"), str(source))
    (wheel,) = (folder / "wheels").glob("*.whl")
    return wheel


def _pip(command: str, *arguments: str, python: Path | None = None) -> None:
    """Nothing is asked of an index: what is not here is not needed."""
    options = ["--quiet", "--disable-pip-version-check"]
    where = ["--python", str(python)] if python is not None else []
    subprocess.run(
        [sys.executable, "-m", "pip", *where, *options, command, "--no-index", "--no-deps", *arguments],
        check=True,
        capture_output=True,
        timeout=TIMEOUT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel in it. Dependencies are those of the tests' own environment."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, wheel: Path) -> Environment:
        made = cls(folder)
        venv.create(folder, symlinks=True, with_pip=False)
        (made.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        _pip("install", str(wheel), python=folder / "bin" / "python")
        return made

    def copy(self, folder: Path) -> Environment:
        """Another one of the same content. Its programs are those of the first."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Environment(folder)

    def lack(self, *names: str) -> None:
        """Have these packages of others neither to import nor described. Those of the tests' environment stay."""
        origin, farm = Path(sysconfig.get_path("purelib")), self.folder / "dependencies"
        lacking = {path.parts[0] for name in names for path in metadata.files(name) or ()}
        farm.mkdir()
        for path in origin.iterdir():
            if path.name not in lacking:
                (farm / path.name).symlink_to(path)
        (self.packages / "dependencies.pth").write_text(f"{farm}\n")

    @property
    def packages(self) -> Path:
        (found,) = (self.folder / "lib").glob("python3*/site-packages")
        return found

    def command(self, *arguments: str) -> list[str]:
        return [str(self.folder / "bin" / "python"), "-m", "reconciler", *arguments]

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `reconciler` of this environment."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,  # not the project: its modules would be found first
            env=surroundings(variables or {}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def findings(self, *arguments: str, variables: Mapping[str, str] | None = None) -> tuple[int, list[JSONObject]]:
        """Exit code and findings of `verify` or `ensure`."""
        answer = self.run(*arguments, "--output", "json", variables=variables)
        assert answer.stdout, answer.stderr
        found: list[JSONObject] = json.loads(answer.stdout)["findings"]
        return answer.returncode, found


def surroundings(variables: Mapping[str, str]) -> dict[str, str]:
    """What this process has around it, but for what would tell the program of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RECONCILER_"))}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **variables}


@dataclass
class Service:
    """A service of an environment, on a demo repository with embedded stores."""

    place: Place
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.place.url}{path}", timeout=TIMEOUT)

    def wait_looked(self) -> JSONObject:
        """What `/readyz` says once the installed files were looked at."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            try:
                answer = self.get("/readyz").json()
            except requests.ConnectionError:
                time.sleep(0.05)
                continue
            if answer["not_running"].get("integrity") != "starting":
                found: JSONObject = answer
                return found
            time.sleep(0.05)


def lay_out(folder: Path) -> Place:
    """A configuration with all that it names, on a free port."""
    folder.mkdir()
    (port,) = free_ports(1)
    place = Place(folder, port)
    prepare(place)
    return place


@contextmanager
def serving(environment: Environment, place: Place, variables: Mapping[str, str] | None = None) -> Iterator[Service]:
    """`reconciler serve` until the end of the block."""
    log = place.folder / "service.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            environment.command("serve", "--config", str(place.config)),
            cwd=environment.folder,
            env=surroundings(variables or {}),
            stdout=file,
            stderr=file,
        )
    try:
        yield Service(place, process, log)
    finally:
        process.terminate()
        process.wait(TIMEOUT)
