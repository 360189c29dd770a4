"""Real documents, each with what the fabric controller's admission makes of it, and how they are changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.objects import FIELD_MANAGER, MANAGED_BY_ANNOTATION, Manifest, ObjectKey, Source
from reconciler.model.problems import Severity
from reconciler.plan.claims import claims_of, clashes
from reconciler.plan.fields import declared_leaves, value_at
from reconciler.plan.fields import render as spelled
from reconciler.plan.rules import broken_rules
from tests.lab.kubernetes_api import AnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from reconciler.model.json import JSON, JSONObject
    from reconciler.plan.fields import Path as FieldPath
    from tests.lab.kubernetes_api import KubernetesAPI

_APPLY, _MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
_UNPROCESSABLE = 422
_MARK = ("metadata", "annotations", MANAGED_BY_ANNOTATION), FIELD_MANAGER


@dataclass(frozen=True)
class Sample:
    """A document as Git holds it, and as the server stores it."""

    git: Manifest
    server: Manifest

    @property
    def key(self) -> ObjectKey:
        return self.git.key

    @property
    def is_rewritten(self) -> bool:
        return self.git.spec != self.server.spec

    def within(self, namespace: str) -> Sample:
        key = self.key._replace(namespace=namespace)
        return Sample(replace(self.git, key=key), replace(self.server, key=key))


def read_samples(shared: Path) -> list[Sample]:
    lines = (shared / "data" / "defaulting-pairs.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = ((f"{number:03}.yaml", json.loads(line)) for number, line in enumerate(lines))
    return [Sample(_manifest(pair["git"], file), _manifest(pair["server"], file)) for file, pair in pairs]


def _manifest(body: JSONObject, file: str) -> Manifest:
    metadata = body["metadata"]
    key = ObjectKey(body["kind"], "default", metadata["name"])
    found = (metadata.get(part) or {} for part in ("labels", "annotations"))
    return Manifest(key, Source(file), body.get("spec") or {}, *found)


def grouped(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The samples in groups, each with no identity twice, nor a port, a VLAN or anything else that one object has."""
    groups: list[list[Sample]] = []
    for sample in samples:
        free = (group for group in groups if not any(_excludes(sample, other) for other in group))
        group = next(free, None)
        if group is None:
            groups.append([sample])
        else:
            group.append(sample)
    return groups


def _excludes(one: Sample, other: Sample) -> bool:
    taken = claims_of(other.git)
    return one.key == other.key or any(clashes(claim, taken) for claim in claims_of(one.git))


def acceptable(samples: Sequence[Sample]) -> list[Sample]:
    """Those that keep the rules among themselves: most come from pages that show a part of a fabric."""
    kept = {sample.key: sample for sample in samples}
    while wrong := _refused(kept):
        kept = {key: sample for key, sample in kept.items() if key not in wrong}
    return list(kept.values())


def _refused(samples: dict[ObjectKey, Sample]) -> set[ObjectKey]:
    faults = broken_rules({key: sample.git for key, sample in samples.items()}, {}, (), frozenset())
    return {fault.key for fault in faults if fault.severity is Severity.ERROR}


def render(manifest: Manifest) -> str:
    """The document as a file of Git: JSON is YAML that every parser reads alike."""
    body = manifest.body("")
    return json.dumps(body | {"metadata": body["metadata"] | {"annotations": manifest.annotations}}, indent=1)


def _path(key: ObjectKey, manager: str) -> str:
    """Where the API has an object, for a write by this manager."""
    kind = key.resource_kind
    collection = f"/apis/{kind.api_version}/namespaces/{key.namespace}/{kind.plural}"
    return f"{collection}/{key.name}?fieldManager={manager}"


def admit(api: KubernetesAPI, sample: Sample) -> None:
    """Rewrite an object to the server's form, as admission does whenever it is written."""
    path = _path(sample.key, "fabric-controller")
    body = api.request("GET", path)
    body["metadata"]["labels"] = sample.server.labels
    body["metadata"]["annotations"] |= sample.server.annotations
    api.request("PUT", path, {**body, "spec": sample.server.spec})


def make(api: KubernetesAPI, sample: Sample) -> None:
    """Create an object in the server's form, as it is where somebody applied the document with kubectl."""
    api.request("PATCH", _path(sample.key, "kubectl"), json.loads(render(sample.server)), content_type=_APPLY)


@dataclass(frozen=True)
class Disturbance:
    """The value that a field got from somebody else."""

    field: FieldPath
    value: JSON

    @property
    def path(self) -> str:
        """The field as the API spells it."""
        return spelled(self.field)

    def is_there(self, api: KubernetesAPI, key: ObjectKey) -> bool:
        found = value_at(api.request("GET", _path(key, "kubectl-get")), self.field)
        return bool(found == self.value)


def disturb(api: KubernetesAPI, sample: Sample, turn: int) -> Disturbance:
    """Change one leaf of what Git declares of an object, as kubectl-edit does. It is the leaf whose turn it is, or the
    next one of which the server takes another value; where there is none in its spec, a mark of ownership.
    """
    leaves = _leaves(sample, api.request("GET", _path(sample.key, "kubectl-edit")))
    start = turn % len(leaves) if leaves else 0
    for field, observed in (*leaves[start:], *leaves[:start], _MARK):
        for value in _changes(observed):
            if _is_taken(api, sample.key, _patch(field, value)):
                return Disturbance(field, value)
    raise AssertionError(f"the server takes no other value for any field of {sample.key}")


def _leaves(sample: Sample, body: JSONObject) -> list[tuple[FieldPath, JSON]]:
    """The fields that Git declares, as they are; where it says `{}` it declares nothing that could be another."""
    declared = (field for field, value in declared_leaves({"spec": sample.git.spec}) if value != {})
    return [(field, observed) for field in declared if (observed := value_at(body, field)) is not None]


def _changes(value: JSON) -> Iterator[JSON]:
    """The value with one thing in it changed, in several ways: a schema does not take every one."""
    match value:
        case dict():
            for name, member in value.items():
                yield from ({**value, name: changed} for changed in _changes(member))
        case list():
            for number, item in enumerate(value):
                yield from ([*value[:number], changed, *value[number + 1 :]] for changed in _changes(item))
            yield value[1:]
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1)
        case str():
            yield from (f"{value}9", f"{value}-9", value[:-1])


def _patch(field: FieldPath, value: JSON) -> JSONObject:
    name, *rest = field
    return {name: _patch(tuple(rest), value) if rest else value}


def _is_taken(api: KubernetesAPI, key: ObjectKey, patch: JSONObject) -> bool:
    try:
        api.request("PATCH", _path(key, "kubectl-edit"), patch, content_type=_MERGE)
    except AnswerError as error:
        if error.code != _UNPROCESSABLE:
            raise
        return False
    return True
