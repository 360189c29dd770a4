"""What is said of an error that nobody expected, in a source tree: there the files are as they are."""

from __future__ import annotations

import json

import pytest

from reconciler.app.damage import missing_package, tell_damage
from reconciler.plan.verification import INSTALL_LOCKED

MISSING = ModuleNotFoundError("No module named 'no_such.part'", name="no_such.part")
CANNOT = "no_such cannot be imported: ModuleNotFoundError: No module named 'no_such.part'"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a"),
        ImportError("no name"),
        ModuleNotFoundError("ours", name="reconciler.app.nothing"),
        ImportError("ours", name="webhooks"),
        ModuleNotFoundError("Python's", name="_sqlite3"),
    ],
    ids=str,
)
def test_an_error_of_the_program(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said of it, and its traceback is shown."""
    assert missing_package(error) is None
    assert tell_damage(error, ["serve"]) is False
    assert capsys.readouterr() == ("", "")


def test_a_package_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named with what to do, in the place of a traceback; where no wheel tells versions, by the error alone."""
    assert tell_damage(MISSING, ["serve", "verify"]) is True

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "error: the program cannot go on: ModuleNotFoundError: No module named 'no_such.part'",
        f"error: {CANNOT}",
        f"Install the packages ({INSTALL_LOCKED}), or start the image, again; docs/verify.md tells more.",
    ]


def test_findings_of_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asked for findings gets them, as text or as the document that was asked for."""
    assert tell_damage(MISSING, ["verify", "--output", "json"]) is True
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 1
    assert [(one["subject"], one["state"]) for one in document["findings"]] == [
        ("integrity", "not applicable"),
        ("dependencies", "not applicable"),
        ("dependencies", "failing"),
    ]
    assert document["findings"][2]["message"] == CANNOT

    assert tell_damage(MISSING, ["ensure"]) is True
    assert capsys.readouterr().out.splitlines()[2] == f"failing  dependencies: {CANNOT}"
