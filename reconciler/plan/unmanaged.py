"""Files of `unmanaged/`: what a document that cannot be managed is called there, and the reason beside it."""

from __future__ import annotations

import hashlib
import re
from itertools import count
from typing import TYPE_CHECKING

from reconciler.plan.layout import UNMANAGED, is_reserved
from reconciler.plan.texts import flow, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.ingestion import Routed
    from reconciler.model.problems import Problem
    from reconciler.plan.places import Places

REASON = ".reason.yaml"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_STEM = 80


def reason_text(one: Routed, problems: Sequence[Problem]) -> bytes:
    """Why a document is here. `problems` are all that are known of it."""
    fields: dict[str, str | int] = {"file": one.file, "document": one.index, "line": one.line}
    fields |= {"rule": one.rule, "reason": one.message}
    lines = [f"{name}: {quoted(value) if isinstance(value, str) else value}" for name, value in fields.items()]
    if problems:
        lines += ["problems:", *(f"  - {flow(_told(problem))}" for problem in problems)]
    return "".join(f"{line}\n" for line in lines).encode()


def _told(problem: Problem) -> dict[str, str | int]:
    return {"line": problem.line, "field": problem.field, "rule": problem.rule, "message": problem.message}


def place(one: Routed, content: bytes, reason: bytes, places: Places) -> str:
    """Where both files go: to the first name that is free, or that holds the very same already."""
    paths = (f"{UNMANAGED}/{name}.yaml" for name in _names(one, content, reason))
    return next(path for path in paths if _is_free(path, places) or _is_same(path, content, reason, places))


def _is_free(path: str, places: Places) -> bool:
    return not places.is_taken(path) and not places.is_taken(path + REASON)


def _is_same(path: str, content: bytes, reason: bytes, places: Places) -> bool:
    return places.holds(path, content) and places.holds(path + REASON, reason)


def _names(one: Routed, content: bytes, reason: bytes) -> Iterator[str]:
    file = one.file.rpartition("/")[2].rpartition(".")[0]
    stem = _UNSAFE.sub("_", file)[:_LONGEST_STEM]
    if not stem or stem.startswith(".") or is_reserved(stem):
        stem = f"_{stem}"
    name = f"{stem}-{one.index}"
    yield name
    digest = hashlib.sha256(content + b"\0" + reason).hexdigest()[:12]
    yield f"{name}-{digest}"
    yield from (f"{name}-{digest}-{number}" for number in count(2))
