"""Fields that the server does not let anybody change: the object has to be made anew.

Source: the admission webhooks of githedgehog/fabric.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest, Resource

_STATIC = "staticExternal"


def immutable_change(manifest: Manifest, resource: Resource) -> str | None:
    """What of an object cannot become as Git declares it, as a sentence; None where all of it can."""
    if manifest.key.kind != "Connection":
        return None
    before, after = _types(resource.spec), _types(manifest.spec)
    if before and after and before != after:
        return f"its type cannot be changed in place: {'+'.join(before)} becomes {'+'.join(after)}"
    if after == [_STATIC] and _within(resource.spec) != _within(manifest.spec):
        vpcs = [name or "none" for name in (_within(resource.spec), _within(manifest.spec))]
        return f"its withinVPC cannot be changed in place: {vpcs[0]} becomes {vpcs[1]}"
    return None


def _types(spec: JSONObject) -> list[str]:
    return sorted(name for name, value in spec.items() if value is not None)


def _within(spec: JSONObject) -> str:
    wiring = spec.get(_STATIC)
    return str(wiring.get("withinVPC") or "") if isinstance(wiring, dict) else ""
