"""Parsed documents into manifests, or into problems that name file, document, line, field and rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.manifests.files import lines_of, read_file
from reconciler.model.kinds import DECLARABLE, Kind
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.problems import Problem, Severity

if TYPE_CHECKING:
    from reconciler.model.problems import Path

VPC = "apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\n"
KEY = ObjectKey("VPC", "default", "vpc-1")


def _read(text: str, namespace: str = "default") -> tuple[tuple[Manifest, ...], tuple[Problem, ...]]:
    parsed = read_file(text.encode(), "dc1/vpcs.yaml", namespace)
    return parsed.manifests, parsed.problems


def test_a_whole_document_becomes_a_manifest() -> None:
    """Identity, place, spec, labels and annotations are taken over; nothing is a problem."""
    manifests, problems = _read(
        f"# header\n---\n{VPC}metadata:\n  name: vpc-1\n  namespace: default\n"
        "  labels: {team: net}\n  annotations: {note: 'yes'}\nspec:\n  subnets: {a: {vlan: 1000}}\n",
    )

    expected = Manifest(
        KEY,
        Source("dc1/vpcs.yaml", 0, 3),
        {"subnets": {"a": {"vlan": 1000}}},
        {"team": "net"},
        {"note": "yes"},
    )
    assert manifests == (expected,)
    assert problems == ()


@pytest.mark.parametrize("spec", ["", "spec:\n", "spec: {}\n", "spec: null\n"])
def test_a_spec_may_be_absent(spec: str) -> None:
    """Absent, null and empty specs are one: empty."""
    (manifest,), problems = _read(f"{VPC}metadata: {{name: vpc-1}}\n{spec}")

    assert (manifest.spec, manifest.labels, manifest.annotations, problems) == ({}, {}, {}, ())


@pytest.mark.parametrize("kind", DECLARABLE, ids=lambda kind: kind.name)
def test_every_declarable_kind_is_read(kind: Kind) -> None:
    """Git may hold each kind of the table, under its group and version."""
    (manifest,), problems = _read(f"apiVersion: {kind.api_version}\nkind: {kind.name}\nmetadata: {{name: x}}\n")

    assert (manifest.key, problems) == (ObjectKey(kind.name, "default", "x"), ())


@pytest.mark.parametrize(
    ("text", "rule", "field", "line", "says"),
    [
        pytest.param("- a\n", "NotAnObject", "", 1, "mapping", id="a list"),
        pytest.param("just text\n", "NotAnObject", "", 1, "mapping", id="a text"),
        pytest.param("kind: VPC\n", "MissingField", "apiVersion", 1, "apiVersion", id="no apiVersion"),
        pytest.param("apiVersion: v1\n", "MissingField", "kind", 1, "kind", id="no kind"),
        pytest.param("apiVersion: v1\nkind: [VPC]\n", "MissingField", "kind", 2, "kind", id="a kind that is a list"),
        pytest.param("apiVersion: v1\nkind: ''\n", "MissingField", "kind", 2, "kind", id="an empty kind"),
        pytest.param(
            "apiVersion: 1\nkind: VPC\n", "MissingField", "apiVersion", 1, "not text", id="a number for a version"
        ),
    ],
)
def test_what_is_no_object_is_refused(text: str, rule: str, field: str, line: int, says: str) -> None:
    """A document without the form of a Kubernetes object has no identity and is refused for that."""
    manifests, problems = _read(text)

    assert manifests == ()
    first = problems[0]
    assert (first.rule, first.field, first.line, first.key) == (rule, field, line, None)
    assert says in first.message
    assert (first.file, first.document, first.severity) == ("dc1/vpcs.yaml", 0, Severity.ERROR)


@pytest.mark.parametrize(
    ("api_version", "kind", "rule", "says"),
    [
        ("v1", "Secret", "UnknownKind", "'Secret' ('v1') is not a kind of Hedgehog"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "UnknownKind", "'ClusterRoleBinding'"),
        ("v1", "List", "UnknownKind", "document of its own"),
        ("vpc.githedgehog.com/v1beta1", "VPCList", "UnknownKind", "document of its own"),
        ("v1", "ConfigMap", "UnknownKind", "'ConfigMap'"),
        ("vpc.githedgehog.com/v1beta1", "VPCFuture", "UnknownKind", "this version knows"),
        ("vpc.githedgehog.com/v1alpha2", "VPC", "UnknownKind", "vpc.githedgehog.com/v1beta1, not 'vpc"),
        ("example.com/v1", "Server", "UnknownKind", "wiring.githedgehog.com/v1beta1"),
        ("wiring.githedgehog.com/v1beta1", "SwitchProfile", "ControllerKind", "controller"),
        ("wiring.githedgehog.com/v1beta1", "ServerProfile", "ControllerKind", "controller"),
        ("agent.githedgehog.com/v1beta1", "Agent", "ControllerKind", "controller"),
        ("agent.githedgehog.com/v1beta1", "Catalog", "ControllerKind", "controller"),
        ("dhcp.githedgehog.com/v1beta1", "DHCPSubnet", "ControllerKind", "controller"),
        ("gateway.githedgehog.com/v1alpha1", "VPCInfo", "ControllerKind", "controller"),
        ("gwint.githedgehog.com/v1alpha1", "GatewayAgent", "ControllerKind", "controller"),
        ("v1", "A\\e[31m" + "x" * 500, "UnknownKind", "\\x1b[31mxxx"),
    ],
)
def test_other_kinds_are_refused_by_name(api_version: str, kind: str, rule: str, says: str) -> None:
    """Kinds beyond the fabric's are named and refused, never applied; what is quoted is printable and short."""
    manifests, problems = _read(f'apiVersion: {api_version}\nkind: "{kind}"\nmetadata: {{name: x}}\n')

    (problem,) = problems
    assert manifests == ()
    assert (problem.rule, problem.is_refusal) == (rule, True)
    assert says in problem.message
    assert problem.message.isprintable()
    assert len(problem.message) < 300


