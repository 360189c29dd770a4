"""What a server was started with, kept in its folder so that another process can find and control it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def remembered(path: Path, kind: type[T]) -> T | None:
    """The flat dataclass `kind` as `remember` wrote it; None when nothing was written."""
    return kind(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def remember(path: Path, value: DataclassInstance) -> None:
    """Write whole or not at all, for this user's eyes only: the value may hold a password."""
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(value)), encoding="utf-8")
    draft.replace(path)
