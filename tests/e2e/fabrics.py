"""Fabrics as files of a repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from reconciler.demo.fabric import FabricShape, build_fabric, render
from reconciler.model.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.demo.fabric import Document
    from reconciler.model.json import JSONObject

SMALL = FabricShape(spines=1, leafs=2, servers=3, vpcs=2, externals=0)


def shared_folder() -> Path | None:
    """The folder with the real CRDs and a generator of large fabrics, where it is present."""
    named = os.environ.get("RECONCILER_SHARED")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared"
    return folder if (folder / "tools" / "gen_wiring.py").is_file() else None


def documents(shape: FabricShape = SMALL) -> tuple[Document, ...]:
    return build_fabric(shape, namespace=None)


def file_name(document: Document) -> str:
    return f"managed/{document.directory}/{document.name}.yaml"


def bodies(shape: FabricShape = SMALL) -> dict[str, JSONObject]:
    """Every document by kind and name (`VPC/vpc-01`), to be edited."""
    return {f"{document.body['kind']}/{document.name}": document.body for document in documents(shape)}


def rendered(edited: Mapping[str, JSONObject]) -> dict[str, str | None]:
    """The files of edited documents."""
    kinds = ((key.partition("/"), body) for key, body in edited.items())
    return {f"managed/{KINDS[kind].plural}/{name}.yaml": yaml.safe_dump(body) for (kind, _, name), body in kinds}


def files(shape: FabricShape = SMALL) -> dict[str, str | None]:
    """Every document as the file that holds it, relative to the fabric's directory."""
    return {file_name(document): render(document) for document in documents(shape)}


def generated_files(shared: Path, preset: str, folder: Path, namespace: str, *options: str) -> dict[str, str | None]:
    """A large fabric of the generator, written to `folder`, in the namespace of a test."""
    command = [sys.executable, str(shared / "tools" / "gen_wiring.py"), "--preset", preset]
    subprocess.run(
        [*command, "--layout", "per-object", "--out", str(folder), *options], check=True, capture_output=True
    )
    texts = {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.yaml"))}
    return {path: text.replace("namespace: default", f"namespace: {namespace}") for path, text in texts.items()}
