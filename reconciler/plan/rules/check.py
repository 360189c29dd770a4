"""All documents of a fabric against the rules, in the order in which they stand in Git."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.model.problems import Fault, Severity
from reconciler.plan.rules.addresses import written
from reconciler.plan.rules.facts import NOTHING, OVERLAP, Breach
from reconciler.plan.rules.known import Known
from reconciler.plan.rules.words import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.plan.references import Reference
    from reconciler.plan.rules.facts import Claim, Facts, Span


def broken_rules(
    manifests: Mapping[ObjectKey, Manifest],
    live: Mapping[ObjectKey, Resource],
    unknown: Collection[str],
    refused: AbstractSet[ObjectKey],
    facts: Mapping[ObjectKey, Facts] | None = None,
    *,
    is_offline: bool = False,
) -> tuple[Fault, ...]:
    """What is wrong with the documents of a fabric, in the order of their files and of the documents in them.

    `live` holds the observed objects, SwitchProfiles among them: without any, none is missed. `unknown` are the kinds
    that could not be read: nothing of those is missed. `refused` are the identities of documents that were refused
    before: they exist, and nothing else is known of them. `facts` are those of manifests that the caller kept, equal
    to `facts_of`; what is not among them is computed. `is_offline`: no cluster was looked at, so that what Git does not
    declare may be there; whoever refers to it is warned.

    Where documents exclude each other the first one stands, and a document that is refused takes nothing away from
    those behind it. What only the cluster holds takes nothing either: it may be about to go.
    """
    known = Known(manifests, live, unknown, refused, facts or {})
    check = _Check(known, live, is_offline=is_offline)
    in_order = sorted(manifests.values(), key=lambda one: (one.source.file, one.source.document, one.key))
    return tuple(fault for manifest in in_order for fault in check.faults(manifest.key, known.take(manifest)))


_MISSED = "exists neither in Git nor in the cluster"
_MISSED_OFFLINE = "is not in Git; no cluster was asked whether it has it"


class _Check:
    """Looks at documents one after the other, and keeps who has taken what, of those that stand."""

    def __init__(self, known: Known, live: Mapping[ObjectKey, Resource], *, is_offline: bool) -> None:
        self._known = known
        self._severity = Severity.WARNING if is_offline else Severity.ERROR
        self._missed = _MISSED_OFFLINE if is_offline else _MISSED
        self._profiles = frozenset(key for key in live if key.kind == "SwitchProfile")
        self._things: defaultdict[str, dict[Hashable, ObjectKey]] = defaultdict(dict)
        self._spaces: defaultdict[Hashable, list[tuple[int, int, ObjectKey]]] = defaultdict(list)

    def faults(self, key: ObjectKey, facts: Facts) -> list[Fault]:
        if facts is NOTHING:
            return []
        found = [*facts.breaches, *self._missing(facts), *self._unmet(facts), *self._conflicts(facts)]
        if not any(breach.severity is Severity.ERROR for breach in found):
            self._take(key, facts)
        return [Fault(key, breach.path, breach.rule, breach.message, breach.severity) for breach in found]

    def _missing(self, facts: Facts) -> Iterator[Breach]:
        for reference in facts.references:
            if not self._known.exists(reference.key):
                message = f"{_shown(reference)} {self._missed}"
                yield Breach(reference.path, "MissingReference", message, self._severity)
        for reference in facts.controlled:
            if self._profiles and reference.key not in self._profiles:
                message = f"the cluster has no {_shown(reference)}; only the fabric's controller makes those"
                yield Breach(reference.path, "UnknownProfile", message, Severity.WARNING)

    def _unmet(self, facts: Facts) -> Iterator[Breach]:
        for demand in facts.demands:
            yield from demand.breaches(self._known)

    def _conflicts(self, facts: Facts) -> Iterator[Breach]:
        for claim in facts.claims:
            holder = self._things[claim.rule].get(claim.thing)
            if holder is not None:
                yield Breach(claim.path, claim.rule, self._taken(claim, holder))
        for span in facts.spans:
            kept = self._overlapped(span)
            if kept is not None:
                message = f"{span.said} overlaps {written(kept[0], kept[1])} of {self._known.said(kept[2])}"
                yield Breach(span.path, OVERLAP, message)

    def _taken(self, claim: Claim, holder: ObjectKey) -> str:
        theirs = (one for one in self._known.facts(holder).claims if one[:2] == claim[:2])
        alias = "".join(f", as {one.said}" for one in theirs if one.said != claim.said)
        return f"{claim.said} is taken by {self._known.said(holder)}{alias}"

    def _overlapped(self, span: Span) -> tuple[int, int, ObjectKey] | None:
        """What has a part of the span. What is kept does not overlap: only the neighbour below its end needs a look."""
        kept = self._spaces[span.space]
        place = bisect_right(kept, span.prefix.last, key=lambda one: one[0])
        return kept[place - 1] if place and kept[place - 1][1] >= span.prefix.first else None

    def _take(self, key: ObjectKey, facts: Facts) -> None:
        for claim in facts.claims:
            self._things[claim.rule][claim.thing] = key
        for span in facts.spans:
            insort(self._spaces[span.space], (span.prefix.first, span.prefix.last, key))


def _shown(reference: Reference) -> str:
    """The object that a document refers to, by a name that nobody checked."""
    return f"{reference.key.kind}/{plain(reference.key.name)}"
