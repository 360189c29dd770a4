"""Where dropped documents go: each to the one file of its object, or to `unmanaged/` with the reason."""

from __future__ import annotations

import pytest
import yaml

from reconciler.desired.change_paths import paths_of
from reconciler.model.changes import FileChange
from reconciler.model.ingestion import Declared, Ground, How, Ingestion, Origin
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.raw import RawDocument, RawFile
from reconciler.model.tree import TreeEntry
from reconciler.plan.ingestion import combined, ingest
from tests.unit.desired.folder import DIRECTORY, Folder, link, submodule, vpc

PLACE = "managed/vpcs/a.yaml"


def _outcome(found: Ingestion) -> list[tuple[str, str, str]]:
    return [(one.how.value, one.to, one.rule) for one in found.routed]


def _reason(folder: Folder, path: str) -> dict[str, object]:
    reason: dict[str, object] = yaml.safe_load(folder.files[f"{path}.reason.yaml"])
    return reason


def _declares(folder: Folder, name: str) -> list[str]:
    key = ObjectKey("VPC", "default", name)
    return [one.key.name for file in folder.parsed() for one in file.manifests if one.key == key]


def test_every_document_of_a_file_gets_a_file_of_its_own() -> None:
    """With the annotations of its origin, in one commit with the removal of what was dropped."""
    folder = Folder({"raw/sub/net.yaml": f"{vpc('a')}---\n{vpc('b', 1001)}"})

    found = folder.run()

    assert _outcome(found) == [("created", "managed/vpcs/a.yaml", ""), ("created", "managed/vpcs/b.yaml", "")]
    assert FileChange(f"{DIRECTORY}/raw/sub/net.yaml", None) in found.changes
    assert folder.below("raw") == []
    assert yaml.safe_load(folder.files["managed/vpcs/b.yaml"])["metadata"]["annotations"] == {
        "hnp.githedgehog.com/managed-by": "hedgehog-reconciler",
        "hnp.githedgehog.com/fabric": "dc1",
        "hnp.githedgehog.com/original-file": "raw/sub/net.yaml",
        "hnp.githedgehog.com/original-document-index": "1",
    }
    assert folder.run() == Ingestion()


def test_the_annotations_of_the_origin_are_not_applied() -> None:
    """What the cluster gets carries the marks of ownership, not where in Git it came from."""
    folder = Folder({"raw/a.yaml": vpc("a", more="  annotations: {note: mine}\n")})
    folder.run()

    (manifest,) = (one for file in folder.parsed() for one in file.manifests)
    assert manifest.body("dc1")["metadata"]["annotations"] == {
        "note": "mine",
        "hnp.githedgehog.com/managed-by": "hedgehog-reconciler",
        "hnp.githedgehog.com/fabric": "dc1",
    }


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("a: [\n", "InvalidYAML", id="broken"),
        pytest.param(b"\xff\xfe", "InvalidEncoding", id="not UTF-8"),
        pytest.param("just text\n", "NotAnObject", id="no object"),
        pytest.param("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "UnknownKind", id="another kind"),
        pytest.param(vpc("a").replace("VPC", "Vpc"), "UnknownKind", id="a kind in another case"),
        pytest.param(vpc("''"), "InvalidName", id="nameless"),
        pytest.param(vpc("~"), "MissingName", id="no name"),
        pytest.param(vpc("../../x"), "InvalidName", id="a path for a name"),
        pytest.param(vpc("A"), "InvalidName", id="capitals"),
        pytest.param(vpc("x" * 300), "InvalidName", id="300 characters"),
        pytest.param(vpc('"a\\0b"'), "InvalidName", id="a control character"),
        pytest.param(vpc("a", more="  namespace: other\n"), "WrongNamespace", id="another namespace"),
        pytest.param(vpc("a") + vpc("a"), "DuplicateKey", id="keys twice"),
        pytest.param("# only this\n", "NoDocument", id="comments"),
        pytest.param("x: " + "[" * 100, "TooDeep", id="too deep"),
        pytest.param(f"x: [{'1,' * 50_000}]", "TooManyNodes", id="enormous"),
    ],
)
def test_what_cannot_be_managed_lies_in_unmanaged_with_the_reason(text: str | bytes, rule: str) -> None:
    """The bytes as they were; and the sound document beside it is managed."""
    folder = Folder({"raw/x.yaml": text, "raw/y.yaml": vpc("b")})

    found = folder.run()

    before = text if isinstance(text, bytes) else text.encode()
    assert _outcome(found) == [("unmanaged", "unmanaged/x-0.yaml", rule), ("created", "managed/vpcs/b.yaml", "")]
    assert folder.files["unmanaged/x-0.yaml"] == before
    reason = _reason(folder, "unmanaged/x-0.yaml")
    assert (reason["file"], reason["document"], reason["rule"]) == ("raw/x.yaml", "0", rule)
    assert found.problems[0].rule == rule
    assert folder.run() == Ingestion()


