"""Taking in what people dropped, whole: the golden of 48 objects, any mixture of anything, and large files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import structure
from reconciler.desired.manifests import raw
from reconciler.desired.manifests.annotating import with_annotations
from reconciler.desired.manifests.builder import MAX_ALIASES, MAX_NODES
from reconciler.desired.manifests.loader import load
from reconciler.desired.manifests.raw import Reading, read_raw
from reconciler.model.ingestion import Declared, How, Ingestion, Origin
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.problems import Fault, Severity
from reconciler.model.structure import StructureState
from reconciler.model.tree import TreeEntry
from reconciler.plan import archive_log, ingestion
from reconciler.plan.layout import managed_path
from reconciler.plan.places import blob_id
from tests.unit.desired.folder import DIRECTORY, FABRIC, Folder, vpc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WIRING = "apiVersion: wiring.githedgehog.com/v1beta1\n"
ORIGIN = {
    "hnp.githedgehog.com/managed-by": "hedgehog-reconciler",
    "hnp.githedgehog.com/fabric": FABRIC,
}


def _wiring(kind: str, name: str, spec: str) -> str:
    return f"{WIRING}kind: {kind}\nmetadata:\n  name: {name}\nspec: {spec}\n"


def _connection(number: int) -> str:
    """Each of another style."""
    name = f"server-{number % 10 + 1:02}--unbundled--leaf-{number % 5 + 1:02}-{number}"
    ports = f'{{server: {{port: "s/{number}"}}, switch: {{port: leaf-01/E1/{number}}}}}'
    styles = (
        _wiring("Connection", name, f"{{unbundled: {{link: {ports}}}}} # cabled in May"),
        f"{WIRING}kind: Connection\nmetadata: {{name: {name}}}\nspec:\n  unbundled:\n    link: {ports}\n",
        (
            f'{{"apiVersion": "wiring.githedgehog.com/v1beta1", "kind": "Connection",\n'
            f' "metadata": {{"name": "{name}"}},\n'
            f' "spec": {{"unbundled": {{"link": {{"server": {{"port": "s/{number}"}}}}}}}}}}\n'
        ),
        (
            f"# the {number}th\n{WIRING}kind: Connection\nmetadata:\n  annotations:\n    rack: 'é'\n  name: {name}\n"
            f"spec:\n  unbundled:\n    link: &link {ports}\n"
        ),
    )
    return styles[number % len(styles)]


def _prepop() -> str:
    """26 connections, 10 servers, 7 switches, 3 switch groups in one file."""
    documents = [
        *(_wiring("SwitchGroup", f"group-{n}", "{}") for n in range(3)),
        *(_wiring("Switch", f"leaf-{n:02}", "{role: server-leaf}") for n in range(1, 6)),
        *(_wiring("Switch", f"spine-{n:02}", "{role: spine}") for n in range(1, 3)),
        *(_wiring("Server", f"server-{n:02}", "{}") for n in range(1, 11)),
        *(_connection(n) for n in range(26)),
    ]
    return "# The whole fabric.\n---\n" + "---\n".join(documents)


def test_46_documents_and_two_files_become_48_files_in_5_directories() -> None:
    """G-18: `raw/` is empty afterwards, each document keeps its text, and a second run changes nothing."""
    folder = Folder()
    folder.apply(folder.ensure().changes)
    dropped = {"raw/prepop.yaml": _prepop(), "raw/vpc-1.yaml": vpc("vpc-1"), "raw/more/vpc-2.yaml": vpc("vpc-2", 1001)}
    folder.files |= {path: text.encode() for path, text in dropped.items()}

    found = folder.run()

    managed = folder.below("managed")
    assert len(managed) == found.count(How.CREATED) == 48
    assert {path.split("/")[1] for path in managed} == {"connections", "servers", "switches", "switchgroups", "vpcs"}
    assert (folder.below("raw"), folder.below("unmanaged"), found.problems) == ([], [], ())
    assert not any(one.is_rewritten for one in found.routed)
    assert {line for path in managed for line in _foreign_lines(folder.text(path))} == {
        line for text in dropped.values() for line in _foreign_lines(text)
    }
    assert len([one for file in folder.parsed() for one in file.manifests]) == 48
    assert folder.run() == Ingestion()
    assert folder.ensure().state is StructureState.VALIDATED


def _foreign_lines(text: str) -> list[str]:
    """All but what annotates and separates. A name in flow is cut off before what is put in behind it."""
    lines = (line.split(', "annotations"')[0].rstrip("},") for line in text.splitlines())
    return [line for line in lines if line != "---" and "hnp.githedgehog.com" not in line and line != "  annotations:"]


# Any mixture

_TOO_MUCH = "x: [" + "&a 1," + "*a," * (MAX_ALIASES + 1) + "]\n"
_documents: list[str | bytes] = [
    vpc("a"),
    vpc("a", 1001),
    vpc("b", more="  annotations: {hnp.githedgehog.com/fabric: other, note: é}\n"),
    vpc("b").replace("\n", "\r\n"),
    vpc("con"),
    vpc("x" * 253),
    vpc("x" * 300),
    vpc("''"),
    vpc("c", more="  namespace: other\n"),
    vpc("d").replace("VPC", "Unknown"),
    vpc("e").replace("metadata:", "metadata: &m") + "    m: {x: *m}\n",
    vpc("f").replace("  name", "\tname"),
    vpc("g") + "# tail\n",
    "# only a comment\n",
    "a: [\n",
    "b: \x07\n",
    b"c: \xff\xfe\n",
    "\ufeff" + vpc("h"),
    "%YAML 1.1\n---\n" + vpc("i"),
    "kind: List\nitems:\n- {apiVersion: vpc.githedgehog.com/v1beta1, kind: VPC, metadata: {name: j}}\n- k\n",
    '{"apiVersion": "vpc.githedgehog.com/v1beta1", "kind": "VPC", "metadata": {"name": "l"}}\n',
    "text\n",
    "~\n",
    "",
    _TOO_MUCH,
]
_files = st.dictionaries(
    st.sampled_from(["raw/a.yaml", "raw/A.yaml", "raw/sub/a.yaml", "raw/a-0.yaml", "raw/b.json", "raw/con.yml"]),
    st.lists(st.sampled_from(_documents), max_size=6),
    max_size=4,
)
_there = st.dictionaries(
    st.sampled_from(
        [
            "managed/vpcs/a.yaml",
            "managed/vpcs/b.yaml",
            "managed/vpcs/g.yaml",
            "managed/vpcs/A.yaml",
            "unmanaged/a-0.yaml",
            "all.yaml",
        ]
    ),
    st.sampled_from([vpc("a"), vpc("b", 2), vpc("a", 3) + "---\n" + vpc("g"), "a: [\n", "# nothing\n"]),
    max_size=3,
)


@given(files=_files, there=_there)
def test_any_mixture_is_sorted_in_and_nothing_is_lost(
    files: dict[str, Sequence[str | bytes]], there: dict[str, str]
) -> None:
    """Every document is managed, or in `unmanaged/` with a reason; its text is there; a second run does nothing."""
    folder = Folder(there)
    folder.apply(folder.ensure().changes)
    before = dict(folder.files)
    texts = {path: b"---\n".join(map(_encoded, documents)) for path, documents in files.items()}
    folder.files |= texts

    found = folder.run()

    assert folder.below("raw") == []
    assert folder.run() == Ingestion()
    assert all(change.path.startswith(f"{DIRECTORY}/") for change in found.changes)
    _assert_unharmed(folder, before, {one.to for one in found.routed if one.how is How.UPDATED})
    for path, data in texts.items():
        routed = [one for one in found.routed if one.file == path]
        documents = read_raw(data, f"{DIRECTORY}/{path}", Reading(FABRIC, DIRECTORY, "default"))
        assert [one.index for one in routed if one.how is not How.EMPTY] == [one.index for one in documents]
        for one, document in zip((one for one in routed if one.how is not How.EMPTY), documents, strict=True):
            if one.how is How.UNMANAGED:
                assert folder.files[one.to] == document.data
                assert yaml.safe_load(folder.files[f"{one.to}.reason.yaml"])["reason"] == one.message != ""
            else:
                _assert_managed(folder, one.to, document.data)
            if one.how in {How.CREATED, How.UPDATED} and not one.is_rewritten:
                assert _foreign_lines(folder.text(one.to)) == _foreign_lines(document.data.decode())
    keys = [one.key for file in folder.parsed() for one in file.manifests]
    if not there:
        assert len(keys) == len(set(keys))


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _assert_unharmed(folder: Folder, before: dict[str, bytes], updated: set[str]) -> None:
    """Only the files of the very objects, and the log, are other than they were."""
    changed = {path for path, content in before.items() if folder.files.get(path) != content}
    assert changed <= updated | {".hnp/archive-log.yaml"}


def _assert_managed(folder: Folder, path: str, data: bytes) -> None:
    """The object of a document is what the file, or a document in it, declares."""
    (document,) = load(data)
    spec, name = document.value.get("spec") or {}, document.value["metadata"]["name"]
    found = {
        one.key.name: one for file in folder.parsed() if file.file == f"{DIRECTORY}/{path}" for one in file.manifests
    }
    assert found[name].spec == spec


_pieces = st.sampled_from(
    [
        *(
            "---\n",
            "...\n",
            "# c\n",
            "  # d\n",
            "\n",
            "\r\n",
            "\t",
            " ",
            "\ufeff",
            "%YAML 1.1\n",
            "\r",
            "\x85",
            "\u2028",
        ),
        *(
            "kind: VPC\n",
            "apiVersion: vpc.githedgehog.com/v1beta1\n",
            "kind: List\n",
            "items:\n",
            "- ",
            "  - ",
            "{",
            "}",
        ),
        *(
            "metadata:\n",
            "metadata: {name: a}\n",
            "metadata: &m\n",
            "metadata: *m\n",
            "  name: a\n",
            "  ? name\n  : a\n",
        ),
        *(
            "  annotations:\n",
            "  annotations: {}\n",
            "    x: 'y\n  z'\n",
            "    hnp.githedgehog.com/fabric: |\n      a\n",
        ),
        *(
            "  annotations: ~",
            "  labels: &l {a: b}\n",
            "  <<: *l\n",
            "spec:\n",
            "spec: {}",
            "  x: |+\n    y\n\n",
            "é",
            "'",
            ",",
        ),
    ]
)


_metadata = st.sampled_from(
    [
        *(
            "metadata:\n  name: a\n",
            "metadata: {name: a}\n",
            "metadata: &m\n  name: &n a\n",
            "'metadata': # c\n\n  name: a",
        ),
        *("metadata:\n  ? name\n  : a\n", "metadata:\n  name: >-\n    a\n\n", "metadata: {annotations: , name: 'a'}\n"),
        *("metadata:\n  annotations:\n  name: a\n", "metadata:\n  name: a\n  annotations: {x: 'y'} # c\n"),
        *(
            "metadata:\n  annotations:\n  # c\n   x: |+\n    y\n\n  name: a\n",
            "metadata: !!map\n  ? annotations\n  name: a\n",
        ),
        *("metadata:\n  name: a\n  annotations:\n    hnp.githedgehog.com/fabric: |\n      x\n    z: z\n", "x: [\n"),
        *("metadata:\n    labels: &l {a: b}\n    name: a # é\n", "metadata:\n  name: a\n  labels: {\n a: 'b\n\nc'}\n"),
    ]
)
_spec = st.sampled_from(
    [
        "",
        "spec: {}",
        "spec:\n",
        "spec: {x: *m}\n",
        "spec: &s\n  x: *n\n",
        "spec:\n  x: |+\n    y\n\n\n",
        "spec: {é: 😀}\n",
    ]
)
_between = st.sampled_from(
    [
        "\n---\n",
        "\n# c\n---\n",
        "\n...\n---\n",
        "\n  # c\n\n# d\n--- # e\n",
        "\n---\n# f\n\n---\n",
        "\n...\n%YAML 1.1\n---\n",
    ]
)
_texts = st.lists(
    st.tuples(st.sampled_from(["", "# head\n", "\n"]), _metadata, _spec, _between).map("".join), min_size=1, max_size=4
)


@given(pieces=st.lists(_pieces, max_size=20) | st.lists(st.text(max_size=5), max_size=5))
def test_whatever_the_bytes_each_document_is_managed_or_refused(pieces: list[str]) -> None:
    """Never an exception, and never a document without the one or the other."""
    _assert_read("".join(pieces))


@given(texts=_texts, has_crlf=st.booleans(), is_list=st.booleans())
def test_what_is_managed_means_what_was_dropped(texts: list[str], *, has_crlf: bool, is_list: bool) -> None:
    """With the annotations, and nothing else, in any combination of styles; items of a List too."""
    head = "apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\n"
    text = "".join(head + one for one in texts)
    if is_list:
        items = "".join("- " + (head + one.split("---")[0]).replace("\n", "\n  ") + "\n" for one in texts)
        text = f"apiVersion: v1\nkind: List\nitems:\n{items}"
    _assert_read(text.replace("\n", "\r\n") if has_crlf else text)


def _assert_read(text: str) -> None:
    for one in read_raw(text.encode(), f"{DIRECTORY}/raw/x.yaml", Reading(FABRIC, DIRECTORY, "default")):
        assert (one.managed is None) is (one.manifest is None) is any(each.is_refusal for each in one.problems)
        if one.managed is not None:
            (before,), (after,) = load(one.data), load(one.managed)
            origin = {"original-file": "raw/x.yaml", "original-document-index": one.index}
            ours = ORIGIN | {f"hnp.githedgehog.com/{name}": text for name, text in origin.items()}
            assert after.value == with_annotations(before.value, ours)


# Judgement beyond the loader


def test_what_the_schema_refuses_is_put_aside_with_its_line() -> None:
    """A check of the caller's counts as the loader's does; its warnings refuse nothing."""

    def check(manifest: Manifest) -> list[Fault]:
        path = ("spec", "subnets", "default")
        severity = Severity.ERROR if manifest.key.name == "a" else Severity.WARNING
        return [Fault(manifest.key, path, "WrongType", "a number is wanted", severity)]

    folder = Folder({"raw/x.yaml": f"{vpc('a')}---\n{vpc('b')}"})

    found = folder.take_in(check)

    assert [(one.how, one.rule) for one in found.routed] == [(How.UNMANAGED, "WrongType"), (How.CREATED, "")]
    assert [(one.line, one.field) for one in found.problems] == [
        (7, "spec.subnets.default"),
        (15, "spec.subnets.default"),
    ]


def test_a_document_that_no_annotation_fits_into_is_put_aside() -> None:
    """It has just as many values as the reader takes: with four more it could not be read."""
    items = MAX_NODES - 17
    text = f"apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata: {{name: a}}\nspec: {{x: [{'1,' * items}]}}\n"
    folder = Folder({"raw/x.yaml": text})

    found = folder.run()

    assert [(one.how, one.rule) for one in found.routed] == [(How.UNMANAGED, "NotAnnotated")]
    assert folder.text("unmanaged/x-0.yaml") == text


def test_a_pass_takes_in_so_many_documents_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with too many stays for its author to part; what comes after enough waits for the next pass."""
    for module in (raw, structure):
        monkeypatch.setattr(module, "MOST_DOCUMENTS", 2)
    folder = Folder(
        {
            "raw/a.yaml": "---\n".join(map(vpc, "abc")),
            "raw/b.yaml": "---\n".join(map(vpc, "de")),
            "raw/c.yaml": vpc("f"),
        }
    )

    found = folder.run()

    problems = [(problem.file, problem.rule) for problem in found.problems]
    assert problems == [
        (f"{DIRECTORY}/raw/a.yaml", "TooManyDocuments"),
        (f"{DIRECTORY}/raw/c.yaml", "Waiting"),
    ]
    assert folder.below("managed") == ["managed/vpcs/d.yaml", "managed/vpcs/e.yaml"]
    assert folder.below("raw") == ["raw/a.yaml", "raw/c.yaml"]
    folder.run()
    assert folder.below("raw") == ["raw/a.yaml"]


