"""Standard Webhooks: a signature over id, time and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from webhooks.signature import header_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = b"whsec_"
"""How a signing token begins; what follows is the key in base64."""

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

TOLERANCE = 300.0
"""Seconds that a delivery may be old, or ahead of our clock."""

_SIGNATURE = re.compile(rb"v1,([A-Za-z0-9+/]{43}=)")
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether one of the signatures in `webhook-signature` (words `v1,<base64>`; several while a token is exchanged)
    is right, and the delivery not older than the tolerance. `now`: Unix seconds.
    """
    key = _key(secret)
    message_id = header_bytes(headers, ID_HEADER)
    timestamp = header_bytes(headers, TIMESTAMP_HEADER)
    if not key or not message_id or _TIMESTAMP.fullmatch(timestamp) is None or abs(now - int(timestamp)) > TOLERANCE:
        return False
    message = b".".join((message_id, timestamp, body))
    expected = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest())
    words = header_bytes(headers, SIGNATURE_HEADER).split(b" ")
    candidates = [match[1] for word in words if (match := _SIGNATURE.fullmatch(word))]
    # all are compared, so that the time taken does not tell which one was right
    return sum(hmac.compare_digest(expected, one) for one in candidates) > 0


def _key(secret: bytes) -> bytes:
    """The key of a signing token; empty for what is none."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return b""