def test_the_reason_names_place_and_cause() -> None:
    """File, document, line, and all that is wrong."""
    text = f"{vpc('a')}---\n{vpc('b', more='  namespace: prod').replace('kind: VPC', 'kind: Vpc')}"
    folder = Folder({"raw/x.yaml": text.replace("prod", "prod\n")})
    folder.run()

    assert _reason(folder, "unmanaged/x-1.yaml") == {
        "file": "raw/x.yaml",
        "document": "1",
        "line": 9,
        "rule": "UnknownKind",
        "reason": "'Vpc' is not a kind of Hedgehog that this version knows (kind), in line 10",
        "problems": [
            {
                "line": 10,
                "field": "kind",
                "rule": "UnknownKind",
                "message": "'Vpc' is not a kind of Hedgehog that this version knows",
            },
            {
                "line": 13,
                "field": "metadata.namespace",
                "rule": "WrongNamespace",
                "message": "the fabric's namespace is default, not 'prod'",
            },
        ],
    }


@pytest.mark.parametrize(
    ("managed", "outcome"),
    [
        pytest.param({PLACE: f"# mine\n{vpc('a')}"}, ("identical", PLACE, ""), id="the same"),
        pytest.param({PLACE: vpc("a", 2)}, ("updated", PLACE, ""), id="another content"),
        pytest.param(
            {"managed/vpcs/old.yaml": vpc("a", 2)}, ("updated", "managed/vpcs/old.yaml", ""), id="another file"
        ),
        pytest.param({"net.yaml": vpc("a", 2)}, ("updated", "net.yaml", ""), id="a file outside of managed"),
        pytest.param({PLACE: vpc("a", more="  namespace: x\n")}, ("updated", PLACE, ""), id="a refused document"),
        pytest.param({PLACE: vpc("a") + "---\n" + vpc("b")}, ("identical", PLACE, ""), id="the same beside another"),
        pytest.param({PLACE: vpc("a", 2) + "---\n" + vpc("b")}, ("unmanaged", "", "SharedFile"), id="beside another"),
        pytest.param({PLACE: vpc("a", 2) + "---\na: [\n"}, ("unmanaged", "", "SharedFile"), id="beside a broken one"),
        pytest.param({"a\\nb.yaml": vpc("a", 2)}, ("unmanaged", "", "UnsafeName"), id="a name that does not print"),
        pytest.param({f"{'é' * 126}.yaml": vpc("a", 2)}, ("unmanaged", "", "UnsafeName"), id="a name that is too long"),
        pytest.param({f"{'é' * 126}.yaml": vpc("a")}, ("identical", f"{'é' * 126}.yaml", ""), id="the same, too long"),
        pytest.param({f"{'é' * 125}.yaml": vpc("a", 2)}, ("updated", f"{'é' * 125}.yaml", ""), id="the longest name"),
        pytest.param({"git~1/a.yaml": vpc("a", 2)}, ("unmanaged", "", "UnsafeName"), id="a name of git's own"),
        pytest.param({PLACE: vpc("b")}, ("unmanaged", "", "PlaceTaken"), id="another object in its place"),
        pytest.param({PLACE: "a: [\n"}, ("unmanaged", "", "PlaceTaken"), id="something broken in its place"),
        pytest.param({"managed/vpcs/A.yaml": ""}, ("unmanaged", "", "PlaceTaken"), id="another case"),
        pytest.param({"managed/VPCs/x": ""}, ("unmanaged", "", "PlaceTaken"), id="a directory in another case"),
        pytest.param({"managed/vpcs": ""}, ("unmanaged", "", "PlaceTaken"), id="a file for a directory"),
        pytest.param({f"{PLACE}/x": ""}, ("unmanaged", "", "PlaceTaken"), id="a directory for a file"),
        pytest.param({PLACE: vpc("a"), "b.yaml": vpc("a")}, ("unmanaged", "", "DeclaredTwice"), id="declared twice"),
    ],
)
def test_an_object_that_git_declares_already(managed: dict[str, str], outcome: tuple[str, str, str]) -> None:
    """One identity, one file: updated in place, never copied; and never is anything else overwritten."""
    folder = Folder({**managed, "raw/n.yaml": vpc("a")})

    found = folder.run()

    assert len(paths_of(found.changes)) == len(found.changes)
    how, to, rule = outcome
    assert _outcome(found) == [(how, to or "unmanaged/n-0.yaml", rule)]
    assert "raw/n.yaml" not in folder.files
    kept = {path: folder.text(path) for path in managed if path != to or how == "identical"}
    assert kept == {path: managed[path] for path in kept}
    if how == "updated":
        assert _declares(folder, "a") == ["a"]
        assert "vlan: 1000" in folder.text(to)
    if how == "unmanaged":
        assert folder.text("unmanaged/n-0.yaml") == vpc("a")
    assert folder.run() == Ingestion()


