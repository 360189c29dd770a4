"""YAML files into documents: limits, faults, lines, and that no bytes whatever raise an exception."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.manifests import loader
from reconciler.desired.manifests.builder import MAX_ALIASES, MAX_DEPTH, MAX_FINDINGS, MAX_NODES
from reconciler.desired.manifests.loader import load, load_lines
from reconciler.model.problems import Severity, dotted

if TYPE_CHECKING:
    from reconciler.desired.manifests.places import LoadedDocument
    from reconciler.model.json import JSON

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # What JSON writes unescaped and YAML allows.
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=10), inner, max_size=4
        )
    ),
    max_leaves=20,
)
"""Documents that mean the same in JSON and in every YAML."""


def _rules(document: LoadedDocument) -> list[str]:
    return [finding.rule for finding in document.findings if finding.severity is Severity.ERROR]


def _values(data: bytes) -> list[JSON]:
    return [document.value for document in load(data)]


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n".encode()
    for before, name in zip("abcdef", "bcdefg", strict=True)
)
"""Nine to the seventh power nodes in a few hundred bytes."""


@pytest.mark.parametrize(
    ("data", "rule", "line"),
    [
        pytest.param(b"a:\n  b: 1\na: 2\n", "DuplicateKey", 3, id="a duplicate key"),
        pytest.param(b"spec: {a: 1}\n# note\nspec: {b: 2}\n", "DuplicateKey", 3, id="spec twice"),
        pytest.param(b"a:\n- {x: 1,\n   'x': 2}\n", "DuplicateKey", 3, id="a duplicate key in flow style"),
        pytest.param(b"a: 1\nb: [1, 2\n", "InvalidYAML", 2, id="a bracket that does not close"),
        pytest.param(b"a: 1\n\tb: 2\n", "InvalidYAML", 2, id="a tab for indentation"),
        pytest.param(b"a: 1\nb: 'x\n", "InvalidYAML", 2, id="a quote that does not close"),
        pytest.param(b"a: b: c\n", "InvalidYAML", 1, id="two colons"),
        pytest.param(b"a: 1\nb: x\x00y\n", "InvalidYAML", 2, id="a NUL"),
        pytest.param(b"a: 1\nb: x\x1by\n", "InvalidYAML", 2, id="an escape character"),
        pytest.param(b'a: "\\ud800"\n', "InvalidYAML", 1, id="half a surrogate pair"),
        pytest.param(b"%YAML 3.0\n---\na: 1\n", "InvalidYAML", 1, id="another YAML"),
        pytest.param(b"a: 1\nb: \xe4\n", "InvalidEncoding", 2, id="latin-1"),
        pytest.param("a: 1\n".encode("utf-16"), "InvalidEncoding", 1, id="utf-16"),
        pytest.param(b"a: 1\nb: !!python/object/apply:os.system [id]\n", "UnsupportedTag", 2, id="a Python tag"),
        pytest.param(b"a: 1\nb: !!binary aGk=\n", "UnsupportedTag", 2, id="a tag beyond JSON"),
        pytest.param(b"a: 1\nb: !!map [1]\n", "UnsupportedTag", 2, id="a tag of another type"),
        pytest.param(b"a: 1\nb: .inf\n", "InvalidNumber", 2, id="infinity"),
        pytest.param(b"a: 1\nb: [.nan]\n", "InvalidNumber", 2, id="not a number"),
        pytest.param(b"a: 1\nb: 9223372036854775808\n", "InvalidNumber", 2, id="beyond 64 bits"),
        pytest.param(b"a: 1\n? [x]\n: 2\n", "InvalidKey", 2, id="a sequence as key"),
        pytest.param(b"a: 1\n~: 2\n", "InvalidKey", 2, id="null as key"),
        pytest.param(b"a: 1\n1.10: 2\n", "InvalidKey", 2, id="a float as key"),
        pytest.param(b"a: 1\nb: *nowhere\n", "UnknownAlias", 2, id="an alias without anchor"),
        pytest.param(b"a: &a\n  b: *a\n", "RecursiveAlias", 2, id="an alias inside of its anchor"),
        pytest.param(b"a: 1\nb: {<<: 3}\n", "InvalidMerge", 2, id="a merge of a number"),
        pytest.param(b"a: 1\nb: {<<: [{c: 1}, 3]}\n", "InvalidMerge", 2, id="a merge of a list with a number"),
        pytest.param(b"a:\n " + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "TooDeep", 2, id="too deep by one"),
        pytest.param(b"a: &x 1\nb: [" + b"*x," * (MAX_ALIASES + 1) + b"]", "TooManyAliases", 2, id="too many aliases"),
        pytest.param(b"a:\n" + b"- x\n" * MAX_NODES, "TooManyNodes", MAX_NODES - 1, id="too many nodes"),
        pytest.param(BOMB, "TooManyNodes", 5, id="an alias bomb"),
    ],
)
def test_a_document_is_refused_with_rule_and_line(data: bytes, rule: str, line: int) -> None:
    """Each fault refuses its document and says where it is."""
    (document,) = load(data)

    (finding,) = [each for each in document.findings if each.severity is Severity.ERROR]
    assert (finding.rule, finding.line) == (rule, line)
    assert finding.message


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="flow sequences"),
        pytest.param(b"[" * 3000, id="the 6 kB that kill the process of another loader, unclosed"),
        pytest.param(b"{a: " * 100_000, id="flow mappings"),
        pytest.param(b"- " * 100_000, id="block sequences"),
        pytest.param(b"? " * 100_000, id="complex keys"),
        pytest.param(b"".join(b" " * n + b"a:\n" for n in range(2000)), id="block mappings"),
    ],
)
def test_depth_is_refused_at_once(data: bytes) -> None:
    """Nesting that overflows the stack of other loaders is refused after 64 levels, in no time."""
    start = time.perf_counter()
    (document,) = load(data)

    assert _rules(document) in (["TooDeep"], ["InvalidKey"])
    assert time.perf_counter() - start < 1.0


def test_depth_up_to_the_limit_is_read() -> None:
    """Exactly 64 levels are fine."""
    assert _values(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) == [json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)]


def test_aliases_up_to_the_limit_are_read() -> None:
    """100 aliases are fine, and their values are those of the anchor."""
    (document,) = load(b"a: &x {z: 1}\nb: [" + b"*x," * MAX_ALIASES + b"]")

    assert document.findings == ()
    assert document.value["b"] == [{"z": 1}] * MAX_ALIASES


def test_an_expanded_document_stays_small() -> None:
    """What passes the limits is small also when its aliases are written out: no bomb goes off later."""
    data = b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    (document,) = load(data)

    assert document.findings == ()
    assert len(json.dumps(document.value)) < 10_000


@pytest.mark.parametrize(
    ("data", "values"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\n \n# only a comment\n", [], id="a comment"),
        pytest.param(b"---\n---\n# c\n---\n", [], id="markers"),
        pytest.param(b"null\n", [], id="null"),
        pytest.param(b"\xef\xbb\xbfa: 1\n", [{"a": 1}], id="a byte order mark"),
        pytest.param(b"a: 1\r\nb:\r\n- 2\r\n---\r\nc: 3\r\n", [{"a": 1, "b": [2]}, {"c": 3}], id="CRLF"),
        pytest.param(b"a: 1\n...\nb: 2\n...\n", [{"a": 1}, {"b": 2}], id="document ends"),
        pytest.param(b"%YAML 1.2\n# c\n---\na: 1\n", [{"a": 1}], id="a directive"),
        pytest.param(b"a: 1\n...\n%YAML 1.1\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="a directive in the middle"),
        pytest.param(b"--- {a: 1}\n--- # note\nb: 2\n", [{"a": 1}, {"b": 2}], id="content beside the marker"),
        pytest.param(b"a: |\n  x\n  --- y\n  ---\nb: 2\n", [{"a": "x\n--- y\n---\n", "b": 2}], id="markers in a block"),
        pytest.param(b"a: ---\n---x: 1\n", [{"a": "---", "---x": 1}], id="dashes that are no markers"),
        pytest.param(b"a: &x 1\nb: *x\n---\nc: 2\n", [{"a": 1, "b": 1}, {"c": 2}], id="an alias"),
        pytest.param(b"{&k key: 1, other: *k}", [{"key": 1, "other": "key"}], id="an anchor on a key"),
        pytest.param(b"[]\n", [[]], id="a sequence"),
        pytest.param("a: grün 網 🎉\n".encode(), [{"a": "grün 網 🎉"}], id="text beyond ASCII"),
    ],
)
def test_reads_documents(data: bytes, values: list[JSON]) -> None:
    """Every form of a stream gives its documents; those without content give none."""
    documents = load(data)

    assert [document.value for document in documents] == values
    assert all(not document.findings for document in documents)


def test_a_broken_document_takes_no_other_with_it() -> None:
    """Documents before and behind one that cannot be parsed are read, under their own numbers and lines."""
    before, broken, behind = load(b"a: 1\n---\nkind: VPC\nb: [\n--- \n# c\nd:\n  e: 2\n")

    assert (before.value, before.index, before.line) == ({"a": 1}, 0, 1)
    assert (_rules(broken), broken.index) == (["InvalidYAML"], 1)
    assert broken.value == {"kind": "VPC", "b": []}
    assert (behind.value, behind.index, behind.line) == ({"d": {"e": 2}}, 2, 7)
    assert behind.line_of(("d", "e")) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"a: 1\nb: [\n", "a [ or { is not closed", id="at the end"),
        pytest.param(b"a: [1,\nb: 2\n", "a [ or { that starts in line 1 is not closed", id="a list"),
        pytest.param(b"a: {x: 1\nb: 2\n", "a [ or { that starts in line 1 is not closed", id="a mapping"),
        pytest.param(
            b"a: [1 2, 3}]\n", "did not find expected ',' or ']', while parsing a flow sequence", id="it is closed"
        ),
        pytest.param(b"a: [b: }]\n", "did not find expected node content, while parsing a flow node", id="another"),
    ],
)
def test_what_is_not_closed(text: bytes, message: str) -> None:
    """Said as people would; the line that the finding has anyway is not said twice."""
    (document,) = load(text)

    assert document.findings[0].message == message


def test_an_anchor_ends_with_its_document() -> None:
    """An alias cannot reach into another document, as YAML demands."""
    first, second = load(b"a: &x 1\n---\nb: *x\n")

    assert (_rules(first), _rules(second)) == ([], ["UnknownAlias"])


def test_reading_goes_on_behind_a_fault() -> None:
    """Several faults of one document are all told, and what else it holds is there for its identity."""
    (document,) = load(b"kind: A\nkind: B\nn: .inf\nx: !y z\nmetadata: {name: web}\n")

    assert _rules(document) == ["DuplicateKey", "InvalidNumber", "UnsupportedTag"]
    assert document.value["kind"] == "A"
    assert document.value["metadata"] == {"name": "web"}


def test_paths_lead_into_merges_and_lists() -> None:
    """A fault inside of what is merged, or of a list's item, is told with its whole path."""
    (document,) = load(b"a:\n- b: 1\n- <<:\n    c: {d: .inf}\n- ~: {e: .nan}\n")

    assert [(finding.rule, dotted(finding.path)) for finding in document.findings] == [
        ("InvalidNumber", "a[1].<<.c.d"),
        ("InvalidKey", "a[2]"),
        ("InvalidNumber", "a[2].e"),
    ]


