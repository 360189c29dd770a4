"""The installed files, read and held against what was recorded of them.

Needs nothing but the standard library: it must work where another module of ours, or a dependency, is damaged.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import sysconfig
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import reconciler
from reconciler.model.integrity import DISTRIBUTION, PACKAGES, Fault, Integrity, Mark, Mismatch
from reconciler.plan.integrity import (
    RecordError,
    build_id,
    compare,
    digest,
    manifest,
    parse_manifest,
    parse_record,
    unrecorded,
    without_byte_code,
)
from reconciler.plan.verification import integrity_findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.verification import Finding

MANIFEST_VARIABLE = "RECONCILER_MANIFEST"
"""The environment variable with the path of the tree's manifest, where it is not in its usual place."""

DIGEST_VARIABLE = "RECONCILER_MANIFEST_DIGEST"
"""The environment variable with the digest that the tree's manifest must have."""

BUILD_FILE = "reconciler/_build.json"
"""What a wheel says of itself, beside our modules; a source tree has none."""

_RECORD = "RECORD"
_NAME = DISTRIBUTION.replace("-", "_")


def package_root(package: str = PACKAGES[0]) -> Path:
    """The folder that holds a package of ours, as it runs now; the one that should, where there is no such package."""
    own = Path(__file__).absolute().parents[2]  # ours is whole where this is read; the package's own may not be
    spec = find_spec(package) if package != PACKAGES[0] else None
    place = next(iter(spec.submodule_search_locations or ()), spec.origin) if spec else None
    return Path(place).absolute().parent if place else own


def manifest_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the manifest of the whole tree is, if there is one."""
    return Path(environment.get(MANIFEST_VARIABLE) or Path(sys.prefix) / "reconciler-manifest.json")


def check_all(environment: Mapping[str, str] = os.environ) -> tuple[Integrity, ...]:
    """Our files against the wheel's record, and the whole tree against its manifest where one is there or asked for: a
    source tree, which is of no build, is wrong then.
    """
    is_asked_for = any(environment.get(name) for name in (MANIFEST_VARIABLE, DIGEST_VARIABLE))
    own, path = check_own(), manifest_path(environment)
    if not is_asked_for and not path.exists():
        return (own,)
    if not own.is_applicable:
        own = _record_missing(f"{package_root()}/{_NAME}-*.dist-info/{_RECORD}")
    return own, check_tree(path, environment.get(DIGEST_VARIABLE))


def check_own() -> Integrity:
    """The packages of ours that run, which must all be those beside the record."""
    root = package_root()
    found = check_record(root)
    if not found.is_applicable:
        return found
    others = ((package, package_root(package)) for package in PACKAGES)
    strays = [
        _elsewhere(place / package, str(root / package)) for package, place in others if _real(place) != _real(root)
    ]
    return replace(found, mismatches=(*strays, *found.mismatches))


def _elsewhere(path: Path, expected: str) -> Mismatch:
    return Mismatch(str(path), Fault.ELSEWHERE, Mark(problem=expected))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike resolve() it takes links that lead in a circle


def verify_files(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """What `check_all` says, as findings."""
    for found in check_all(environment):
        subject = "integrity" if found.record.endswith(_RECORD) else "integrity of the environment"
        yield from integrity_findings(subject, found)


def _descriptions(root: Path) -> list[Path]:
    """The folders in which installers keep records of us. The first is that of the version that runs, where it has one:
    an upgrade may have left others, and they vouch for nothing.
    """
    own = f"{_NAME}-{getattr(reconciler, '__version__', None)}.dist-info"  # without one where that file is damaged
    return sorted(root.glob(f"{_NAME}-*.dist-info"), key=lambda path: (path.name != own, path.name))


def check_record(root: Path) -> Integrity:
    """Our packages in a folder, and what was installed with them, against the RECORD beside them."""
    folders = _descriptions(root)
    if not folders:
        return _without_record(root)
    record = f"{folders[0].name}/{_RECORD}"
    try:
        recorded = parse_record((root / record).read_text())
    except FileNotFoundError:
        return _record_missing(record)
    except (OSError, UnicodeDecodeError, RecordError) as error:
        return Integrity(record, mismatches=(_unusable(record, error),))
    stale = [Mismatch(one.name, Fault.EXTRA, found=Mark(problem="another version's")) for one in folders[1:]]
    found = _marks(root, recorded, _files(root, PACKAGES))
    compared = sum(mark is not None for mark in recorded.values())
    return Integrity(record, compared, (*stale, *compare(recorded, found)), build_id(recorded))


def installed_build() -> str | None:
    """What identifies the recorded content of our packages now; None where nothing can be told."""
    for folder in _descriptions(package_root()):
        with suppress(OSError, UnicodeDecodeError, RecordError):
            return build_id(parse_record((folder / _RECORD).read_text()))
    return None


def _without_record(root: Path) -> Integrity:
    if not (root / BUILD_FILE).exists():
        return Integrity(_RECORD, is_applicable=False)
    return _record_missing(f"{_NAME}-*.dist-info/{_RECORD}")


def _record_missing(record: str) -> Integrity:
    return Integrity(record, mismatches=(Mismatch(record, Fault.MISSING, Mark(problem="the record")),))


def _unusable(path: str, error: Exception) -> Mismatch:
    return Mismatch(path, Fault.UNREADABLE, Mark(problem="a record of files"), Mark(problem=str(error)))


def check_tree(path: Path, wanted: str | None = None, prefix: Path | None = None) -> Integrity:
    """Every file of the environment against the tree's manifest, and that against its digest where one is `wanted`."""
    base = prefix or Path(sys.prefix)
    try:
        content = path.read_bytes()
        folders, recorded = parse_manifest(content)
    except FileNotFoundError:
        expected = Mark(problem=wanted or "the manifest")
        return Integrity(str(path), mismatches=(Mismatch(str(path), Fault.MISSING, expected),))
    except (OSError, RecordError) as error:
        return Integrity(str(path), mismatches=(_unusable(str(path), error),))
    if wanted and wanted != digest(content):
        named = Mark(problem=wanted), Mark(problem=digest(content))
        return Integrity(str(path), len(recorded), (Mismatch(str(path), Fault.CHANGED, *named),))
    wrong = compare(recorded, _marks(base, recorded, _tree_files(base, folders, path)))
    return Integrity(str(path), len(recorded), (*_outside(base, folders, path), *wrong), digest(content))


