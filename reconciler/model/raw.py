"""Documents that people dropped, before it is decided where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.objects import Manifest
    from reconciler.model.problems import Problem
    from reconciler.model.tree import TreeEntry


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document of a dropped file, or one item of a `List` in there.

    `index` is that of the document from 0; of an item also its own: `3.5` is the sixth item of the fourth document.
    `data` holds the document's own bytes. `managed` holds the same with the annotations of its origin, None where it
    is refused; then `problems` say why. `is_rewritten`: the text could not take annotations, so that `managed` is
    written anew from the values, without comments.
    """

    index: str
    line: int
    data: bytes
    manifest: Manifest | None = None
    managed: bytes | None = None
    problems: tuple[Problem, ...] = ()
    is_rewritten: bool = False


@dataclass(frozen=True, slots=True)
class RawFile:
    """A dropped file and all that it holds."""

    entry: TreeEntry
    documents: tuple[RawDocument, ...]