@pytest.mark.parametrize(
    ("metadata", "rule", "field"),
    [
        ("", "MissingName", "metadata.name"),
        ("metadata:\n", "MissingName", "metadata.name"),
        ("metadata: [a]\n", "NotAMapping", "metadata"),
        ("metadata: {labels: {}}\n", "MissingName", "metadata.name"),
        ("metadata: {name: null}\n", "MissingName", "metadata.name"),
        ("metadata: {name: 12}\n", "InvalidName", "metadata.name"),
        ("metadata: {name: no}\n", "InvalidName", "metadata.name"),
        ("metadata: {name: ''}\n", "InvalidName", "metadata.name"),
        ("metadata: {name: Vpc}\n", "InvalidName", "metadata.name"),
        ("metadata: {name: -a}\n", "InvalidName", "metadata.name"),
        ("metadata: {name: a-}\n", "InvalidName", "metadata.name"),
        ("metadata: {name: a..b}\n", "InvalidName", "metadata.name"),
        ("metadata: {name: ../../x}\n", "InvalidName", "metadata.name"),
        ('metadata: {name: "a\\n"}\n', "InvalidName", "metadata.name"),
        (f"metadata: {{name: {'a' * 254}}}\n", "InvalidName", "metadata.name"),
        ("metadata: {generateName: a-}\n", "MissingName", "metadata.name"),
    ],
)
def test_a_name_is_demanded(metadata: str, rule: str, field: str) -> None:
    """Without a valid name of text there is no identity, and the document is refused."""
    manifests, problems = _read(f"{VPC}{metadata}")

    assert manifests == ()
    assert [(each.rule, each.field, each.key) for each in problems if each.rule == rule] == [(rule, field, None)]


@pytest.mark.parametrize("name", ["a", "leaf-01", "server-1--bundled--leaf-01", "a.b-c.d", "0", "a" * 253])
def test_rfc_1123_names_are_taken(name: str) -> None:
    """Every DNS subdomain of up to 253 characters is a name."""
    (manifest,), _ = _read(f"{VPC}metadata: {{name: '{name}'}}\n")

    assert manifest.key.name == name


