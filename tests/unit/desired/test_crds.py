"""A folder of CustomResourceDefinitions: what it serves, and what is said of one that cannot be used.

The real CRDs, and real documents, are read from the folder that RECONCILER_SHARED names, or from `shared` beside the
checkout; without it those tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.fabric import FABRIC_500, build_fabric
from reconciler.desired.manifests.crds import read_crds
from reconciler.desired.manifests.files import read_file
from reconciler.errors import ConfigurationError
from reconciler.model.kinds import DECLARABLE, KINDS
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.schema import check_schema

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.problems import Fault
    from reconciler.model.served import Served

ROOT = Path(__file__).parents[3]
TRIMMED = ROOT / "tests" / "crds"
SHARED = Path(os.environ.get("RECONCILER_SHARED", ROOT.parent / "shared"))
REAL = SHARED / "data" / "crds"

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real CRDs are not here: RECONCILER_SHARED names them")
with_each_set = pytest.mark.parametrize(
    "crds", [TRIMMED, pytest.param(REAL, marks=needs_real)], ids=["trimmed", "real"]
)

WIDGET = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: vpcs.vpc.githedgehog.com}
spec:
  group: vpc.githedgehog.com
  names: {kind: VPC, plural: vpcs}
  versions:
  - {name: v1beta1, served: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}}
  - {name: v1beta2, served: true}
  - {name: v1alpha1, served: false}
"""


@cache
def served(crds: Path) -> Served:
    return read_crds(crds)


def faults(crds: Path, body: JSONObject) -> tuple[Fault, ...]:
    """What is wrong with an object by the CRD of its kind."""
    kind = KINDS[body["kind"]]
    schema = served(crds).schema(kind)
    assert schema is not None
    key = ObjectKey(kind.name, "default", body["metadata"]["name"])
    return check_schema(Manifest(key, Source("x.yaml"), body.get("spec") or {}), schema)


@with_each_set
def test_every_declarable_kind_is_served_with_a_schema(crds: Path) -> None:
    """In the version and under the plural that the reconciler uses."""
    assert [kind.name for kind in DECLARABLE if served(crds).schema(kind) is None] == []


@with_each_set
def test_generated_fabrics_fit(crds: Path) -> None:
    """No object of one is refused."""
    found = [fault for document in build_fabric(FABRIC_500) for fault in faults(crds, document.body)]

    assert found == []


@needs_real
def test_real_documents_fit() -> None:
    """Of 204 real documents two are refused: a SwitchGroup has no fields, and the API server drops what is declared
    there without a word, again with every apply. Those that lack what admission fills in are not.
    """
    lines = (SHARED / "data" / "defaulting-pairs.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line)["git"] for line in lines]

    found = [(fault.key.kind, fault.path, fault.rule) for body in documents for fault in faults(REAL, body)]

    assert len(documents) == 204
    assert found == [("SwitchGroup", ("spec", "type"), "UnknownField")] * 2


@needs_real
def test_a_large_generated_fabric_fits(tmp_path: Path) -> None:
    """A thousand valid objects, read as Git's files are."""
    command = [sys.executable, str(SHARED / "tools" / "gen_wiring.py"), "--preset", "1k", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    parsed = [read_file(file.read_bytes(), file.name, "default") for file in tmp_path.rglob("*.yaml")]
    manifests = [manifest for one in parsed for manifest in one.manifests]
    schemas = {kind.name: served(REAL).schema(kind) for kind in DECLARABLE}

    found = [fault for one in manifests if (schema := schemas[one.key.kind]) for fault in check_schema(one, schema)]

    assert len(manifests) > 900
    assert found == []


@with_each_set
@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Switch", {"role": "spine", "asn": 65100}, []),
        ("Switch", {}, []),
        ("Switch", {"asn": "65100"}, [("spec.asn", "WrongType")]),
        ("Switch", {"rack": 4}, [("spec.rack", "UnknownField")]),
        ("Switch", {"groups": [1]}, [("spec.groups.0", "WrongType")]),
        ("Switch", {"redundancy": {"type": "vpc"}}, [("spec.redundancy.type", "NotInEnum")]),
        (
            "Switch",
            {"linkFlapErrDisable": {"flapThreshold": 0}},
            [("spec.linkFlapErrDisable.flapThreshold", "OutOfRange")],
        ),
        ("Connection", {"eslag": {"links": [{}]}}, [("spec.eslag.links", "WrongCount")]),
        (
            "Connection",
            {"fabric": {"links": [{"leaf": {"ip": "10.0.0.1"}}]}},
            [("spec.fabric.links.0.leaf.ip", "PatternMismatch")],
        ),
        ("ExternalAttachment", {"neighbor": {}}, []),
        ("Switch", {"asn": 2**40}, [("spec.asn", "OutOfRange")]),
    ],
)
def test_faults_are_found(crds: Path, kind: str, spec: JSONObject, expected: list[tuple[str, str]]) -> None:
    """By either set of CRDs, each with its field and rule; what is required is not missed."""
    found = faults(crds, {"kind": kind, "metadata": {"name": "x"}, "spec": spec})

    assert [(".".join(map(str, fault.path)), fault.rule) for fault in found] == expected


