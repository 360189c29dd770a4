"""Typed looks into specs whose shape nobody guarantees: an object may come from Git without a cluster's checks."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from reconciler.plan.projection.names import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject

LAST_VLAN = 4094

_MAC = re.compile(r"[0-9a-f]{12}")
_SEPARATORS = re.compile(r"[:.-]")

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}


class MalformedError(ValueError):
    """A field that cannot be projected; the text names it by its dotted path and says what is wrong with it."""

    def __init__(self, path: str, finding: str) -> None:
        super().__init__(f"{path}: {finding}")


def text(parent: JSONObject, name: str, path: str = "spec") -> str:
    """A text field, cleaned; absent and null are the empty text."""
    return _text(parent.get(name), f"{path}.{name}")


def texts(parent: JSONObject, name: str, path: str = "spec") -> list[str]:
    """A list of texts, cleaned; absent and null are empty."""
    return [_text(item, place) for place, item in items(parent, name, path)]


def number(parent: JSONObject, name: str, path: str = "spec") -> int | None:
    """An integer field; absent, null and 0 (which Go writes for absent) are None."""
    value = parent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedError(f"{path}.{name}", f"is {_kind(value)}, not an integer")
    return value or None


def vlan_id(parent: JSONObject, name: str, path: str = "spec") -> int | None:
    """A VLAN id; absent, null and 0 are None."""
    value = number(parent, name, path)
    if value is not None and not 1 <= value <= LAST_VLAN:
        raise MalformedError(f"{path}.{name}", f"{value} is not a VLAN id")
    return value


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


def objects(parent: JSONObject, name: str, path: str = "spec") -> Iterator[tuple[str, JSONObject]]:
    """The items of a list of objects, each with its path; absent and null are empty."""
    for place, item in items(parent, name, path):
        if not isinstance(item, dict):
            raise MalformedError(place, f"is {_kind(item)}, not an object")
        yield place, item


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


def address(value: JSON, path: str) -> str:
    """An address with its prefix length; that of a single host where it names none."""
    if not isinstance(value, str):
        raise MalformedError(path, f"is {_kind(value)}, not an address")
    try:
        return str(ipaddress.ip_interface(value))
    except ValueError:
        raise MalformedError(path, f"{value!r} is not an address") from None


def host(value: JSON, path: str, beside: str | None) -> str:
    """The address of a host, which names no prefix length: it has that of the address `beside` it in one network."""
    found = ipaddress.ip_interface(address(value, path)).ip
    if beside and found in (within := ipaddress.ip_interface(beside).network):
        return f"{found}/{within.prefixlen}"
    return f"{found}/{found.max_prefixlen}"


def mac_address(value: JSON, path: str) -> str:
    """A MAC address as NetBox gives it back, however it is written."""
    digits = _SEPARATORS.sub("", value.lower()) if isinstance(value, str) else ""
    if not _MAC.fullmatch(digits):
        raise MalformedError(path, f"{value!r} is not a MAC address")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)).upper()


def _text(value: JSON, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedError(path, f"is {_kind(value)}, not a text")
    return clean(value)


def _kind(value: JSON) -> str:
    return _KINDS.get(type(value), "absent")
