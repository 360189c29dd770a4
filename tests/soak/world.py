"""The soak's world: three fabrics in two repositories on the lab's servers, and one service under a supervisor."""

from __future__ import annotations

import secrets
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.crds import serve
from tests.e2e.fabrics import files
from tests.e2e.installation import lay_out
from tests.e2e.people import People
from tests.e2e.targets import ClusterView, NetBoxView
from tests.soak.schedule import KEPT, MIRRORED, PLAIN
from tests.soak.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.e2e.installation import Installation
    from tests.lab.git_server import Repository
    from tests.lab.lab import Lab

MANIFEST = "reconciler-manifest.json"
"""What the tree is verified against."""

INTERVAL = 10.0
"""Seconds between polls: short, so that a soak has many."""


@dataclass(frozen=True)
class SoakFabric:
    """One fabric, with the real systems behind it."""

    view: Installation
    cluster: ClusterView
    netbox: NetBoxView | None

    @property
    def name(self) -> str:
        return self.view.fabric


@dataclass(frozen=True)
class SoakWorld:
    lab: Lab
    service: Installation
    supervisor: Supervisor
    fabrics: Mapping[str, SoakFabric]
    people: People
    """Who works in the NetBox of the mirrored fabric."""
    answers: Path
    """What the service answered to the hooks of the repositories, a line each."""

    def close(self) -> None:
        """End the service, and take away what it and the soak made on the servers."""
        self.supervisor.close()
        for fabric in self.fabrics.values():
            fabric.cluster.server.delete_hedgehog_objects(fabric.cluster.namespace)
        for repository in {one.view.repository.name: one.view.repository for one in self.fabrics.values()}.values():
            repository.server.delete_repository(repository.name)
        self.service.close()


def build(lab: Lab, folder: Path, crds: Path, tree: Path) -> SoakWorld:
    """Everything laid out, with a first commit in each repository; the service, which runs from the tree that an image
    gets, is not started.
    """
    serve(lab.kubernetes, crds)
    lab.netbox.reset()
    alone, together = (_repository(lab) for _ in range(2))
    service = lay_out(folder, alone, PLAIN, {"cluster": _cluster(lab)})
    kept = service.add_fabric(KEPT, {"cluster": _cluster(lab), "structure": {"enabled": True}}, together)
    token = folder / "secrets" / "netbox-token"
    token.touch(mode=0o600)
    token.write_text(lab.netbox.token)
    netbox = {"url": lab.netbox.url, "token_file": str(token), "site": MIRRORED}
    mirrored = service.add_fabric(MIRRORED, {"cluster": _cluster(lab), "netbox": netbox}, together)
    service.settings.update(poll={"interval": INTERVAL}, workers=2, history={"passes": 100_000})
    service.write_settings()
    service.process.program = (str(tree / "bin" / "reconciler"),)
    service.process.variables = {"RECONCILER_MANIFEST": str(tree / MANIFEST)}
    views = {view.fabric: _fabric(lab, view) for view in (service, kept, mirrored)}
    answers = folder / "answers"
    for repository in (alone, together):
        _first_commit(repository, [one.view for one in views.values() if one.view.repository is repository])
        _hook(repository, service, answers)
    view = views[MIRRORED].netbox
    assert view is not None
    return SoakWorld(lab, service, Supervisor(service.process), views, People.at_site(view), answers)


def _repository(lab: Lab) -> Repository:
    name = f"soak-{secrets.token_hex(4)}"
    lab.git.create_repository(name)
    return lab.git.repository(name)


def _cluster(lab: Lab) -> JSONObject:
    namespace = lab.kubernetes.create_namespace("soak")
    kubeconfig = str(lab.kubernetes.kubeconfig)
    # what is deleted while a server is away is deleted by one pass
    return {"kubeconfig": kubeconfig, "namespace": namespace, "prune": True, "max_deletes": 100}


def _fabric(lab: Lab, view: Installation) -> SoakFabric:
    cluster = ClusterView(lab.kubernetes, view.fabric_settings["cluster"]["namespace"])
    netbox = NetBoxView(lab.netbox, view.fabric) if "netbox" in view.fabric_settings else None
    return SoakFabric(view, cluster, netbox)


def _first_commit(repository: Repository, views: list[Installation]) -> None:
    repository.push_files({f"{view.path}/{name}": text for view in views for name, text in files().items()})


def _hook(repository: Repository, service: Installation, answers: Path) -> None:
    """What the Git server runs after each push: it delivers as GitHub does, and keeps the answer."""
    secret = service.folder / "secrets" / f"webhook-{repository.name}"
    command = [
        *(sys.executable, "-m", "reconciler.demo.hook", "--url", f"{service.url}/webhooks/github"),
        *("--secret-file", str(secret), "--repository", repository.url),
    ]
    hook = repository.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {shlex.join(command)} >> {shlex.quote(str(answers))} 2>&1\n")
    hook.chmod(0o755)
