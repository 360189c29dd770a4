"""The reporter while the store cannot be read: what is known without it is said all the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from reconciler.status.health import ComponentState
from tests.unit.status.test_reporter import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def _break(desk: Desk, statement: str) -> None:
    with closing(sqlite3.connect(desk.path)) as database, database:
        database.execute(statement)


@pytest.mark.parametrize("table", ["fabrics", "schema_version"])
def test_a_store_that_cannot_be_read(desk: Desk, table: str) -> None:
    """Health and metrics say so, and what they know without it, also where no write fails."""
    desk.end_pass()
    desk.components.report("store", ComponentState.RUNNING)
    _break(desk, "DROP TABLE fabrics")
    _break(desk, f"DROP TABLE IF EXISTS {table}")

    health = desk.reporter.healthz()
    lines = desk.reporter.metrics()[0].decode().splitlines()

    assert (health.is_ok, health.body["status"]) == (False, "degraded")
    assert (health.body["connections"], health.body["failing"], health.body["overdue"]) == ({}, [], [])
    assert health.body["components"]["web"]["state"] == "running"
    assert health.body["components"]["store"]["state"] == "failed"
    assert "no such table" in health.body["components"]["store"]["reason"]
    assert "reconciler_ready 0.0" in lines
    assert 'reconciler_component_up{component="store"} 0.0' in lines
    assert 'reconciler_component_up{component="web"} 1.0' in lines
    assert not any("fabric=" in line for line in lines)


def test_a_scrape_does_not_contradict_itself(desk: Desk) -> None:
    """The parts are those of the look that says whether the process is ready."""
    desk.components.report("store", ComponentState.RUNNING)
    _break(desk, "DROP TABLE schema_version")
    lines = desk.reporter.metrics()[0].decode().splitlines()

    assert "reconciler_ready 0.0" in lines
    assert 'reconciler_component_up{component="store"} 0.0' in lines
