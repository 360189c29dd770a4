"""What a record's key (`hh_key`) says: whose it is, and for which object it stands."""

from __future__ import annotations

import re

from reconciler.model.kinds import KINDS
from reconciler.model.objects import ObjectKey

_KEY = re.compile(r"(?P<fabric>[a-z0-9-]+)/(?P<kind>[A-Za-z0-9]+)/(?P<name>[^#/]+)(?:#.*)?", re.DOTALL)


def object_of(key: str, namespaces: dict[str, str]) -> tuple[str, ObjectKey] | None:
    """The fabric and the object that a record with this key shows; None when it is no key of ours.

    `namespaces` maps the names of fabrics to their namespaces.
    """
    match = _KEY.fullmatch(key)
    if match is None or match["fabric"] not in namespaces or match["kind"] not in KINDS:
        return None
    return match["fabric"], ObjectKey(match["kind"], namespaces[match["fabric"]], match["name"])
