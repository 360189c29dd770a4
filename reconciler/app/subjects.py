"""What passes work on: Git sources and targets, built from the settings."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING
from weakref import WeakSet

import structlog

from reconciler.app.clock import SystemClock
from reconciler.app.publishers import build_publisher
from reconciler.desired.git import Mirror
from reconciler.desired.publishing import Waiting
from reconciler.desired.remote import GitRemote
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.desired.upkeep import DirectoryUpkeep
from reconciler.desired.workplace import remove
from reconciler.errors import ConfigurationError
from reconciler.settings.urls import canonical
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.netbox import LocalNetBox
from reconciler.targets.netbox import NetBoxAccess, NetBoxServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reconciler.model.calls import CallHook
    from reconciler.model.fabric import Fabric
    from reconciler.ports import Cluster, Documents, NetBox, Upkeep
    from reconciler.reconcile import Subject
    from reconciler.settings import ClusterSettings, FabricSettings, NetBoxSettings, RepositorySettings, Settings

log = structlog.get_logger("service")


class Stock:
    """What outlives a version of the configuration, and must: mirrors, because two of one directory have to wait for
    each other; embedded stores, because two on one collection would not see each other's writes; parsed files.

    `documents` carries the embedded stores; below `folder`, which no other process may use, are the mirrors.
    `is_pressed` tells whether somebody waits for the next pass over a fabric, `stop` whether the service is stopping.
    `on_call` is told of each call of an outside system: its kind, and as `CallHook`.
    """

    def __init__(
        self,
        documents: Documents,
        folder: Path,
        is_pressed: Callable[[str], bool] = lambda _: False,
        stop: threading.Event | None = None,
        on_call: Callable[[str, str, float, str], None] = lambda *_: None,
    ) -> None:
        self._on_call = on_call
        self._documents = documents
        self._folder = folder
        self._is_pressed = is_pressed
        self._stop = stop or threading.Event()
        self._mirrors: WeakSet[Mirror] = WeakSet()
        """Those that are in use: by the configuration, or by a pass that began before it changed."""
        self._clusters: dict[str, LocalCluster] = {}
        self._netboxes: dict[str, LocalNetBox] = {}
        self._cache = ParseCache()

    def source(self, remote: GitRemote, fabric: Fabric) -> FabricSource:
        """The fabric's directory in its repository. Nothing is fetched yet."""
        return FabricSource(self.mirror(remote), fabric, self._cache)

    def mirror(self, remote: GitRemote) -> Mirror:
        """The mirror of a remote. Each URL has a directory of its own; where only the branch or the credentials are
        others, there is a further mirror in that directory, which waits for the first.
        """
        folder = mirror_folder(self._folder, remote)
        known = [mirror for mirror in self._mirrors if mirror.directory == folder]
        same = next((mirror for mirror in known if mirror.remote == remote), None)
        mirror = same or (known[0].following(remote) if known else self._new_mirror(remote, folder))
        self._mirrors.add(mirror)
        return mirror

    def _new_mirror(self, remote: GitRemote, folder: Path) -> Mirror:
        return Mirror(remote, folder, on_call=partial(self._on_call, "git"))

    def upkeep(self, fabric: Fabric, repository: RepositorySettings, source: FabricSource) -> Upkeep | None:
        """What keeps the fabric's directory in order, where it is ours to keep."""
        if fabric.structure is None:
            return None
        return build_upkeep(fabric, repository, source, self.mirror(remote_of(repository)), self._stop)

    def sweep(self) -> None:
        """Remove the directories of mirrors that nobody uses any more. One that cannot be removed stays."""
        used = {mirror.directory for mirror in self._mirrors}
        for folder in self._folder.glob("*.git"):
            if folder not in used:
                log.info("mirror removed", folder=folder.name)
                try:
                    remove(folder)
                except OSError as error:
                    log.warning("mirror could not be removed", folder=folder.name, error=error.strerror)

    def cluster(self, fabric: FabricSettings) -> Cluster | None:
        """As `build_cluster`."""
        if fabric.cluster is not None and fabric.cluster.local:
            return self._clusters.setdefault(fabric.name, LocalCluster(self._documents, fabric.name))
        return build_cluster(fabric, self._documents, partial(self._on_call, "kubernetes"))

    def netbox(self, fabric: FabricSettings) -> NetBox | None:
        """As `build_netbox`."""
        if fabric.netbox is not None and fabric.netbox.local:
            return self._netboxes.setdefault(fabric.name, LocalNetBox(self._documents, fabric.name))
        is_pressed = partial(self._is_pressed, fabric.name)
        return build_netbox(fabric, self._documents, is_pressed, partial(self._on_call, "netbox"))

    def netbox_to_look_at(self, fabric: FabricSettings) -> NetBox | None:
        """As `build_netbox`: one that shares nothing with that of passes but what it is connected to."""
        return build_netbox(fabric, self._documents, on_call=partial(self._on_call, "netbox"))


