"""What the soak found wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Violation:
    """`at`: seconds since the epoch."""

    at: float
    invariant: str
    evidence: str

    def __str__(self) -> str:
        return f"{clock(self.at)} {self.invariant}: {self.evidence}"


def clock(moment: float) -> str:
    """A time as the service writes it, so that the two can be laid beside each other."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch(text: str) -> float:
    """The moment that the service wrote."""
    return datetime.fromisoformat(text).timestamp()
