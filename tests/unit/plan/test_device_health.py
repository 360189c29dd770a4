"""How devices do what they were told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.agents import AgentStatus
from reconciler.plan.device_health import SILENT_AFTER, DeviceHealth, DeviceStatus, device_health
from tests.unit.plan.world import key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEAF = key("Switch", "leaf-1")


def _agent(
    applied: int | None = 3, heartbeat: datetime | None = NOW, *, is_applied: bool | None = True, kind: str = "Agent"
) -> AgentStatus:
    return AgentStatus(kind, "leaf-1", 3, applied, heartbeat, is_applied)


@pytest.mark.parametrize(
    ("agent", "status", "message"),
    [
        (_agent(), DeviceStatus.HEALTHY, "its agent has applied generation 3"),
        (_agent(2), DeviceStatus.PROGRESSING, "its agent has applied generation 2, and was told 3"),
        (_agent(None), DeviceStatus.PROGRESSING, "its agent has applied generation none, and was told 3"),
        (_agent(is_applied=False), DeviceStatus.DEGRADED, "its agent could not apply generation 3"),
        (_agent(2, is_applied=False), DeviceStatus.DEGRADED, "its agent could not apply generation 3"),
        (
            _agent(is_applied=None),
            DeviceStatus.UNKNOWN,
            "its agent does not say whether it applied what it was told",
        ),
        (_agent(heartbeat=None), DeviceStatus.UNKNOWN, "its agent never reported"),
        (_agent(heartbeat=NOW - SILENT_AFTER), DeviceStatus.HEALTHY, "its agent has applied generation 3"),
        (
            _agent(heartbeat=NOW - SILENT_AFTER - timedelta(seconds=1)),
            DeviceStatus.UNKNOWN,
            "its agent has not reported for 151 s",
        ),
        (_agent(heartbeat=NOW + timedelta(hours=1)), DeviceStatus.HEALTHY, "its agent has applied generation 3"),
        (_agent(kind="GatewayAgent"), DeviceStatus.UNKNOWN, "the cluster has no agent for it"),
    ],
)
def test_a_switch(agent: AgentStatus, status: DeviceStatus, message: str) -> None:
    """What is not known is said to be unknown, never healthy."""
    found = device_health([LEAF], [agent], NOW)[LEAF]

    assert (found.status, found.message) == (status, message)


def test_a_gateway() -> None:
    """Its agent is of another kind, and may have the name of a switch's."""
    gateway = key("Gateway", "leaf-1")

    found = device_health([gateway, LEAF], [_agent(2), _agent(kind="GatewayAgent")], NOW)

    assert found[gateway] == DeviceHealth(DeviceStatus.HEALTHY, "its agent has applied generation 3", NOW)
    assert found[LEAF].status is DeviceStatus.PROGRESSING


def test_agents_that_are_not_known() -> None:
    """While they cannot be listed nothing is known of any device; of what is no device nothing is said at all."""
    found = device_health([LEAF, key("VPC", "v")], None, NOW)

    assert found == {LEAF: DeviceHealth(DeviceStatus.UNKNOWN, "the agents of this cluster are not known at the moment")}
