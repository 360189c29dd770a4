"""Which of a fabric's objects a page shows. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webhooks.dashboard.marks import SEVERITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.json import JSONObject

PAGE = 100
"""Objects on a page."""

_SEARCHED = ("name", "kind", "file", "reason", "message")

LONGEST = 200
"""Characters of a search that count."""


@dataclass(frozen=True, slots=True)
class Query:
    """Empty words choose everything; `page` counts from 1."""

    kind: str = ""
    state: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Query:
        """What makes no sense is as if it were not given."""
        page = given.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < len("1000000") else 1
        kind, state, text = (given.get(name, "").strip()[:LONGEST] for name in ("kind", "state", "q"))
        return cls(kind, state, text, max(1, number))


@dataclass(frozen=True, slots=True)
class Selection:
    """`rows` are those of this page, `total` how many fit the query; `kinds` and `states` count all of the fabric."""

    rows: Sequence[JSONObject]
    total: int
    page: int
    pages: int
    kinds: Mapping[str, int]
    states: Mapping[str, int]


def select(resources: Sequence[JSONObject], query: Query) -> Selection:
    """Those that need a look first, then by kind and name. A page beyond the last is the last."""
    found = [one for one in resources if _fits(one, query)]
    found.sort(key=lambda one: (_place(one["state"]), one["kind"], one["name"]))
    pages = max(1, -(-len(found) // PAGE))
    page = min(query.page, pages)
    states = Counter(one["state"] for one in resources)
    return Selection(
        rows=found[(page - 1) * PAGE : page * PAGE],
        total=len(found),
        page=page,
        pages=pages,
        kinds=dict(sorted(Counter(one["kind"] for one in resources).items())),
        states={state: states[state] for state in sorted(states, key=_place)},
    )


def _place(state: str) -> int:
    return SEVERITY.get(state, len(SEVERITY))


def _fits(one: JSONObject, query: Query) -> bool:
    if query.kind and one["kind"] != query.kind:
        return False
    if query.state and one["state"] != query.state:
        return False
    text = query.text.lower()
    return not text or any(text in (one[field] or "").lower() for field in _SEARCHED)
