"""Annotations put into the text of a document: in every style, and nothing else of it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.manifests.annotating import annotate, with_annotations
from reconciler.desired.manifests.cutting import cut
from reconciler.desired.manifests.loader import load

OURS = {"hnp.githedgehog.com/fabric": "dc1", "hnp.githedgehog.com/original-file": "raw/é.yaml"}
FLOW = '{"hnp.githedgehog.com/fabric": "dc1", "hnp.githedgehog.com/original-file": "raw/é.yaml"}'
MEMBERS = FLOW.strip("{}")
FABRIC, FILE = (f'{name}: "{text}"' for name, text in OURS.items())
OLD = "hnp.githedgehog.com/fabric"
HEAD = "kind: VPC\n"


def _annotated(text: str) -> tuple[str, bool]:
    (part,) = cut(text.encode())
    found = annotate(part, part.builder.root, OURS)
    assert found is not None
    return found.data.decode(), found.is_rewritten


CASES = [
    pytest.param(
        f"{HEAD}metadata:\n  name: a\nspec: {{}}\n",
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}\nspec: {{}}\n",
        id="block metadata",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  # what it is called\n  name: a # short\n  # where\n  namespace: default\n",
        f"{HEAD}metadata:\n  # what it is called\n  name: a # short\n  annotations:\n    {FABRIC}\n    {FILE}\n"
        "  # where\n  namespace: default\n",
        id="comments stay where they are",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: a\t# after a tab\n",
        f"{HEAD}metadata:\n  name: a\t# after a tab\n  annotations:\n    {FABRIC}\n    {FILE}\n",
        id="a tab after the content",
    ),
    pytest.param(
        f"{HEAD}metadata:\n      name: a",
        f"{HEAD}metadata:\n      name: a\n      annotations:\n        {FABRIC}\n        {FILE}",
        id="deep indentation, no line break at the end",
    ),
    pytest.param(
        "kind: VPC\r\nmetadata:\r\n  name: a\r\nspec: {}\r\n",
        f"kind: VPC\r\nmetadata:\r\n  name: a\r\n  annotations:\r\n    {FABRIC}\r\n    {FILE}\r\nspec: {{}}\r\n",
        id="CRLF",
    ),
    pytest.param(
        "kind: VPC\r\nmetadata:\r\n  name: a",
        f"kind: VPC\r\nmetadata:\r\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}",
        id="CRLF, none at the end",
    ),
    pytest.param(
        f"{HEAD}# é 日本 😀\nmetadata:\n  name: a # 日本\nspec: {{}} # 😀\n",
        f"{HEAD}# é 日本 😀\nmetadata:\n  name: a # 日本\n  annotations:\n    {FABRIC}\n    {FILE}\nspec: {{}} # 😀\n",
        id="characters of several bytes",
    ),
    pytest.param(
        f"{HEAD}metadata: {{name: a}}\n",
        f'{HEAD}metadata: {{name: a, "annotations": {FLOW}}}\n',
        id="flow metadata",
    ),
    pytest.param(
        f"{HEAD}metadata: {{labels: {{x: 'y'}}, name: \"a\" , namespace: default}}\n",
        f'{HEAD}metadata: {{labels: {{x: \'y\'}}, name: "a", "annotations": {FLOW} , namespace: default}}\n',
        id="flow metadata with more",
    ),
    pytest.param(
        '{"kind":"VPC","metadata":{"name":"a"}}',
        f'{{"kind":"VPC","metadata":{{"name":"a", "annotations": {FLOW}}}}}',
        id="JSON",
    ),
    pytest.param(
        '{\n\t"kind": "VPC",\n\t"metadata": {\n\t\t"annotations": {},\n\t\t"name": "a"\n\t}\n}\n',
        f'{{\n\t"kind": "VPC",\n\t"metadata": {{\n\t\t"annotations": {FLOW},\n\t\t"name": "a"\n\t}}\n}}\n',
        id="JSON with tabs and empty annotations",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    # ours\n    x: 'y'\n",
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}\n    # ours\n    x: 'y'\n",
        id="block annotations",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  annotations: # why\n  # old\n  x: 'y'\n  name: a\n".replace("  x", "    x"),
        f"{HEAD}metadata:\n  annotations: # why\n    {FABRIC}\n    {FILE}\n  # old\n    x: 'y'\n  name: a\n",
        id="block annotations with a comment in the line",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: a\n  annotations: {{x: 'y'}} # z\n",
        f"{HEAD}metadata:\n  name: a\n  annotations: {{{MEMBERS}, x: 'y'}} # z\n",
        id="flow annotations",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: a\n  annotations: {{}}\n",
        f"{HEAD}metadata:\n  name: a\n  annotations: {FLOW}\n",
        id="empty flow annotations",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: a\n  annotations:\nspec: {{}}\n",
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}\nspec: {{}}\n",
        id="annotations without a value",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  annotations: ~ # none\n  name: a\n",
        f"{HEAD}metadata:\n  annotations:  # none\n    {FABRIC}\n    {FILE}\n  name: a\n",
        id="null annotations",
    ),
    pytest.param(
        f"{HEAD}metadata: {{annotations: null, name: a}}\n",
        f"{HEAD}metadata: {{annotations: {FLOW}, name: a}}\n",
        id="null annotations in flow",
    ),
    pytest.param(
        f"{HEAD}metadata: {{name: a, annotations: }}\n",
        f"{HEAD}metadata: {{name: a, annotations: {FLOW}}}\n",
        id="annotations without a value in flow",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    x: 'y'\n    {OLD}: dc0 # was\n    z: z\n",
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    {FILE}\n    x: 'y'\n    {OLD}: \"dc1\" # was\n    z: z\n",
        id="an older value of ours",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    {OLD}: |\n      dc0\n      dc00\n"
        "    hnp.githedgehog.com/original-file:\n",
        f'{HEAD}metadata:\n  name: a\n  annotations:\n    {OLD}: "dc1"\n    {FILE}\n',
        id="older values in a block and empty",
    ),
    pytest.param(
        f"{HEAD}metadata: {{name: a, annotations: {{'{OLD}': >-\n dc0, x: 'y'}}}}\n".replace(">-\n dc0", "'dc\n  0'"),
        f'{HEAD}metadata: {{name: a, annotations: {{"hnp.githedgehog.com/original-file": "raw/é.yaml", '
        f"'{OLD}': \"dc1\", x: 'y'}}}}\n",
        id="an older value in flow over two lines",
    ),
    pytest.param(
        f"{HEAD}'metadata':\n  \"name\": a\n",
        f"{HEAD}'metadata':\n  \"name\": a\n  annotations:\n    {FABRIC}\n    {FILE}\n",
        id="quoted keys",
    ),
    pytest.param(
        f"{HEAD}metadata: &m\n  name: &n a\nspec: {{x: *n}}\n",
        f"{HEAD}metadata: &m\n  name: &n a\n  annotations:\n    {FABRIC}\n    {FILE}\nspec: {{x: *n}}\n",
        id="anchors and an alias",
    ),
    pytest.param(
        f"{HEAD}spec: {{x: &n a}}\nmetadata:\n  name: *n\n",
        f"{HEAD}spec: {{x: &n a}}\nmetadata:\n  name: *n\n  annotations:\n    {FABRIC}\n    {FILE}\n",
        id="a name that is an alias",
    ),
    pytest.param(
        f"{HEAD}metadata:\n  name: >-\n    a\n\n  namespace: default\n",
        f"{HEAD}metadata:\n  name: >-\n    a\n\n  annotations:\n    {FABRIC}\n    {FILE}\n  namespace: default\n",
        id="a name in a block",
    ),
    pytest.param(
        f"%YAML 1.1\n---\n{HEAD}metadata:\n  name: a\n",
        f"%YAML 1.1\n---\n{HEAD}metadata:\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}\n",
        id="a directive",
    ),
    pytest.param(
        f"---\n{HEAD}metadata:\n  name: a\n...\n",
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}\n",
        id="bare markers belong to no document",
    ),
    pytest.param(
        f"--- # mine\n{HEAD}metadata:\n  name: a\n... # end\n",
        f"--- # mine\n{HEAD}metadata:\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}\n... # end\n",
        id="markers with comments",
    ),
    pytest.param(
        f"--- !!map\n{HEAD}metadata: !!map\n  name: !!str a\n",
        f"--- !!map\n{HEAD}metadata: !!map\n  name: !!str a\n  annotations:\n    {FABRIC}\n    {FILE}\n",
        id="tags",
    ),
    pytest.param(
        f"\ufeff{HEAD}metadata:\n  name: a\n",
        f"{HEAD}metadata:\n  name: a\n  annotations:\n    {FABRIC}\n    {FILE}\n",
        id="a byte order mark",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_annotations_are_inserted_in_the_style_of_the_document(text: str, expected: str) -> None:
    """Whatever the style: the text is the author's, with the annotations in it."""
    assert _annotated(text) == (expected, False)


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_annotating_again_changes_nothing(text: str, expected: str) -> None:
    """What has the annotations already stays as it is, to the byte."""
    again, is_rewritten = _annotated(expected)

    assert (again, is_rewritten) == (expected, False), text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEAD}metadata: &m\n  name: a\nspec: *m\n", id="metadata that stands elsewhere too"),
        pytest.param(f"{HEAD}spec: &m {{name: a}}\nmetadata: *m\n", id="metadata that is an alias"),
        pytest.param(f"{HEAD}metadata:\n  ? name\n  : a\n", id="an explicit key"),
        pytest.param(f"{HEAD}spec: &s {{name: a}}\nmetadata:\n  <<: *s\n", id="a name that is merged in"),
        pytest.param(f"{HEAD}metadata: {{name: a, annotations}}\n", id="a key without a colon"),
        pytest.param(f"{HEAD}metadata:\n  name: a\n  ? annotations\n  :\n", id="an explicit key without a value"),
        pytest.param(f"{HEAD}metadata:\n  name: a\n  annotations:\n    ? x\n    : 'y'\n", id="an explicit annotation"),
        pytest.param(f"{HEAD}spec: &s {{x: 'y'}}\nmetadata:\n  name: a\n  annotations: *s\n", id="an alias"),
        pytest.param(
            f"{HEAD}metadata:\n  name: a\n  annotations:\n    &a\n    x: 'y'\n", id="an anchor in a line of its own"
        ),
        pytest.param(
            f"{HEAD}metadata:\n  name: a\n  annotations:\n    {OLD}: &x 'y'\nspec: {{z: *x}}\n",
            id="an older value with an anchor",
        ),
        pytest.param(
            f"{HEAD}metadata:\n  annotations: {{}}\n  <<: {{name: a}}\r  labels: {{}}", id="a bare carriage return"
        ),
    ],
)
def test_a_text_without_a_place_is_written_anew(text: str) -> None:
    """It means the same with the annotations; that it is another text is said."""
    (before,) = load(text.encode())
    data, is_rewritten = _annotated(text)

    (after,) = load(data.encode())
    assert is_rewritten or "{}" in text
    assert after.value == with_annotations(before.value, OURS)


