"""The desired state of a fabric at one revision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.problems import Problem
    from reconciler.model.revision import Revision


@dataclass(frozen=True, slots=True)
class Desired:
    """What Git declares.

    `refused` holds the identities of documents that were refused but could be identified: they count as
    declared. `waiting_in_raw` counts files with documents under `raw/`, which nobody ingested yet. `outdated` says why
    Git may hold a newer revision than this one; None: it was the newest when the pass began.
    """

    revision: Revision
    manifests: Mapping[ObjectKey, Manifest]
    problems: tuple[Problem, ...] = ()
    refused: frozenset[ObjectKey] = frozenset()
    waiting_in_raw: int = 0
    outdated: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every document was read and accepted. Only then may anything be deleted."""
        return not any(problem.is_refusal for problem in self.problems)

    def declares(self, key: ObjectKey) -> bool:
        return key in self.manifests or key in self.refused
