"""Field paths and owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.objects import Resource
from reconciler.plan.fields import (
    Path,
    build_fields,
    declared_leaves,
    declared_paths,
    expand_fields,
    foreign_fields,
    leaves,
    owned_paths,
    owner_of,
    parse_fields,
    render,
)
from tests.unit.plan.world import key

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

names = st.text(alphabet="ab.f:/", min_size=1, max_size=4)
paths = st.frozensets(st.tuples(names, names) | st.tuples(names, names, names), max_size=8)


def _resource(*entries: JSONObject, spec: JSONObject | None = None) -> Resource:
    return Resource(key("VPC", "v"), "u", "1", spec or {}, managed_fields=entries)


def _entry(manager: str, fields: JSONObject, operation: str = "Apply") -> JSONObject:
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


OURS = _entry(
    "hedgehog-reconciler",
    {
        "f:metadata": {
            "f:annotations": {".": {}, "f:x.example/y.z": {}},
            "f:labels": {"f:team": {}},
            "f:finalizers": {'v:"x"': {}},
        },
        "f:spec": {"f:permit": {}, "f:subnets": {"f:b.c": {".": {}, "f:vlan": {}}}},
    },
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "subnets", "a", "vlan"), ".spec.subnets.a.vlan"),
        (("spec", "subnets", "b.c", "vlan"), ".spec.subnets.b.c.vlan"),
        (("metadata", "annotations", "x.example/y.z"), ".metadata.annotations.x.example/y.z"),
        ((), ""),
    ],
    ids=["plain", "dot in a name", "annotation", "root"],
)
def test_render_spells_as_the_api_does(path: Path, text: str) -> None:
    """Names are joined with dots, unescaped."""
    assert render(path) == text


def test_leaves_are_scalars_lists_and_empty_objects() -> None:
    """Lists are one value; an object with members is none."""
    value = {"a": {"b": 1, "c": [{"d": 2}]}, "e": {}, "f": None}

    assert list(leaves(value)) == [(("a", "b"), 1), (("a", "c"), [{"d": 2}]), (("e",), {}), (("f",), None)]


def test_a_body_declares_spec_labels_and_annotations() -> None:
    """Not its identity; and null declares nothing."""
    body = {
        "kind": "VPC",
        "metadata": {"name": "v", "namespace": "n", "labels": {"l": "1"}, "annotations": {"a/b": "2"}},
        "spec": {"mode": "x", "permit": None},
    }

    assert declared_paths(body) == {".spec.mode", ".metadata.labels.l", ".metadata.annotations.a/b"}


@pytest.mark.parametrize("body", [{}, {"metadata": None, "spec": None}, {"spec": {}}], ids=["nothing", "null", "empty"])
def test_a_body_may_declare_nothing(body: JSONObject) -> None:
    """Absent and empty parts have no leaves."""
    assert list(declared_leaves(body)) == []


def test_fields_are_parsed_with_their_containers() -> None:
    """`.` stands for the object itself; items of a list stand for the list."""
    fields = {"f:a": {".": {}, "f:b": {}}, "f:c": {'k:{"name":"x"}': {"f:d": {}}, 'v:"y"': {}}}

    assert list(parse_fields(fields)) == [("a",), ("a", "b"), ("c",), ("c",)]


@given(paths)
def test_building_is_the_inverse_of_parsing(owned: frozenset[Path]) -> None:
    """Whatever the names hold, and whether or not objects are owned beside their members."""
    assert frozenset(parse_fields(build_fields(owned))) == owned


def test_owned_paths_are_those_that_git_may_declare() -> None:
    """Ours only, without finalizers and the containers of labels and annotations."""
    other = _entry("argocd", {"f:spec": {"f:mode": {}}})

    assert owned_paths(_resource(OURS, other)) == {
        ".spec.permit",
        ".spec.subnets.b.c",
        ".spec.subnets.b.c.vlan",
        ".metadata.labels.team",
        ".metadata.annotations.x.example/y.z",
    }


@pytest.mark.parametrize(
    "entries",
    [(), (_entry("argocd", {"f:spec": {}}),), (_entry("hedgehog-reconciler", {"f:spec": {"f:a": {}}}, "Update"),)],
    ids=["no managedFields", "others only", "our update is no apply"],
)
def test_nothing_is_owned_without_an_apply(entries: tuple[JSONObject, ...]) -> None:
    """The field manager's name alone is not enough."""
    assert owned_paths(_resource(*entries)) == frozenset()


@pytest.mark.parametrize(
    ("path", "owner"),
    [(".spec.permit", "argocd"), (".spec.subnets.b.c.vlan", "hedgehog-reconciler"), (".spec.mode", None)],
    ids=["of two the foreign one", "ours alone", "nobody's"],
)
def test_owner_of_a_field(path: str, owner: str | None) -> None:
    """In whatever order the entries stand."""
    other = _entry("argocd", {"f:spec": {"f:permit": {}}})

    assert owner_of(_resource(OURS, other), path) == owner
    assert owner_of(_resource(other, OURS), path) == owner


def test_an_object_owned_without_members_is_owned_whole() -> None:
    """As API servers take it; one that is owned with some of its members is not."""
    fields: JSONObject = {"f:spec": {"f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:gone": {}}}
    content = {"spec": {"a": {"x": {"y": 1}, "z": None}, "b": {"c": 1, "d": 2}}}

    assert expand_fields(fields, content) == {
        ("spec", "a"),
        ("spec", "a", "x"),
        ("spec", "a", "x", "y"),
        ("spec", "b"),
        ("spec", "b", "c"),
        ("spec", "gone"),
    }


def test_an_entry_without_content_owns_nothing() -> None:
    """Odd entries of a server are no error."""
    assert owner_of(_resource({"manager": None, "fieldsV1": None}), ".spec") is None


def test_foreign_fields_are_those_that_we_would_take() -> None:
    """Changed by our apply, and another's: not equal ones, not ours, not what nobody owns."""
    observed = {"mode": "x", "permit": [["a"]], "defaultIsolated": True, "subnets": {"a": {}}}
    other = _entry("argocd", {"f:spec": {"f:mode": {}, "f:permit": {}, "f:subnets": {}, "f:subnets2": {}}})
    mine = _entry("hedgehog-reconciler", {"f:spec": {"f:defaultIsolated": {}}})
    body = {
        "spec": {"mode": "y", "permit": [["a"]], "defaultIsolated": False, "defaultRestricted": True, "subnets": {}}
    }

    assert foreign_fields(body, _resource(mine, other, spec=observed)) == {".spec.mode": "argocd"}