def test_annotations_do_not_change_what_is_declared() -> None:
    """The helper that says what is wanted leaves the value that it is given as it is."""
    value = {"metadata": {"name": "a", "annotations": None}}

    assert with_annotations(value, ORIGIN)["metadata"] == {"name": "a", "annotations": ORIGIN}
    assert value == {"metadata": {"name": "a", "annotations": None}}


def test_the_manifest_and_the_log_are_read_only_where_they_are_files(tmp_path: Path) -> None:
    """A link in their place is not followed, and something huge is not read."""
    del tmp_path
    for entry in (
        TreeEntry(f"{DIRECTORY}/.hnp/manifest.yaml", "120000", "1" * 40, 4),
        TreeEntry(f"{DIRECTORY}/.hnp/manifest.yaml", "100644", "1" * 40, 1 << 30),
    ):
        folder = Folder(others=[entry])

        assert folder.ensure().state is StructureState.FAILED
        assert folder.read_paths == []


def test_a_log_that_is_too_large_is_not_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken in, and the reason is told, until somebody shortened it."""
    folder = Folder({"raw/a.yaml": vpc("a"), ".hnp/archive-log.yaml": "# mine\n"})
    before = dict(folder.files)
    monkeypatch.setattr(archive_log, "LARGEST", 6)

    found = folder.run()

    told = [(one.file, one.rule, one.is_refusal) for one in found.problems]
    assert told == [(f"{DIRECTORY}/.hnp/archive-log.yaml", "FileTooLarge", True)]
    assert (found.changes, found.routed, folder.files) == ((), (), before)
    monkeypatch.setattr(archive_log, "LARGEST", 7)
    assert folder.run().count(How.CREATED) == 1
    assert folder.text(".hnp/archive-log.yaml").startswith("# mine\n- {file: ")


def test_a_log_over_16_mib_is_read() -> None:
    """Two branches kept each their own lines: the newest stay."""
    line = f'- {{file: "raw/{"x" * 1000}.yaml", document: "0"}}\n'
    folder = Folder({"raw/a.yaml": vpc("a"), ".hnp/archive-log.yaml": f"# mine\n{line * 18_000}"})

    folder.run()

    log = folder.files[".hnp/archive-log.yaml"]
    assert (log.startswith(b"# mine\n- {file"), log.count(b"managed/vpcs/a.yaml")) == (True, 1)
    assert 0 <= archive_log.MOST_BYTES + len("# mine\n") - len(log) < len(line)


def test_a_commit_leaves_the_directory_that_was_foretold() -> None:
    """What is asked for about the directory as it will be is what comes of it."""
    folder = Folder({"raw/a.yaml": vpc("a"), "b.yaml": vpc("b")})
    ground = folder.ground
    first = folder.run(Origin.LOOSE)

    assert ingestion.after(ground, first.changes) == folder.ground


# Size


def _many(count: int) -> str:
    return "---\n".join(
        f"{WIRING}kind: Connection\nmetadata:\n  name: server-{n:05}--unbundled\nspec:\n  unbundled:\n    link:\n"
        f"      server: {{port: server-{n:05}/e1}}\n      switch: {{port: leaf-01/E1/{n}}}\n"
        for n in range(count)
    )


def test_5000_documents_in_one_file() -> None:
    """In less than 10 s of computing."""
    folder = Folder({"raw/all.yaml": _many(5000)})
    start = time.process_time()

    found = folder.take_in()

    assert found.count(How.CREATED) == 5000
    assert time.process_time() - start < 10


def test_managed_files_are_not_read() -> None:
    """Of 50,000 that are there, none, where it is known what they declare; one document takes less than 3 s."""
    names = [f"vpc-{number}" for number in range(50_000)]
    keys = [ObjectKey("VPC", "default", name) for name in names]
    paths = [f"{DIRECTORY}/{managed_path(key)}" for key in keys]
    declared = {key: [Declared(path, Manifest(key, Source(path), {}))] for key, path in zip(keys, paths, strict=True)}
    folder = Folder({"raw/a.yaml": vpc("vpc-7")}, [TreeEntry(path, "100644", blob_id(b""), 0) for path in paths])
    start = time.process_time()

    found = structure.take_in(folder.ground, "default", declared, folder.read)

    assert [(one.how, one.to) for one in found.routed] == [(How.UPDATED, "managed/vpcs/vpc-7.yaml")]
    assert folder.read_paths == ["raw/a.yaml"]
    assert time.process_time() - start < 3


@pytest.mark.parametrize("text", [vpc("a") + "---\na: [\n", "a: [\n---\n" + vpc("a"), vpc("a") + "---\n" + vpc("B")])
def test_a_file_that_holds_more_is_not_alone(text: str) -> None:
    """What is refused counts, whether it can be identified or not."""
    declared = structure.declared_by(Folder({"x.yaml": text}).parsed())

    assert [one.is_alone for one in declared[ObjectKey("VPC", "default", "a")]] == [False]
