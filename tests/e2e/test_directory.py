"""A fabric's directory in Git, kept in order by the service and the command line: real Git, a real cluster."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.demo.fabric import FabricShape, render
from reconciler.model.kinds import KINDS
from tests.contract.git_branch import GitBranch
from tests.e2e.conftest import LOCAL
from tests.e2e.fabrics import documents, file_name
from tests.e2e.installation import Installation, lay_out, wait_until
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World
    from tests.lab.git_server import Repository

pytestmark = pytest.mark.lab

SHAPE = FabricShape(spines=2, leafs=5, servers=10, vpcs=2, externals=0)
"""Of its 20 connections, 10 servers, 7 switches, 2 switch groups and 2 VPCs, and of some more, the golden is made."""

PEOPLE, PUSHES = 5, 4

NAMESPACES = ("VLANNamespace", "IPv4Namespace")


def branch(service: Installation) -> GitBranch:
    return GitBranch(service.repository.path)


def below(service: Installation, directory: str) -> set[str]:
    """The files of the fabric's directory below another one, at the tip, but for those that keep directories."""
    git = branch(service)
    start = f"{service.path}/"
    names = (name.removeprefix(start) for name in git.files(git.history()[-1]))
    return {name for name in names if name.startswith(f"{directory}/") and not name.endswith(".gitkeep")}


def run(service: Installation, *arguments: str) -> dict[str, Any]:
    """A command about the fabric; what it says in JSON."""
    service.write_settings()
    configuration = str(service.process.configuration)
    command, *options = arguments
    said = service.run_cli(command, service.fabric, "--config", configuration, "--output", "json", *options)
    assert said.returncode == 0, said.stdout + said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def dropped() -> dict[str, str]:
    """46 documents in one file, and two single ones."""
    wanted = ("SwitchGroup", "Switch", "Server", "Connection")
    found = [one for one in documents(SHAPE) if one.body["kind"] in wanted]
    texts = [render(one) for one in found]
    texts.append(_text("SwitchGroup", "spare", {}))
    for number in range(1, 7):
        link = {"server": {"port": f"server-0{number}/enp9s0"}, "switch": {"port": f"leaf-01/E1/{40 + number}"}}
        texts.append(_text("Connection", f"more-{number}", {"unbundled": {"link": link}}))
    vpcs = [render(one) for one in documents(SHAPE) if one.body["kind"] == "VPC"]
    return {
        "raw/prepop.yaml": "# the whole wiring\n" + "---\n".join(texts),
        "raw/vpc-01.yaml": vpcs[0],
        "raw/more/vpc-02.yaml": vpcs[1],
    }


