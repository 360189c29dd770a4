"""What findings amount to."""

from __future__ import annotations

import pytest

from reconciler.model.integrity import Fault, Integrity, Mark, Mismatch
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.verification import INSTALL_AGAIN, MOST_NAMED, RUN_BUILT, exit_code, integrity_findings


def _finding(state: Verdict, *, is_needed: bool = False) -> Finding:
    return Finding("x", state, "", is_needed=is_needed)


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([_finding(Verdict.OK), _finding(Verdict.DONE), _finding(Verdict.NOT_APPLICABLE)], 0),
        ([_finding(Verdict.WARNING), _finding(Verdict.OK)], 2),
        ([_finding(Verdict.WARNING), _finding(Verdict.FAILING)], 1),
        ([_finding(Verdict.NOT_APPLICABLE, is_needed=True)], 1),
        ([_finding(Verdict.OK, is_needed=True)], 0),
    ],
)
def test_the_exit_code_says_how_bad_it_is(findings: list[Finding], code: int) -> None:
    """What is wrong outweighs what is to be looked at; what had to be verified and could not be is wrong."""
    assert exit_code(findings) == code


def test_files_that_are_as_recorded() -> None:
    """One finding says so."""
    (found,) = integrity_findings("integrity", Integrity("RECORD", 3))

    assert (found.state, found.message) == (Verdict.OK, "all 3 files are as RECORD says")


def test_files_without_a_record() -> None:
    """It is said, and counts as wrong."""
    (found,) = integrity_findings("integrity", Integrity("RECORD", is_applicable=False))

    assert (found.state, found.is_wrong) == (Verdict.NOT_APPLICABLE, True)


def test_each_file_has_a_finding() -> None:
    """As long as there are not too many to read."""
    wrong = tuple(Mismatch(f"{n}.py", Fault.EXTRA, found=Mark(1, "aa")) for n in range(MOST_NAMED + 2))

    few = list(integrity_findings("integrity", Integrity("RECORD", 3, wrong[:2])))
    many = list(integrity_findings("integrity", Integrity("RECORD", 3, wrong)))

    assert [one.subject for one in few] == ["integrity: 0.py", "integrity: 1.py"]
    assert (len(many), many[-1].message) == (MOST_NAMED + 1, "2 more files are not as recorded")
    assert all(one.is_wrong for one in [*few, *many])


def test_what_runs_from_elsewhere() -> None:
    """No file is to be installed again: what was built is there, and something else runs."""
    stray = Mismatch("/a", Fault.ELSEWHERE, Mark(problem="/b"))
    missing = Mismatch("b.py", Fault.MISSING, Mark(1, "aa"))

    found = list(integrity_findings("integrity", Integrity("RECORD", 3, (stray, missing))))

    assert found[0].message == "/a is what runs, and not of this build: /b expected"
    assert [one.advice for one in found] == [RUN_BUILT, INSTALL_AGAIN]
