"""The message of a commit of ours. Pure.

File names, which hostile people choose, stand in it. None of them can begin a line, end one, or get into the trailers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TRAILER = "Reconciled-by: hedgehog-reconciler"
"""Marks commits as ours. Never renamed: it is in the history of people's repositories."""

REQUEST_TRAILER = "Reconcile-request"

_LONGEST_SUBJECT = 72
_LONGEST_LINE = 200
_MOST_LINES = 100
_MOST_REQUESTS = 20
_CUT = "…"
_BARE = "Change files"


def commit_message(subject: str, lines: Sequence[str] = (), requests: Sequence[str] = ()) -> str:
    """The subject in one line; `lines`, each as an item of a list; the trailers. What is long is cut, and said to be.

    `requests` are the ids of the requests that led to the commit, each a trailer of its own.
    """
    # A line of dashes would end the message where a mail or a patch is made of it.
    title = _cut(_one_line(subject).lstrip("-# "), _LONGEST_SUBJECT) or _BARE
    items = [f"- {_cut(_one_line(line), _LONGEST_LINE)}" for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        items.append(f"- and {len(lines) - _MOST_LINES:,} more")
    if len(requests) > _MOST_REQUESTS:
        items.append(f"- for {len(requests):,} requests, of which {_MOST_REQUESTS} are named below")
    named = [f"{REQUEST_TRAILER}: {_cut(_one_line(one), _LONGEST_LINE)}" for one in requests[:_MOST_REQUESTS]]
    paragraphs = [[title], items, [TRAILER, *named]]
    return "\n\n".join("\n".join(paragraph) for paragraph in paragraphs if paragraph) + "\n"


def _one_line(text: str) -> str:
    """Line ends, control characters, and what turns the direction of text or takes no room, are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + _CUT
