"""The real servers for these tests: Git over HTTPS, a Kubernetes API server, NetBox."""

from __future__ import annotations

from tests.lab.fixtures import (
    git_server,
    kubernetes_server,
    lab,
    lab_session,
    namespace,
    netbox_server,
    pristine_netbox,
    repository,
    ssh_server,
)

__all__ = [
    "git_server",
    "kubernetes_server",
    "lab",
    "lab_session",
    "namespace",
    "netbox_server",
    "pristine_netbox",
    "repository",
    "ssh_server",
]