def test_a_value_that_no_text_can_hold_is_not_annotated() -> None:
    """A document too large for the reader once it is annotated cannot be managed."""
    (part,) = cut(b"kind: VPC\nmetadata: {name: a}\n")

    assert annotate(part, {"metadata": {"name": "a"}, "deep": _deep(70)}, OURS) is None


def _deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


_blank = st.sampled_from(["", " ", "  # c", "\t# é"])
_line_break = st.sampled_from(["\n", "\r\n"])
_annotations = st.sampled_from(
    [
        "",
        "  annotations:{c}{n}    x: 'y'{n}",
        "  annotations: {{x: 1a}}{c}{n}",
        "  annotations:{c}{n}",
        "  annotations: null{c}{n}",
        "  annotations:{n}    hnp.githedgehog.com/fabric: x{c}{n}    z: |{n}      text{n}{n}",
    ]
)


@given(comment=_blank, end=_line_break, annotations=_annotations, is_first=st.booleans(), has_end=st.booleans())
def test_only_lines_of_ours_are_new(
    comment: str,
    end: str,
    annotations: str,
    *,
    is_first: bool,
    has_end: bool,
) -> None:
    """In blocks, what is not ours stays line by line, in its order, whatever stands around it."""
    own = annotations.format(c=comment, n=end)
    name = f"  name: a{comment}{end}"
    body = own + name if is_first else name + own
    text = f"kind: VPC{end}metadata:{comment}{end}{body}spec: {{}}{end if has_end else ''}"

    data, is_rewritten = _annotated(text)

    assert not is_rewritten
    foreign = [line for line in data.splitlines() if "hnp.githedgehog.com" not in line and "annotations" not in line]
    assert foreign == [
        line for line in text.splitlines() if "hnp.githedgehog.com" not in line and "annotations" not in line
    ]
