"""Many fabrics in one service, each with a namespace of its own on the real API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.installation import lay_out, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.e2e.installation import Installation
    from tests.lab.git_server import Repository
    from tests.lab.kubernetes_server import KubernetesServer

RANGES = """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: VLANNamespace
metadata: {name: default}
spec: {ranges: [{from: 1000, to: 2999}]}
"""

AGENTS = {"agents", "gatewayagents"}
"""What is listed every minute, because a watch of it would bring secrets and heartbeats."""


@dataclass(frozen=True)
class Fleet:
    """A service as each of its fabrics sees it."""

    views: Sequence[Installation]
    server: KubernetesServer

    @property
    def service(self) -> Installation:
        return self.views[0]

    def settle(self) -> None:
        """Push to each repository with a delivery, start, and wait until every fabric is in sync and at rest."""
        commits = self._push_all()
        self.service.start()
        for url, commit in commits.items():
            view = next(view for view in self.views if view.repository.url == url)
            assert view.deliver(commit).status_code == 202
        wait_until(self._is_settled, seconds=180, what="every fabric in sync")

    def _push_all(self) -> dict[str, str]:
        commits = {}
        for url, repository in {view.repository.url: view.repository for view in self.views}.items():
            views = [view for view in self.views if view.repository.url == url]
            commits[url] = repository.push_files({f"{view.path}/ranges.yaml": RANGES for view in views})
        return commits

    def _is_settled(self) -> bool:
        fabrics = self.service.get("/fabrics")["fabrics"]
        verified = all(fabric["webhook"]["last_verified"] for fabric in fabrics)
        return verified and all(f["sync_status"] == "in_sync" and not f["reconciling"] for f in fabrics)

    def lists_since(self, mark: int) -> list[tuple[str, str]]:
        """Resource and namespace of the list requests to the API server, those of `AGENTS` aside."""
        return [
            (asked.resource, asked.namespace)
            for asked in self.server.requests_since(mark)
            if asked.verb == "list" and asked.resource not in AGENTS
        ]

    def close(self) -> None:
        self.service.close()
        for view in self.views:
            self.server.delete_hedgehog_objects(view.fabric_settings["cluster"]["namespace"])


def lay_out_fleet(folder: Path, repositories: Sequence[Repository], server: KubernetesServer, fabrics: int) -> Fleet:
    """A service that is not started, with its fabrics given to the repositories in turn."""
    views: list[Installation] = []
    for number in range(fabrics):
        cluster = {"kubeconfig": str(server.kubeconfig), "namespace": server.create_namespace()}
        repository, name = repositories[number % len(repositories)], f"f{number:02}"
        if views:
            views.append(views[0].add_fabric(name, {"cluster": cluster}, repository))
        else:
            views.append(lay_out(folder, repository, name, {"cluster": cluster}))
    return Fleet(views, server)
