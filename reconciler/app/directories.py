"""The directory of a fabric for commands that work without the service: in a mirror of their own, for a moment."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reconciler.app.subjects import remote_of
from reconciler.desired.git import Mirror
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.errors import UnknownFabricError
from reconciler.plan.suggestion import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.fabric import Fabric
    from reconciler.settings import FabricSettings, RepositorySettings, Settings


@dataclass(frozen=True, slots=True)
class Configured:
    """A fabric by the configuration, with its repository. `value` is the fabric as passes know it."""

    settings: FabricSettings
    repository: RepositorySettings
    value: Fabric

    @classmethod
    def of(cls, settings: Settings, name: str) -> Configured:
        """Raises UnknownFabricError."""
        own = find_fabric(settings, name)
        value = next(one for one in settings.fabric_values() if one.name == name)
        return cls(own, settings.repository(own.repository), value)


def find_fabric(settings: Settings, name: str) -> FabricSettings:
    """Raises UnknownFabricError."""
    for one in settings.fabrics:
        if one.name == name:
            return one
    near = suggestion(name, [one.name for one in settings.fabrics])
    raise UnknownFabricError(f"no fabric {name!r} is configured in {settings.path}: {near}")


@contextmanager
def mirrored(fabric: Configured) -> Iterator[tuple[Mirror, FabricSource]]:
    """The fabric's repository and directory; nothing is fetched yet. The service's mirror is nobody else's."""
    with TemporaryDirectory(prefix="reconciler-directory-") as folder:
        mirror = Mirror(remote_of(fabric.repository), Path(folder) / "mirror.git")
        yield mirror, FabricSource(mirror, fabric.value, ParseCache())