@pytest.mark.parametrize(
    ("rest", "rule", "field", "line"),
    [
        pytest.param("data: {a: 1}\n", "UnknownField", "data", 4, id="a field that objects do not have"),
        pytest.param("spec: text\n", "NotAMapping", "spec", 4, id="a spec of text"),
        pytest.param("spec:\n- 1\n", "NotAMapping", "spec", 4, id="a spec that is a list"),
        pytest.param("spec:\n  a: {b: 1,\n    b: 2}\n", "DuplicateKey", "spec.a.b", 6, id="a duplicate key"),
        pytest.param("spec:\n  a: [\n", "InvalidYAML", "spec.a[0]", 5, id="broken behind its identity"),
    ],
)
def test_a_refused_document_keeps_its_identity(rest: str, rule: str, field: str, line: int) -> None:
    """The identity of a refused document counts as declared, so that nothing is deleted for a mistake."""
    manifests, problems = _read(f"{VPC}metadata: {{name: vpc-1}}\n{rest}")

    (problem,) = problems
    assert manifests == ()
    assert (problem.rule, problem.field, problem.line, problem.key) == (rule, field, line, KEY)


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("namespace: other", "WrongNamespace"),
        ("namespace: 3", "WrongNamespace"),
        ("namespace: ''", "WrongNamespace"),
        ("generateName: x-", "UnsupportedField"),
        ("finalizers: [a]", "UnsupportedField"),
        ("ownerReferences: []", "UnsupportedField"),
        ("clusterName: x", "UnsupportedField"),
        ("labels: [a]", "NotAMapping"),
        ("labels: {a: 1}", "NotText"),
        ("labels: {a: yes}", "NotText"),
        ("annotations: {a: null}", "NotText"),
        ("annotations: {a: {b: c}}", "NotText"),
        ("annotations: text", "NotAMapping"),
    ],
)
def test_metadata_is_checked(field: str, rule: str) -> None:
    """What metadata must not hold refuses the document at its line, with its identity in the fabric's namespace."""
    manifests, problems = _read(f"{VPC}metadata:\n  name: vpc-1\n  {field}\n")

    (refusal,) = [problem for problem in problems if problem.is_refusal]
    assert manifests == ()
    assert (refusal.rule, refusal.line, refusal.key) == (rule, 5, KEY)
    assert refusal.field.startswith("metadata.")


def test_a_wrong_namespace_is_named() -> None:
    """The refusal names the namespace that was written and the one that is right."""
    _, (problem,) = _read(f"{VPC}metadata: {{name: vpc-1, namespace: prod}}\n", namespace="fabric")

    assert (problem.rule, problem.field) == ("WrongNamespace", "metadata.namespace")
    assert problem.message == "the fabric's namespace is fabric, not 'prod'"
    assert problem.key == ObjectKey("VPC", "fabric", "vpc-1")


@pytest.mark.parametrize("namespace", ["", "namespace: fabric\n", "namespace: null\n"])
def test_a_document_stands_in_the_fabrics_namespace(namespace: str) -> None:
    """Named or not, the namespace is the fabric's."""
    (manifest,), problems = _read(f"{VPC}metadata:\n  name: vpc-1\n  {namespace}", namespace="fabric")

    assert (manifest.key, problems) == (ObjectKey("VPC", "fabric", "vpc-1"), ())


def test_what_the_server_writes_is_ignored_with_a_warning() -> None:
    """An exported object is usable: status and server-set metadata are left out, each with a warning."""
    (manifest,), problems = _read(
        f"{VPC}metadata:\n  name: vpc-1\n  uid: x\n  resourceVersion: '1'\n  creationTimestamp: null\n"
        "  generation: 1\n  managedFields: []\n  selfLink: /x\n"
        "  labels: {fabric.githedgehog.com/ipv4ns: default, vpc.fabric.githedgehog.com/a: 'true', team: net}\n"
        "  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', note: x}\nstatus: {a: 1}\n",
    )

    assert (manifest.labels, manifest.annotations, manifest.spec) == ({"team": "net"}, {"note": "x"}, {})
    assert {problem.severity for problem in problems} == {Severity.WARNING}
    assert [(problem.rule, problem.line) for problem in problems] == [
        ("StatusIgnored", 13),
        *[("ServerFieldIgnored", line) for line in range(5, 11)],
        ("ServerLabelIgnored", 11),
        ("ServerLabelIgnored", 11),
        ("ServerFieldIgnored", 12),
    ]