def test_a_link_in_the_place_of_an_object_is_not_written_through() -> None:
    """Neither a link nor a submodule, in its place or on the way."""
    for other in (link(PLACE), link("managed"), submodule("managed/vpcs")):
        folder = Folder({"raw/n.yaml": vpc("a")}, [other])

        assert _outcome(folder.run()) == [("unmanaged", "unmanaged/n-0.yaml", "PlaceTaken")]


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(Folder({"raw/n.yaml": vpc("a")}, [link("unmanaged")]), id="a link"),
        pytest.param(Folder({"raw/n.yaml": vpc("a"), "Unmanaged/x": ""}), id="another case"),
        pytest.param(Folder({"raw/n.yaml": vpc("a")}, [submodule(".hnp")]), id="a submodule"),
        pytest.param(Folder({"raw/n.yaml": vpc("a")}, [link(".hnp/archive-log.yaml")]), id="a link for the log"),
    ],
)
def test_nothing_is_taken_in_where_the_structure_is_blocked(folder: Folder) -> None:
    """Reason and log could not be written."""
    found = folder.run()

    assert (found.changes, found.routed) == ((), ())
    assert [problem.rule for problem in found.problems] == ["StructureBlocked"]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"raw/a.yaml": vpc("a"), "raw/b.yaml": vpc("a")}, id="two files"),
        pytest.param({"raw/a.yaml": vpc("a") + "---\n# again\n" + vpc("a")}, id="one file"),
    ],
)
def test_the_same_twice_in_a_pass_becomes_one(files: dict[str, str]) -> None:
    """And the log names both."""
    folder = Folder(files)

    assert _outcome(folder.run()) == [("created", PLACE, ""), ("duplicate", PLACE, "")]
    assert folder.text(".hnp/archive-log.yaml").count(f'to: "{PLACE}"') == 2


def test_the_same_twice_without_a_place_is_put_aside_twice() -> None:
    """Each with its own reason."""
    folder = Folder({"raw/a.yaml": vpc("a") + "---\n" + vpc("a"), "managed": ""})

    assert _outcome(folder.run()) == [
        ("unmanaged", "unmanaged/a-0.yaml", "PlaceTaken"),
        ("unmanaged", "unmanaged/a-1.yaml", "PlaceTaken"),
    ]