def test_versions_that_are_served(tmp_path: Path) -> None:
    """Each with its schema, where it has one; other documents and other files of the folder mean nothing."""
    (tmp_path / "vpc.yml").write_text(f"{WIDGET}---\nkind: Kustomization\n---\n[1]\n")
    (tmp_path / "README.md").write_text("not: [YAML")

    found = read_crds(tmp_path).kinds["VPC"]

    assert [(one.version, one.plural, one.schema and one.schema.body) for one in found] == [
        ("v1beta1", "vpcs", {"type": "object"}),
        ("v1beta2", "vpcs", None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "vpc.yaml, line 1: "),
        ("\xff", "vpc.yaml, line 1: not UTF-8"),
        (f"# c\n{WIDGET}".replace("k8s.io/v1", "k8s.io/v1beta1"), "vpc.yaml, line 2: a CustomResourceDefinition of "),
        (WIDGET.replace("  group:", "  grupe:"), "vpc.yaml, line 1: a CustomResourceDefinition without spec.group"),
        (WIDGET.replace("plural: vpcs", "plural: 1"), "without spec.names.plural"),
        (WIDGET.replace("{kind: VPC, plural: vpcs}", "VPC"), "without spec.names.kind"),
        (WIDGET.replace("- {name: v1beta2, served: true}", "- v1beta2"), "without spec.versions[].name"),
        (WIDGET.replace("name: v1beta2", "name: 2"), "without spec.versions[].name"),
        ("a: 1", "holds no CustomResourceDefinition of Hedgehog"),
        (WIDGET.replace("vpc.githedgehog.com", "example.com"), "holds no CustomResourceDefinition of Hedgehog"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    """With its file, its line, and what is wanted."""
    (tmp_path / "vpc.yaml").write_text(text, encoding="latin-1")

    with pytest.raises(ConfigurationError) as raised:
        read_crds(tmp_path)

    assert message in raised.value.message
    assert str(tmp_path) in raised.value.message


def test_a_kind_that_is_defined_twice(tmp_path: Path) -> None:
    """Both files are named: which of them counts cannot be known."""
    (tmp_path / "a.yaml").write_text(WIDGET)
    (tmp_path / "b.yaml").write_text(WIDGET)

    with pytest.raises(
        ConfigurationError, match=r"a\.yaml and .*b\.yaml both define VPC \(vpc\.githedgehog\.com/v1beta1\)"
    ):
        read_crds(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It is named, with the reason."""
    with pytest.raises(ConfigurationError, match="nowhere cannot be read: No such file"):
        read_crds(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named, with the reason."""
    (tmp_path / "vpc.yaml").mkdir()

    with pytest.raises(ConfigurationError, match=r"vpc\.yaml cannot be read: Is a directory"):
        read_crds(tmp_path)


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read to its end."""
    monkeypatch.setattr("reconciler.desired.manifests.crds.MAX_FILE", 100)
    (tmp_path / "vpc.yaml").write_text(WIDGET)

    with pytest.raises(ConfigurationError, match=r"vpc\.yaml has more than 100 bytes"):
        read_crds(tmp_path)
