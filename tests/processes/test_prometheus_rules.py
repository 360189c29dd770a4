"""The rules for Prometheus, judged by its own program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.commands import run
from tests.lab.promtool import fetch, promtool

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"


@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")])
def test_rules(arguments: tuple[str, ...]) -> None:
    """They are well formed, and each fires when it should, with the words that it should, and not before."""
    assert "SUCCESS" in run([promtool(), *arguments], timeout=60.0, cwd=RULES)


@pytest.mark.long
def test_a_machine_without_it(tmp_path: Path) -> None:
    """Unpacked from Debian's package, without being installed, it works as well."""
    fetch(tmp_path)

    assert "promtool, version" in run([tmp_path / "usr" / "bin" / "promtool", "--version"], timeout=60.0)
