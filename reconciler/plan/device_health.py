"""How a device does what it was told, from what its agent reports: apart from whether the cluster is as Git declares.

Source: the status of Agent and GatewayAgent, of githedgehog/fabric and githedgehog/gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from reconciler.model.agents import AgentStatus
    from reconciler.model.objects import ObjectKey

AGENT_OF = {"Switch": "Agent", "Gateway": "GatewayAgent"}
"""The kind of the agent of each kind of device; both have one name."""

SILENT_AFTER = timedelta(seconds=150)
"""Agents report each 15 s and are listed each 60 s: what is older than two lists is no delay."""


class DeviceStatus(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """`message` says why; `last_heartbeat` is when the agent reported last."""

    status: DeviceStatus
    message: str
    last_heartbeat: datetime | None = None


def device_health(
    devices: Iterable[ObjectKey], agents: Iterable[AgentStatus] | None, now: datetime
) -> Mapping[ObjectKey, DeviceHealth]:
    """The health of those of the objects that are devices. `agents` is None while they cannot be listed."""
    if agents is None:
        unknown = DeviceHealth(DeviceStatus.UNKNOWN, "the agents of this cluster are not known at the moment")
        return {key: unknown for key in devices if key.kind in AGENT_OF}
    known = {(agent.kind, agent.name): agent for agent in agents}
    return {key: _health(known.get((AGENT_OF[key.kind], key.name)), now) for key in devices if key.kind in AGENT_OF}


def _health(agent: AgentStatus | None, now: datetime) -> DeviceHealth:
    if agent is None:
        return DeviceHealth(DeviceStatus.UNKNOWN, "the cluster has no agent for it")
    if agent.last_heartbeat is None:
        return DeviceHealth(DeviceStatus.UNKNOWN, "its agent never reported")
    status, message = _status(agent, now - agent.last_heartbeat)
    return DeviceHealth(status, message, agent.last_heartbeat)


def _status(agent: AgentStatus, silence: timedelta) -> tuple[DeviceStatus, str]:
    if silence > SILENT_AFTER:
        return DeviceStatus.UNKNOWN, f"its agent has not reported for {silence.total_seconds():.0f} s"
    if agent.is_applied is False:
        return DeviceStatus.DEGRADED, f"its agent could not apply generation {agent.generation}"
    if agent.last_applied != agent.generation:
        done = "none" if agent.last_applied is None else str(agent.last_applied)
        return DeviceStatus.PROGRESSING, f"its agent has applied generation {done}, and was told {agent.generation}"
    if agent.is_applied is None:
        return DeviceStatus.UNKNOWN, "its agent does not say whether it applied what it was told"
    return DeviceStatus.HEALTHY, f"its agent has applied generation {agent.generation}"
