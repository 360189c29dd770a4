"""A way around null where an object became empty.

When an apply stops declaring the last member of an object, API servers may put null in the object's place
(structured-merge-diff, up to 1.20 always, later for objects that are still declared as `{}`) and then refuse that
null by the schema: 422 `must be of type object: "null"`. Admission webhooks that rewrite the object hide it. What to
do is clear the object first, by a merge patch, and apply again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.objects import FIELD_MANAGER
from reconciler.plan.fields import Path, parse_fields, render
from reconciler.targets.kubernetes.answers import causes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.targets.kubernetes.transport import Answer

_NULL = re.compile(r'must be of type (?:object|array): "null"$')
_UNPROCESSABLE = 422


def null_fields(answer: Answer) -> frozenset[str]:
    """The fields that were refused for being null, without the leading dot; none when anything else was refused."""
    found = causes(answer) if answer.status == _UNPROCESSABLE else ()
    if not all(_NULL.search(str(cause.get("message"))) for cause in found):
        return frozenset()
    return frozenset(str(cause.get("field")) for cause in found)


def clearing_patch(live: JSONObject, body: JSONObject, fields: frozenset[str]) -> JSONObject | None:
    """The merge patch that takes `fields` out of `live`, as it is now and no other version of it.

    None when that is not ours to do: a field that Git itself declares as null, that is not there, or of which another
    manager owns a part.
    """
    found = {render(path).removeprefix("."): path for path in _objects(live.get("spec"), ("spec",))}
    paths = [found[name] for name in fields if name in found]
    if len(paths) < len(fields) or any(_is_foreign(live, path) or _declares_null(body, path) for path in paths):
        return None
    patch: JSONObject = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}}
    for path in paths:
        _set_null(patch, path)
    return patch


def _objects(value: JSON, path: Path) -> Iterator[Path]:
    """The paths of all objects and lists."""
    if isinstance(value, dict | list):
        yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _objects(member, (*path, name))


def _is_foreign(live: JSONObject, path: Path) -> bool:
    """Whether another manager owns the field or something in it."""
    entries: Sequence[JSONObject] = live["metadata"].get("managedFields") or ()
    foreign = (entry for entry in entries if entry.get("manager") != FIELD_MANAGER)
    return any(owned[: len(path)] == path for entry in foreign for owned in parse_fields(entry.get("fieldsV1") or {}))


def _declares_null(body: JSON, path: Path) -> bool:
    for name in path:
        if not isinstance(body, dict) or name not in body:
            return False
        body = body[name]
    return body is None


def _set_null(patch: JSONObject, path: Path) -> None:
    *around, name = path
    for step in around:
        patch = patch.setdefault(step, {})
    patch[name] = None