def _outside(base: Path, folders: Iterable[str], path: Path) -> Iterator[Mismatch]:
    """The folder from which we run, where it is none of a manifest's: then its files are not those that run."""
    root = package_root()
    if not any(_real(root).is_relative_to(_real(base / folder)) for folder in folders):
        yield _elsewhere(root, f"the tree of {path}")


def write_tree(path: Path, prefix: Path | None = None) -> str:
    """Write the manifest of the environment as it is; its digest. Raises RecordError where our files are not as their
    record says, or have none, and OSError.
    """
    base = prefix or Path(sys.prefix)
    own = check_own()
    if not own.is_applicable or not own.is_whole:
        raise RecordError(own.summary())
    places = {package_root(), *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "scripts"))}
    folders = sorted(os.path.relpath(place, base) for place in {*places, base / "pyvenv.cfg"} if place.exists())
    files = set(_tree_files(base, folders, path))
    content = manifest(folders, _marks(base, dict.fromkeys(without_byte_code(files, files)), ()))
    path.write_bytes(content)
    return digest(content)


def _marks(base: Path, recorded: Mapping[str, object], there: Iterable[str]) -> dict[str, Mark]:
    """What is there of the recorded files, and of files that are there besides."""
    found = ((path, _mark(base / path)) for path in (*recorded, *unrecorded(there, recorded)))
    return {path: mark for path, mark in found if mark is not None}


def _mark(path: Path) -> Mark | None:
    """None where nothing is."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return Mark(link=str(path.readlink()))
        if not stat.S_ISREG(mode):
            return Mark(problem="not a regular file")
        with path.open("rb") as file:
            return Mark(os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest())
    except FileNotFoundError:
        return None
    except OSError as error:
        return Mark(problem=error.strerror or "cannot be read")


def _tree_files(base: Path, folders: Iterable[str], besides: Path) -> Iterator[str]:
    """The files of a tree but for its manifest, which cannot name itself."""
    return (path for path in _files(base, folders) if base / path != besides)


def _files(base: Path, folders: Iterable[str]) -> Iterator[str]:
    """Every file and link below folders of `base`, as paths from there."""
    for folder in folders:
        if not (base / folder).is_dir():
            yield folder
        for parent, inner, names in os.walk(base / folder):
            place = Path(os.path.relpath(parent, base)).as_posix()
            links = [name for name in inner if Path(parent, name).is_symlink()]
            yield from (f"{place}/{name}" for name in (*names, *links))