def mirrors_beside(state: Path) -> Path:
    """Where the service has its mirrors, by its state file."""
    return state.parent / "mirrors"


def mirror_folder(folder: Path, remote: GitRemote) -> Path:
    """Where the mirror of a remote is. Were it by name alone, the mirrors of a URL and of the one that takes its place
    would remove each other for as long as both are in use.
    """
    return folder / f"{remote.name}-{sha256(remote.url.encode()).hexdigest()[:12]}.git"


def build_mirrors(settings: Settings, folder: Path) -> dict[str, Mirror]:
    """A mirror for each repository, below `folder`, which no other process may use. Nothing is fetched yet."""
    remotes = map(remote_of, settings.repositories)
    return {remote.name: Mirror(remote, mirror_folder(folder, remote)) for remote in remotes}


def remote_of(repository: RepositorySettings) -> GitRemote:
    """Where a repository is, and who we are there."""
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
        ssh_key_file=auth.ssh_key_file if auth else None,
        ssh_key_env=auth.ssh_key_env if auth else None,
        known_hosts_file=auth.known_hosts_file if auth else None,
    )


def build_upkeep(
    fabric: Fabric, repository: RepositorySettings, source: FabricSource, mirror: Mirror, stop: threading.Event
) -> DirectoryUpkeep:
    """What keeps a fabric's directory in order by commits to this mirror's branch. Nothing is read yet."""
    publisher = build_publisher(repository.commit, mirror, SystemClock(), Waiting(stop.wait))
    return DirectoryUpkeep(source, publisher, fabric)


def build_cluster(fabric: FabricSettings, documents: Documents, on_call: CallHook = lambda *_: None) -> Cluster | None:
    """The fabric's cluster, None where it has none; `on_call` is told of each call. Raises ConfigurationError."""
    cluster = fabric.cluster
    if cluster is None:
        return None
    if cluster.local:
        return LocalCluster(documents, fabric.name)
    return KubernetesCluster(replace(access_of(cluster), on_call=on_call), cluster.namespace)


def access_of(cluster: ClusterSettings) -> ClusterAccess:
    """Where the API of a cluster is, and who we are there."""
    return ClusterAccess(
        kubeconfig=cluster.kubeconfig,
        context=cluster.context,
        in_cluster=cluster.in_cluster,
        server=cluster.server,
        token=cluster.token.read if cluster.token else None,
        ca_file=cluster.ca_file,
    )


def build_netbox(
    fabric: FabricSettings,
    documents: Documents,
    is_pressed: Callable[[], bool] = lambda: False,
    on_call: CallHook = lambda *_: None,
) -> NetBox | None:
    """The fabric's NetBox, None where it has none; `is_pressed` and `on_call` as `NetBoxAccess` has them. Raises
    ConfigurationError.
    """
    netbox = fabric.netbox
    if netbox is None:
        return None
    if netbox.local:
        return LocalNetBox(documents, fabric.name)
    if netbox.url is None or netbox.token is None:
        raise ConfigurationError(f"fabric {fabric.name}: netbox needs url with a token, or local")
    return NetBoxServer(replace(netbox_access(netbox), is_pressed=is_pressed, on_call=on_call))


def netbox_access(netbox: NetBoxSettings) -> NetBoxAccess:
    """Where a real NetBox is, and who we are there. Raises ConfigurationError for an embedded one."""
    if netbox.url is None or netbox.token is None:
        raise ConfigurationError("netbox needs url with a token")
    return NetBoxAccess(netbox.url, netbox.token.read, netbox.ca_file, netbox.writers)


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
