"""What `verify` says of the installation alone, before any configuration: files, modules, dependencies, Python."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.markers import default_environment
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from reconciler.app.integrity import BUILD_FILE, package_root
from reconciler.model.integrity import DISTRIBUTION, PACKAGES
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.locked import deviations
from reconciler.plan.verification import INSTALL_AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

IMPORT_TIMEOUT = 120.0
"""Seconds in which all modules must be imported."""

_INSTALL_LOCKED = "pip install --no-deps --require-hashes -r requirements.lock"

_IMPORTER = """
import importlib, json, sys
told = json.load(sys.stdin)
sys.path[:] = told["path"]
for name in told["modules"]:
    print("importing", name, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        print("failed", json.dumps([name, f"{type(error).__name__}: {error}"]), flush=True)
print("imported", flush=True)
"""
"""Names each module first, so that one that ends the interpreter is known."""


def verify_installation() -> Iterator[Finding]:
    """Everything that can be told without a configuration, beyond the files themselves (`app.integrity`)."""
    yield verify_build(package_root())
    yield from verify_modules(package_root())
    yield from verify_versions(package_root())
    yield _verify_python()


def verify_build(root: Path) -> Finding:
    """What the wheel says it was built from."""
    subject = "build"
    try:
        told = json.loads((root / BUILD_FILE).read_text())
        commit = told["commit"] or "a tree of which no commit is known"
        return Finding(subject, Verdict.OK, f"version {told['version']}, built from {commit}")
    except FileNotFoundError:
        return Finding(subject, Verdict.NOT_APPLICABLE, "only a built wheel tells what it was built from")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Finding(subject, Verdict.FAILING, f"{BUILD_FILE} cannot be used: {error}", INSTALL_AGAIN)


def built_commit(root: Path) -> str | None:
    """The commit of which a wheel says that it was built; None where it knows none, or cannot be asked (`verify_build`
    tells why).
    """
    try:
        told = json.loads((root / BUILD_FILE).read_text())["commit"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) and told else None


def verify_modules(root: Path) -> Iterator[Finding]:
    """Whether each module of ours can be imported; in another process, where that starts and spoils nothing."""
    modules = sorted(_modules(root))
    told = json.dumps({"path": [str(root), *(one for one in sys.path if one)], "modules": modules})
    try:
        answer = subprocess.run(  # noqa: S603 - this interpreter, with a program of ours
            [sys.executable, "-I", "-B", "-c", _IMPORTER],
            input=told,
            capture_output=True,
            text=True,
            timeout=IMPORT_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield Finding("modules", Verdict.FAILING, f"they are not imported within {IMPORT_TIMEOUT:.0f} s")
        return
    lines = answer.stdout.splitlines()
    failed = [json.loads(line.removeprefix("failed ")) for line in lines if line.startswith("failed ")]
    if not lines or lines[-1] != "imported":
        last = next((line.removeprefix("importing ") for line in reversed(lines) if line.startswith("importing ")), "-")
        failed.append([last, f"it ends the interpreter (exit code {answer.returncode})"])
    for name, reason in failed:
        yield Finding(f"module {name}", Verdict.FAILING, f"cannot be imported: {reason}", INSTALL_AGAIN)
    if not failed:
        yield Finding("modules", Verdict.OK, f"all {len(modules)} modules can be imported")


def _modules(root: Path) -> Iterator[str]:
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def verify_versions(root: Path) -> Iterator[Finding]:
    """The installed dependencies against the versions with which the wheel was built."""
    subject = "dependencies"
    try:
        locked: Sequence[str] = json.loads((root / BUILD_FILE).read_text())["locked"]
        found = list(deviations(locked, metadata.requires(DISTRIBUTION) or (), _installed(), _environment()))
    except FileNotFoundError:
        yield Finding(subject, Verdict.NOT_APPLICABLE, "only a built wheel tells the versions that it was built with")
        return
    except (OSError, ValueError, KeyError, metadata.PackageNotFoundError) as error:
        yield Finding(subject, Verdict.FAILING, f"{BUILD_FILE} cannot be used: {error}", INSTALL_AGAIN)
        return
    for one in found:
        yield Finding(subject, one.state, one.message, _INSTALL_LOCKED)
    if not found:
        yield Finding(subject, Verdict.OK, "all are installed in the versions that are locked")


def _installed() -> dict[str, str]:
    """Versions by canonical name; of several, the one that is imported."""
    found: dict[str, str] = {}
    for one in metadata.distributions():
        found.setdefault(canonicalize_name(one.metadata["Name"]), one.version)
    return found


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
