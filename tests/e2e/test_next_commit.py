"""The next commit of a fabric: exactly what it changes is written, there and back; and the one that ends it waits."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.fabric import FABRIC_DEMO
from reconciler.model.kinds import KINDS
from tests.e2e.fabrics import bodies, generated_files, rendered, shared_folder

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab

Files = dict[str, str | None]
Keys = frozenset[tuple[str, str]]
"""Kinds and names."""


@dataclass(frozen=True)
class Change:
    """A fabric as files before and after a commit, and the objects that it is about."""

    before: Files
    after: Files
    created: Keys
    updated: Keys
    deleted: Keys

    def reversed(self) -> Change:
        return Change(self.after, self.before, self.deleted, self.updated, self.created)

    def commit(self) -> Files:
        """The files that differ."""
        removed: Files = dict.fromkeys(self.before.keys() - self.after.keys())
        return {path: text for path, text in self.after.items() if text != self.before.get(path)} | removed

    def writes(self) -> Counter[tuple[str, str, str]]:
        """The requests that it takes, as the audit log has them."""
        verbs = (("patch", self.created | self.updated), ("delete", self.deleted))
        return Counter((verb, KINDS[kind].plural, name) for verb, keys in verbs for kind, name in keys)


def _own() -> Change:
    """A fabric that loses servers, with all that is theirs, gains a VPC, and has another VLAN in each of the others."""
    before, after = bodies(FABRIC_DEMO), bodies(replace(FABRIC_DEMO, servers=FABRIC_DEMO.servers - 2))
    vpcs = [key for key in after if key.startswith("VPC/")]
    for key in vpcs:
        for subnet in after[key]["spec"]["subnets"].values():
            subnet["vlan"] += 1000
    after["VPC/new"] = _vpc(after[vpcs[0]])
    kept = before.keys() & after.keys()
    updated = {key for key in kept if before[key] != after[key]}
    found = (after.keys() - before.keys(), updated, before.keys() - after.keys())
    created, updated_keys, deleted = (frozenset(_key(key) for key in keys) for keys in found)
    return Change(rendered(before), rendered(after), created, updated_keys, deleted)


def _vpc(like: JSONObject) -> JSONObject:
    subnets = {"default": {"subnet": "10.1.200.0/24", "vlan": 2900}}
    return {**like, "metadata": {"name": "new"}, "spec": {**like["spec"], "subnets": subnets}}


def _key(text: str) -> tuple[str, str]:
    kind, _, name = text.partition("/")
    return kind, name


def _generated(shared: Path, folder: Path, namespace: str) -> Change:
    before = generated_files(shared, "1k", folder / "before", namespace)
    after = generated_files(shared, "1k", folder / "after", namespace, "--drift", "0.05")
    told = json.loads((folder / "after" / "CHANGES.json").read_text())
    created, updated, deleted = (frozenset((kind, name) for kind, name in told[w]) for w in ("add", "modify", "delete"))
    return Change(before, after, created, updated, deleted)


@pytest.fixture(params=[pytest.param("own", marks=[pytest.mark.long] if shared_folder() else []), "shared"])
def change(request: pytest.FixtureRequest, namespace: str, tmp_path: Path) -> Change:
    """Of the shared generator, with 1,017 objects on the real CRDs; where that is not present, of ours, with 80."""
    return _own() if request.param == "own" else _generated(request.getfixturevalue("shared"), tmp_path, namespace)


def _assert_applied(world: World, change: Change) -> None:
    """The commit's pass writes what it is about, each once, and nothing is refused."""
    service, mark, before = world.service, world.cluster.mark(), len(world.service.passes())

    status = service.wait_applied(service.push(change.commit()))

    assert Counter(world.cluster.writes_since(mark)) == change.writes()
    assert (status["sync_status"], status["problems"]) == ("in_sync", [])
    assert len(service.passes()) == before + 1
    assert service.passes()[0]["failures"] == []


def test_the_next_commit_and_back(world: World, change: Change) -> None:
    """A commit and its reverse each take one pass, which writes the objects that changed and no other, without a
    rejection. A commit that leaves one document is held back until its plan is approved; then all others go.
    """
    assert change.created
    assert change.updated
    assert change.deleted
    service = world.service
    world.fabric["cluster"] |= {"prune": True, "max_deletes": max(len(change.deleted), len(change.created))}
    world.fabric.pop("netbox")
    commit = service.repository.push_files({f"{service.path}/{path}": text for path, text in change.before.items()})
    service.start()
    service.wait_applied(commit, seconds=240)
    before = world.cluster.specs()

    _assert_applied(world, change)
    _assert_applied(world, change.reversed())
    assert world.cluster.specs() == before

    last = "VLANNamespace/default"
    mark = world.cluster.mark()
    service.push({path: None for path in change.before if not path.endswith("vlannamespaces/default.yaml")})
    status, plan = service.wait_idle(), service.get(f"/fabrics/{service.fabric}/plan")
    assert (status["sync_status"], status["reason"]) == ("out_of_sync", "TooManyDeletes")
    assert f"{len(before) - 1} deletes are more than cluster.max_deletes" in status["message"]
    assert world.cluster.writes_since(mark) == []

    assert service.run_cli("approve", service.fabric, plan["hash"][:12], "--by", "ann").returncode == 0
    assert service.wait_idle()["sync_status"] == "in_sync"
    assert world.cluster.specs() == {last: before[last]}
