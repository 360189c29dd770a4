"""What the rules have to know of one object, apart from all others and from where it is declared.

The same key and spec always give equal facts: they can be kept by a digest of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from reconciler.model.problems import Severity

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from reconciler.model.objects import ObjectKey
    from reconciler.model.problems import Path
    from reconciler.plan.references import Reference
    from reconciler.plan.rules.addresses import Prefix
    from reconciler.plan.rules.traits import Traits

Trait = TypeVar("Trait", bound="Traits")


class Breach(NamedTuple):
    """A rule that is broken, and at which field."""

    path: Path
    rule: str
    message: str
    severity: Severity = Severity.ERROR


class Claim(NamedTuple):
    """A thing that only one object may have, by the rule that says so; `said` names it as the document does."""

    rule: str
    thing: Hashable
    path: Path
    said: str


class Span(NamedTuple):
    """A prefix that may not overlap another one of the same space."""

    space: Hashable
    prefix: Prefix
    path: Path
    said: str


class Others(Protocol):
    """The other objects of the fabric."""

    def traits(self, key: ObjectKey, of: type[Trait]) -> Trait | None:
        """What other objects' rules ask of it; None when it is not known."""
        ...

    def said(self, key: ObjectKey) -> str:
        """The object and its file, as a message names them."""
        ...


class Demand(Protocol):
    """What an object needs of others. Where the others are not known, nothing is broken."""

    def breaches(self, others: Others) -> Iterator[Breach]: ...


class Facts(NamedTuple):
    """`breaches` are those of the object alone; `controlled` refers to kinds that only controllers write; `traits` is
    what the demands of others ask for.
    """

    references: tuple[Reference, ...] = ()
    controlled: tuple[Reference, ...] = ()
    breaches: tuple[Breach, ...] = ()
    claims: tuple[Claim, ...] = ()
    spans: tuple[Span, ...] = ()
    demands: tuple[Demand, ...] = ()
    traits: Traits | None = None


NOTHING = Facts()
"""The facts of an object that no rule speaks of."""


class Draft:
    """Collects the facts of one object."""

    def __init__(self) -> None:
        self._breaches: list[Breach] = []
        self._claims: list[Claim] = []
        self._spans: list[Span] = []
        self._demands: list[Demand] = []
        self.traits: Traits | None = None

    def breaks(self, rule: str, path: Path, message: str) -> None:
        self._breaches.append(Breach(path, rule, message))

    def warns(self, rule: str, path: Path, message: str) -> None:
        self._breaches.append(Breach(path, rule, message, Severity.WARNING))

    def claims(self, rule: str, thing: Hashable, path: Path, said: str) -> None:
        self._claims.append(Claim(rule, thing, path, said))

    def spans(self, space: Hashable, prefix: Prefix, path: Path, said: str) -> None:
        self._spans.append(Span(space, prefix, path, said))

    def demands(self, demand: Demand) -> None:
        self._demands.append(demand)

    def facts(self, references: Iterable[Reference], controlled: Iterable[Reference]) -> Facts:
        return Facts(
            tuple(references),
            tuple(controlled),
            (*self._breaches, *_repeated(self._claims), *_overlapping(self._spans)),
            tuple(self._claims),
            tuple(self._spans),
            tuple(self._demands),
            self.traits,
        )


def _repeated(claims: Iterable[Claim]) -> Iterator[Breach]:
    """What an object claims twice."""
    seen: dict[tuple[str, Hashable], Claim] = {}
    for claim in claims:
        first = seen.setdefault((claim.rule, claim.thing), claim)
        if first is not claim:
            alias = "" if first.said == claim.said else f", first as {first.said}"
            yield Breach(claim.path, claim.rule, f"{claim.said} is taken twice in this document{alias}")


def _overlapping(spans: Iterable[Span]) -> Iterator[Breach]:
    """Prefixes of one object that overlap, of a single space."""
    widest: Span | None = None
    for span in sorted(spans, key=lambda one: one.prefix):
        if widest is not None and span.prefix.first <= widest.prefix.last:
            yield Breach(span.path, OVERLAP, f"{span.said} overlaps {widest.said} of this document")
        if widest is None or span.prefix.last > widest.prefix.last:
            widest = span


OVERLAP = "SubnetsOverlap"
"""The rule that spans obey."""
