"""The installed files, read and held against what was recorded of them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from reconciler.app import integrity
from reconciler.app.integrity import (
    check_all,
    check_record,
    check_tree,
    installed_build,
    package_root,
    verify_files,
    write_tree,
)
from reconciler.plan.integrity import RecordError

INFO = "hedgehog_reconciler-0.1.0.dist-info"
OURS = {"reconciler/__init__.py": "A = 1\n", "reconciler/queue.py": "B = 2\n", "webhooks/__init__.py": ""}


def _install(root: Path) -> Path:
    """A folder as an installer leaves it."""
    lines = [f"{INFO}/RECORD,,", "reconciler/__pycache__/queue.cpython-311.pyc,,"]
    for name, text in OURS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        lines.append(f"{name},sha256={digest},{len(text)}")
    (root / INFO).mkdir(exist_ok=True)
    (root / INFO / "RECORD").write_text("\n".join(lines) + "\n")
    return root


def _wrong(root: Path) -> list[str]:
    return [f"{one.path} {one.fault}" for one in check_record(root).mismatches]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return _install(tmp_path / "site-packages")


def test_an_installation_as_recorded(root: Path) -> None:
    """Byte-code that Python wrote meanwhile, and the files of others beside ours, are no matter. Files without a hash,
    as byte-code and the record itself, are not compared, and not counted.
    """
    (root / "reconciler" / "__pycache__").mkdir()
    (root / "reconciler" / "__pycache__" / "queue.cpython-311.pyc").write_bytes(b"code")
    (root / "others").mkdir()
    (root / "others" / "library.py").write_text("")

    found = check_record(root)

    assert (found.is_whole, found.is_applicable, found.files) == (True, True, len(OURS))
    assert found.build is not None


def test_every_kind_of_damage(root: Path) -> None:
    """Each file is named; a link or a pipe in the place of a module is not followed."""
    (root / "reconciler" / "__init__.py").write_text("A")
    (root / "reconciler" / "queue.py").unlink()
    (root / "reconciler" / "queue.py").symlink_to("__init__.py")
    (root / "webhooks" / "__init__.py").unlink()
    (root / "webhooks" / "extra").symlink_to(root)

    assert _wrong(root) == [
        "reconciler/__init__.py truncated",
        "reconciler/queue.py changed",
        "webhooks/__init__.py missing",
        "webhooks/extra extra",
    ]


def test_a_package_that_is_gone(root: Path) -> None:
    """All its files are missing."""
    (root / "webhooks" / "__init__.py").unlink()
    (root / "webhooks").rmdir()

    assert _wrong(root) == ["webhooks/__init__.py missing"]


def test_what_is_no_file(root: Path) -> None:
    """A folder in the place of a module cannot be read."""
    (root / "reconciler" / "queue.py").unlink()
    (root / "reconciler" / "queue.py").mkdir()

    assert [str(one).partition(",")[0] for one in check_record(root).mismatches] == [
        "reconciler/queue.py is unreadable: not a regular file"
    ]


def test_a_source_tree(tmp_path: Path) -> None:
    """Without a record nothing is known, and nothing is wrong."""
    assert check_record(tmp_path).is_applicable is False


def test_a_wheel_without_its_record(root: Path) -> None:
    """What was built has a record: one that was removed, alone or with its folder, is missing."""
    (root / "reconciler" / "_build.json").write_text("{}")
    (root / INFO / "RECORD").unlink()
    assert _wrong(root) == [f"{INFO}/RECORD missing"]

    (root / INFO).rmdir()
    assert _wrong(root) == ["hedgehog_reconciler-*.dist-info/RECORD missing"]


def test_a_damaged_record(root: Path) -> None:
    """It is named, with the line."""
    (root / INFO / "RECORD").write_text("a.py\n")

    assert [str(one) for one in check_record(root).mismatches] == [
        f"{INFO}/RECORD is unreadable: line 1 is damaged, a record of files expected"
    ]


def test_the_record_of_another_version(root: Path) -> None:
    """An upgrade that left the old one behind was none."""
    (root / "hedgehog_reconciler-0.2.0.dist-info").mkdir()

    assert _wrong(root) == ["hedgehog_reconciler-0.2.0.dist-info extra"]


def test_the_record_of_the_version_that_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that counts, wherever it stands among those that an upgrade left behind."""
    stale = root / "hedgehog_reconciler-0.0.9.dist-info"
    stale.mkdir()
    (stale / "RECORD").write_text("reconciler/other.py,,\n")
    monkeypatch.setattr(integrity, "package_root", lambda: root)

    assert _wrong(root) == ["hedgehog_reconciler-0.0.9.dist-info extra"]
    assert installed_build() == check_record(root).build


def test_the_tests_run_from_a_source_tree() -> None:
    """As whoever develops does: not applicable, without a build, and no manifest is written of it."""
    assert [one.is_applicable for one in check_all({})] == [False]
    assert installed_build() is None


