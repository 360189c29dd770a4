"""The backup that the documentation shows, made as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.app.clock import SystemClock
from reconciler.store import open_store, suspended_in

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[3] / "docs"


def _shown() -> Iterator[tuple[str, str]]:
    for page in ("state.md", "deployment.md"):
        text = (DOCS / page).read_text().replace("\\\n", " ")
        for command in re.findall(r"\(umask 077; .*\)$", text, re.MULTILINE):
            yield page, command


def test_each_page_shows_one() -> None:
    """Else nothing would be tried here."""
    assert [page for page, _ in _shown()] == ["state.md", "deployment.md"]


@pytest.mark.parametrize("command", [command for _, command in _shown()])
def test_a_backup_while_the_service_runs(tmp_path: Path, command: str) -> None:
    """It holds what was stored last, and nobody else can read it."""
    path, copy = tmp_path / "reconciler.db", tmp_path / "backup.db"
    adapted = re.sub(r"\S*python3?(?= -c)", sys.executable, command)
    adapted = re.sub(r"\S+\.db\s+\S+\.db", f"{path} {copy}", adapted)
    store = open_store(path, SystemClock())
    store.suspend("dc1", "by hand")

    subprocess.run(["sh", "-c", adapted], check=True, timeout=60)

    store.close()
    assert (suspended_in(copy), copy.stat().st_mode & 0o777) == (frozenset({"dc1"}), 0o600)
