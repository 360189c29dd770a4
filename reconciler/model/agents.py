"""How the agents that configure switches and gateways are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.kinds import Kind


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """One Agent or GatewayAgent, reduced to its status: its spec holds passwords, and must not be kept anywhere.

    `generation` counts what the agent was told, `last_applied` (a generation) what it has done; `is_applied` is its
    condition `Applied`. None: it does not say.
    """

    kind: str
    name: str
    generation: int
    last_applied: int | None = None
    last_heartbeat: datetime | None = None
    is_applied: bool | None = None

    @classmethod
    def from_body(cls, body: JSONObject, kind: Kind) -> AgentStatus:
        """Read an object of the Kubernetes API. What the status should not hold is as if it were not there.

        Raises KeyError, TypeError or AttributeError for what is no object of the API.
        """
        metadata = body["metadata"]
        status = body.get("status") or {}
        return cls(
            kind.name,
            metadata["name"],
            _number(metadata.get("generation")) or 0,
            _number(status.get("lastAppliedGen")),
            _moment(status.get("lastHeartbeat")),
            _condition(status.get("conditions"), "Applied"),
        )


def _number(value: JSON) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: JSON) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _condition(conditions: JSON, name: str) -> bool | None:
    """Whether the condition is true; None where it is unknown, or not there."""
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, dict) and one.get("type") == name:
            return {"True": True, "False": False}.get(str(one.get("status")))
    return None
