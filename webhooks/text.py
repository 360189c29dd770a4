"""Text of strangers, made fit for logs, errors and terminals."""

from __future__ import annotations

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str, limit: int = 200) -> str:
    """The first `limit` characters of `text` on one line.

    Line breaks and escape sequences could forge log lines, lone surrogates cannot be encoded at all: what is not
    printable becomes U+FFFD.
    """
    return "".join(char if char.isprintable() else _REPLACEMENT for char in text[:limit])
