"""The tree of a container, built without an engine: its manifest, and what it tells of any file of anybody's."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.processes.deployment.artefact import lay_out, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.processes.deployment.artefact import Environment

LIBRARY = "lib/python3.11/site-packages/somebody/library.py"


@pytest.fixture
def tree(copied: Callable[[], Environment]) -> Environment:
    """An environment with our wheel, and a library of somebody else's."""
    environment = copied()
    library = environment.folder / LIBRARY
    library.parent.mkdir(parents=True)
    library.write_text("ANSWER = 42\n")
    return environment


def _write_manifest(tree: Environment) -> tuple[Path, str]:
    """As the last step of an image's build."""
    path = tree.folder / "reconciler-manifest.json"
    said = tree.run("verify", "--write-manifest", str(path))
    assert said.returncode == 0, said.stderr
    digest, _, named = said.stdout.strip().partition("  ")
    assert named == str(path)
    return path, digest


def test_a_tree_with_its_manifest(tree: Environment, tmp_path: Path) -> None:
    """The manifest is named by its content. A file of a library that is changed afterwards is named, and so is a
    manifest that was changed with it, by `verify` and by the service.
    """
    path, digest = _write_manifest(tree)
    assert digest == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    files = json.loads(path.read_text())["files"]
    assert {LIBRARY, "bin/reconciler", "pyvenv.cfg"} <= files.keys()
    assert not [name for name in files if "__pycache__" in name]
    told = {"RECONCILER_MANIFEST_DIGEST": digest}
    code, found = tree.findings("verify", "--installation-only", variables=told)
    assert (code, [one["subject"] for one in found][:2]) == (0, ["integrity", "integrity of the environment"])

    (tree.folder / LIBRARY).write_text("ANSWER = 43\n")

    code, found = tree.findings("verify", "--installation-only", variables=told)
    (wrong,) = [one for one in found if one["state"] == "failing"]
    assert (code, wrong["subject"]) == (1, f"integrity of the environment: {LIBRARY}")
    assert wrong["message"].startswith(f"{LIBRARY} is changed: 12 bytes (sha256 ")
    _, other = _write_manifest(tree)  # whoever can change a file can do this as well
    with serving(tree, lay_out(tmp_path / "place"), told) as service:
        assert service.wait_looked()["not_running"]["integrity"] == f"{path} is changed: {other}, {digest} expected"


def test_other_code_than_the_manifest_names(tree: Environment, tmp_path: Path) -> None:
    """The tree is as its manifest says, but a source tree is found first: `verify` and the service name its folder."""
    path, digest = _write_manifest(tree)
    source = tmp_path / "source"
    for name in ("reconciler", "webhooks"):
        shutil.copytree(tree.packages / name, source / name)
    (source / "reconciler" / "_build.json").unlink()
    with (source / "reconciler" / "queue.py").open("a") as file:
        file.write("CHANGED = True\n")
    told = {"RECONCILER_MANIFEST": str(path), "RECONCILER_MANIFEST_DIGEST": digest, "PYTHONPATH": str(source)}
    says = f"{source} is what runs, and not of this build: the tree of {path} expected"

    code, found = tree.findings("verify", "--installation-only", variables=told)

    assert (code, [one["message"] for one in found if one["state"] == "failing"]) == (
        1,
        [f"{source}/hedgehog_reconciler-*.dist-info/RECORD is missing: the record expected", says],
    )
    with serving(tree, lay_out(tmp_path / "place"), told) as service:
        assert says in str(service.wait_looked()["not_running"])
        assert service.get("/readyz").status_code == 503