def test_a_fault_of_the_parser_is_the_documents_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the parser raise what it never did so far, one document is refused, and no exception escapes."""

    class FaultyParser:
        def __init__(self, _: bytes) -> None:
            """Takes anything."""

        def get_event(self) -> None:
            raise KeyError("unforeseen")

    monkeypatch.setattr(loader, "CParser", FaultyParser)

    first, second = load(b"a: 1\n---\nb: 2\n")

    assert (_rules(first), _rules(second), second.line) == (["InvalidYAML"], ["InvalidYAML"], 2)
    assert "KeyError" in first.findings[0].message


def test_the_values_of_a_refused_key_do_not_show() -> None:
    """The first of two equal keys keeps its value; what stands below the second is read past."""
    (document,) = load(b"a: 1\na: {b: [{c: 1}], b: 2}\nd: 3\n")

    assert document.value == {"a": 1, "d": 3}
    assert _rules(document) == ["DuplicateKey", "DuplicateKey"]


def test_findings_are_bounded_and_keep_a_refusal() -> None:
    """A document full of warnings has few findings, and a refusal behind them is among those."""
    (document,) = load(b"a:\n" + b"- NO\n" * 1000 + b"b: .nan\n")

    assert len(document.findings) == MAX_FINDINGS + 1
    assert _rules(document) == ["InvalidNumber"]


def test_lines_are_found_by_path() -> None:
    """Every key and item has its line; of a path that is not there, the nearest parent's counts."""
    (document,) = load(b"---\nmetadata:\n  labels: {a.b/c: x}\nspec:\n  permit:\n  - x: 1\n\n  - y: 2\n    z: {}\n")

    assert document.line == 2
    assert document.line_of(("metadata", "labels", "a.b/c")) == 3
    assert document.line_of(("spec", "permit", 1, "z")) == 9
    assert document.line_of(("spec", "permit", 1, "absent", "deeper")) == 8
    assert document.line_of(()) == 2
    assert document.line_of(("spec", "permit", 7)) == 5