def test_our_own_annotations_stay_in_git() -> None:
    """Annotations of origin and ownership are not part of what is declared, and are no reason to warn."""
    (manifest,), problems = _read(
        f"{VPC}metadata:\n  name: vpc-1\n  annotations:\n"
        "    hnp.githedgehog.com/original-file: raw/a.yaml\n    hnp.githedgehog.com/original-document-index: '3'\n"
        "    hnp.githedgehog.com/managed-by: someone\n    hnp.githedgehog.com/fabric: other\n    note: x\n",
    )

    assert (manifest.annotations, problems) == ({"note": "x"}, ())


def test_a_warning_of_the_loader_does_not_refuse() -> None:
    """An ambiguous scalar is used as kubectl reads it; the warning carries field and identity."""
    (manifest,), (problem,) = _read(f"{VPC}metadata: {{name: vpc-1}}\nspec:\n  a: [{{b: NO}}]\n")

    assert manifest.spec == {"a": [{"b": False}]}
    assert (problem.rule, problem.field, problem.line, problem.key) == ("AmbiguousScalar", "spec.a[0].b", 5, KEY)
    assert not problem.is_refusal


def test_one_bad_document_does_not_stop_the_others() -> None:
    """In a file of several documents each stands for itself, with its index."""
    manifests, problems = _read(
        f"{VPC}metadata: {{name: a}}\n---\nkind: Secret\napiVersion: v1\n---\n{VPC}metadata: {{name: b}}\nspec: [\n"
        f"---\n{VPC}metadata: {{name: c}}\n",
    )

    assert [(manifest.key.name, manifest.source.document) for manifest in manifests] == [("a", 0), ("c", 3)]
    assert {(problem.rule, problem.document) for problem in problems if problem.rule != "MissingName"} == {
        ("UnknownKind", 1),
        ("InvalidYAML", 2),
    }


@pytest.mark.parametrize("value", ["1x", "99999999999999", "{a: [b]}", "-1", "0x7FFFFFFFFFFFFFFF", "'\\u0000'"])
def test_odd_values_in_a_spec_are_not_judged_here(value: str) -> None:
    """A malformed duration, a huge number or a wrong type is the server's to refuse, object by object."""
    manifests, _ = _read(f"{VPC}metadata: {{name: vpc-1}}\nspec: {{interval: {value}}}\n")

    assert len(manifests) == 1


def test_the_line_of_a_field_can_be_found_later() -> None:
    """A finding made after reading names its line by document and field; of what is absent, the nearest parent's."""
    data = f"{VPC}metadata: {{name: a}}\n---\n{VPC}metadata:\n  name: b\nspec:\n  permit:\n  - x: 1\n".encode()

    first, second = (manifest.source for manifest in read_file(data, "a.yaml", "default").manifests)
    places: list[tuple[Source, Path]] = [
        (second, ("spec", "permit", 0, "x")),
        (second, ("spec", "permit", 0, "absent")),
        (first, ("spec", "subnets")),
        (first, ("metadata", "name")),
        (Source("a.yaml", 7, 99), ("spec",)),
    ]

    assert lines_of(data, places) == [11, 11, 1, 3, 99]


def test_a_file_can_move() -> None:
    """Content parsed at one path is right at another: sources and problems name the new one."""
    parsed = read_file(f"{VPC}metadata: {{name: vpc-1}}\n---\nkind: x\n".encode(), "a.yaml", "default")
    moved = parsed.at("b.yaml")

    assert moved == read_file(f"{VPC}metadata: {{name: vpc-1}}\n---\nkind: x\n".encode(), "b.yaml", "default")
    assert parsed.at("a.yaml") is parsed


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["VPC", "vpc-1", "default"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["apiVersion", "kind", "metadata", "name", "namespace", "labels", "spec", "status", "x"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=15,
    ),
)
def test_any_document_is_a_manifest_or_refused(value: object) -> None:
    """Whatever a document holds: a manifest without refusal, or none with at least one, never both or neither."""
    parsed = read_file(json.dumps(value).encode(), "f.yaml", "default")

    if value is not None:
        refusals = [problem for problem in parsed.problems if problem.is_refusal]
        assert bool(parsed.manifests) is not bool(refusals)
