"""Takes secrets out of what others say: a server, or something in front of it, may repeat what it was shown."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"

SHORTEST = 4
"""Characters of a secret. What is shorter stands in so many words that nothing could be read without it."""

_SHORTEST_ENCODED = 8
"""Characters of base64 that are looked for: fewer would be found by chance."""

_ALIGNMENTS = 3
"""In base64 three bytes are four letters: what precedes a secret shifts its letters in one of three ways."""


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets: as they are, in a URL, in JSON, and in base64 with whatever stands beside them, as
    basic authentication sends them after the user's name.
    """
    # The longest first: a shorter form may be a part of it.
    for form in sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def forms(secret: str) -> Iterator[str]:
    """In which forms a secret may appear; none for one that is too short to be hidden."""
    if len(secret) >= SHORTEST:
        yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1])
        yield from (form for form in _encoded(secret.encode()) if len(form) >= _SHORTEST_ENCODED)


def _encoded(secret: bytes) -> Iterator[str]:
    """Those letters that depend on nothing but the secret, in both alphabets."""
    for shift in range(_ALIGNMENTS):
        letters = base64.b64encode(b"\0" * shift + secret).decode()
        own = letters[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        yield own
        yield own.replace("+", "-").replace("/", "_")