def test_different_documents_of_one_object_in_a_pass_all_go_to_unmanaged() -> None:
    """Which one counts cannot be known; each reason names the others; true is not 1."""
    texts = [vpc("a", 1), vpc("a").replace("1000", "true"), vpc("a", 3), vpc("a", 4), vpc("a", 5)]
    folder = Folder({f"raw/{number}.yaml": text for number, text in enumerate(texts)} | {PLACE: vpc("a", 1)})

    found = folder.run()

    assert _outcome(found) == [("unmanaged", f"unmanaged/{n}-0.yaml", "SeveralVersions") for n in range(5)]
    assert [folder.text(f"unmanaged/{n}-0.yaml") for n in range(5)] == texts
    assert _reason(folder, "unmanaged/0-0.yaml")["reason"] == (
        "VPC/a was dropped with another content too, in raw/1.yaml (document 0), raw/2.yaml (document 0), "
        "raw/3.yaml (document 0) and 1 more: which one counts cannot be known"
    )
    assert {problem.rule for problem in found.problems} == {"SeveralVersions"}
    assert folder.text(PLACE) == vpc("a", 1)


def test_one_is_not_true() -> None:
    """Contents that Python calls equal and JSON does not."""
    folder = Folder({"raw/a.yaml": vpc("a").replace("1000", "true"), PLACE: vpc("a", 1)})

    assert _outcome(folder.run()) == [("updated", PLACE, "")]


@pytest.mark.parametrize(
    ("there", "to"),
    [
        pytest.param({}, "unmanaged/a b-0.yaml".replace(" ", "_"), id="free"),
        pytest.param({"unmanaged/a_b-0.yaml": "x"}, "digest", id="another file"),
        pytest.param({"unmanaged/A_B-0.yaml": "x"}, "digest", id="in another case"),
        pytest.param({"unmanaged/a_b-0.yaml.reason.yaml": "x"}, "digest", id="another reason"),
        pytest.param({"unmanaged/a_b-0.yaml": "a: [\n"}, "digest", id="the same without its reason"),
    ],
)
def test_nothing_in_unmanaged_is_overwritten(there: dict[str, str], to: str) -> None:
    """A name that is taken is told apart by a digest."""
    folder = Folder({**there, "raw/a b.yaml": "a: [\n"})

    (one,) = folder.run().routed

    assert one.to == to or (to == "digest" and one.to.startswith("unmanaged/a_b-0-"))
    assert folder.text(one.to) == "a: [\n"
    assert {path: folder.text(path) for path in there} == there


def test_the_same_dropped_again_lies_there_once() -> None:
    """Also where its name was taken by something else before, and by that again."""
    folder = Folder({"raw/a.yaml": "a: [\n"})
    first = folder.run()
    folder.files["raw/a.yaml"] = b"a: [\n"
    again = folder.run()
    folder.files["unmanaged/a-0.yaml"] = b"edited"
    folder.files["raw/a.yaml"] = b"a: [\n"
    third = folder.run().routed[0].to
    folder.files[third] = b"edited too"
    folder.files["raw/a.yaml"] = b"a: [\n"

    assert first.routed == again.routed
    assert folder.run().routed[0].to == third.replace(".yaml", "-2.yaml")
    assert (folder.text("unmanaged/a-0.yaml"), folder.text(third)) == ("edited", "edited too")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        pytest.param("raw/nul.yaml", "_nul-0", id="a device"),
        pytest.param("raw/.yaml", "_-0", id="no name"),
        pytest.param("raw/..a.yaml", "_..a-0", id="hidden"),
        pytest.param("raw/ü/é x:?.JSON", "__x__-0", id="other characters"),
        pytest.param(f"raw/{'x' * 200}.yml", f"{'x' * 80}-0", id="long"),
    ],
)
def test_names_in_unmanaged_fit_every_file_system(file: str, name: str) -> None:
    """Whatever the dropped file was called."""
    folder = Folder({file: "a: [\n"})

    assert folder.run().routed[0].to == f"unmanaged/{name}.yaml"