def test_no_manifest_of_a_source_tree(tmp_path: Path) -> None:
    """It would vouch for what nobody built."""
    with pytest.raises(RecordError, match="editable installation"):
        write_tree(tmp_path / "manifest.json")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with our packages."""
    places = {"purelib": "site-packages", "platlib": "lib64", "scripts": "bin"}
    root = _install(tmp_path / "site-packages")
    monkeypatch.setattr(integrity, "package_root", lambda _package="reconciler": root)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / places[name]))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("python3")
    return tmp_path


def test_a_manifest_of_a_tree(tree: Path) -> None:
    """It names each file of the environment but itself; whoever asks for it by digest gets that one only."""
    path = tree / "bin" / "manifest.json"
    digest = write_tree(path, tree)

    assert check_tree(path, digest, tree).summary() == f"all 5 files are as {path} says"
    assert check_tree(path, None, tree).build == digest
    assert str(check_tree(path, "sha256:other", tree).mismatches[0]) == (
        f"{path} is changed: {digest}, sha256:other expected"
    )


def test_a_tree_that_was_changed(tree: Path) -> None:
    """Whosever file it is."""
    path = tree / "manifest.json"
    write_tree(path, tree)
    (tree / "bin" / "python").unlink()
    (tree / "bin" / "python").symlink_to("elsewhere")
    (tree / "site-packages" / "library.pth").write_text("import evil\n")

    assert [f"{one.path} {one.fault}" for one in check_tree(path, None, tree).mismatches] == [
        "bin/python changed",
        "site-packages/library.pth extra",
    ]


def test_a_tree_that_does_not_run(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where other files run, those of the manifest vouch for nothing, whether or not there is a record of the others. A
    link to the tree is the tree.
    """
    path = tree / "manifest.json"
    asked = {integrity.MANIFEST_VARIABLE: str(path), integrity.DIGEST_VARIABLE: write_tree(path, tree)}
    monkeypatch.setattr("sys.prefix", str(tree))
    (tree / "link").symlink_to("site-packages")
    elsewhere = _install(tree / "elsewhere")
    says = f"{elsewhere} is what runs, and not of this build: the tree of {path} expected"
    root = tree / "link"
    monkeypatch.setattr(integrity, "package_root", lambda _package="reconciler": root)
    assert [one.is_whole for one in check_all(asked)] == [True, True]

    root = elsewhere
    assert [str(one) for found in check_all(asked) for one in found.mismatches] == [says]
    (elsewhere / INFO / "RECORD").unlink()
    (elsewhere / INFO).rmdir()
    assert [str(one) for found in check_all(asked) for one in found.mismatches] == [
        f"{elsewhere}/hedgehog_reconciler-*.dist-info/RECORD is missing: the record expected",
        says,
    ]
    assert [finding.is_wrong for finding in verify_files(asked)] == [True, True]


def test_a_package_of_ours_that_runs_from_elsewhere(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a record are both of our packages, and no manifest is written where one is not."""
    place = _install(tree / "elsewhere")
    root = tree / "site-packages"
    monkeypatch.setattr(
        integrity, "package_root", lambda package="reconciler": place if package == "webhooks" else root
    )

    (found,) = check_all({})

    says = f"{place}/webhooks is what runs, and not of this build: {root}/webhooks expected"
    assert (found.record, [str(one) for one in found.mismatches]) == (f"{INFO}/RECORD", [says])
    with pytest.raises(RecordError, match="is what runs, and not of this build"):
        write_tree(tree / "manifest.json", tree)


def test_where_our_packages_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python finds them; what it does not find is missing where the others are."""
    (tmp_path / "something_of_ours").mkdir()
    (tmp_path / "something_else.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert package_root() == package_root("webhooks") == Path(__file__).parents[3]
    assert package_root("something_of_ours") == package_root("something_else") == tmp_path
    assert package_root("no_such_package") == package_root()


def test_no_manifest_of_damage(tree: Path) -> None:
    """A manifest would vouch for it."""
    (tree / "site-packages" / "reconciler" / "queue.py").write_text("B = 3\n")

    with pytest.raises(RecordError, match=r"reconciler/queue\.py is changed"):
        write_tree(tree / "manifest.json", tree)
    assert not (tree / "manifest.json").exists()


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    """Nobody has to have one; whoever gives its digest or its path has."""
    path = tmp_path / "manifest.json"

    assert len(check_all({})) == 1
    assert [str(one) for one in check_tree(path, "sha256:abc").mismatches] == [
        f"{path} is missing: sha256:abc expected"
    ]
    asked = check_all({integrity.MANIFEST_VARIABLE: str(path)})[1]
    assert (asked.is_whole, asked.record) == (False, str(path))


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    """It is no manifest of nothing."""
    path = tmp_path / "manifest.json"
    path.write_text("[]")

    assert [str(one) for one in check_tree(path).mismatches] == [
        f"{path} is unreadable: it is not a manifest of a tree, a record of files expected"
    ]