@given(st.lists(st.sampled_from(["a: 1", "# c", "b:\n- x", "---", "...", "--- {c: 2}", "", "%YAML 1.1", "d: ["])))
def test_a_document_is_found_by_its_line(parts: list[str]) -> None:
    """Wherever it stands, it is the one that the whole file has there."""
    data = "\n".join(parts).encode()

    for document in load(data):
        if not document.findings:
            assert load_lines(data, [document.line])[document.line].value == document.value


def test_only_what_is_asked_for_is_parsed() -> None:
    """One document of a file of thousands costs what one costs."""
    data = "".join(f"---\na: {number}\n" for number in range(1000)).encode()

    found = load_lines(data, [500, 1501, 99_999])

    assert {line: document.value for line, document in found.items()} == {
        500: {"a": 249},
        1502: {"a": 750},
        2000: {"a": 999},
    }


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    """Whatever a file holds, loading ends in values and findings."""
    assert isinstance(load(data), tuple)


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@`#\n\t .~<1_0xe+"), max_size=60))
def test_no_yaml_raises_and_every_line_exists(text: str) -> None:
    """Texts dense in YAML's own characters neither raise nor report a line that the file does not have."""
    last = text.count("\n") + 1

    for document in load(text.encode()):
        assert 1 <= document.line <= last
        assert all(1 <= finding.line <= last for finding in document.findings)
        json.dumps(document.value, allow_nan=False)


@settings(max_examples=60)
@given(json_values)
def test_agrees_with_another_loader_on_json(value: JSON) -> None:
    """A document in JSON, which all loaders must agree on, is what it says, and what PyYAML's safe loader reads."""
    text = json.dumps(value)

    documents = load(text.encode())

    # JSON does not tell 1.0 from 1, and kubectl neither.
    assert [document.value for document in documents] == ([] if value is None else [value])
    assert all(not document.findings for document in documents)
    if "e" not in text:
        # PyYAML takes 1e-05, without a dot, for text.
        assert yaml.safe_load(text) == value


@settings(max_examples=30)
@given(st.lists(json_values.filter(lambda value: value is not None), min_size=1, max_size=5))
def test_block_style_streams_are_read_back(values: list[JSON]) -> None:
    """Documents that PyYAML writes in block style, several in a file, come back one by one."""
    stream = yaml.safe_dump_all(values, default_flow_style=False, explicit_start=True)

    loaded = {document.index: document for document in load(stream.encode())}

    for index, value in enumerate(values):
        if not _has_yaml_1_1_words(value):
            assert loaded[index].value == value


def _has_yaml_1_1_words(value: JSON) -> bool:
    """Whether PyYAML writes something plain that it and kubectl read differently."""
    if isinstance(value, dict):
        return any(_has_yaml_1_1_words(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(_has_yaml_1_1_words(item) for item in value)
    return isinstance(value, str) and value[:1] in tuple("yYnN+-.0123456789")


def test_depth_counts_through_aliases() -> None:
    """Anchors that each nest an earlier one cannot add up to more levels than a document may have."""
    levels = 40
    first = f"a: &a {'[' * levels}x{']' * levels}\n"
    second = f"b: {'[' * levels}*a{']' * levels}\n"

    (document,) = load((first + second).encode())

    assert _rules(document) == ["TooDeep"]
