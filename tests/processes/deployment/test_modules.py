"""Whether each module can be imported, told by another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app import installation
from reconciler.app.installation import verify_modules
from reconciler.model.verification import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _package(root: Path, **modules: str) -> Path:
    """Packages of our names; what they hold is the test's."""
    for name in ("reconciler", "webhooks"):
        (root / name).mkdir()
        (root / name / "__init__.py").write_text("")
    for name, code in modules.items():
        (root / "reconciler" / f"{name}.py").write_text(code)
    return root


def _said(root: Path) -> list[tuple[str, Verdict, str]]:
    return [(one.subject, one.state, one.message) for one in verify_modules(root)]


def test_modules_that_can_be_imported(tmp_path: Path) -> None:
    """All are counted; what they print is no answer."""
    root = _package(tmp_path, one="print('hello')", two="")

    assert _said(root) == [("modules", Verdict.OK, "all 4 modules can be imported")]


def test_each_module_that_cannot_be_imported(tmp_path: Path) -> None:
    """It is named with the reason, and the others are still tried; one that exits is such a module, too."""
    root = _package(tmp_path, a="import nothing_of_the_kind", b="def f(:", c="raise SystemExit(0)", d="")

    said = _said(root)

    assert [subject for subject, _, _ in said] == ["module reconciler.a", "module reconciler.b", "module reconciler.c"]
    assert {state for _, state, _ in said} == {Verdict.FAILING}
    assert said[0][2] == "cannot be imported: ModuleNotFoundError: No module named 'nothing_of_the_kind'"
    assert "SyntaxError" in said[1][2]


def test_a_module_that_ends_the_interpreter(tmp_path: Path) -> None:
    """As a damaged library does: the module is named all the same."""
    root = _package(tmp_path, a="", b="import os; os._exit(3)")

    assert _said(root) == [
        ("module reconciler.b", Verdict.FAILING, "cannot be imported: it ends the interpreter (exit code 3)")
    ]


def test_modules_that_take_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(installation, "IMPORT_TIMEOUT", 0.0)

    assert _said(_package(tmp_path))[0][1] is Verdict.FAILING
