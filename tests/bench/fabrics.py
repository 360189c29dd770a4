"""Fabrics to measure with, and a service that keeps one on the lab's real API server."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.demo.fabric import FabricShape
from tests.e2e.installation import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.installation import Installation
    from tests.lab.lab import Lab

FABRIC_1000 = FabricShape(leafs=16, servers=264, vpcs=100, externals=2)
"""1,010 objects."""

FABRIC_5000 = FabricShape(spines=8, leafs=32, servers=768, vpcs=250, attachments_per_server=4)
"""5,302 objects."""

FABRIC_10000 = FabricShape(spines=8, leafs=32, servers=768, vpcs=250, attachments_per_server=10, externals=2)
"""9,913 objects."""

FABRIC_50000 = FabricShape(spines=8, leafs=32, servers=768, vpcs=250, attachments_per_server=62)
"""49,846 objects, nearly all of them attachments: fabrics do not become this large here in any other way."""


@contextmanager
def with_netbox(lab: Lab, folder: Path, name: str) -> Iterator[Installation]:
    """An installation that is not started, with one fabric on the real API server and in NetBox, at a site of its name.
    NetBox may tell it of edits. Cleared away at the end, NetBox aside.
    """
    lab.git.create_repository(name)
    namespace = lab.kubernetes.create_namespace("bench")
    targets = {
        "cluster": {"kubeconfig": "secrets/kubeconfig", "namespace": namespace},
        "netbox": {
            "url": lab.netbox.url,
            "token_file": "secrets/netbox-token",
            "site": name,
            "webhook_secret_file": "secrets/netbox-webhook",
        },
    }
    service = lay_out(folder, lab.git.repository(name), name, targets)
    lab.kubernetes.write_kubeconfig(folder / "secrets" / "kubeconfig", token=lab.kubernetes.admin_token)
    for file, text in (("netbox-token", lab.netbox.token), ("netbox-webhook", secrets.token_urlsafe(24))):
        (folder / "secrets" / file).touch(mode=0o600)
        (folder / "secrets" / file).write_text(text)
    try:
        yield service
    finally:
        service.close()
        lab.kubernetes.delete_hedgehog_objects(namespace)
        lab.git.delete_repository(name)


@contextmanager
def cluster_only(lab: Lab, folder: Path) -> Iterator[tuple[Installation, str]]:
    """An installation that is not started, with one fabric on the real API server; its namespace. Cleared away at the
    end.
    """
    name = f"bench-{secrets.token_hex(3)}"
    lab.git.create_repository(name)
    namespace = lab.kubernetes.create_namespace("bench")
    targets = {"cluster": {"kubeconfig": "secrets/kubeconfig", "namespace": namespace}}
    service = lay_out(folder, lab.git.repository(name), name, targets)
    # A token, as a service account has one: the server checks a certificate anew for each request.
    lab.kubernetes.write_kubeconfig(folder / "secrets" / "kubeconfig", token=lab.kubernetes.admin_token)
    try:
        yield service, namespace
    finally:
        service.close()
        lab.kubernetes.delete_hedgehog_objects(namespace)
        lab.git.delete_repository(name)
