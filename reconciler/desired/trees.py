"""Git's trees with some files changed, without a worktree and without an index: what is not changed stays as it is to
the byte, odd modes and empty folders included. Pure, but for the trees that `read` brings.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from reconciler.desired.tree import printable
from reconciler.errors import PathRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from reconciler.model.changes import FileChange

    Reader = Callable[[list[str]], Mapping[str, bytes]]
    """The raw content of trees, by id."""

_TREE, _FILE, _LINK = b"40000", b"100644", b"120000"
_FILE_TYPE = b"100"
"""What the modes of plain files begin with, executable ones too."""

_ID_LENGTH = 20


class Item(NamedTuple):
    """An entry of a tree: its mode as git writes it, and the id of what it holds."""

    mode: bytes
    id: str


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree to write."""

    id: str
    items: Mapping[bytes, Item]


@dataclass(slots=True)
class _Folder:
    """A folder in which something changes, here or further down."""

    path: bytes = b""
    folders: dict[bytes, _Folder] = field(default_factory=dict)
    files: dict[bytes, FileChange] = field(default_factory=dict)
    before: Mapping[bytes, Item] = field(default_factory=dict)
    """What it holds in the tip."""
    items: dict[bytes, Item] = field(default_factory=dict)
    """What it is to hold."""

    def folder(self, name: bytes) -> _Folder:
        return self.folders.setdefault(name, _Folder(self.path + name + b"/"))


def object_id(kind: str, content: bytes) -> str:
    """The id by which git knows this content."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def graft(root: str, changes: Mapping[tuple[bytes, ...], FileChange], read: Reader) -> list[Tree]:
    """The trees to write so that these files of the tree `root` are changed, each after those that it holds; the last
    one is the new root. None where nothing changes. A folder that loses its last file goes with it.

    Raises PathRefusedError, naming the path, where a file, a link or a submodule of the tip is in the way, or a file to
    be removed is not there; ValueError for a tree that cannot be read.
    """
    top = _arranged(changes)
    _load(top, root, read)
    trees = list(_changed(top))
    if top.items != top.before:
        trees.append(_written(top))
    return trees


def _arranged(changes: Mapping[tuple[bytes, ...], FileChange]) -> _Folder:
    top = _Folder()
    for names, change in changes.items():
        folder = top
        for name in names[:-1]:
            folder = folder.folder(name)
        folder.files[names[-1]] = change
    return top


def _load(top: _Folder, root: str, read: Reader) -> None:
    """Bring what the tip holds, one level of folders after another, and look whether it may be changed so."""
    level = [(top, root)]
    while level:
        contents = read([tree for _, tree in level])
        below: list[tuple[_Folder, str]] = []
        for folder, tree in level:
            folder.before = dict(_parse(contents[tree]))
            folder.items = dict(folder.before)
            below += _found(folder)
            for name, change in folder.files.items():
                _check(folder.path + name, change, folder.items.get(name))
        level = below


def _found(folder: _Folder) -> Iterator[tuple[_Folder, str]]:
    """Those folders further down that are in the tip, with their trees."""
    for name, child in folder.folders.items():
        item = folder.items.get(name)
        if item is None:
            _check_absent(child)
        elif item.mode != _TREE:
            raise PathRefusedError(f"{printable(folder.path + name)} is {_what(item)} and not a folder")
        else:
            yield child, item.id


def _check_absent(folder: _Folder) -> None:
    for name, change in folder.files.items():
        _check(folder.path + name, change, None)
    for child in folder.folders.values():
        _check_absent(child)


def _check(path: bytes, change: FileChange, item: Item | None) -> None:
    if change.content is None:
        if item is None:
            raise PathRefusedError(f"{printable(path)} is to be removed and is not there")
        if item.mode.startswith(_FILE_TYPE) or item.mode == _LINK:
            return
    elif item is None or item.mode.startswith(_FILE_TYPE):
        return
    raise PathRefusedError(f"{printable(path)} is {_what(item)} and not a file")


def _what(item: Item) -> str:
    if item.mode.startswith(_FILE_TYPE):
        return "a file"
    return {_TREE: "a folder", _LINK: "a symbolic link"}.get(item.mode, "a submodule")


def _changed(folder: _Folder) -> Iterator[Tree]:
    """Bring the changes into the items, from the bottom up. The trees to write for the folders below."""
    for name, child in folder.folders.items():
        yield from _changed(child)
        if not child.items:
            folder.items.pop(name, None)
        elif child.items != child.before:
            tree = _written(child)
            folder.items[name] = Item(_TREE, tree.id)
            yield tree
    for name, change in folder.files.items():
        if change.content is None:
            del folder.items[name]
        else:
            before = folder.items.get(name)
            folder.items[name] = Item(before.mode if before else _FILE, object_id("blob", change.content))


def _written(folder: _Folder) -> Tree:
    return Tree(object_id("tree", _content(folder.items)), folder.items)


def _parse(content: bytes) -> Iterator[tuple[bytes, Item]]:
    position = 0
    while position < len(content):
        blank, end = content.find(b" ", position), content.find(b"\0", position)
        start = end + 1
        if not position < blank < end or start + _ID_LENGTH > len(content):
            raise ValueError("a tree is not as git writes it")
        # Old tools wrote 040000; git takes it, and writes it as all others.
        mode = content[position:blank].lstrip(b"0")
        yield content[blank + 1 : end], Item(mode, content[start : start + _ID_LENGTH].hex())
        position = start + _ID_LENGTH


def _content(items: Mapping[bytes, Item]) -> bytes:
    return b"".join(b"%b %b\0%b" % (items[name].mode, name, bytes.fromhex(items[name].id)) for name in _in_order(items))


def _in_order(items: Mapping[bytes, Item]) -> list[bytes]:
    """Git compares the names of folders as if they ended with a slash."""
    return sorted(items, key=lambda name: name + b"/" if items[name].mode == _TREE else name)


def blob_stream(contents: Iterable[bytes]) -> Iterator[bytes]:
    """What `git fast-import --done` is told to store blobs, and nothing else: no commit, no ref."""
    for content in contents:
        yield b"blob\ndata %d\n" % len(content)
        yield content
        yield b"\n"
    yield b"done\n"


def tree_stream(trees: Iterable[Tree]) -> Iterator[bytes]:
    """What `git mktree --batch -z` is told to write these trees."""
    for tree in trees:
        for name in _in_order(tree.items):
            mode, found = tree.items[name]
            yield b"%b %b %b\t%b\0" % (mode, _kind(mode), found.encode(), name)
        yield b"\0"


def _kind(mode: bytes) -> bytes:
    return {_TREE: b"tree", b"160000": b"commit"}.get(mode, b"blob")


def parse_objects(output: bytes, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The ids and contents in the output of `cat-file --batch` for these ids of trees. Raises ValueError."""
    position = 0
    for asked in ids:
        end = output.find(b"\n", position)
        head = output[position : max(end, position)].split(b" ")
        if head[:2] != [asked.encode(), b"tree"]:
            raise ValueError(f"the tree {asked} is missing")
        start = end + 1
        position = start + int(head[2]) + 1
        yield asked, output[start : position - 1]
