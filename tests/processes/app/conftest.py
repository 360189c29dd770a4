"""A small repository for the parts that read one."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: VLANNamespace
metadata: {name: default}
spec: {ranges: [{from: 1000, to: 2999}]}
"""


@pytest.fixture(scope="package")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit on `main`, in which each of three fabrics declares one object."""
    path = tmp_path_factory.mktemp("repositories") / "gitops.git"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
    for number in (1, 2, 3):
        file = path / "fabrics" / f"dc{number}" / "wiring.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(DOCUMENT)
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        (*identity, "commit", "--quiet", "--message", "Wire up"),
    ):
        subprocess.run(["git", *arguments], cwd=path, env=inherited, check=True, timeout=60)
    return path
