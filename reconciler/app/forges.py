"""The forges that are told of commits, built from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.forge_project import project_of
from reconciler.status.commit_status import Told
from reconciler.status.forges import ForgeAccess, ForgeClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.fabric import Fabric
    from reconciler.settings import RepositorySettings, Settings


def forge_accesses(settings: Settings) -> dict[str, ForgeAccess]:
    """By repository; those without a forge are left out."""
    found = ((repository.name, _access(repository)) for repository in settings.repositories)
    return {name: access for name, access in found if access is not None}


def told(settings: Settings, fabrics: Mapping[str, Fabric]) -> Told:
    """Whom to tell of which fabrics."""
    forges = {name: ForgeClient(access) for name, access in forge_accesses(settings).items()}
    return Told(forges, fabrics, settings.server.public_url)


def _access(repository: RepositorySettings) -> ForgeAccess | None:
    forge = repository.forge
    if forge is None:
        return None
    return ForgeAccess(
        kind=forge.kind,
        api_url=forge.api_url,
        project=project_of(forge.kind, forge.api_url, repository.url),
        branch=repository.branch,
        token=forge.token,
        ca_file=repository.ca_file,
    )
