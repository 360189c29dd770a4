"""What an earlier system left: copies of objects, its annotations, and files that it had archived."""

from __future__ import annotations

import pytest

from reconciler.desired.structure import declared_by
from reconciler.model.ingestion import How, Ingestion, Origin
from reconciler.plan.copies import remove_copies
from tests.unit.desired.folder import Folder, vpc

STAMP = "  annotations: {hnp.githedgehog.com/ingested-at: '%s', hnp.githedgehog.com/fabric: dc1}\n"


def _removed(folder: Folder) -> list[tuple[str, str]]:
    found = remove_copies(folder.ground, declared_by(folder.parsed()))
    folder.apply(found.changes)
    return [(one.file, one.to) for one in found.routed]


def test_copies_with_other_timestamps_go() -> None:
    """The file of the object's name stays, the log names the others, and the object is declared again."""
    names = ("a-1", "a", "a-2")
    folder = Folder({f"managed/vpcs/{name}.yaml": vpc("a", more=STAMP % name) for name in names})

    removed = _removed(folder)

    assert removed == [(f"managed/vpcs/{name}.yaml", "managed/vpcs/a.yaml") for name in ("a-1", "a-2")]
    assert folder.below("managed") == ["managed/vpcs/a.yaml"]
    assert folder.text(".hnp/archive-log.yaml").count("identical") == 2
    assert remove_copies(folder.ground, declared_by(folder.parsed())) == Ingestion()


def test_without_a_file_of_the_name_the_shortest_stays() -> None:
    """Deterministically."""
    folder = Folder({f"managed/vpcs/{name}.yaml": vpc("a") for name in ("a-10", "a-2", "a-1")})

    assert {to for _, to in _removed(folder)} == {"managed/vpcs/a-1.yaml"}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a.yaml": vpc("a"), "b.yaml": vpc("b")}, id="no copies"),
        pytest.param({"a.yaml": vpc("a"), "a-1.yaml": vpc("a", 2)}, id="other contents"),
        pytest.param({"a.yaml": vpc("a"), "a-1.yaml": vpc("a") + "---\n" + vpc("b")}, id="beside another"),
        pytest.param({"a.yaml": vpc("a"), "a-1.yaml": vpc("a", more="  namespace: x\n")}, id="a refused copy"),
        pytest.param({"a.yaml": vpc("a", more="  namespace: x\n"), "a-1.yaml": vpc("a")}, id="a refused original"),
        pytest.param({"a.yaml": vpc("a"), "a\\n.yaml": vpc("a")}, id="a name that does not print"),
        pytest.param({"a.yaml": vpc("a"), "git~1/a.yaml": vpc("a")}, id="a name of git's own"),
    ],
)
def test_what_is_no_plain_copy_is_left_to_people(files: dict[str, str]) -> None:
    """Nothing is changed."""
    folder = Folder({f"managed/vpcs/{name}": text for name, text in files.items()})

    assert _removed(folder) == []


def test_files_outside_of_managed_are_no_copies() -> None:
    """They are taken in as loose files are."""
    assert _removed(Folder({"a.yaml": vpc("a"), "b.yaml": vpc("a")})) == []
    assert _removed(Folder({"a.yaml": vpc("a"), "managed/vpcs/a.yaml": vpc("a")})) == []


def test_archived_files_bring_nothing_back() -> None:
    """What is declared as it was goes; what is not is put aside, and not applied again."""
    archived = "---\n".join([vpc("a"), vpc("b"), vpc("c"), "a: [\n"])
    folder = Folder(
        {
            "raw/prepop.yaml.archived": archived,
            "managed/vpcs/a.yaml": vpc("a", more=STAMP % "then"),
            "managed/vpcs/b.yaml": vpc("b", 2),
        }
    )
    assert [problem.rule for problem in folder.run().problems] == ["NotTakenIn"]

    found = folder.run(Origin.ARCHIVED)

    assert [(one.how, one.rule) for one in found.routed] == [
        (How.IDENTICAL, ""),
        (How.UNMANAGED, "DeclaredOtherwise"),
        (How.UNMANAGED, "Archived"),
        (How.UNMANAGED, "InvalidYAML"),
    ]
    assert found.routed[1].to == "unmanaged/prepop.yaml-1.yaml"
    assert (folder.below("raw"), folder.run(Origin.ARCHIVED)) == ([], Ingestion())
