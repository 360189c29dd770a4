"""VLANNamespaces, IPv4Namespaces and Externals: what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.lenient import listed, mapping, name_or, numbered, whole
from reconciler.plan.references import DEFAULT
from reconciler.plan.rules.addresses import prefix_of
from reconciler.plan.rules.traits import AddressSpace, Outside, VLANRanges
from reconciler.plan.rules.words import quoted

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.model.problems import Path
    from reconciler.plan.rules.facts import Draft

_MOST_SUBNETS = 10
_RESERVED = (3000, 3999)
"""The VLANs that a fabric keeps for itself unless it is configured otherwise."""


def judge_vlan_namespace(draft: Draft, _: ObjectKey, spec: JSONObject) -> None:
    ranges = [_range(draft, path, one) for path, one in numbered(spec.get("ranges"), ("spec", "ranges"))]
    known = [one for one in ranges if one is not None]
    if len(known) == len(ranges) and listed(spec.get("ranges")) is not None:
        draft.traits = VLANRanges(tuple(known))


def _range(draft: Draft, path: Path, value: JSON) -> tuple[int, int] | None:
    """A range of VLANs: one without an end ends where it begins. None when it cannot be read."""
    low, high = whole(mapping(value).get("from")), whole(mapping(value).get("to"))
    if low is None or high is None or not isinstance(value, dict):
        return None
    high = high or low
    if high < low:
        draft.breaks("RangeBackwards", path, f"the range ends at {high} before it begins at {low}")
    elif low <= _RESERVED[1] and high >= _RESERVED[0]:
        text = (
            f"{low} to {high} reaches into {_RESERVED[0]} to {_RESERVED[1]}, which the fabric keeps unless configured"
        )
        draft.warns("ReservedVLANs", path, text)
    return low, high


def judge_ipv4_namespace(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    path = ("spec", "subnets")
    subnets = listed(spec.get("subnets"))
    if subnets is None:
        return
    count = len(subnets)
    if count > _MOST_SUBNETS:
        text = f"an IPv4Namespace has at most {_MOST_SUBNETS} subnets, this one has {count}"
        draft.breaks("TooManySubnets", path, text)
    prefixes = []
    for place, text in numbered(subnets, path):
        prefix = prefix_of(text) if isinstance(text, str) else None
        if prefix is not None:
            prefixes.append(prefix)
            # Other namespaces may hold the same addresses: that is what they are for.
            draft.spans(key, prefix, place, text)
        elif isinstance(text, str):
            draft.breaks("MalformedPrefix", place, f"{quoted(text)} is not an IPv4 prefix such as 10.0.0.0/16")
    if len(prefixes) == count:
        draft.traits = AddressSpace(tuple(prefixes))


def judge_external(draft: Draft, _: ObjectKey, spec: JSONObject) -> None:
    draft.traits = Outside(name_or(DEFAULT, spec.get("ipv4Namespace")))
