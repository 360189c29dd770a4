"""What passes know of documents by the rules that hold between them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.plan.rules import broken_rules
from reconciler.plan.situation import live_objects, unknown_kinds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from reconciler.model.desired import Desired
    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.model.problems import Fault
    from reconciler.plan.situation import Observed

_PROFILES = "SwitchProfile"


class RuleBook:
    """Judges the documents of fabrics. What was judged is kept for as long as nothing of it changed: the very same
    documents, and the same of what they refer to in the cluster.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judged: dict[str, _Judgement] = {}

    def faults(self, fabric: str, desired: Desired, observed: Observed) -> tuple[Fault, ...]:
        """What is wrong with the documents, by the cluster as it is observed. Of kinds that were not read nothing is
        missed.
        """
        with self._lock:
            known = self._judged.get(fabric)
        case = _Case(desired, observed)
        if known is None or not known.is_of(case):
            known = case.judge()
            with self._lock:
                self._judged[fabric] = known
        return known.faults

    def forget(self, fabric: str) -> None:
        """Let go of the documents of a fabric that is no longer configured."""
        with self._lock:
            self._judged.pop(fabric, None)


class _Case:
    """Documents, and the cluster that they refer to."""

    def __init__(self, desired: Desired, observed: Observed) -> None:
        self.manifests: Mapping[ObjectKey, Manifest] = desired.manifests
        self.refused: AbstractSet[ObjectKey] = desired.refused
        self.unknown = unknown_kinds(observed)
        profiles = {one.key: one for one in observed.get(_PROFILES) or ()}
        self.profiles = frozenset(profiles)
        self.live = {**live_objects(observed), **profiles}

    def judge(self) -> _Judgement:
        asked = _Asked(self.live)
        faults = broken_rules(self.manifests, asked, self.unknown, self.refused)
        return _Judgement(self.manifests, self.refused, self.unknown, self.profiles, asked.answers, faults)


class _Asked(Mapping["ObjectKey", "Resource"]):
    """Objects of the cluster, with a note of which were asked for, and in which version they were there (None: not)."""

    def __init__(self, live: Mapping[ObjectKey, Resource]) -> None:
        self._live = live
        self.answers: dict[ObjectKey, str | None] = {}

    def __getitem__(self, key: ObjectKey) -> Resource:
        resource = self._live.get(key)
        self.answers[key] = _version(resource)
        if resource is None:
            raise KeyError(key)
        return resource

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter(self._live)

    def __len__(self) -> int:
        return len(self._live)


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What was found, and what it was found of."""

    manifests: Mapping[ObjectKey, Manifest]
    refused: AbstractSet[ObjectKey]
    unknown: tuple[str, ...]
    profiles: frozenset[ObjectKey]
    answers: Mapping[ObjectKey, str | None]
    faults: tuple[Fault, ...]

    def is_of(self, case: _Case) -> bool:
        """Whether nothing has changed since. A document that is parsed once for many passes is the same in all."""
        return (
            (self.refused, self.unknown, self.profiles) == (case.refused, case.unknown, case.profiles)
            and len(self.manifests) == len(case.manifests)
            and all(self.manifests.get(key) is manifest for key, manifest in case.manifests.items())
            and all(_version(case.live.get(key)) == version for key, version in self.answers.items())
        )


def _version(resource: Resource | None) -> str | None:
    return None if resource is None else resource.resource_version
