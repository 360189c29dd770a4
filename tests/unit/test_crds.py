"""The trimmed CRDs: they fit the generated fabrics, and say nothing that the real ones do not.

The real ones are read from `data/crds` of the folder that RECONCILER_SHARED names, or of `shared` beside the
checkout; without them the comparisons are skipped.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from reconciler.demo.fabric import FABRIC_500, FABRIC_DEMO, FabricShape, build_fabric
from reconciler.model.kinds import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject

ROOT = Path(__file__).parents[2]
TRIMMED = ROOT / "tests" / "crds"
REAL = Path(os.environ.get("RECONCILER_SHARED", ROOT.parent / "shared")) / "data" / "crds"

NAMES = sorted(path.name for path in TRIMMED.glob("*.yaml"))

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real CRDs are not here: RECONCILER_SHARED names them")
with_each_set = pytest.mark.parametrize(
    "crds", [TRIMMED, pytest.param(REAL, marks=needs_real)], ids=["trimmed", "real"]
)

JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
PRESERVE = "x-kubernetes-preserve-unknown-fields"


@cache
def read_crd(path: Path) -> JSONObject:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # seven times faster where PyYAML has it
    crd: JSONObject = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader
    return crd


def schema_of(crd: JSONObject) -> JSONObject:
    (version,) = crd["spec"]["versions"]
    schema: JSONObject = version["schema"]["openAPIV3Schema"]
    return schema


def schemas(crds: Path) -> dict[str, JSONObject]:
    """Schemas by kind."""
    found = map(read_crd, sorted(crds.glob("*.yaml")))
    return {crd["spec"]["names"]["kind"]: schema_of(crd) for crd in found}


def violations(schema: JSONObject, value: JSON, path: str = "") -> Iterator[str]:
    """What an API server would refuse or prune in `value`, each with its path."""
    is_boolean_number = isinstance(value, bool) and schema["type"] != "boolean"  # a bool is an int to Python only
    if not isinstance(value, JSON_TYPES[schema["type"]]) or is_boolean_number:
        yield f"{path}: {value!r} is no {schema['type']}"
    elif isinstance(value, dict):
        yield from _object_violations(schema, value, path)
    elif isinstance(value, list):
        yield from _array_violations(schema, value, path)
    else:
        yield from _scalar_violations(schema, value, path)


def _object_violations(schema: JSONObject, value: JSONObject, path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (f"{path}.{name}: required" for name in schema.get("required", []) if name not in value)
    for name, inner in value.items():
        inner_schema = properties.get(name, schema.get("additionalProperties"))
        if inner_schema is not None:
            yield from violations(inner_schema, inner, f"{path}.{name}")
        elif path != ".metadata" and PRESERVE not in schema:  # the API server knows metadata without a schema
            yield f"{path}.{name}: unknown field"


def _array_violations(schema: JSONObject, value: list[JSON], path: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{path}: {len(value)} items"
    for index, inner in enumerate(value):
        yield from violations(schema["items"], inner, f"{path}[{index}]")


def _scalar_violations(schema: JSONObject, value: JSON, path: str) -> Iterator[str]:
    if value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match"
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value!r} is out of range"


def widenings(trimmed: JSONObject, real: JSONObject, path: str = "") -> Iterator[str]:
    """Where the trimmed schema names a field that the real one has not, or constrains it otherwise."""
    nested = {"properties", "items", "additionalProperties", "description", "required", PRESERVE}
    for key in sorted((set(trimmed) | set(real)) - nested):
        if trimmed.get(key) != real.get(key):
            yield f"{path}: {key} is {trimmed.get(key)!r}, not {real.get(key)!r}"
    known = set(trimmed.get("properties", {}))
    if set(trimmed.get("required", [])) != set(real.get("required", [])) and PRESERVE not in trimmed:
        yield f"{path}: required is {trimmed.get('required')!r}, not {real.get('required')!r}"
    for name in sorted(known):
        if name in real.get("properties", {}):
            yield from widenings(trimmed["properties"][name], real["properties"][name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: not in the real schema"
    for key in ("items", "additionalProperties"):
        if (key in trimmed) != (key in real) and PRESERVE not in trimmed:
            yield f"{path}: only one of the two has {key}"
        elif key in trimmed:
            yield from widenings(trimmed[key], real[key], f"{path}[]")


def sub_schemas(schema: JSONObject) -> Iterator[JSONObject]:
    yield schema
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for each in inner:
        if each is not None:
            yield from sub_schemas(each)


def test_all_kinds_are_there() -> None:
    """There is one CRD for each of the 22 kinds, the reconciler's own among them."""
    kinds = {(crd["spec"]["names"]["kind"], crd["metadata"]["name"]) for crd in map(read_crd, TRIMMED.glob("*.yaml"))}

    assert len(NAMES) == len(kinds) == 22
    assert {(kind.name, f"{kind.plural}.{kind.group}") for kind in KINDS.values()} <= kinds


