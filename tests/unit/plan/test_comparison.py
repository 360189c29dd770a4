"""What differs between Git and the cluster; and, where the real samples are at hand, what does not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.model.kinds import KINDS
from reconciler.model.objects import Manifest, Resource, Source, ownership_marks
from reconciler.model.passes import FieldDifference
from reconciler.plan.comparison import differences
from reconciler.plan.fields import declared_leaves, render
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments
from tests.unit.plan.world import FABRIC, key, manifest, resource, vpc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.plan.fields import Path as FieldPath

SHARED = Path(os.environ.get("RECONCILER_SHARED") or Path(__file__).parents[4] / "shared")
PAIRS = SHARED / "data" / "defaulting-pairs.jsonl"
needs_samples = pytest.mark.skipif(
    not PAIRS.exists(), reason=f"no {PAIRS.name} beside the checkout (RECONCILER_SHARED)"
)

OURS = "hedgehog-reconciler"


def _found(one: Manifest, observed: Resource) -> list[FieldDifference]:
    return list(differences(one.body(FABRIC), observed))


def test_an_applied_object_does_not_differ() -> None:
    """What the cluster answers to an apply is what was asked for."""
    one = vpc("v", subnets={"b.c": {"vlan": 1}}, permit=[["a"]], mode="")

    assert _found(one, resource(one)) == []


def test_a_difference_names_values_and_owner() -> None:
    """With the path as the API spells it."""
    one = vpc("v", subnets={"b.c": {"vlan": 1}}, mode="x")
    cluster = LocalCluster(MemoryDocuments(), "one")
    applied = cluster.apply(one.body(FABRIC))

    edited = cluster.edit(applied.key, {"spec": {"subnets": {"b.c": {"vlan": 2}}, "mode": None}}, "kubectl-edit")

    assert _found(one, edited) == [
        FieldDifference(".spec.mode", "x", None, None),
        FieldDifference(".spec.subnets.b.c.vlan", 1, 2, "kubectl-edit"),
    ]


def test_what_others_add_is_no_difference() -> None:
    """Neither fields nor labels nor annotations that Git does not declare."""
    one = vpc("v", subnets={"a": {"vlan": 1}})
    applied = resource(one, mode="l3vni")

    observed = replace(applied, labels={"team": "x"}, annotations={**applied.annotations, "note": "y"})

    assert _found(one, observed) == []


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        pytest.param({"team": "other"}, {}, [".metadata.labels.team"], id="label"),
        pytest.param({}, {}, [".metadata.labels.team"], id="label gone"),
        pytest.param(
            {"team": "net"},
            {"hnp.githedgehog.com/fabric": "x"},
            [".metadata.annotations.hnp.githedgehog.com/fabric"],
            id="mark",
        ),
    ],
)
def test_labels_and_marks_are_compared(
    labels: dict[str, str], annotations: dict[str, str], expected: list[str]
) -> None:
    """They are declared as the spec is."""
    one = manifest("VPC", "v", {}, team="net")
    applied = resource(one)

    observed = replace(applied, labels=labels, annotations={**applied.annotations, **annotations})

    assert [found.path for found in _found(one, observed)] == expected


def test_the_controllers_labels_are_ignored() -> None:
    """It recomputes them whatever Git says, before and after Git stops saying it."""
    one = manifest(
        "Switch", "s", {}, **{"fabric.githedgehog.com/profile": "a", "switchgroup.fabric.githedgehog.com/g": "x"}
    )
    applied = resource(one)

    observed = replace(applied, labels={"fabric.githedgehog.com/profile": "b"})

    assert _found(one, observed) == []
    assert _found(manifest("Switch", "s", {}), observed) == []


def _subnet(**members: JSON) -> JSONObject:
    return {"subnets": {"a": {"vlan": 1, **members}}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"mode": "x"}, {}, [(".spec.mode", "x")], id="scalar"),
        pytest.param({"mode": "x"}, {"mode": None}, [(".spec.mode", "x")], id="null"),
        pytest.param(
            {"subnets": {"a": {}, "b": {"vlan": 2}}},
            {"subnets": {"a": {}}},
            [(".spec.subnets.b", {"vlan": 2})],
            id="entry of a map",
        ),
        pytest.param(
            _subnet(dhcp={"enable": True}), _subnet(), [(".spec.subnets.a.dhcp.enable", True)], id="member of an object"
        ),
        pytest.param(
            _subnet(dhcp={"enable": True}),
            _subnet(dhcp={}),
            [(".spec.subnets.a.dhcp.enable", True)],
            id="member of an object that stays",
        ),
        pytest.param(_subnet(dhcp={}), _subnet(), [], id="empty object"),
        pytest.param({"permit": []}, {}, [], id="empty list"),
        pytest.param(_subnet(isolated=None), _subnet(), [], id="it was null"),
    ],
)
def test_what_we_applied_and_no_longer_declare(
    before: JSONObject, after: JSONObject, expected: list[tuple[str, JSON]]
) -> None:
    """It is still there as ours, so it must go: of a branch only its top is named."""
    found = _found(vpc("v", **after), resource(vpc("v", **before)))

    assert found == [FieldDifference(path, None, value, OURS) for path, value in expected]


def test_what_another_took_over_is_left_to_it() -> None:
    """A field that we applied once, that another manager owns since, and that Git no longer declares."""
    cluster = LocalCluster(MemoryDocuments(), "one")
    applied = cluster.apply(vpc("v", mode="x").body(FABRIC))

    edited = cluster.edit(applied.key, {"spec": {"mode": "y"}}, "kubectl-edit")

    assert _found(vpc("v"), edited) == []


@pytest.mark.parametrize("spec", [{}, {"subnets": None}, {"subnets": []}, {"subnets": "odd"}, {"subnets": {"a": 5}}])
def test_an_odd_resource_is_no_error(spec: JSONObject) -> None:
    """Whatever stands in the cluster, what Git declares is missing from it."""
    found = _found(vpc("v", subnets={"a": {"vlan": 1}}), replace(resource(vpc("v")), spec=spec))

    assert [one.path for one in found] == [".spec.subnets.a.vlan"]


# The real samples


def _pairs() -> Iterator[tuple[Manifest, Resource]]:
    """Documents of Git, and what the fabric controller's admission makes of each."""
    for line in PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        kind, git, server = KINDS[pair["kind"]], pair["git"], pair["server"]
        metadata = git["metadata"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        one = Manifest(key(kind.name, pair["name"]), Source(pair["file"]), git.get("spec") or {}, labels, annotations)
        stored = Resource.from_body(server, kind)
        entry = {"manager": OURS, "operation": "Apply", "fieldsV1": {"f:metadata": {}}}
        marks = {**stored.annotations, **ownership_marks(FABRIC)}
        yield one, replace(stored, annotations=marks, managed_fields=(entry,))


@needs_samples
def test_no_sample_drifts() -> None:
    """A document and what the server stores for it never differ."""
    drifting = {str(one.key): found for one, stored in _pairs() if (found := _found(one, stored))}

    assert drifting == {}


SILENT = {
    "ExternalAttachment .spec.neighbor",
    "ExternalAttachment .spec.switch",
    "Gateway .spec.logs",
    "Switch .spec.redundancy",
    "VPC .spec.subnets.default.dhcp",
}
"""Where Git says `{}` it declares an object and nothing in it: whatever the server has there is no difference."""


def _changes(value: JSON) -> Iterator[JSON]:
    """The value with one thing in it changed, in every way."""
    match value:
        case dict():
            for name, member in value.items():
                yield from ({**value, name: changed} for changed in _changes(member))
        case list():
            yield value[1:] if value else ["changed"]
            for n, item in enumerate(value):
                yield from ([*value[:n], changed, *value[n + 1 :]] for changed in _changes(item))
        case bool():
            yield not value
        case int():
            yield value + 1
        case _:
            yield f"{value}-changed"


def _at(spec: JSON, path: FieldPath) -> JSON:
    """The observed value; None where the server has none."""
    for name in path[1:]:
        spec = spec.get(name) if isinstance(spec, dict) else None
    return spec


def _with(spec: JSONObject, path: FieldPath, value: JSON) -> JSONObject:
    """The spec with another value at a path; without one for None."""
    name, *rest = path
    others = {other: member for other, member in spec.items() if other != name}
    if rest:
        return {**others, name: _with(spec[name], tuple(rest), value)}
    return others if value is None else {**others, name: value}


@needs_samples
def test_one_change_of_a_sample_is_one_difference() -> None:
    """Under exactly its path, for every value that Git declares in any sample; the exceptions are known."""
    silent: set[str] = set()
    reached = 0
    for one, stored in _pairs():
        for path, value in declared_leaves({"spec": one.spec}):
            observed = _at(stored.spec, path)
            for changed in [None] if value == {} else _changes(observed):
                found = _found(one, replace(stored, spec=_with(stored.spec, path[1:], changed)))
                if found or value != {}:
                    assert [difference.path for difference in found] == [render(path)], f"{one.key} {changed}"
                    reached += 1
                else:
                    silent.add(f"{one.key.kind} {render(path)}")

    assert reached > 1000
    assert silent == SILENT
