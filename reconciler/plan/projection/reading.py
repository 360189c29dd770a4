"""Typed looks into specs whose shape nobody guarantees: an object may come from Git without a cluster's checks."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from reconciler.plan.projection.names import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}


class MalformedError(ValueError):
    """A field that cannot be projected; the text names it by its dotted path and says what is wrong with it."""

    def __init__(self, path: str, finding: str) -> None:
        super().__init__(f"{path}: {finding}")


def text(parent: JSONObject, name: str, path: str = "spec") -> str:
    """A text field, cleaned; absent and null are the empty text."""
    value = parent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedError(f"{path}.{name}", f"is {_kind(value)}, not a text")
    return clean(value)


def number(parent: JSONObject, name: str, path: str = "spec") -> int | None:
    """An integer field; absent, null and 0 (which Go writes for absent) are None."""
    value = parent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedError(f"{path}.{name}", f"is {_kind(value)}, not an integer")
    return value or None


def flag(parent: JSONObject, name: str, path: str = "spec") -> bool | None:
    """A boolean field; None when absent."""
    value = parent.get(name)
    if value is not None and not isinstance(value, bool):
        raise MalformedError(f"{path}.{name}", f"is {_kind(value)}, not a boolean")
    return value


def mapping(parent: JSONObject, name: str, path: str = "spec") -> JSONObject:
    """An object field; absent and null are empty."""
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(f"{path}.{name}", f"is {_kind(value)}, not an object")
    return value


def items(parent: JSONObject, name: str, path: str = "spec") -> Iterator[tuple[str, JSON]]:
    """The items of a list field, each with its path; absent and null are empty."""
    value = parent.get(name)
    if value is None:
        return
    if not isinstance(value, list):
        raise MalformedError(f"{path}.{name}", f"is {_kind(value)}, not a list")
    for position, item in enumerate(value):
        yield f"{path}.{name}[{position}]", item


def network(value: JSON, path: str) -> str:
    """A CIDR in canonical form. Host bits are masked: the fabric accepts and keeps them, NetBox refuses them."""
    if not isinstance(value, str):
        raise MalformedError(path, f"is {_kind(value)}, not a CIDR")
    try:
        parsed = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise MalformedError(path, f"{value!r} is not a CIDR") from None
    if parsed.prefixlen == 0:
        raise MalformedError(path, f"NetBox holds no prefix of length 0 ({value})")
    return str(parsed)


def _kind(value: JSON) -> str:
    return _KINDS.get(type(value), "absent")
