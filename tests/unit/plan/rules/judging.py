"""Documents against the rules, in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.objects import Manifest, ObjectKey, Resource, Source
from reconciler.plan.rules import broken_rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.json import JSONObject
    from reconciler.model.problems import Fault

ALL_KINDS = tuple(KINDS)
"""As `unknown`: no reference is missed."""


def live(kind: str, name: str, spec: JSONObject | None = None) -> Resource:
    return Resource(ObjectKey(kind, "default", name), "uid", "1", spec or {})


def at(manifest: Manifest, file: str, document: int = 0) -> Manifest:
    """The same, declared elsewhere."""
    return Manifest(manifest.key, Source(file, document), manifest.spec)


def judge(
    *manifests: Manifest,
    observed: Iterable[Resource] = (),
    unknown: Iterable[str] = ALL_KINDS,
    refused: Iterable[ObjectKey] = (),
) -> tuple[Fault, ...]:
    return broken_rules(
        {one.key: one for one in manifests},
        {one.key: one for one in observed},
        tuple(unknown),
        frozenset(refused),
    )


def short(faults: Iterable[Fault]) -> list[str]:
    """Each as `<kind>/<name> <path> <rule>`."""
    return [f"{fault.key} {'.'.join(map(str, fault.path))} {fault.rule}" for fault in faults]


def link(**ports: str) -> JSONObject:
    return {side: {"port": port} for side, port in ports.items()}


def unbundled(server: str, switch: str) -> JSONObject:
    return {"unbundled": {"link": link(server=server, switch=switch)}}


def subnet(prefix: str, vlan: int, **more: object) -> JSONObject:
    return {"subnet": prefix, "vlan": vlan, **more}


def network(**subnets: JSONObject) -> JSONObject:
    return {"subnets": subnets}
