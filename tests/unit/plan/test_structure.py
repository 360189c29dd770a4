"""The structure of a fabric's directory: made, recognized, repaired, or refused by name."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.kinds import DECLARABLE
from reconciler.model.structure import StructureState
from reconciler.plan import layout
from tests.unit.desired.folder import DIRECTORY, Folder, link, submodule

G_02 = {
    *("connections", "servers", "switches", "switchgroups", "vlannamespaces", "vpcs", "externals"),
    *("externalattachments", "externalpeerings", "ipv4namespaces", "vpcattachments", "vpcpeerings"),
}


def _made(folder: Folder) -> Folder:
    folder.apply(folder.ensure().changes)
    return folder


def test_an_empty_directory_gets_the_whole_structure() -> None:
    """Every place, by its name; and then it is valid."""
    folder = Folder()

    first = folder.ensure()
    folder.apply(first.changes)

    kinds = {path.split("/")[1] for path in folder.files if path.startswith("managed/")}
    assert first.state is StructureState.INITIALIZED
    assert kinds == {kind.plural for kind in DECLARABLE} >= G_02
    assert {"raw/.gitkeep", "unmanaged/.gitkeep", "README.md", ".hnp/.gitattributes"} < folder.files.keys()
    assert folder.ensure().state is StructureState.VALIDATED
    assert [change.path for change in first.changes] == sorted(f"{DIRECTORY}/{path}" for path in folder.files)


def test_the_manifest_says_what_the_directory_is() -> None:
    """Version, fabric, version of the structure, and directories; and nothing that differs each time."""
    folder = _made(Folder())

    assert yaml.safe_load(folder.files[layout.MANIFEST]) == {
        "version": 1,
        "fabric": "dc1",
        "structureVersion": 1,
        "directories": ["raw", "unmanaged", *sorted(f"managed/{kind.plural}" for kind in DECLARABLE), ".hnp"],
    }
    assert folder.files == _made(Folder()).files


@pytest.mark.parametrize("lost", sorted(_made(Folder()).files))
def test_what_is_missing_is_repaired(lost: str) -> None:
    """Any file that was removed comes back as it was, and no other is touched."""
    folder = _made(Folder())
    content = folder.files.pop(lost)

    found = folder.ensure()

    assert found.state is StructureState.INITIALIZED
    assert [(change.path, change.content) for change in found.changes] == [(f"{DIRECTORY}/{lost}", content)]


@pytest.mark.parametrize("name", ["README.md", "readme.md", "Readme.MD"])
def test_a_readme_of_people_stays(name: str) -> None:
    """However it is spelled, and whatever it says."""
    folder = _made(Folder({name: "ours\n"}))

    assert (folder.text(name), [path for path in folder.files if path.lower() == "readme.md"]) == ("ours\n", [name])
    assert folder.ensure().state is StructureState.VALIDATED


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param("version: 1\nfabric: dc1\nstructureVersion: 0\ndirectories: []\n", id="an older structure"),
        pytest.param("version: 1\nfabric: dc1\nstructureVersion: 1\ndirectories: [raw]\n", id="fewer directories"),
        pytest.param("version: 1\nfabric: dc1\nstructureVersion: 1\ndirectories: all\n", id="no list"),
        pytest.param("fabric: dc1\n", id="no versions"),
        pytest.param("{}\n", id="nothing"),
    ],
)
def test_an_older_manifest_is_brought_up_to_date(manifest: str) -> None:
    """It is written anew."""
    folder = _made(Folder())
    folder.files[layout.MANIFEST] = manifest.encode()

    assert [change.path for change in folder.ensure().changes] == [f"{DIRECTORY}/{layout.MANIFEST}"]
    assert _made(folder).files == _made(Folder()).files


def test_what_people_add_to_the_manifest_stays() -> None:
    """More than this version writes is no reason to write."""
    folder = _made(Folder())
    folder.files[layout.MANIFEST] += b"owner: net\n"

    assert folder.ensure().state is StructureState.VALIDATED


@pytest.mark.parametrize(
    ("manifest", "rule", "says"),
    [
        pytest.param("fabric: dc2\n", "OtherFabric", "'dc2'", id="another fabric"),
        pytest.param("fabric: [dc1]\n", "OtherFabric", "['dc1']", id="no name"),
        pytest.param("fabric: dc1\nstructureVersion: 2\n", "NewerStructure", "newer", id="a newer structure"),
        pytest.param("fabric: dc1\nversion: 2\n", "NewerStructure", "newer", id="a newer form"),
        pytest.param("fabric: dc1\nversion: one\n", "ManifestUnreadable", "mend", id="no number"),
        pytest.param("- a\n", "ManifestUnreadable", "mend", id="a list"),
        pytest.param("a: [\n", "ManifestUnreadable", "mend", id="broken"),
        pytest.param("", "ManifestUnreadable", "mend", id="empty"),
    ],
)
def test_a_manifest_that_is_not_ours_fails(manifest: str, rule: str, says: str) -> None:
    """Nothing is changed in a directory that may be another fabric's."""
    found = Folder({layout.MANIFEST: manifest}).ensure()

    (problem,) = found.problems
    assert (found.state, found.changes, problem.rule) == (StructureState.FAILED, (), rule)
    assert problem.file == f"{DIRECTORY}/{layout.MANIFEST}"
    assert says in problem.message


