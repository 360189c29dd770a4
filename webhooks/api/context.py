"""What the routes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread

from webhooks.body import BodyReader
from webhooks.errors import stopping
from webhooks.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.ports import Intake, Plans, Status
    from webhooks.options import WebOptions

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Context:
    """The ports, the options, and threads for what blocks: apart for probes, reads, pictures (topologies, which
    take seconds), deliveries and previews, so that a flood of one kind neither slows the event loop nor makes another
    wait. Previews that an approval or a dry run needs,
    for which the token was shown, are apart from those that whoever may read looks at.
    """

    intake: Intake
    status: Status
    plans: Plans
    options: WebOptions
    bodies: BodyReader
    sessions: Sessions
    probes: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(4))
    reads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))
    pictures: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    deliveries: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(4))
    previews: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    authorized_previews: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))

    @classmethod
    def of(cls, intake: Intake, status: Status, plans: Plans, options: WebOptions) -> Context:
        bodies = BodyReader(options.max_body_bytes, options.body_timeout, options.body_budget)
        is_secure = (options.public_url or "").startswith("https:")
        sessions = Sessions(options.api_token, options.now, is_secure=is_secure)
        return cls(intake, status, plans, options, bodies, sessions)

    def refuse_while_stopping(self) -> None:
        """Raises RefusalError (503) once new work is no longer accepted."""
        if self.intake.is_stopping():
            raise stopping()


async def in_thread(limiter: anyio.CapacityLimiter, call: Callable[[], Answer]) -> Answer:
    """The result of a blocking call, made in one of the threads that `limiter` allows."""
    return await to_thread.run_sync(call, limiter=limiter)
