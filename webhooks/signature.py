"""Proof that a delivery comes from someone who knows a webhook's secret.

Everything is compared as bytes, in constant time, and only after its shape was found right: `hmac.compare_digest`
raises on text that is not ASCII, and headers come from strangers. An empty secret proves nothing: anybody has it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.model.requests import Receiver

_DIGESTS: Mapping[str, re.Pattern[bytes]] = MappingProxyType(
    {"sha256": re.compile(rb"[0-9a-f]{64}"), "sha512": re.compile(rb"[0-9a-f]{128}")}
)


def header_bytes(headers: Mapping[str, str], name: str) -> bytes:
    """A header as it was sent; empty when it is absent, or holds what no server reads from a request."""
    try:
        return headers.get(name, "").encode("latin-1")
    except UnicodeEncodeError:
        return b""


def is_digest(secret: bytes, message: bytes, digest: bytes, algorithm: str = "sha256") -> bool:
    """Whether `digest` is the HMAC of `message` in lower-case hexadecimal. `algorithm`: sha256 or sha512."""
    if not secret or _DIGESTS[algorithm].fullmatch(digest) is None:
        return False
    expected = hmac.new(secret, message, getattr(hashlib, algorithm)).hexdigest().encode()
    return hmac.compare_digest(expected, digest)


def is_signature(secret: bytes, message: bytes, header: bytes, algorithms: Sequence[str] = ("sha256",)) -> bool:
    """Whether `header` is `<algorithm>=<HMAC of message in hexadecimal>` with one of these algorithms."""
    named, _, digest = header.partition(b"=")
    return any(
        named == algorithm.encode() and is_digest(secret, message, digest, algorithm) for algorithm in algorithms
    )


def is_token(secret: bytes, token: bytes) -> bool:
    """Whether `token` is the secret itself."""
    return bool(secret) and hmac.compare_digest(secret, token)


def verified(receivers: Iterable[Receiver], proves: Callable[[bytes], bool]) -> tuple[Receiver, ...]:
    """The receivers whose secret proves the delivery, in their order; empty when none does.

    Every distinct secret is tried, also after one matched: the time taken tells nothing about which did.
    """
    candidates = tuple(receivers)
    answers = {secret: proves(secret) for secret in {one.secret for one in candidates}}
    return tuple(receiver for receiver in candidates if answers[receiver.secret])
