"""Lists agents. Their specs hold passwords: nothing of an answer leaves this module but the status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ClusterUnavailableError
from reconciler.model.agents import AgentStatus
from reconciler.targets.kubernetes.answers import read_error
from reconciler.targets.kubernetes.reading import Pages, collection
from reconciler.targets.kubernetes.transport import AnswerTooLargeError

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from reconciler.model.kinds import Kind
    from reconciler.targets.kubernetes.async_transport import AsyncTransport

PAGE = 5
"""Agents in one answer: each holds a copy of all that its switch needs, which is much."""

MAX_PAGES = 1000


async def list_agents(transport: AsyncTransport, namespace: str, kind: Kind) -> tuple[AgentStatus, ...]:
    """All agents of a kind, by name, without what they were told.

    Raises KindNotServedError, ClusterUnavailableError (also for a list that the server forgot half-way),
    ClusterAccessError, ConfigurationError.
    """
    pages = Pages(kind, transport.address, _read, PAGE)
    for _ in range(MAX_PAGES):
        try:
            answer = await transport.get(collection(kind, namespace), pages.query())
        except AnswerTooLargeError as error:
            pages.shrink(error)
            continue
        if not answer.is_ok:
            raise read_error(answer, f"list {kind.name}")
        pages.take(answer)
        if pages.is_complete:
            return tuple(pages.found)
    raise ClusterUnavailableError(f"list {kind.name}: more than {MAX_PAGES * PAGE} objects")


def _read(body: JSON, kind: Kind, address: str) -> AgentStatus:
    try:
        return AgentStatus.from_body(body, kind)
    except (KeyError, TypeError, AttributeError):
        # Without its cause: what is no agent is not quoted either.
        raise ClusterUnavailableError(f"{address} answered something that is no {kind.name}") from None
