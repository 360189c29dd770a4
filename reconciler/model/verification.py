"""What a verification finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"
    NOT_APPLICABLE = "not applicable"
    DONE = "done"
    """It was not so, and was made so (`ensure`)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it. `is_needed`: where it is not applicable, nothing has been
    verified, which is as bad as a failure.
    """

    subject: str
    state: Verdict
    message: str
    advice: str = ""
    is_needed: bool = False

    @property
    def is_wrong(self) -> bool:
        return self.state is Verdict.FAILING or (self.state is Verdict.NOT_APPLICABLE and self.is_needed)
