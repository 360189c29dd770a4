"""What `verify` says of our own packages, before any configuration: what was built, and whether it can be imported.

Needs nothing but the standard library: dependencies may be missing (`app.dependencies`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from reconciler.app.integrity import BUILD_FILE, package_root
from reconciler.model.integrity import PACKAGES
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.verification import INSTALL_AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMPORT_TIMEOUT = 120.0
"""Seconds in which all modules must be imported."""

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
    """What was built, and each of its modules."""
    yield verify_build(package_root())
    yield from verify_modules(package_root())


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
