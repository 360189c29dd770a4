"""The files that a configuration names: secrets, kubeconfigs, certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from reconciler.settings.fields import SECRET
from reconciler.settings.secret import files_of_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.settings.findings import Place
    from reconciler.settings.root import Settings


class NamedFile(NamedTuple):
    """A key, and the file that it names. `is_secret`: it holds a secret, perhaps among other things."""

    place: Place
    path: Path
    is_secret: bool


def named_files(value: Any, place: Place = ()) -> Iterator[NamedFile]:
    """Every file that a section names, or that any of several does; `place` is where they stand."""
    if isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from named_files(item, (*place, number))
    elif isinstance(value, BaseModel):
        for key, field in type(value).model_fields.items():
            below = getattr(value, key)
            if isinstance(below, Path):
                yield NamedFile((*place, key), below, SECRET in field.metadata)
            else:
                yield from named_files(below, (*place, key))


def kubeconfig_files(settings: Settings) -> Iterator[NamedFile]:
    """The keys and token files that the kubeconfigs of fabrics name, each at the key that names the kubeconfig. They
    need not be there.
    """
    for number, fabric in enumerate(settings.fabrics):
        if fabric.cluster is not None and fabric.cluster.kubeconfig is not None:
            place = ("fabrics", number, "cluster", "kubeconfig")
            for path in files_of_kubeconfig(fabric.cluster.kubeconfig, fabric.cluster.context):
                yield NamedFile(place, path, is_secret=True)
