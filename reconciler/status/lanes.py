"""How it goes with a server that is told something: when it may be asked again, and why it was not told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import structlog
from anyio import to_thread

from reconciler.errors import ConfigurationError, StateError
from reconciler.queue import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from collections.abc import Set as AbstractSet

    from reconciler.ports import Clock

log = structlog.get_logger("lanes")

KeyT = TypeVar("KeyT")
"""What names one of the things that a server is told."""

RETRY = Backoff(base=5.0, factor=2.0, cap=300.0, jitter=0.2)

IDLE = 3600.0
"""Seconds to sleep when nobody is to be told anything."""

LOOK_EVERY = 30.0
"""Seconds between two looks at the token of a server that refused us."""


class Server(Protocol):
    """Whoever is told. Blocking, bounded in time."""

    @property
    def kind(self) -> str: ...

    @property
    def access(self) -> object:
        """Equal ones are the same server, told in the same way, and the same place of what proves who we are."""

    def token(self) -> bytes:
        """All that is read for each request: what proves who we are, at the moment. Raises ConfigurationError."""


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that the server did not take: how often, why, and when it is offered again (monotonic)."""

    times: int
    message: str
    until: float


@dataclass(slots=True)
class Lane(Generic[KeyT]):
    """`until` is when the server may be asked again (monotonic), `failures` how often in a row it could not be,
    `trouble` why, and `asked` who asked whom: where that changes it is asked at once. `is_stalled`: it refused us.
    `is_busy`: there may be more to send at once. `refusals` are those things that it does not take, while it may take
    others.
    """

    until: float = 0.0
    failures: int = 0
    trouble: str | None = None
    asked: Asked | None = None
    is_stalled: bool = False
    is_busy: bool = False
    refusals: dict[KeyT, Refusal] = field(default_factory=dict)

    def opens(self, now: float, asked: Asked) -> bool:
        """Whether the server may be asked now; that it is. What it refused others it may take of us."""
        if asked != self.asked:
            self.refusals = {}
        elif now < self.until:
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
        self.failures, self.trouble, self.until, self.is_stalled = 0, None, 0.0, False
        return was_paused

    def refuse(self, key: KeyT, message: str, now: float, chance: float) -> int:
        """It did not take this one, which is offered ever later. How often it did not."""
        before = self.refusals.pop(key, None)
        times = before.times + 1 if before else 1
        self.refusals[key] = Refusal(times, message, now + RETRY.delay(times, chance))
        return times

    def offers(self, key: KeyT, now: float) -> bool:
        """Whether this may be offered now."""
        refusal = self.refusals.get(key)
        return refusal is None or refusal.until <= now

    def keep(self, owed: AbstractSet[KeyT]) -> None:
        """Of what is not owed any more nothing is known."""
        self.refusals = {key: refusal for key, refusal in self.refusals.items() if key in owed}

    def times(self, now: float) -> Iterator[float]:
        """When something is to be done again."""
        if self.is_stalled:
            yield min(self.until, now + LOOK_EVERY)
        elif self.trouble is not None:
            yield self.until
        elif self.is_busy:
            yield now
        else:
            yield from (refusal.until for refusal in self.refusals.values())


async def serve(lane: Lane[KeyT], server: Server, clock: Clock, tell: Callable[[], Awaitable[None]]) -> str | None:
    """Tell one server, if it may be asked now. What went wrong beside its answers, which must keep no other from being
    told; None: nothing. What was sent is sent again.
    """
    try:
        asked = await to_thread.run_sync(Asked.of, server)
        if lane.opens(clock.monotonic(), asked):
            await tell()
    except StateError as error:
        return error.message
    except Exception as error:
        log.exception("unexpected error while telling a server")
        return f"unexpected error: {type(error).__name__}"
    return None