def _text(kind: str, name: str, spec: JSONObject) -> str:
    body = {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return json.dumps(body) + "\n"


def provide_namespaces(world: World) -> None:
    """Those that VPCs name, made by somebody else."""
    for one in documents(SHAPE):
        if one.body["kind"] in NAMESPACES:
            world.cluster.server.kubectl(
                "apply", "--namespace", world.cluster.namespace, "--filename", "-", stdin=json.dumps(one.body)
            )


@pytest.fixture
def kept(world: World) -> World:
    """The directory is kept in order; there is no NetBox."""
    del world.service.fabric_settings["netbox"]
    world.service.fabric_settings["structure"] = {"enabled": True}
    return world


@pytest.fixture
def local(repository: Repository, tmp_path: Path) -> Iterator[Installation]:
    """The same with an embedded cluster."""
    service = lay_out(tmp_path / "service", repository, "dc1", {**LOCAL, "structure": {"enabled": True}})
    yield service
    service.close()


def test_46_documents_and_two_files(kept: World) -> None:
    """An empty repository gets its structure; dropped files become 48 files in 5 directories by one commit, and 48
    objects; our own push comes back and changes nothing; the second pass makes no commit.
    """
    service, git = kept.service, branch(kept.service)
    provide_namespaces(kept)
    assert run(service, "init")["state"] == "initialized"
    assert len(git.history()) == 1
    service.start()
    service.wait_idle()

    commit = service.push(dropped())
    wait_until(lambda: len(git.history()) == 3, what="our commit")
    own = git.history()[-1]
    service.wait_applied(own)

    managed = below(service, "managed")
    assert len(managed) == 48
    assert {name.split("/")[1] for name in managed} == {"connections", "servers", "switches", "switchgroups", "vpcs"}
    assert (below(service, "raw"), below(service, "unmanaged")) == (set(), set())
    assert git.parents(own) == [commit]
    assert "Reconciled-by: hedgehog-reconciler\nReconcile-request: " in git.message(own)
    declared = {key for key in kept.cluster.everything() if key[0] not in NAMESPACES}
    assert len(declared) == 48
    assert service.status()["sync_status"] == "in_sync", service.status()["message"]
    assert service.condition("StructureReady")["status"] == "True"
    mark = kept.cluster.mark()
    (request,) = service.deliver(own).json()["requests"]
    wait_until(lambda: service.get(f"/requests/{request['id']}")["state"] == "succeeded", what="our push came back")
    assert service.reconcile()["outcome"] == "succeeded"
    assert git.history()[-1] == own
    assert kept.cluster.writes_since(mark) == []


def test_what_cannot_be_managed(local: Installation) -> None:
    """A broken document is put aside with its reason, its siblings are managed; what an object's file says is changed
    in its place.
    """
    vpc, *_ = [one for one in documents(SHAPE) if one.body["kind"] == "VPC"]
    run(local, "init")
    local.push({file_name(vpc): render(vpc)}, deliver=False)
    edited = render(vpc).replace("1000", "1234")
    local.push({"raw/all.yaml": f"{edited}---\nkind: Nothing\n---\n{_text('Server', 's-1', {})}"}, deliver=False)
    local.start()
    local.wait_idle()

    assert below(local, "raw") == set()
    assert below(local, "managed") == {file_name(vpc), "managed/servers/s-1.yaml"}
    assert below(local, "unmanaged") == {"unmanaged/all-1.yaml", "unmanaged/all-1.yaml.reason.yaml"}
    files = branch(local).files(branch(local).history()[-1])
    assert "1234" in files[f"{local.path}/{file_name(vpc)}"]
    assert files[f"{local.path}/unmanaged/all-1.yaml"] == "kind: Nothing\n"
    assert 'file: "raw/all.yaml"\ndocument: "1"' in files[f"{local.path}/unmanaged/all-1.yaml.reason.yaml"]
    counts = local.passes()[0]["counts"]
    assert (counts["ingested"], counts["put_aside"]) == (2, 1)


def test_a_branch_that_takes_no_push(local: Installation) -> None:
    """What is managed already is applied, the status says why the rest waits, and it is made good once it can be."""
    first, other = (one for one in documents(SHAPE) if one.name in {"server-01", "server-02"})
    run(local, "init")
    local.push({file_name(first): render(first), "raw/other.yaml": render(other)}, deliver=False)
    branch(local).refuse()
    local.start()
    local.wait_idle()

    status = local.status()
    assert status["sync_status"] == "error"
    assert (status["last_pass"]["outcome"], status["counts"]["in_sync"]) == ("partial", 1)
    condition = local.condition("StructureReady")
    assert (condition["status"], condition["reason"]) == ("False", "PushRefused")
    assert "not on a Friday" in condition["message"]
    assert below(local, "raw") == {"raw/other.yaml"}

    branch(local).hook("pre-receive", None)
    assert local.reconcile()["outcome"] == "succeeded"
    assert below(local, "managed") == {file_name(first), file_name(other)}
    assert local.status()["counts"]["in_sync"] == 2


def test_by_hand(local: Installation) -> None:
    """Without the service: a dry run changes nothing, loose files are taken in by init, dropped ones by ingest."""
    vpc, other = [one for one in documents(SHAPE) if one.body["kind"] == "VPC"]
    local.push({"loose.yaml": render(vpc), "notes.txt": "ours\n"}, deliver=False)
    git = branch(local)
    before = git.history()

    foreseen = run(local, "init", "--dry-run")
    assert git.history() == before
    done = run(local, "init")
    assert done["changes"] == foreseen["changes"]
    assert done["committed"] == f"main@sha1:{git.history()[-1]}"
    assert [one["to"] for one in done["documents"]] == [file_name(vpc)]
    assert below(local, "managed") == {file_name(vpc)}
    assert f"{local.path}/notes.txt" in git.files(git.history()[-1])
    local.push({"raw/other.yaml": render(other)}, deliver=False)
    assert [one["how"] for one in run(local, "ingest")["documents"]] == ["created"]
    history = git.history()
    assert run(local, "ingest")["committed"] is None
    assert git.history() == history


def test_people_push_meanwhile(local: Installation) -> None:
    """Many push into `raw/` while the service takes in and pushes: whoever is later goes on from the other's commit,
    each document is managed in the end, and no commit of anybody is lost.
    """
    run(local, "init")
    local.start()
    local.wait_idle()

    def person(number: int) -> list[str]:
        clone = replace(local.repository, clone=local.folder / f"clone-{number}")
        texts = [{f"{local.path}/raw/{number}-{n}.yaml": _text("Server", f"s-{number}-{n}", {})} for n in range(PUSHES)]
        return [pushed(local, clone, text) for text in texts]

    with ThreadPoolExecutor(PEOPLE) as pool:
        commits = [commit for found in pool.map(person, range(PEOPLE)) for commit in found]
    managed = {f"managed/servers/s-{person}-{n}.yaml" for person in range(PEOPLE) for n in range(PUSHES)}
    wait_until(lambda: below(local, "managed") == managed, seconds=180, what=f"all is taken in: {local.log}")

    git = branch(local)
    history = git.history()
    assert set(commits) < set(history)
    assert [git.parents(commit) for commit in history[1:]] == [[commit] for commit in history[:-1]]
    assert (below(local, "raw"), below(local, "unmanaged")) == (set(), set())
    local.wait_applied(history[-1])
    assert local.status()["counts"]["in_sync"] == PEOPLE * PUSHES


def pushed(service: Installation, clone: Repository, files: dict[str, str]) -> str:
    """Push as one of many, who fetches and tries again until nobody was quicker, and let the forge tell of it."""
    for _ in range(50):
        try:
            commit = clone.push_files(files)
        except LabError as error:
            if "rejected" not in str(error) and "fetch first" not in str(error):
                raise
            continue
        assert service.deliver(commit).status_code in {200, 202}
        return commit
    raise AssertionError("somebody was quicker fifty times")
