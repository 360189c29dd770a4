"""What passes work on: each fabric with its Git source and its targets, built from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.desired.git import Mirror
from reconciler.desired.remote import GitRemote
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.errors import ConfigurationError
from reconciler.reconcile import Subject
from reconciler.settings.urls import canonical
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.netbox import LocalNetBox
from reconciler.targets.netbox import NetBoxAccess, NetBoxServer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reconciler.ports import Cluster, Documents, NetBox
    from reconciler.settings import FabricSettings, RepositorySettings, Settings


def build_subjects(settings: Settings, documents: Documents) -> dict[str, Subject]:
    """Every fabric by name. `documents` carries the embedded stores.

    Raises ConfigurationError: a target cannot be used as it is configured, or two fabrics share one.
    """
    mirrors = build_mirrors(settings, settings.state_path.parent / "mirrors")
    cache = ParseCache()
    subjects = {
        fabric.name: Subject(
            fabric,
            FabricSource(mirrors[fabric.repository], fabric, cache),
            build_cluster(configured, documents),
            build_netbox(configured, documents),
        )
        for fabric, configured in zip(settings.fabric_values(), settings.fabrics, strict=True)
    }
    refuse_shared(subjects.values())
    return subjects


def build_mirrors(settings: Settings, folder: Path) -> dict[str, Mirror]:
    """A mirror for each repository, below `folder`, which no other process may use. Nothing is fetched yet."""
    return {r.name: Mirror(_remote(r), folder / f"{r.name}.git") for r in settings.repositories}


def _remote(repository: RepositorySettings) -> GitRemote:
    auth = repository.auth
    return GitRemote(
        name=repository.name,
        url=repository.url,
        branch=repository.branch,
        username=auth.username if auth else None,
        password_file=auth.password_file if auth else None,
        password_env=auth.password_env if auth else None,
        ca_file=repository.ca_file,
        allow_local=repository.allow_local,
    )


def build_cluster(fabric: FabricSettings, documents: Documents) -> Cluster | None:
    """The fabric's cluster, None where it has none. Raises ConfigurationError."""
    cluster = fabric.cluster
    if cluster is None:
        return None
    if cluster.local:
        return LocalCluster(documents, fabric.name)
    return KubernetesCluster(
        ClusterAccess(
            kubeconfig=cluster.kubeconfig,
            context=cluster.context,
            in_cluster=cluster.in_cluster,
            server=cluster.server,
            token=cluster.token.read if cluster.token else None,
            ca_file=cluster.ca_file,
        ),
        cluster.namespace,
    )


def build_netbox(fabric: FabricSettings, documents: Documents) -> NetBox | None:
    """The fabric's NetBox, None where it has none. Raises ConfigurationError."""
    netbox = fabric.netbox
    if netbox is None:
        return None
    if netbox.local:
        return LocalNetBox(documents, fabric.name)
    if netbox.url is None or netbox.token is None:
        raise ConfigurationError(f"fabric {fabric.name}: netbox needs url with a token, or local")
    return NetBoxServer(NetBoxAccess(netbox.url, netbox.token.read, netbox.ca_file, netbox.writers))


def refuse_shared(subjects: Iterable[Subject]) -> None:
    """Raises ConfigurationError when two fabrics would write to one place: a namespace of one API server, or a site of
    one NetBox. The settings alone cannot see it, because two kubeconfigs may name the same server.
    """
    owners: dict[tuple[str, str], str] = {}
    for subject in subjects:
        fabric = subject.fabric
        places = []
        if subject.cluster is not None and fabric.cluster is not None:
            places.append((subject.cluster.address, f"namespace {fabric.cluster.namespace}"))
        if subject.netbox is not None and fabric.netbox is not None:
            places.append((subject.netbox.address, f"site {fabric.netbox.site}"))
        for place in places:
            other = owners.setdefault((canonical(place[0]), place[1]), fabric.name)
            if other != fabric.name:
                raise ConfigurationError(f"fabrics {other} and {fabric.name} share {place[1]} of {place[0]}")
