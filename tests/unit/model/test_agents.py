"""Agents, reduced to what their status says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.model.agents import AgentStatus
from reconciler.model.kinds import AGENTS, KINDS

if TYPE_CHECKING:
    from reconciler.model.json import JSON

AGENT = AGENTS[0]
CANARY = "canary-hash"


def read(**status: JSON) -> AgentStatus:
    spec = {"users": [{"name": "admin", "password": CANARY}]}
    body = {"metadata": {"name": "leaf-01", "generation": 7}, "spec": spec, "status": status}
    return AgentStatus.from_body(body, AGENT)


def test_a_status() -> None:
    """Generations, the heartbeat in UTC, and the condition."""
    applied = [{"type": "Other", "status": "False"}, {"type": "Applied", "status": "True"}]
    found = read(lastAppliedGen=6, lastHeartbeat="2026-03-01T14:00:15+02:00", conditions=applied)

    assert found == AgentStatus("Agent", "leaf-01", 7, 6, datetime(2026, 3, 1, 12, 0, 15, tzinfo=UTC), is_applied=True)


def test_the_spec_is_nowhere() -> None:
    """Nothing of it can be printed."""
    assert CANARY not in repr(read())


@pytest.mark.parametrize("status", [None, {}], ids=["null", "empty"])
def test_an_agent_that_has_not_reported(status: JSON) -> None:
    """Nothing is known but what it was told."""
    body = {"metadata": {"name": "leaf-01", "generation": 1}, "status": status}

    assert AgentStatus.from_body(body, AGENT) == AgentStatus("Agent", "leaf-01", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00.123456789Z", datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-03-01T12:00:00", None),
        ("yesterday", None),
        ("", None),
        (1740830400, None),
        (None, None),
    ],
)
def test_heartbeats(text: JSON, expected: datetime | None) -> None:
    """A moment is one that says its zone; anything else is none."""
    assert read(lastHeartbeat=text).last_heartbeat == expected


@pytest.mark.parametrize("number", [None, True, "7", 7.5, []])
def test_generations_that_are_none(number: JSON) -> None:
    """Only whole numbers count generations."""
    assert read(lastAppliedGen=number).last_applied is None


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([{"type": "Applied", "status": "True"}], True),
        ([{"type": "Applied", "status": "False"}], False),
        ([{"type": "Applied", "status": "Unknown"}], None),
        ([{"type": "Applied"}], None),
        ([{"type": "Applied", "status": ["True"]}], None),
        ([{"type": "Ready", "status": "True"}], None),
        (["Applied"], None),
        ([], None),
        ("Applied", None),
        (None, None),
    ],
)
def test_conditions(conditions: JSON, *, expected: bool | None) -> None:
    """True and false are said; all else is unknown."""
    assert read(conditions=conditions).is_applied is expected


def test_agents_are_no_kinds_that_passes_read() -> None:
    """They never reach a cache, a plan or NetBox by the way of other objects."""
    assert [kind.name for kind in AGENTS] == ["Agent", "GatewayAgent"]
    assert not KINDS.keys() & {kind.name for kind in AGENTS}
