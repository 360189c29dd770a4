"""Agents of a real API server, without what their specs hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import KindNotServedError
from reconciler.model.agents import AgentStatus
from reconciler.model.kinds import AGENTS, Kind
from reconciler.targets.kubernetes import ClusterAccess
from reconciler.targets.kubernetes.events import KubernetesEvents
from tests.integration.test_cluster_contract import CRDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

AGENT = AGENTS[0]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def events(kubernetes_server: KubernetesServer, namespace: str) -> AsyncIterator[KubernetesEvents]:
    kubernetes_server.apply_crds(CRDS)
    made = KubernetesEvents(ClusterAccess(kubeconfig=kubernetes_server.kubeconfig), namespace)
    yield made
    await made.close()


def _create(server: KubernetesServer, namespace: str, name: str) -> None:
    """An agent that has done what it was told."""
    collection = f"/apis/{AGENT.api_version}/namespaces/{namespace}/{AGENT.plural}"
    body = {
        "apiVersion": AGENT.api_version,
        "kind": AGENT.name,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"role": "spine", "users": [{"password": "canary"}]},
    }
    status = {
        "lastAppliedGen": 1,
        "lastHeartbeat": "2026-03-01T12:00:00Z",
        "conditions": [{"type": "Applied", "status": "True"}],
    }
    server.api.request("POST", collection, body)
    server.api.request(
        "PATCH", f"{collection}/{name}/status", {"status": status}, content_type="application/merge-patch+json"
    )


async def test_agents_are_listed(events: KubernetesEvents, kubernetes_server: KubernetesServer, namespace: str) -> None:
    """More than a page of them, by name, each with its status and nothing else."""
    names = [f"leaf-{number:02}" for number in range(25)]
    for name in reversed(names):
        _create(kubernetes_server, namespace, name)

    found = await events.agents(AGENT)

    assert [one.name for one in found] == names
    assert all(isinstance(one, AgentStatus) for one in found)
    assert {(one.generation, one.last_applied, one.is_applied) for one in found} == {(1, 1, True)}
    assert all(one.last_heartbeat is not None for one in found)
    assert "canary" not in repr(found)


async def test_every_kind_of_agent_is_served(events: KubernetesEvents) -> None:
    """The groups and versions are the real ones; a kind that is not served says so."""
    for kind in AGENTS:
        assert await events.agents(kind) == ()
    with pytest.raises(KindNotServedError, match="Agent"):
        await events.agents(Kind("Agent", "agent.example.com", "v1", "agents", None))
