"""IPv4 addresses and prefixes as numbers. As strict as the server's parser: no leading zeros, no dotted masks."""

from __future__ import annotations

import re
from typing import NamedTuple

_OCTET = r"(0|[1-9][0-9]{0,2})"
_ADDRESS = re.compile(r"\.".join([_OCTET] * 4))
_PREFIX = re.compile(rf"{_ADDRESS.pattern}/(0|[1-9][0-9]?)")
_LARGEST_OCTET = 255
_BITS = 32


class Prefix(NamedTuple):
    """The addresses `first` to `last`; `address` is the one as written, which may have host bits."""

    first: int
    last: int
    length: int
    address: int

    def holds(self, address: int) -> bool:
        return self.first <= address <= self.last

    def covers(self, other: Prefix) -> bool:
        """Whether all addresses of the other are among these."""
        return self.first <= other.first and other.last <= self.last


def address_of(text: str) -> int | None:
    """The address that a text writes; None when it writes none."""
    found = _ADDRESS.fullmatch(text)
    return _number(*found.groups()) if found else None


def prefix_of(text: str) -> Prefix | None:
    """The prefix that a text writes as `<address>/<length>`; None when it writes none."""
    found = _PREFIX.fullmatch(text)
    if found is None:
        return None
    address, length = _number(*found.groups()[:4]), int(found[5])
    if address is None or length > _BITS:
        return None
    size = 1 << (_BITS - length)
    first = address & -size
    return Prefix(first, first + size - 1, length, address)


def written(first: int, last: int) -> str:
    """A prefix as text."""
    octets = ".".join(str(first >> shift & _LARGEST_OCTET) for shift in (24, 16, 8, 0))
    return f"{octets}/{_BITS - (last - first).bit_length()}"


def _number(*octets: str) -> int | None:
    a, b, c, d = map(int, octets)
    return None if max(a, b, c, d) > _LARGEST_OCTET else (a << 24) | (b << 16) | (c << 8) | d
