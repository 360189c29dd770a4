"""What is said where the program cannot go on because its own files are not as they were built.

Needs nothing but the standard library, as `app.integrity`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from reconciler.app.integrity import check_all, verify_files
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.verification import INSTALL_AGAIN, exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def tell_damage(error: Exception, arguments: Sequence[str]) -> bool:
    """Say which files differ, for an error that nobody expected; False where none does, and the error is one of the
    program. What was asked for JSON, by the command's `arguments`, gets its document.
    """
    mismatches = [str(one) for found in check_all() for one in found.mismatches]
    if not mismatches:
        return False
    lines = (f"the program cannot go on: {described(error)}", *mismatches)
    sys.stderr.write("".join(f"error: {line}\n" for line in lines))
    sys.stderr.write("Install the wheel, or start the image, again; docs/verify.md tells more.\n")
    if _is_for_json(arguments):
        findings = [*verify_files(), broken(error)]
        document = {"findings": [asdict(one) for one in findings], "exit_code": exit_code(findings)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return True


def _is_for_json(arguments: Sequence[str]) -> bool:
    return bool({"verify", "ensure"} & set(arguments[:1])) and any(one.endswith("json") for one in arguments)


def described(error: BaseException) -> str:
    """As the last line of a traceback."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def broken(error: Exception) -> Finding:
    """A part of the program that cannot be used."""
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
