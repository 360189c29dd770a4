"""The topology of a fabric, from what is known at the moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from structlog.testing import capture_logs

from reconciler.app.wiring import Wirings
from reconciler.desired.memory import MemorySource
from reconciler.errors import ConfigurationError, GitUnavailableError
from reconciler.model.events import Listing
from reconciler.model.kinds import KINDS
from reconciler.model.objects import Manifest, ObjectKey, Resource, Source
from tests.unit.app.configuration import LOCAL
from tests.unit.app.test_live import SERVER, Running

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.app.live import Made
    from reconciler.errors import ReconcilerError
    from reconciler.model.desired import Desired
    from reconciler.model.revision import Revision


PATIENCE = 10.0
"""Seconds."""


def declared(name: str, role: str = "server-leaf") -> Manifest:
    return Manifest(ObjectKey("Switch", "default", name), Source("a.yaml"), {"role": role})


def body(name: str) -> dict[str, Any]:
    kind = KINDS["Switch"]
    metadata = {"name": name, "namespace": "default", "resourceVersion": "1", "uid": name}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": {"role": "server-leaf"}}


class World:
    """One fabric, of which Git and the cluster are in memory."""

    def __init__(self, folder: Path, fabric: dict[str, Any]) -> None:
        made = Running(folder, fabric).live.version.made["dc1"]
        self.source = MemorySource()
        self.made: dict[str, Made] = {"dc1": replace(made, subject=replace(made.subject, source=self.source))}
        self.wirings = Wirings(lambda: self.made)

    def push(self, *manifests: Manifest) -> None:
        self.source.push(manifests)
        self.source.fetch()

    def names(self, fabric: str = "dc1") -> list[str]:
        return [node.key.name for node in self.wirings.of(fabric).nodes]


def test_of_git_and_cluster(tmp_path: Path) -> None:
    """What Git declares, with what only the cluster has; anew when either changed, and otherwise the same one."""
    world = World(tmp_path, SERVER)
    assert world.names() == []
    world.push(declared("leaf-1", "spine"))
    assert world.names() == ["leaf-1"]
    watch = world.made["dc1"].watch
    assert watch is not None
    held = tuple(Resource.from_body(body(name), KINDS["Switch"]) for name in ("leaf-1", "leaf-2"))
    watch.caches["Switch"].replace(Listing(held, "7"))
    assert world.names() == ["leaf-1", "leaf-2"]
    assert world.wirings.of("dc1").nodes[0].role == "spine"

    reads = len(world.source.reads)
    assert world.wirings.of("dc1") is world.wirings.of("dc1")
    assert len(world.source.reads) == reads


def test_of_an_embedded_cluster(tmp_path: Path) -> None:
    """It has no watch, and is asked."""
    world = World(tmp_path, LOCAL)
    cluster = world.made["dc1"].subject.cluster
    assert cluster is not None
    cluster.apply(body("leaf-3"))

    assert world.names() == ["leaf-3"]


def test_a_fabric_that_left(tmp_path: Path) -> None:
    """Nothing is kept of it."""
    world = World(tmp_path, LOCAL)
    world.push(declared("leaf-1"))
    assert world.names() == ["leaf-1"]
    world.made = {}
    assert world.names() == []


@pytest.mark.parametrize("call", ["last_fetched", "read"])
@pytest.mark.parametrize("error", [GitUnavailableError("the mirror is damaged"), ConfigurationError("no git")])
def test_a_revision_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: ReconcilerError
) -> None:
    """What the cluster has is shown all the same, and the log says what is wrong."""
    world = World(tmp_path, LOCAL)
    world.push(declared("leaf-1"))
    cluster = world.made["dc1"].subject.cluster
    assert cluster is not None
    cluster.apply(body("leaf-3"))

    def fail(*_: Revision) -> NoReturn:
        raise error

    monkeypatch.setattr(world.source, call, fail)
    with capture_logs() as log:
        assert world.names() == ["leaf-3"]

    assert [entry["error"] for entry in log] == [error.message]

    monkeypatch.undo()
    assert world.names() == ["leaf-1", "leaf-3"]


def test_a_fabric_that_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lets those who ask for another one have it."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    world, other = World(tmp_path / "a", LOCAL), World(tmp_path / "b", LOCAL)
    world.push(declared("leaf-1"))
    world.made["dc2"] = other.made["dc1"]
    read, begun, may_end = world.source.read, threading.Event(), threading.Event()

    def slow(revision: Revision) -> Desired:
        begun.set()
        assert may_end.wait(PATIENCE)
        return read(revision)

    monkeypatch.setattr(world.source, "read", slow)
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(world.names)
        assert begun.wait(PATIENCE)
        try:
            assert threads.submit(world.names, "dc2").result(PATIENCE) == []
            assert not asked.done()
        finally:
            may_end.set()
        assert asked.result(PATIENCE) == ["leaf-1"]
