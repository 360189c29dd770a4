"""What is told of a pass while somebody waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.cli.following import doing
from tests.unit.cli import answers

RUNNING = {"id": "p", "triggers": ["push"], "started": "2026-03-01T12:00:00.000Z", "phase": "observe"}
PROGRESS = {"phase": "netbox", "done": 320, "total": 1693}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"reconciling": True}, "dc1: reconciling", id="an older server"),
        pytest.param({"reconciling": True, "current_pass": RUNNING}, "dc1: phase observe", id="a phase"),
        pytest.param(
            {"reconciling": True, "current_pass": RUNNING, "progress": PROGRESS},
            "dc1: writing to NetBox 320/1693",
            id="writes",
        ),
        pytest.param({}, "waiting for the pass to begin, or for its answer", id="nothing"),
    ],
)
def test_doing(changes: dict[str, Any], said: str) -> None:
    """The finest that the service tells of each fabric that is busy."""
    assert doing([answers.fabric() | changes, answers.fabric("dc2")]) == said