def test_items_of_a_list_are_taken_in_one_by_one() -> None:
    """Each by itself, under its own index."""
    items = "".join(f"- {text.strip()}\n".replace("\n", "\n  ").rstrip(" ") for text in (vpc("a"), vpc("A"), vpc("b")))
    folder = Folder({"raw/x.yaml": f"apiVersion: v1\nkind: List\nitems:\n{items}"})

    found = folder.run()

    assert [(one.index, one.how, one.to) for one in found.routed] == [
        ("0.0", How.CREATED, "managed/vpcs/a.yaml"),
        ("0.1", How.UNMANAGED, "unmanaged/x-0.1.yaml"),
        ("0.2", How.CREATED, "managed/vpcs/b.yaml"),
    ]
    assert folder.text("unmanaged/x-0.1.yaml") == vpc("A")


def test_a_text_that_cannot_take_annotations_is_written_anew_and_told() -> None:
    """The log says so, and names the blob that still has the comments."""
    text = vpc("a").replace("metadata:", "metadata: &m") + "    b: {x: *m} # why\n"
    folder = Folder({"raw/a.yaml": text})

    found = folder.run()

    assert [(one.how, one.is_rewritten) for one in found.routed] == [(How.CREATED, True)]
    assert [problem.rule for problem in found.problems] == ["Rewritten"]
    assert "# why" not in folder.text(PLACE)
    assert 'text: "rewritten"' in folder.text(".hnp/archive-log.yaml")


def test_what_becomes_nothing_is_still_told() -> None:
    """A blank file is removed, and the log names it."""
    folder = Folder({"raw/a.yaml": "\n---\n"})

    assert _outcome(folder.run()) == [("empty", "", "")]
    assert '- {file: "raw/a.yaml", blob: ' in folder.text(".hnp/archive-log.yaml")


def test_loose_files_are_taken_in_once_and_replace_nothing() -> None:
    """New ones become managed, equal ones go, others are put aside."""
    folder = Folder(
        {
            "net.yaml": vpc("a") + "---\n" + vpc("b"),
            "sub/c.yml": vpc("c", 7),
            "notes.txt": "x",
            "package.json": "{}",
            "managed/vpcs/b.yaml": vpc("b"),
            "managed/vpcs/c.yaml": vpc("c"),
            "unmanaged/d.yaml": vpc("d"),
            "raw/e.yaml": vpc("e"),
        }
    )

    found = folder.run(Origin.LOOSE)

    assert _outcome(found) == [
        ("created", PLACE, ""),
        ("identical", "managed/vpcs/b.yaml", ""),
        ("unmanaged", "unmanaged/c-0.yaml", "DeclaredOtherwise"),
    ]
    assert "sub/c.yml" not in folder.files
    assert {"notes.txt", "package.json", "unmanaged/d.yaml", "raw/e.yaml"} < folder.files.keys()
    assert folder.run(Origin.LOOSE) == Ingestion()


def test_a_file_outside_of_the_directory_is_never_changed() -> None:
    """Whatever a caller says: the last line of defence raises."""
    key = ObjectKey("VPC", "default", "a")
    manifest = Manifest(key, Source("x"), {})
    document = RawDocument("0", 1, b"x", manifest, b"y")
    ground = Ground("dc1", "d", ())
    for path in ("e/raw/x.yaml", "d/../x.yaml", "dx/raw/x.yaml", "d//x"):
        file = RawFile(TreeEntry(path, "100644", "0" * 40, 1), (document,))
        with pytest.raises(AssertionError, match="outside"):
            ingest(ground, [file], {})
    file = RawFile(TreeEntry("d/raw/x.yaml", "100644", "0" * 40, 1), (document,))
    with pytest.raises(AssertionError, match="outside"):
        ingest(ground, [file], {key: [Declared("e/a.yaml", None)]})


def test_of_two_changes_of_one_file_the_later_counts() -> None:
    """The log that an ingestion appends to takes the place of the empty one."""
    first, second, other = FileChange("b", b"1"), FileChange("b", None), FileChange("a", b"")

    assert combined([first], [second, other]) == (other, second)