@pytest.mark.parametrize(
    ("folder", "place", "says"),
    [
        pytest.param(Folder(others=[link("raw")]), "raw", "is a symbolic link, where a directory", id="raw is a link"),
        pytest.param(Folder({"managed": ""}), "managed", "is a file, where a directory", id="managed is a file"),
        pytest.param(Folder({"managed/vpcs": ""}), "managed/vpcs", "is a file, where a dir", id="a kind is a file"),
        pytest.param(Folder(others=[submodule("unmanaged")]), "unmanaged", "is a submodule", id="a submodule"),
        pytest.param(
            Folder(others=[link(".hnp/manifest.yaml")]), ".hnp/manifest.yaml", "symbolic link, where a file", id="m"
        ),
        pytest.param(
            Folder({".hnp/archive-log.yaml/x": ""}), ".hnp/archive-log.yaml", "is a directory", id="a directory"
        ),
        pytest.param(Folder({"Raw/a.yaml": ""}), "Raw", "differs from gitops/dc1/raw in upper", id="another case"),
        pytest.param(
            Folder({"managed/VPCs/a.yaml": ""}), "managed/VPCs", "in upper and lower case", id="a kind's case"
        ),
        pytest.param(Folder({"raw/a": "", "RAW/b": ""}), "RAW", "in upper and lower case", id="both cases"),
    ],
)
def test_what_stands_in_the_way_is_named(folder: Folder, place: str, says: str) -> None:
    """Nothing is written through or over it."""
    found = folder.ensure()

    assert (found.state, found.changes) == (StructureState.FAILED, ())
    assert {problem.file for problem in found.problems} == {f"{DIRECTORY}/{place}"}
    assert says in found.problems[0].message


_names = st.sampled_from(
    ["raw", "Raw", "managed", "vpcs", "VPCS", ".hnp", "manifest.yaml", "README.md", "x", ".gitkeep"]
)


@given(
    paths=st.lists(st.lists(_names, min_size=1, max_size=3).map("/".join), max_size=6),
    links=st.lists(st.lists(_names, min_size=1, max_size=3).map("/".join), max_size=2),
)
def test_once_made_it_is_valid(paths: list[str], links: list[str]) -> None:
    """Whatever lay there: it fails and changes nothing, or the next look finds nothing to do, and nothing was lost."""
    taken = [path for path in paths if not any(path != other and other.startswith(f"{path}/") for other in paths)]
    folder = Folder(dict.fromkeys(taken, "x: 1\n"), [link(path) for path in links if path not in taken])
    before = dict(folder.files)

    found = folder.ensure()
    folder.apply(found.changes)

    kept = {path: content for path, content in folder.files.items() if path in before and path != layout.MANIFEST}
    assert kept == {path: content for path, content in before.items() if path != layout.MANIFEST}
    assert folder.ensure().state is (
        StructureState.FAILED if found.state is StructureState.FAILED else StructureState.VALIDATED
    )
