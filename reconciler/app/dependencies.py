"""What `verify` says of the packages and of the Python that the installation needs."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import default_environment
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from reconciler.app.integrity import BUILD_FILE, package_root
from reconciler.model.integrity import DISTRIBUTION
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.locked import deviations
from reconciler.plan.verification import DEPENDENCIES, INSTALL_AGAIN, INSTALL_LOCKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def verify_dependencies() -> Iterator[Finding]:
    """Whether what is needed is there. Of packages only `packaging` is used, so that it can be told of any other."""
    yield from verify_versions(package_root())
    yield _verify_python()


def verify_versions(root: Path) -> Iterator[Finding]:
    """The installed dependencies against the versions with which the wheel was built."""
    installed, leftovers = _installed(sys.path)
    try:
        locked: Sequence[str] = json.loads((root / BUILD_FILE).read_text())["locked"]
        found = list(deviations(locked, metadata.requires(DISTRIBUTION) or (), installed, _environment()))
    except FileNotFoundError:
        message = "only a built wheel tells the versions that it was built with"
        yield Finding(DEPENDENCIES, Verdict.NOT_APPLICABLE, message)
        return
    except (OSError, ValueError, KeyError, TypeError, metadata.PackageNotFoundError) as error:
        yield Finding(DEPENDENCIES, Verdict.FAILING, f"{BUILD_FILE} cannot be used: {error}", INSTALL_AGAIN)
        return
    for one in found:
        yield Finding(DEPENDENCIES, one.state, one.message, INSTALL_LOCKED)
    for folder in leftovers:
        message = f"{folder} describes no package: an installer that was interrupted leaves such a folder"
        yield Finding(DEPENDENCIES, Verdict.WARNING, message, "remove it")
    if not found and not leftovers:
        yield Finding(DEPENDENCIES, Verdict.OK, "all are installed in the versions that are locked")


def _installed(places: Iterable[str]) -> tuple[dict[str, str], list[Path]]:
    """Versions by canonical name, of several the one that is imported, and the folders that tell none."""
    found: dict[str, str] = {}
    leftovers = []
    for folder in _descriptions(places):
        described = _described(folder)
        if described is None:
            leftovers.append(folder)
        else:
            found.setdefault(*described)
    return found, leftovers


def _descriptions(places: Iterable[str]) -> Iterator[Path]:
    """What installers say of packages, below these on the path of modules. Of a place that is closed to this user
    nothing can be imported either.
    """
    for place in dict.fromkeys(places):
        try:
            found = [sorted(Path(place).glob(f"*.{kind}")) for kind in ("dist-info", "egg-info")]
        except PermissionError:
            continue
        yield from chain.from_iterable(found)


def _described(folder: Path) -> tuple[str, str] | None:
    """Canonical name and version; None where there are none, whatever the library makes of that, and for what pip was
    about to remove, which it names with a tilde first.
    """
    try:
        told = metadata.Distribution.at(folder).metadata
        name, version = told["Name"], told["Version"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if not name or not version or folder.name.startswith("~"):
        return None
    return canonicalize_name(name), version


def _environment() -> dict[str, str]:
    return {name: str(value) for name, value in default_environment().items()}


def _verify_python() -> Finding:
    version = platform.python_version()
    try:
        needed = SpecifierSet(metadata.metadata(DISTRIBUTION)["Requires-Python"] or "")
    except metadata.PackageNotFoundError:
        return Finding("python", Verdict.NOT_APPLICABLE, f"Python {version}; the package is not installed")
    if needed.contains(version, prereleases=True):
        return Finding("python", Verdict.OK, f"Python {version} ({needed} is needed)")
    return Finding("python", Verdict.FAILING, f"Python {version}, and {needed} is needed", "use another Python")
