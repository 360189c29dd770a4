"""How it goes with a server that is told something: when it may be asked again, and why it was not told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from reconciler.errors import ConfigurationError
from reconciler.queue import Backoff

RETRY = Backoff(base=5.0, factor=2.0, cap=300.0, jitter=0.2)


class Server(Protocol):
    """Whoever is told. Equal `access` is the same server and the same place of what proves who we are."""

    @property
    def access(self) -> object: ...

    def token(self) -> bytes:
        """What proves who we are, at the moment. Raises ConfigurationError."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked whom: `access` without what the token's file holds, of which `token` is a digest."""

    access: object
    token: str

    @classmethod
    def of(cls, server: Server) -> Asked:
        """Reads a file."""
        try:
            return cls(server.access, hashlib.sha256(server.token()).hexdigest())
        except ConfigurationError as error:
            return cls(server.access, error.message)


@dataclass(slots=True)
class Lane:
    """`until` is when the server may be asked again (monotonic), `failures` how often in a row it could not be,
    `trouble` why, and `asked` who asked whom: where that changes it is asked at once.
    """

    until: float = 0.0
    failures: int = 0
    trouble: str | None = None
    asked: Asked | None = None

    def opens(self, now: float, asked: Asked) -> bool:
        """Whether the server may be asked now; that it is."""
        if now < self.until and asked == self.asked:
            return False
        self.asked = asked
        return True

    def pause(self, until: float, trouble: str) -> bool:
        """It was not told. Whether the reason is another one than before: it is to be named once."""
        is_news = trouble != self.trouble
        self.failures, self.until, self.trouble = self.failures + 1, until, trouble
        return is_news

    def go_on(self) -> bool:
        """It was told. Whether it was not before."""
        was_paused = self.trouble is not None
        self.failures, self.trouble, self.until = 0, None, 0.0
        return was_paused
