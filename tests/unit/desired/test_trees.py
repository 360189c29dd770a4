"""Trees with some files changed, without git: what is written, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.desired.change_paths import paths_of
from reconciler.desired.trees import blob_stream, graft, object_id, parse_objects, tree_stream
from reconciler.errors import PathRefusedError
from reconciler.model.changes import FileChange

if TYPE_CHECKING:
    from collections.abc import Mapping

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Store:
    """Trees by id."""

    def __init__(self) -> None:
        self.trees: dict[str, bytes] = {}
        self.reads: list[list[str]] = []

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """Store a tree of (mode, name, id), as it stands there."""
        content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(found) for mode, name, found in entries)
        key = object_id("tree", content)
        self.trees[key] = content
        return key

    def read(self, ids: list[str]) -> dict[str, bytes]:
        self.reads.append(ids)
        return {one: self.trees[one] for one in ids}

    def graft(self, root: str, changes: Mapping[str, str | None]) -> list[str]:
        found = (FileChange(path, None if text is None else text.encode()) for path, text in changes.items())
        return [tree.id for tree in graft(root, paths_of(found), self.read)]


def _blob(text: str) -> str:
    return object_id("blob", text.encode())


@pytest.fixture
def store() -> Store:
    return Store()


def test_ids_are_gits() -> None:
    """The ids that git itself has for these."""
    assert object_id("blob", b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert object_id("tree", b"") == EMPTY_TREE


def test_only_trees_on_the_way_are_read_and_made(store: Store) -> None:
    """From the bottom up, the root last; what lies beside is named by its id, and not read."""
    deep = store.tree(("100644", "a", _blob("1")))
    aside = "f" * 40
    fabric = store.tree(("40000", "deep", deep), ("40000", "other", aside))
    root = store.tree(("40000", "aside", aside), ("40000", "fabric", fabric))

    made = store.graft(root, {"fabric/deep/b": "2", "fabric/new/x": "3"})

    new_deep = store.tree(("100644", "a", _blob("1")), ("100644", "b", _blob("2")))
    new = store.tree(("100644", "x", _blob("3")))
    new_fabric = store.tree(("40000", "deep", new_deep), ("40000", "new", new), ("40000", "other", aside))
    assert made[:2] == [new_deep, new]
    assert made[2:] == [new_fabric, store.tree(("40000", "aside", aside), ("40000", "fabric", new_fabric))]
    assert store.reads == [[root], [fabric], [deep]]


def test_nothing_is_made_where_nothing_changes(store: Store) -> None:
    """Also where an old tool wrote a tree in a form that we would not."""
    odd = store.tree(("0100644", "a", _blob("1")))
    root = store.tree(("040000", "f", odd))

    assert store.graft(root, {"f/a": "1"}) == []


def test_folders_are_sorted_as_git_does(store: Store) -> None:
    """As if their names ended with a slash."""
    root = store.tree(("100644", "a.b", _blob("1")), ("100644", "a0", _blob("1")))

    inner = store.tree(("100644", "x", _blob("2")))
    expected = store.tree(("100644", "a.b", _blob("1")), ("40000", "a", inner), ("100644", "a0", _blob("1")))
    assert store.graft(root, {"a/x": "2"}) == [inner, expected]


def test_empty_folders_go_and_others_stay(store: Store) -> None:
    """A folder that loses its last file goes, up to the root; one that was empty before is none of our business."""
    empty = store.tree()
    inner = store.tree(("100644", "x", _blob("1")))
    middle = store.tree(("40000", "inner", inner))
    root = store.tree(("40000", "empty", empty), ("40000", "middle", middle))

    assert store.graft(root, {"middle/inner/x": None}) == [store.tree(("40000", "empty", empty))]
    assert store.graft(middle, {"inner/x": None}) == [EMPTY_TREE]


def test_files_keep_their_mode(store: Store) -> None:
    """A program is one afterwards."""
    root = store.tree(("100755", "run", _blob("1")))

    assert store.graft(root, {"run": "2"}) == [store.tree(("100755", "run", _blob("2")))]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"file/x": "1"}, "^file is a file and not a folder"),
        ({"link/x/y": "1"}, "^link is a symbolic link and not a folder"),
        ({"sub/x": None}, "^sub is a submodule and not a folder"),
        ({"folder": "1"}, "^folder is a folder and not a file"),
        ({"link": "1"}, "^link is a symbolic link and not a file"),
        ({"sub": None}, "^sub is a submodule and not a file"),
        ({"folder/x": None}, "^folder/x is to be removed and is not there"),
        ({"gone/x\n/y": None, "z": "1"}, r"^gone/x\\n/y is to be removed and is not there"),
    ],
)
def test_what_is_in_the_way(store: Store, changes: Mapping[str, str | None], words: str) -> None:
    """It is said what it is, and where."""
    root = store.tree(
        ("100644", "file", _blob("1")),
        ("40000", "folder", store.tree()),
        ("120000", "link", _blob("folder")),
        ("160000", "sub", "1" * 40),
    )

    with pytest.raises(PathRefusedError, match=words):
        store.graft(root, changes)


@pytest.mark.parametrize("content", [b"1", b"100644 a", b"100644 a\0short", b"\0", b"100644a\0" + b"x" * 20])
def test_no_tree(store: Store, content: bytes) -> None:
    """What git would not have written is not guessed at."""
    store.trees["a" * 40] = content

    with pytest.raises(ValueError, match="not as git writes it"):
        store.graft("a" * 40, {"x": "1"})


def test_streams(store: Store) -> None:
    """What git is told."""
    (tree,) = graft(store.tree(("160000", "s", "1" * 40)), paths_of([FileChange("a\nb", b"x\n")]), store.read)

    assert b"".join(blob_stream([b"x\n", b""])) == b"blob\ndata 2\nx\n\nblob\ndata 0\n\ndone\n"
    lines = f"100644 blob {_blob(chr(120) + chr(10))}\ta\nb\x00160000 commit {'1' * 40}\ts\x00\x00"
    assert b"".join(tree_stream([tree])) == lines.encode()


def test_objects_are_read_in_order() -> None:
    """As many as were asked for, each whole."""
    a, b = "a" * 40, "b" * 40
    output = f"{a} tree 3\nx\ny\n{b} tree 0\n\n".encode()

    assert list(parse_objects(output, [a, b])) == [(a, b"x\ny"), (b, b"")]
    for wrong in (b"", f"{a} missing\n".encode(), f"{a} blob 1\nx\n".encode()):
        with pytest.raises(ValueError, match="is missing"):
            list(parse_objects(wrong, [a]))