@pytest.mark.parametrize("name", NAMES)
def test_shape_of_a_crd(name: str) -> None:
    """A file bears its CRD's group and plural; the CRD is namespaced, has one version and a status subresource."""
    spec = read_crd(TRIMMED / name)["spec"]
    (version,) = spec["versions"]

    assert name == f"{spec['group']}_{spec['names']['plural']}.yaml"
    assert spec["scope"] == "Namespaced"
    assert version["served"] is version["storage"] is True
    assert version["subresources"] == {"status": {}}


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_structural(name: str) -> None:
    """Every node has a type, so unknown fields are pruned; no list has a type, so all lists are atomic."""
    nodes = list(sub_schemas(schema_of(read_crd(TRIMMED / name))))

    assert len(nodes) > 5
    assert all(node["type"] in JSON_TYPES for node in nodes)
    assert all(("items" in node) == (node["type"] == "array") for node in nodes)
    assert not any({"x-kubernetes-list-type", "x-kubernetes-list-map-keys"} & set(node) for node in nodes)


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.is_declarable], ids=lambda kind: kind.name)
def test_declarable_kinds_are_strict(kind: Kind) -> None:
    """Nothing unknown is let through in a kind that Git may hold: that is what an applier must get right."""
    crd = read_crd(TRIMMED / f"{kind.group}_{kind.plural}.yaml")

    assert crd["spec"]["versions"][0]["name"] == kind.version
    assert not any(PRESERVE in node for node in sub_schemas(schema_of(crd)))


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Switch", {"role": "spine", "asn": 65100}, []),
        ("Switch", {}, [".spec.role: required"]),
        ("Switch", {"role": "spine", "asn": "65100"}, [".spec.asn: '65100' is no integer"]),
        ("Switch", {"role": "spine", "asn": True}, [".spec.asn: True is no integer"]),
        ("Switch", {"role": "spine", "rack": 4}, [".spec.rack: unknown field"]),
        ("Switch", {"role": "spine", "groups": [1]}, [".spec.groups[0]: 1 is no string"]),
        ("Switch", {"role": "spine", "portSpeeds": {"E1/1": 10}}, [".spec.portSpeeds.E1/1: 10 is no string"]),
        (
            "Switch",
            {"role": "spine", "redundancy": {"type": "vpc"}},
            [".spec.redundancy.type: 'vpc' is none of ['mclag', 'eslag']"],
        ),
        (
            "Switch",
            {"role": "spine", "linkFlapErrDisable": {"flapThreshold": 0}},
            [".spec.linkFlapErrDisable.flapThreshold: 0 is out of range"],
        ),
        ("Connection", {"eslag": {"links": [{}]}}, [".spec.eslag.links: 1 items"]),
        (
            "Connection",
            {"fabric": {"links": [{"leaf": {"ip": "10.0.0.1"}}]}},
            [".spec.fabric.links[0].leaf.ip: '10.0.0.1' does not match"],
        ),
        ("ExternalAttachment", {"neighbor": {}}, [".spec.switch: required"]),
    ],
)
@with_each_set
def test_violations_are_seen(crds: Path, kind: str, spec: JSONObject, expected: list[str]) -> None:
    """The check used below sees each sort of fault, by either set of CRDs."""
    document = {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}

    assert list(violations(schemas(crds)[kind], document)) == expected


@with_each_set
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(FABRIC_DEMO, id="demo"),
        pytest.param(FABRIC_500, id="500"),
        pytest.param(FabricShape(leafs=3, servers=12, vpcs=12, attachments_per_server=3, externals=3), id="odd"),
    ],
)
def test_generated_fabrics_fit(crds: Path, shape: FabricShape) -> None:
    """No field of a generated fabric would be refused or pruned."""
    by_kind = schemas(crds)
    documents = build_fabric(shape)

    assert [list(violations(by_kind[doc.body["kind"]], doc.body)) for doc in documents] == [[]] * len(documents)


@needs_real
def test_same_files_as_the_real_ones() -> None:
    """Both sets have the same files, hence groups and plurals."""
    assert sorted(path.name for path in REAL.glob("*.yaml")) == NAMES


@needs_real
@pytest.mark.parametrize("name", NAMES)
def test_same_identity_as_the_real_one(name: str) -> None:
    """Group, kind, plural, singular, list kind, short names, scope, version and subresources are the real ones."""
    trimmed, real = read_crd(TRIMMED / name), read_crd(REAL / name)

    assert trimmed["metadata"]["name"] == real["metadata"]["name"]
    assert trimmed["spec"]["names"] == {
        key: real["spec"]["names"][key] for key in real["spec"]["names"] if key != "categories"
    }
    for field in ("group", "scope"):
        assert trimmed["spec"][field] == real["spec"][field]
    for field in ("name", "served", "storage", "subresources"):
        assert trimmed["spec"]["versions"][0][field] == real["spec"]["versions"][0][field]


@needs_real
@pytest.mark.parametrize("name", NAMES)
def test_schema_is_part_of_the_real_one(name: str) -> None:
    """Every field of a trimmed schema has the real type, and is required, limited and defaulted as there."""
    assert list(widenings(schema_of(read_crd(TRIMMED / name)), schema_of(read_crd(REAL / name)))) == []


@pytest.mark.parametrize(
    ("trimmed", "expected"),
    [
        ({"type": "object", "properties": {"asn": {"type": "integer"}}, "required": ["asn"]}, []),
        ({"type": "object", "required": ["asn"]}, []),
        ({"type": "object"}, [": required is None, not ['asn']"]),
        (
            {"type": "object", "properties": {"asn": {"type": "string"}}, "required": ["asn"]},
            [".asn: type is 'string', not 'integer'"],
        ),
        (
            {"type": "object", "properties": {"vni": {"type": "integer"}}, "required": ["asn"]},
            [".vni: not in the real schema"],
        ),
    ],
    ids=["same", "fewer fields", "not required", "other type", "other field"],
)
def test_widenings_are_seen(trimmed: JSONObject, expected: list[str]) -> None:
    """The comparison with the real schemas sees each sort of difference, and lets a field be left out."""
    real = {"type": "object", "properties": {"asn": {"type": "integer"}}, "required": ["asn"]}

    assert list(widenings(trimmed, real)) == expected
