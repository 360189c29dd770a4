"""What findings amount to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.integrity import Fault
from reconciler.model.verification import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.integrity import Integrity

FINE, WRONG, DOUBTFUL = 0, 1, 2

MOST_NAMED = 100
"""Files that are named one by one."""

INSTALL_AGAIN = (
    "install the wheel (or start the image) again, and find out who changed the file; a file that was added on purpose "
    "does not belong there"
)

DEPENDENCIES = "dependencies"
"""The subject of what is found of packages of others."""

INSTALL_LOCKED = "pip install --no-deps --require-hashes -r requirements.lock"

RUN_BUILT = "see to the path of modules: PYTHONPATH, and the folder in which python -m is started; then restart"


def exit_code(findings: Iterable[Finding]) -> int:
    """0: all is well, 1: something is wrong or could not be verified, 2: only something is to be looked at."""
    found = list(findings)
    if any(one.is_wrong for one in found):
        return WRONG
    return DOUBTFUL if any(one.state is Verdict.WARNING for one in found) else FINE


def integrity_findings(subject: str, found: Integrity) -> Iterator[Finding]:
    """A finding for each file that is not as recorded, or one that says that all are."""
    if not found.is_applicable:
        advice = "install the wheel: pip install hedgehog-reconciler, or make run"
        yield Finding(subject, Verdict.NOT_APPLICABLE, found.summary(), advice, is_needed=True)
    elif found.is_whole:
        yield Finding(subject, Verdict.OK, found.summary())
    for mismatch in found.mismatches[:MOST_NAMED]:
        advice = RUN_BUILT if mismatch.fault is Fault.ELSEWHERE else INSTALL_AGAIN
        yield Finding(f"{subject}: {mismatch.path}", Verdict.FAILING, str(mismatch), advice)
    if len(found.mismatches) > MOST_NAMED:
        yield Finding(subject, Verdict.FAILING, f"{len(found.mismatches) - MOST_NAMED} more files are not as recorded")
