"""Proof that a delivery comes from someone who knows a webhook's secret.

GitHub's scheme: `X-Hub-Signature-256: sha256=<64 hex>`, the HMAC-SHA256 of the raw body. See
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.requests import Receiver

# Without a secret some forges send an empty digest; nothing but 64 digits may reach a comparison.
_SIGNATURE = re.compile(rb"sha256=([0-9a-f]{64})")


def is_authentic(secret: bytes, body: bytes, header: bytes) -> bool:
    """Whether `header` is the signature of `body` under `secret`. An empty secret proves nothing.

    Bytes, because `hmac.compare_digest` raises on text that is not ASCII, and headers come from strangers.
    """
    signature = _SIGNATURE.fullmatch(header)
    return bool(secret) and signature is not None and _matches(secret, body, signature[1])


def verified(receivers: Iterable[Receiver], body: bytes, header: bytes) -> tuple[Receiver, ...]:
    """The receivers whose secret signed `body`, in their order; empty when none did.

    Every distinct secret is tried, also after one matched: the time taken tells nothing about which did.
    """
    candidates = tuple(receivers)
    answers = {secret: is_authentic(secret, body, header) for secret in {one.secret for one in candidates}}
    return tuple(receiver for receiver in candidates if answers[receiver.secret])


def _matches(secret: bytes, body: bytes, digest: bytes) -> bool:
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    return hmac.compare_digest(expected, digest)
