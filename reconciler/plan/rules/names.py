"""Names that Kubernetes would accept and the fabric does not: they end up in names of interfaces and in labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.rules.facts import Draft

_LONGEST = {"VPC": 11, "External": 11, "IPv4Namespace": 11}
_LONGEST_LABEL = 63
EXTERNAL_PREFIX = "ext."
"""What makes a name in a GatewayPeering that of an External."""

_NAME = ("metadata", "name")


def judge_name(draft: Draft, key: ObjectKey) -> None:
    longest = _LONGEST.get(key.kind)
    if key.kind == "Connection" and len(key.name) > _LONGEST_LABEL:
        draft.warns("NameTooLong", _NAME, f"nothing can be attached to it: {_too_long(key.name)}")
    if longest is not None and len(key.name) > longest:
        text = f"the name of a {key.kind} has at most {longest} characters, {key.name} has {len(key.name)}"
        draft.breaks("NameTooLong", _NAME, text)
    if key.kind == "VPC" and key.name.startswith(EXTERNAL_PREFIX):
        draft.breaks("ReservedName", _NAME, f"{EXTERNAL_PREFIX} begins the name of an external in a gateway peering")


def judge_attached(draft: Draft, connection: str) -> None:
    """The name of a connection becomes the value of a label of what is attached to it."""
    if len(connection) > _LONGEST_LABEL:
        draft.breaks("NameTooLong", ("spec", "connection"), _too_long(connection))


def _too_long(connection: str) -> str:
    return f"the name of a connection in a label has at most {_LONGEST_LABEL} characters, this one {len(connection)}"
