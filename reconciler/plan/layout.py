"""The structure of a fabric's directory: which places it has, what they are called, and what the fixed files say.

All paths here are relative to the fabric's directory.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from reconciler.model.kinds import DECLARABLE
from reconciler.plan.texts import quoted

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey

VERSION = 1
"""Of the form of `.hnp/manifest.yaml`."""

STRUCTURE_VERSION = 1
"""Of the structure that this version makes and understands."""

RAW, MANAGED, UNMANAGED, INTERNAL = "raw", "managed", "unmanaged", ".hnp"
MANIFEST = f"{INTERNAL}/manifest.yaml"
ARCHIVE_LOG = f"{INTERNAL}/archive-log.yaml"
ATTRIBUTES = f"{INTERNAL}/.gitattributes"
README = "README.md"
KEEP = ".gitkeep"
"""Git keeps no empty directories: each that may become empty has a file of this name."""

DIRECTORIES = (RAW, UNMANAGED, *sorted(f"{MANAGED}/{kind.plural}" for kind in DECLARABLE))
"""The directories that may become empty; `managed/` and `.hnp/` are never."""

ATTRIBUTES_TEXT = "# Lines that two branches added are all kept.\narchive-log.yaml merge=union\n"

_LONGEST_STEM = 250
"""Characters of a file's name before `.yaml`: file systems take 255 in all."""

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, with any suffix."""


def managed_path(key: ObjectKey) -> str:
    """The file of an object. A name that no file can have everywhere is shortened and told apart by its digest, behind
    `~`, which stands in no name.
    """
    stem = key.name
    if len(stem) > _LONGEST_STEM or is_reserved(stem):
        stem = f"{stem[:150]}~{hashlib.sha256(stem.encode()).hexdigest()[:12]}"
    return f"{MANAGED}/{key.resource_kind.plural}/{stem}.yaml"


def is_reserved(name: str) -> bool:
    """Whether Windows has a device of this name: no file there can be called so."""
    return _RESERVED.fullmatch(name) is not None


def manifest_text(fabric: str) -> str:
    directories = "".join(f"  - {name}\n" for name in (*DIRECTORIES, INTERNAL))
    return (
        "# Written by hedgehog-reconciler, which recognizes the directory of a fabric by it.\n"
        f"version: {VERSION}\nfabric: {quoted(fabric)}\nstructureVersion: {STRUCTURE_VERSION}\n"
        f"directories:\n{directories}"
    )


def readme_text(fabric: str) -> str:
    return f"""\
# Fabric {fabric}

This directory holds what the fabric should be. hedgehog-reconciler keeps the fabric in line with it.

- `raw/`: drop YAML or JSON of Hedgehog objects here, in as many files and documents as you like, and push. Each object
  is sorted in, and the file is removed.
- `managed/`: one file for each object, by kind. This is what is applied; edit or delete files as you like.
- `unmanaged/`: documents that cannot be applied, each with a `.reason.yaml` beside it. Mend the document, move it to
  `raw/`, and delete the reason. In directories by kind: objects that only the cluster has
  (`reconciler adopt`). Move to `raw/` what is to be managed.
- `.hnp/`: the reconciler's own. What this directory is, and what came from where.

Only `raw/`, `unmanaged/` and `.hnp/` are not applied: YAML anywhere else in this directory is.
This file is yours: once it is there, it is never changed.
"""
