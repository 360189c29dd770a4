"""Switches and gateways: what is theirs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.lenient import listed, mapping, name_or, text, whole
from reconciler.plan.references import DEFAULT
from reconciler.plan.rules.addresses import prefix_of
from reconciler.plan.rules.traits import Member
from reconciler.plan.rules.words import quoted

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.rules.facts import Draft

_LEAFS = frozenset({"server-leaf", "border-leaf", "mixed-leaf"})
_SHORTEST, _LONGEST = 2, 10


def judge_switch(draft: Draft, _: ObjectKey, spec: JSONObject) -> None:
    redundancy = spec.get("redundancy")
    role, kind = text(spec.get("role")), name_or("", mapping(redundancy).get("type"))
    is_pair = kind == "mclag"  # the two switches of such a pair may share their ASN and VTEP address
    _claim_address(draft, spec, "ip")
    _claim_address(draft, spec, "protocolIP")
    if not is_pair:
        _claim_address(draft, spec, "vtepIP")
    asn = whole(spec.get("asn"))
    if role in _LEAFS and asn and not is_pair:
        draft.claims("ASNUsedTwice", asn, ("spec", "asn"), f"ASN {asn}")
    if role == "spine" and text(spec.get("vtepIP")):
        draft.breaks("VTEPOnSpine", ("spec", "vtepIP"), "a spine has no VTEP address")
    group = name_or("", mapping(redundancy).get("group"))
    is_readable = redundancy is None or isinstance(redundancy, dict)
    draft.traits = Member(_names(spec.get("vlanNamespaces")), *((group, kind) if is_readable else (None, None)))


def _names(value: JSON) -> tuple[str, ...] | None:
    """The VLANNamespaces of a switch; None when one of them cannot be read."""
    names = listed(value)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names) or (DEFAULT,)


def judge_gateway(draft: Draft, _: ObjectKey, spec: JSONObject) -> None:
    _claim_address(draft, spec, "protocolIP")
    _claim_address(draft, spec, "vtepIP")
    for name in mapping(spec.get("interfaces")):
        if not _SHORTEST <= len(name) <= _LONGEST:
            message = (
                f"the name of an interface has {_SHORTEST} to {_LONGEST} characters, {quoted(name)} has {len(name)}"
            )
            draft.breaks("InterfaceName", ("spec", "interfaces", name), message)


def _claim_address(draft: Draft, spec: JSONObject, field: str) -> None:
    """Addresses of one use are unique over switches and gateways; wiring that is not hydrated leaves them out."""
    prefix = prefix_of(text(spec.get(field)))
    if prefix is not None:
        draft.claims("IPUsedTwice", (field, prefix.address), ("spec", field), f"{field} {spec[field]}")
