"""`reconciler adopt`: what only the cluster has, into Git. Works without the service, and beside it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.app.directories import Configured, mirrored
from reconciler.app.publishers import build_publisher
from reconciler.app.subjects import build_cluster
from reconciler.app.telling import silent
from reconciler.desired.adopting import DirectoryAdoption, Seen
from reconciler.desired.publishing import Waiting
from reconciler.errors import ClusterAccessError, ConfigurationError, KindNotServedError
from reconciler.model.kinds import DECLARABLE
from reconciler.model.served import Served
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from reconciler.app.telling import Tell
    from reconciler.model.adoption import Adoption
    from reconciler.model.objects import Resource
    from reconciler.ports import Cluster
    from reconciler.settings import FabricSettings, Settings


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the objects of a cluster, by `adoption`; what else is to be known is in `notes`. `is_dry_run`:
    nothing was committed, whatever there is to commit.
    """

    fabric: str
    cluster: str
    adoption: Adoption
    notes: tuple[str, ...]
    is_dry_run: bool


def adopt(
    settings: Settings, name: str, *, is_managed: bool = False, is_dry_run: bool = False, tell: Tell = silent
) -> Report:
    """Adopt what only the fabric's cluster has. Leaves nothing on this machine.

    Raises UnknownFabricError; ConfigurationError where the fabric has nothing to adopt from; StalledError where its
    directory is not in order; and as `Cluster.list` and `Publisher.publish`.
    """
    fabric = Configured.of(settings, name)
    cluster = _cluster(fabric.settings)
    notes: list[str] = []
    tell(f"{name}: reading {cluster.address}")
    seen = _look(cluster, notes)
    tell(f"{name}: fetching repository {fabric.repository.name}{'' if is_dry_run else ', committing and pushing'}")
    with mirrored(fabric) as (mirror, source):
        adoption = DirectoryAdoption(source, fabric.value, is_managed=is_managed)
        if is_dry_run:
            done = adoption.look(mirror.fetch(), seen)
        else:
            waiting = Waiting(threading.Event().wait)
            done = adoption.adopt(build_publisher(fabric.repository.commit, mirror, SystemClock(), waiting), seen)
    return Report(name, cluster.address, done, tuple(notes), is_dry_run)


def _cluster(found: FabricSettings) -> Cluster:
    if "cluster" in found.simulated:
        raise ConfigurationError(
            f"fabric {found.name}: its cluster is embedded, and holds nothing but what Git declares"
        )
    cluster = build_cluster(found, MemoryDocuments())
    if cluster is None:
        raise ConfigurationError(f"fabric {found.name} has no cluster to adopt from")
    return cluster


def _look(cluster: Cluster, notes: list[str]) -> Seen:
    objects: list[Resource] = []
    absent = []
    for kind in DECLARABLE:
        try:
            objects += cluster.list(kind)
        except KindNotServedError:
            absent.append(kind.name)
    if absent:
        notes.append(f"the cluster does not serve {', '.join(absent)}")
    return Seen(objects, _served(cluster, notes))


def _served(cluster: Cluster, notes: list[str]) -> Served:
    try:
        return cluster.served()
    except (ClusterAccessError, KindNotServedError) as error:
        notes.append(f"schemas cannot be read, so that their defaults are not left out: {error.message}")
        return Served()
