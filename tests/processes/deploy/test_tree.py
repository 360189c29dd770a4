"""The tree of an image without an engine: built by the image's own steps, it runs read-only and without rights."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
import requests

from tests.processes.app.running import wait_until
from tests.processes.deploy.confined import USER, Confinement
from tests.processes.deploy.tree import PREFIX, PROJECT
from tests.unit.deploy.files import instructions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.demo.place import Place

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a mount namespace and be another user")


@pytest.fixture
def confinement(tree: Path, place: Place, folder: Path) -> Confinement:
    """The tree as in a container that keeps its state in the place's folder."""
    (folder / "tmp").mkdir()
    return Confinement(tree, (place.folder, folder / "tmp"))


@pytest.fixture
def variables(tree: Path, place: Place, folder: Path) -> dict[str, str]:
    """Those of the image, with what differs here."""
    (line,) = [rest for name, rest in instructions() if name == "ENV" and rest.startswith("PATH=")]
    image = dict(word.split("=", 1) for word in line.split())
    del image["PATH"]
    folders = {"HOME": str(place.folder / "state"), "TMPDIR": str(folder / "tmp")}
    image["RECONCILER_MANIFEST"] = image["RECONCILER_MANIFEST"].replace(PREFIX, str(tree))
    return {**image, **folders, "RECONCILER_CONFIG": str(place.config), "RECONCILER_SERVER": place.url}


def _health_check() -> list[str]:
    (check,) = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    words: list[str] = json.loads(check.partition(" CMD ")[2])
    return words


@pytest.fixture
def served(confinement: Confinement, place: Place, variables: dict[str, str]) -> Iterator[list[int]]:
    """The service runs until the end of the test, or until the signal; then its exit code is in the list."""
    codes: list[int] = []
    log = place.folder / "service.log"
    with log.open("wb") as file:
        process = confinement.start(["reconciler", "serve"], variables, file)
    try:
        wait_until(lambda: _is_ready(place, process.poll(), log), "ready", seconds=60)
        yield codes
        process.terminate()
        codes.append(process.wait(20))
    finally:
        process.kill()
    assert codes == [0]


def _is_ready(place: Place, code: int | None, log: Path) -> bool:
    assert code is None, log.read_text()
    try:
        return requests.get(f"{place.url}/readyz", timeout=30).status_code == 200
    except requests.ConnectionError:
        return False


def test_it_serves_from_a_tree_that_cannot_be_written(
    served: list[int], confinement: Confinement, place: Place, variables: dict[str, str], tmp_path: Path
) -> None:
    """Ready, healthy by the image's own check, in sync with its repository; and all is as it was built."""
    log = tmp_path / "log"

    def run(*command: str) -> int:
        return confinement.run(list(command), variables, log)

    assert run("touch", str(confinement.tree / "lib" / "mark")) == 1
    assert "Read-only file system" in log.read_text()
    assert run(*_health_check()) == 0, log.read_text()
    wait_until(lambda: _status(place) == "in_sync", "in sync", seconds=60)
    assert run("reconciler", "verify") == 0, log.read_text()
    assert run("reconciler", "check") == 0, log.read_text()
    assert [path for path in confinement.tree.rglob("*") if path.lstat().st_uid == USER] == []


def _status(place: Place) -> str:
    status: str = requests.get(f"{place.url}/fabrics/demo", timeout=30).json()["sync_status"]
    return status


def test_the_check_of_a_service_that_is_not_there_fails(
    confinement: Confinement, variables: dict[str, str], tmp_path: Path
) -> None:
    """The image's health check tells."""
    assert confinement.run(_health_check(), variables, tmp_path / "log") == 1


def test_everybody_can_read_the_tree_and_nobody_else_can_write_it(tree: Path) -> None:
    """Whatever the user's mask was when it was built."""
    modes = {path: path.lstat().st_mode for path in tree.rglob("*") if not path.is_symlink()}

    assert [
        path for path, mode in modes.items() if not mode & stat.S_IROTH or mode & (stat.S_IWGRP | stat.S_IWOTH)
    ] == []
    assert [path for path in tree.rglob("site-packages/*") if path.name in {"pip", "setuptools", "hatchling"}] == []


def test_nothing_in_the_tree_tells_where_it_was_built(tree: Path) -> None:
    """Pip notes the path of a wheel that is named by it: a folder of the moment, by which no two manifests were the
    same.
    """
    assert list(tree.rglob("hedgehog_reconciler-*.dist-info/RECORD"))
    assert list(tree.rglob("direct_url.json")) == []


def test_a_tree_that_cannot_be_finished_is_not_left_behind(tmp_path: Path) -> None:
    """Else the next attempt would be refused, because of it."""
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/bin/sh\nfor last; do :; done\nmkdir -p "$last"\nexit 1\n')
    interpreter.chmod(0o755)
    (tmp_path / "tools" / "bin").mkdir(parents=True)
    (tmp_path / "tools" / "complete").touch()
    variables = {**os.environ, "PYTHON": str(interpreter), "TOOLS": str(tmp_path / "tools")}
    for step in ("both", "dependencies"):
        command = [PROJECT / "deploy" / "build_tree.sh", tmp_path / "tree", step]
        assert subprocess.run(command, env=variables, capture_output=True, timeout=60, check=False).returncode == 1
        assert not (tmp_path / "tree").exists()
