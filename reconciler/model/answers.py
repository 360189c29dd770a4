"""What servers answer that are told something: forges of commits, receivers of notifications."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AnswerKind(StrEnum):
    """What follows from an answer, and what it counts as."""

    SENT = "sent"
    RETRIED = "retried"
    """It may help to come again: the server is down, or asks us to be slower."""
    REFUSED = "refused"
    """It does not take this one, whatever becomes of others."""
    STALLED = "stalled"
    """It takes none until somebody changes something."""


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """`message` says why it was not taken; `after` when to come again (seconds), where the server says so. `is_unsure`:
    it may have been taken all the same, since no answer came.
    """

    kind: AnswerKind
    message: str = ""
    after: float | None = None
    is_unsure: bool = False
