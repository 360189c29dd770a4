"""Peerings: which VPCs exchange routes, as route targets, and what each of them permits."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import ROUTE_TARGETS
from reconciler.model.objects import ObjectKey
from reconciler.plan.projection.names import json_text, shorten
from reconciler.plan.projection.reading import mapping, objects, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value
    from reconciler.plan.projection.draft import Draft
    from reconciler.plan.projection.objects import Objects

_NAME_LIMIT = 21
_SORTS = ("vpc", "external", "gateway")
_EXTERNAL = "ext."


class Peerings:
    """All peerings of a fabric, by VPC. A peering that is malformed, or names a VPC that is not there, is skipped for
    what it cannot say.
    """

    def __init__(self, draft: Draft, fabric: Objects) -> None:
        self._draft = draft
        self._fabric = fabric
        self._peers: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)
        self._entries: dict[ObjectKey, dict[str, list[JSON]]] = {}
        for kind, gather in (
            ("VPCPeering", self._of_vpcs),
            ("ExternalPeering", self._of_external),
            ("GatewayPeering", self._of_gateway),
        ):
            for key, spec in fabric.of(kind):
                with draft.skipping(key):
                    gather(key, spec)

    def project(self) -> None:
        """Add a route target for each VPC that peers with another."""
        for vpc in sorted(self._peers):
            name = f"{self._draft.fabric}:{vpc.name}"
            fields: dict[str, Value] = {"name": shorten(name, _NAME_LIMIT), "description": ""}
            with self._draft.skipping(vpc):
                self._draft.add(vpc, Record(self._target(vpc), name, fields))

    def fields(self, vpc: ObjectKey) -> dict[str, Value]:
        """What the VRF of a VPC says about its peerings: it imports its own routes and those of its peers."""
        peers = self._peers.get(vpc, set())
        own = {self._target(vpc)} if peers else set()
        return {
            "import_targets": tuple(sorted(own | {self._target(peer) for peer in peers})),
            "export_targets": tuple(own),
            "custom_fields.hh_peerings": json_text(dict(self._entries.get(vpc, {}))),
        }

    def _target(self, vpc: ObjectKey) -> Ref:
        return self._draft.ref(ROUTE_TARGETS, vpc, "rt")

    def _of_vpcs(self, key: ObjectKey, spec: JSONObject) -> None:
        permits = [permit for _, permit in objects(spec, "permit")]
        for vpc in self._vpcs(key, {name for permit in permits for name in permit}):
            own = [permit for permit in permits if vpc.name in permit]
            self._note(vpc, "vpc", {"name": key.name, "permit": [*own]})
            names = {name for permit in own for name in permit if name != vpc.name}
            if peers := {peer for name in names if (peer := self._vpc(key, name))}:
                self._peers[vpc] |= peers

    def _of_external(self, key: ObjectKey, spec: JSONObject) -> None:
        permit = mapping(spec, "permit")
        name = text(mapping(permit, "vpc", "spec.permit"), "name", "spec.permit.vpc")
        for vpc in self._vpcs(key, {name}):
            self._note(vpc, "external", {"name": key.name, "permit": permit})

    def _of_gateway(self, key: ObjectKey, spec: JSONObject) -> None:
        peering = mapping(spec, "peering")
        for vpc in self._vpcs(key, {name for name in peering if not name.startswith(_EXTERNAL)}):
            self._note(vpc, "gateway", {"name": key.name, "peering": peering})

    def _vpcs(self, key: ObjectKey, names: Iterable[str]) -> list[ObjectKey]:
        """Those of the named VPCs that are there; the others are noted."""
        found: list[ObjectKey] = []
        for name in sorted(names):
            if vpc := self._vpc(key, name):
                found.append(vpc)
            else:
                self._draft.skip(key, "spec", f"there is no VPC {name}")
        return found

    def _vpc(self, key: ObjectKey, name: str) -> ObjectKey | None:
        is_there = self._fabric.spec("VPC", name) is not None
        return ObjectKey("VPC", key.namespace, name) if is_there else None

    def _note(self, vpc: ObjectKey, sort: str, entry: JSONObject) -> None:
        self._entries.setdefault(vpc, {name: [] for name in _SORTS})[sort].append(entry)
