"""What is told of each fabric, and read when it is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from reconciler.model.status import SyncStatus

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Set as AbstractSet

    from prometheus_client import CollectorRegistry

    from reconciler.model.json import JSONObject


class FabricGauges:
    """One set of series for each fabric of the configuration, and none for any other."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.status = Gauge(
            "reconciler_fabric_sync_status", "1 for the present status", ["fabric", "status"], registry=registry
        )
        self.objects = Gauge("reconciler_fabric_objects", "Objects by state", ["fabric", "state"], registry=registry)
        self.drift = Gauge(
            "reconciler_fabric_drift_objects",
            "Objects that differ from Git, and records that others changed in NetBox and that are left so",
            ["fabric"],
            registry=registry,
        )
        self.synced_at = Gauge(
            "reconciler_fabric_last_sync_timestamp_seconds",
            "End of the last successful full pass; 0: never",
            ["fabric"],
            registry=registry,
        )
        self.simulated = Gauge(
            "reconciler_fabric_simulated",
            "1 for a target that is an embedded store",
            ["fabric", "target"],
            registry=registry,
        )
        self.overdue = Gauge(
            "reconciler_fabric_overdue",
            "1: the poll that was due is more than one interval late",
            ["fabric"],
            registry=registry,
        )
        self.connection = Gauge(
            "reconciler_connection_up", "1: ok, 0: failing", ["fabric", "connection"], registry=registry
        )
        self.breaker = Gauge(
            "reconciler_breaker_open",
            "1: the target is left alone until a probe succeeds",
            ["fabric", "target"],
            registry=registry,
        )

    def forget(self) -> None:
        """What was read of fabrics before: one may have left the configuration."""
        found = self.status, self.objects, self.drift, self.synced_at, self.simulated, self.overdue
        for gauge in (*found, self.connection, self.breaker):
            gauge.clear()

    def set(self, fabric: JSONObject, is_open: AbstractSet[tuple[str, str]], overdue: Collection[str]) -> None:
        """`is_open` holds fabric and target of each breaker that is open, `overdue` the names of those fabrics. Of a
        fabric that is disabled or suspended nobody looks at connections: what was found last may be long over.
        """
        name = fabric["name"]
        for status in SyncStatus:
            self.status.labels(name, status.value).set(fabric["sync_status"] == status.value)
        for state, number in fabric["counts"].items():
            self.objects.labels(name, state).set(number)
        self.drift.labels(name).set(fabric["drift"]["count"])
        self.overdue.labels(name).set(name in overdue)
        for target in ("cluster", "netbox"):
            self.simulated.labels(name, target).set(target in fabric["simulated"])
        self.synced_at.labels(name).set(_timestamp(fabric["last_sync"]))
        if fabric["enabled"] and fabric["suspended"] is None:
            self._connect(name, fabric["connections"], is_open)

    def _connect(self, name: str, connections: JSONObject, is_open: AbstractSet[tuple[str, str]]) -> None:
        for target in ("cluster", "netbox"):
            if connections[target]["state"] != "not_configured":
                self.breaker.labels(name, target).set((name, target) in is_open)
        for connection, view in connections.items():
            if view["state"] in {"ok", "failing"}:
                self.connection.labels(name, connection).set(view["state"] == "ok")


def _timestamp(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
