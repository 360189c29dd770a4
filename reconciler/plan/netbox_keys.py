"""What an `hh_key` says of its record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.objects import ObjectKey
from reconciler.plan.projection.context import UNDERLAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.requests import Scope

_KEY = re.compile(r"(?P<fabric>[a-z0-9-]+)/(?P<kind>[A-Za-z0-9]+)/(?P<name>[^#/]+)(?:#.*)?", re.DOTALL)


def scopes_of(keys: Iterable[str], namespaces: Mapping[str, str]) -> dict[str, Scope]:
    """By fabric what to look at for the sake of records with these keys: their objects, and the whole fabric where a
    key of its names none. `namespaces` maps the names of fabrics to their namespaces; keys of others say nothing.
    """
    found: dict[str, Scope] = {}
    for key in keys:
        fabric, _, rest = key.partition("/")
        if rest and fabric in namespaces:
            scope, known = _scope(key, namespaces[fabric]), found.get(fabric, frozenset())
            found[fabric] = None if scope is None or known is None else known | scope
    return found


def _scope(key: str, namespace: str) -> Scope:
    """The object that a record with this key shows. The VRF of the fabric's own addresses shows none, and is named as
    if it did; what else names none may concern anything.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    if (match["kind"], match["name"]) == (UNDERLAY.kind, UNDERLAY.name):
        return frozenset({UNDERLAY})
    return frozenset({ObjectKey(match["kind"], namespace, match["name"])}) if match["kind"] in KINDS else None
