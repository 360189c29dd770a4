"""Texts of documents in messages: with their control characters escaped, and not for ever."""

from __future__ import annotations

_LONGEST = 80


def plain(text: str) -> str:
    """A name as it is, where it can be shown so; quoted otherwise."""
    return text if len(text) <= _LONGEST and text.isprintable() else quoted(text)


def quoted(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
