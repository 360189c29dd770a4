"""What is said where the program cannot go on because its own files are not as they were built, or packages of others
that it needs are missing or damaged.

Needs nothing but the standard library, as `app.integrity`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from reconciler.app.integrity import check_all, package_root, verify_files
from reconciler.model.integrity import PACKAGES
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.verification import DEPENDENCIES, INSTALL_AGAIN, INSTALL_LOCKED, exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FINDING_COMMANDS = frozenset({"verify", "ensure"})
"""The commands that answer with findings."""


def tell_damage(error: Exception, arguments: Sequence[str]) -> bool:
    """Say which files differ or which packages lack, for an error that nobody expected; False where none does, and the
    error is one of the program. Whoever asked for findings, by the command's `arguments`, gets them.
    """
    reasons = [*_lacking(error), *(str(one) for found in check_all() for one in found.mismatches)]
    if not reasons:
        return False
    is_finding = bool(_FINDING_COMMANDS & set(arguments[:1]))
    if is_finding:
        _show(list(dict.fromkeys((*verify_files(), *_packages(error), broken(error)))), arguments)
    lines = (f"the program cannot go on: {described(error)}", *(() if is_finding else reasons))
    sys.stderr.write("".join(f"error: {line}\n" for line in lines))
    again = f"packages ({INSTALL_LOCKED})" if missing_package(error) else "wheel"
    sys.stderr.write(f"Install the {again}, or start the image, again; docs/verify.md tells more.\n")
    return True


def _show(findings: Sequence[Finding], arguments: Sequence[str]) -> None:
    """As `verify` does, without the packages that it is shown with."""
    if any(one.endswith("json") for one in arguments):
        document = {"findings": [asdict(one) for one in findings], "exit_code": exit_code(findings)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    for one in findings:
        sys.stdout.write(f"{one.state}  {one.subject}: {one.message}\n")


def _lacking(error: Exception) -> list[str]:
    """What is wrong with the packages of others, where one of them could not be imported."""
    if missing_package(error) is None:
        return []
    return [one.message for one in _packages(error) if one.is_wrong] or [broken(error).message]


def _packages(error: Exception) -> Iterator[Finding]:
    """The packages of others against the versions that are locked, where one of them could not be imported."""
    if missing_package(error) is not None:
        yield from guarded(_versions())


def _versions() -> Iterator[Finding]:
    from reconciler.app.dependencies import verify_versions  # noqa: PLC0415 - may lack a package itself

    yield from verify_versions(package_root())


def missing_package(error: BaseException) -> str | None:
    """The package of others that an error says cannot be imported; None for any other error."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    return None if package in {"", *PACKAGES, *sys.stdlib_module_names} else package


def described(error: BaseException) -> str:
    """As the last line of a traceback."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def broken(error: Exception) -> Finding:
    """A part of the program, or a package of others, that cannot be used."""
    if package := missing_package(error):
        message = f"{package} cannot be imported: {described(error)}"
        return Finding(DEPENDENCIES, Verdict.FAILING, message, INSTALL_LOCKED)
    module = error.name if isinstance(error, ImportError) else getattr(error, "filename", None)
    subject = f"module {module}" if module else "program"
    return Finding(subject, Verdict.FAILING, f"cannot be used: {described(error)}", INSTALL_AGAIN)


def guarded(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Findings of which the parts that find them may be damaged: that is a finding, and others go on. An error of a
    program whose files are whole is raised.
    """
    try:
        yield from findings
    except (ImportError, SyntaxError) as error:
        yield broken(error)
    except Exception as error:
        if all(one.is_whole for one in check_all()):
            raise
        yield broken(error)
