"""A topology as the JSON of the API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.passes import SyncState
from reconciler.status.views import health_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.model.topology import Node, Topology, TopologyLink
    from reconciler.plan.device_health import DeviceHealth

MISSING = "missing"
"""The state of what links lead to and what has no object; beside those of `SyncState`."""


def topology_view(
    fabric: str,
    topology: Topology,
    states: Mapping[ObjectKey, SyncState],
    health: Mapping[ObjectKey, DeviceHealth],
) -> JSONObject:
    """Nodes row by row, and links; an object that no pass has looked at is `unknown`."""
    return {
        "fabric": fabric,
        "nodes": [_node_view(node, states, health.get(node.key)) for node in topology.nodes],
        "links": [_link_view(link, states) for link in topology.links],
    }


def _node_view(node: Node, states: Mapping[ObjectKey, SyncState], health: DeviceHealth | None) -> JSONObject:
    return {
        "kind": node.key.kind,
        "name": node.key.name,
        "row": node.row.value,
        "role": node.role or None,
        "description": node.description or None,
        "state": MISSING if node.is_missing else states.get(node.key, SyncState.UNKNOWN).value,
        "health": health_view(health),
        "leafs": list(node.leafs),
    }


def _link_view(link: TopologyLink, states: Mapping[ObjectKey, SyncState]) -> JSONObject:
    return {
        "connection": link.connection.name,
        "type": link.wiring,
        "state": states.get(link.connection, SyncState.UNKNOWN).value,
        "ends": [{"kind": end.node.kind, "name": end.node.name, "port": end.port or None} for end in link.ends],
    }
