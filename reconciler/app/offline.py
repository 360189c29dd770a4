"""`reconciler plan --offline`: what can be told of a fabric with neither the service nor a cluster."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reconciler.app.directories import find_fabric
from reconciler.app.subjects import mirror_folder, remote_of
from reconciler.app.telling import silent
from reconciler.desired.git import Mirror
from reconciler.desired.manifests.crds import read_crds
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.desired.working_copy import WorkingCopy
from reconciler.reconcile.offline import foresee_offline
from reconciler.status.plan_views import offline_view

if TYPE_CHECKING:
    from reconciler.app.telling import Tell
    from reconciler.desired.source import Files
    from reconciler.model.json import JSONObject
    from reconciler.settings import FabricSettings, RepositorySettings, Settings


def plan_offline(
    settings: Settings, name: str, crds: Path, directory: Path | None = None, tell: Tell = silent
) -> JSONObject:
    """The plan as the API gives it, with what `offline_view` adds: of the tip of the fabric's branch, fetched into a
    folder that is gone afterwards; of the working copy in `directory`, where one is given.

    Raises UnknownFabricError, ConfigurationError.
    """
    fabric, repository = _find(settings, name)
    tell(f"{name}: reading schemas from {crds}")
    served = read_crds(crds)
    with TemporaryDirectory(prefix="reconciler-plan-") as folder:
        files = _files(repository, Path(folder), directory)
        tell(f"{name}: {f'fetching repository {repository.name}' if directory is None else f'reading {directory}'}")
        value = fabric.value(repository, settings.poll.interval)
        found = foresee_offline(value, FabricSource(files, value, ParseCache()), served)
    return offline_view(found, str(crds), None if directory is None else str(directory))


def _find(settings: Settings, name: str) -> tuple[FabricSettings, RepositorySettings]:
    fabric = find_fabric(settings, name)
    return fabric, next(one for one in settings.repositories if one.name == fabric.repository)


def _files(repository: RepositorySettings, folder: Path, directory: Path | None) -> Files:
    if directory is not None:
        return WorkingCopy(directory, repository.branch)
    remote = remote_of(repository)
    return Mirror(remote, mirror_folder(folder, remote))
