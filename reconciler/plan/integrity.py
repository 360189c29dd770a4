"""Are installed files what was recorded of them? Records and comparisons; who reads files is `app.integrity`.

Needs nothing but the standard library: it must work where another module of ours, or a dependency, is damaged.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
from typing import TYPE_CHECKING

from reconciler.model.integrity import PACKAGES, Fault, Mark, Mismatch

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from reconciler.model.json import JSON

_CACHE = "__pycache__"
_FORMAT = 1
_FIELDS = 3


class RecordError(Exception):
    """A record of files that cannot be read. The message says what is wrong with it."""


def parse_record(text: str) -> dict[str, Mark | None]:
    """The files that a wheel's RECORD names; None for those without a hash: itself, and byte-code. Raises RecordError.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    found: dict[str, Mark | None] = {}
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if len(row) != _FIELDS:
            raise RecordError(f"line {number} is damaged")
        path, named, size = row
        try:
            found[path] = Mark(int(size), _hex(named)) if named else None
        except ValueError:
            raise RecordError(f"line {number} is damaged") from None
    if not found:
        raise RecordError("it is empty")
    return found


def _hex(named: str) -> str:
    """`sha256=` and a digest in unpadded base64, in hex. Raises ValueError."""
    algorithm, _, digest = named.partition("=")
    if algorithm != "sha256":
        raise ValueError(algorithm)
    try:
        found = base64.b64decode(digest + "=" * (-len(digest) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return found.hex()


def unrecorded(paths: Iterable[str], known: Mapping[str, object]) -> list[str]:
    """Those files that the record does not name. Byte-code of a module that it names belongs to that; one without is
    stale.
    """
    return sorted(path for path in without_byte_code(paths, known) if path not in known)


def without_byte_code(paths: Iterable[str], modules: Container[str]) -> Iterator[str]:
    """The files without byte-code that Python wrote for these modules: it comes and goes, and follows from them."""
    return (path for path in paths if not _is_byte_code_of(path, modules))


def _is_byte_code_of(path: str, modules: Container[str]) -> bool:
    folder, _, name = path.rpartition("/")
    parent, _, cache = folder.rpartition("/")
    # Python writes it under a name with a number first, and may be seen doing so.
    return cache == _CACHE and ".pyc" in name and f"{parent}/{name.partition('.')[0]}.py" in modules


def compare(recorded: Mapping[str, Mark | None], found: Mapping[str, Mark]) -> Iterator[Mismatch]:
    """What is not as recorded, in the order of paths. `found` holds what is there of the recorded files, and what is
    there besides.
    """
    for path in sorted({*recorded, *found}):
        fault = _fault(recorded.get(path), found.get(path), is_recorded=path in recorded)
        if fault is not None:
            yield Mismatch(path, fault, recorded.get(path), found.get(path))


def _fault(expected: Mark | None, found: Mark | None, *, is_recorded: bool) -> Fault | None:
    if not is_recorded:
        return Fault.EXTRA
    if expected is None or expected == found:
        return None
    if found is None:
        return Fault.MISSING
    if found.problem is not None:
        return Fault.UNREADABLE
    is_shorter = expected.link is None and found.link is None and found.size < expected.size
    return Fault.TRUNCATED if is_shorter else Fault.CHANGED


def build_id(recorded: Mapping[str, Mark | None]) -> str:
    """What tells the recorded content of our packages from any other: `sha256:` and a digest."""
    lines = [
        f"{mark.sha256} {mark.size} {path}\n"
        for path, mark in sorted(recorded.items())
        if mark is not None and path.partition("/")[0] in PACKAGES
    ]
    return digest("".join(lines).encode())


def digest(content: bytes) -> str:
    """The name of some content: `sha256:` and its hash in hex."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(folders: Sequence[str], files: Mapping[str, Mark]) -> bytes:
    """A tree's manifest: every file below some folders. The same tree always gives the same bytes."""
    entries: dict[str, JSON] = {
        path: {"link": mark.link} if mark.link is not None else {"sha256": mark.sha256, "size": mark.size}
        for path, mark in files.items()
    }
    content = {"format": _FORMAT, "folders": sorted(folders), "files": entries}
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def parse_manifest(content: bytes) -> tuple[tuple[str, ...], dict[str, Mark | None]]:
    """Folders and files of a tree's manifest. Raises RecordError."""
    try:
        document = json.loads(content)
        if document["format"] != _FORMAT:
            raise RecordError(f"it has the format {document['format']}, this program reads {_FORMAT}")
        folders = tuple(str(folder) for folder in document["folders"])
        return folders, {path: _mark(entry) for path, entry in document["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RecordError("it is not a manifest of a tree") from None


def _mark(entry: Mapping[str, JSON]) -> Mark:
    if "link" in entry:
        return Mark(link=str(entry["link"]))
    return Mark(int(str(entry["size"])), str(entry["sha256"]))
