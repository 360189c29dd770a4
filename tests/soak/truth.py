"""Git, cluster and NetBox held against each other, by rules of the soak's own. Pure.

Nothing of the reconciler's comparison is used: what it and this agree on, two programs found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.objects import FIELD_MANAGER, MANAGED_BY_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.model.json import JSON, JSONObject

_DEVICES = ("Switch", "Server", "Gateway")

MODELS = ("dcim/devices", "dcim/cables", "ipam/vrfs", "ipam/vlans", "ipam/prefixes")
"""The models of NetBox that are looked at."""

Records = dict[str, list["JSONObject"]]
"""The fabric's records by model, as the REST API gives them."""


@dataclass(frozen=True)
class World:
    """What Git declares and what the cluster holds, by kind and name (`VPC/vpc-01`); NetBox's records (None: the fabric
    has no NetBox).
    """

    declared: Mapping[str, JSONObject]
    live: Mapping[str, JSONObject]
    records: Records | None = None


def untrue(fabric: str, world: World) -> list[str]:
    """What contradicts the claim that the three agree, a sentence each."""
    found = [*_missing(world), *_left_over(world)]
    if world.records is not None:
        found += _records(fabric, world.live, world.records)
    return found


def _missing(world: World) -> Iterator[str]:
    for name, declared in world.declared.items():
        live = world.live.get(name)
        if live is None:
            yield f"Git declares {name}, which is not in the cluster"
            continue
        yield from (f"{name}: {one}" for one in differences(declared.get("spec") or {}, live.get("spec") or {}, "spec"))


def _left_over(world: World) -> Iterator[str]:
    for name, live in world.live.items():
        if name not in world.declared and is_ours(live):
            yield f"{name} is in the cluster, is ours, and Git does not declare it"


def is_ours(live: JSONObject) -> bool:
    annotations = live["metadata"].get("annotations") or {}
    return bool(annotations.get(MANAGED_BY_ANNOTATION) == FIELD_MANAGER)


def differences(declared: JSON, live: JSON, path: str) -> Iterator[str]:
    """Where what is declared is not so; what is not declared may be anything."""
    if isinstance(declared, dict) and isinstance(live, dict):
        for name, value in declared.items():
            yield from differences(value, live.get(name), f"{path}.{name}")
    elif isinstance(declared, list) and isinstance(live, list) and len(declared) == len(live):
        for index, (one, other) in enumerate(zip(declared, live, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif declared != live and not (declared in ({}, [], None) and live is None):
        yield f"{path} is {live!r}, declared {declared!r}"


def _records(fabric: str, live: Mapping[str, JSONObject], records: Records) -> Iterator[str]:
    for model in MODELS:
        expected, found = _expected(fabric, model, live), _found(fabric, model, records.get(model, []))
        for item in sorted((expected - found).elements()):
            yield f"{model} lacks {item}"
        for item in sorted((found - expected).elements()):
            yield f"{model} has {item}, for which there is no object"


def _expected(fabric: str, model: str, live: Mapping[str, JSONObject]) -> Counter[str]:
    objects = [(body["kind"], body["metadata"]["name"], body.get("spec") or {}) for body in live.values()]
    match model:
        case "dcim/devices":
            return Counter(
                f"{fabric}/{kind}/{name} {name}: {spec.get('description') or ''!r}"
                for kind, name, spec in objects
                if kind in _DEVICES
            )
        case "dcim/cables":
            cables = {name: _links(spec) for kind, name, spec in objects if kind == "Connection"}
            return Counter({f"{fabric}/Connection/{name}": number for name, number in cables.items()})
        case "ipam/vrfs":
            return Counter(f"{fabric}/VPC/{name} {fabric}/{name}" for kind, name, _ in objects if kind == "VPC")
    field = {"ipam/vlans": "vlan", "ipam/prefixes": "subnet"}[model]
    vpcs = [(name, spec.get("subnets") or {}) for kind, name, spec in objects if kind == "VPC"]
    return Counter(
        f"{fabric}/VPC/{name}#{subnet} {content.get(field)}"
        for name, subnets in vpcs
        for subnet, content in subnets.items()
    )


def _links(spec: JSONObject) -> int:
    """How many cables a connection is made of: one for each link of whatever type it is."""
    (content,) = spec.values()
    return len(content["links"]) if "links" in content else 1


def _found(fabric: str, model: str, rows: Sequence[JSONObject]) -> Counter[str]:
    """The records of a model as `_expected` writes them, but for those that it says nothing of."""
    found: Counter[str] = Counter()
    for row in rows:
        key = row["custom_fields"].get("hh_key") or ""
        if model == "dcim/cables":
            found[key.partition("#")[0]] += 1
        elif model == "dcim/devices":
            found[f"{key} {row['name']}: {row['description']!r}"] += 1
        elif model == "ipam/vrfs":
            found[f"{key} {row['name']}"] += key.startswith(f"{fabric}/VPC/")
        elif key.startswith(f"{fabric}/VPC/") and "/" not in key.partition("#")[2]:
            found[f"{key} {row['vid'] if model == 'ipam/vlans' else row['prefix']}"] += 1
    return +found
