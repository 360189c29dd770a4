"""Lists agents. Their specs hold passwords: nothing of an answer leaves this module but the status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ClusterUnavailableError
from reconciler.model.agents import AgentStatus
from reconciler.targets.kubernetes.answers import read_error
from reconciler.targets.kubernetes.reading import collection, read_items

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from reconciler.model.kinds import Kind
    from reconciler.targets.kubernetes.async_transport import AsyncTransport

PAGE = 20
"""Agents in one answer: each holds a copy of all that its switch needs, which is much."""

MAX_PAGES = 1000


async def list_agents(transport: AsyncTransport, namespace: str, kind: Kind) -> tuple[AgentStatus, ...]:
    """All agents of a kind, by name, without what they were told.

    Raises KindNotServedError, ClusterUnavailableError (also for a list that the server forgot half-way),
    ClusterAccessError, ConfigurationError.
    """
    found: list[AgentStatus] = []
    token = ""
    for _ in range(MAX_PAGES):
        query = [("limit", str(PAGE)), *([("continue", token)] if token else [])]
        answer = await transport.get(collection(kind, namespace), query)
        if not answer.is_ok:
            raise read_error(answer, f"list {kind.name}")
        found.extend(_read(item, kind, transport.address) for item in read_items(answer, kind, transport.address))
        token = (answer.body.get("metadata") or {}).get("continue") or ""
        if not token:
            return tuple(found)
    raise ClusterUnavailableError(f"list {kind.name}: more than {MAX_PAGES * PAGE} objects")


def _read(body: JSON, kind: Kind, address: str) -> AgentStatus:
    try:
        return AgentStatus.from_body(body, kind)
    except (KeyError, TypeError, AttributeError):
        # Without its cause: what is no agent is not quoted either.
        raise ClusterUnavailableError(f"{address} answered something that is no {kind.name}") from None
