"""Takes secrets out of what others say: a server, or something in front of it, may repeat what it was shown."""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"

SHORTEST = 4
"""Characters of a secret. What is shorter stands in so many words that nothing could be read without it."""

_ANYWHERE = 8
"""Characters of a form that is hidden wherever it stands. A shorter one is found by chance: within other words it
stays, and its base64 is not looked for.
"""

_ALIGNMENTS = 3
"""In base64 three bytes are four letters: what precedes a secret shifts its letters in one of three ways."""

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")
"""Up to the last @ before the path: a password may hold one."""


class Hider:
    """Hides these secrets: as they are, in a URL, in JSON, and in base64 with whatever stands beside them, as basic
    authentication sends them after the user's name. Never changes, so that any thread may use it.
    """

    __slots__ = ("_long", "_words")

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: a shorter form may be a part of it.
        found = sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True)
        self._long = tuple(form for form in found if len(form) >= _ANYWHERE)
        short = "|".join(re.escape(form) for form in found if len(form) < _ANYWHERE)
        self._words = re.compile(rf"(?<!\w)(?:{short})(?!\w)") if short else None

    def hide(self, text: str) -> str:
        """The text without them; short ones only where they stand as words of their own: with the password `main`,
        nothing could be read that tells of branches and domains. A text without any costs a search for each form.
        """
        for form in self._long:
            text = text.replace(form, HIDDEN)
        return text if self._words is None else self._words.sub(HIDDEN, text)


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, as a `Hider` does it."""
    return Hider(secrets).hide(text)


def hide_bytes(content: bytes, secrets: Iterable[bytes]) -> bytes:
    """As `hide`, for what may be no text: every byte that is none stays as it is."""
    return hide(_as_text(content), map(_as_text, secrets)).encode(errors="surrogateescape")


def hide_credentials(text: str) -> str:
    """The text without the users and passwords in its URLs, whether they are known or not."""
    return _CREDENTIALS.sub(f"{HIDDEN}@", text)


@lru_cache(maxsize=1024)
def forms(secret: str) -> frozenset[str]:
    """In which forms a secret may appear; none for one that is too short to be hidden. Those of the last ones are kept:
    whoever comes to know one more secret asks for those of all others again.
    """
    if len(secret) < SHORTEST:
        return frozenset()
    content = secret.encode(errors="replace")  # what no encoding has would raise
    in_urls = (quote(content, safe=""), quote(content), quote_plus(content))
    in_json = (json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False))
    return frozenset((secret, *in_urls, *in_json, *(one for one in _encoded(content) if len(one) >= _ANYWHERE)))


def _encoded(secret: bytes) -> Iterator[str]:
    """Those letters that depend on nothing but the secret, in both alphabets."""
    for shift in range(_ALIGNMENTS):
        letters = base64.b64encode(b"\0" * shift + secret).decode()
        own = letters[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        yield own
        yield own.replace("+", "-").replace("/", "_")


def _as_text(content: bytes) -> str:
    return content.decode(errors="surrogateescape")
