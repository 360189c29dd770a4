"""The objects of a fabric, at hand by kind and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import ObjectKey


class Projectable(Protocol):
    """An object of a fabric: what the cluster holds (`Resource`) or what Git declares (`Manifest`)."""

    @property
    def key(self) -> ObjectKey: ...

    @property
    def spec(self) -> JSONObject: ...


class Objects:
    """The objects whose spec is an object, in the order of their keys; `unusable` are the keys of the others."""

    def __init__(self, objects: Iterable[Projectable]) -> None:
        self.unusable: list[ObjectKey] = []
        self._kinds: dict[str, dict[str, tuple[ObjectKey, JSONObject]]] = {}
        for item in sorted(objects, key=lambda item: item.key):
            spec: JSON = item.spec  # nobody has checked a document of Git
            if isinstance(spec, dict):
                self._kinds.setdefault(item.key.kind, {})[item.key.name] = item.key, spec
            else:
                self.unusable.append(item.key)

    def of(self, kind: str) -> Iterator[tuple[ObjectKey, JSONObject]]:
        return iter(self._kinds.get(kind, {}).values())

    def spec(self, kind: str, name: str) -> JSONObject | None:
        found = self._kinds.get(kind, {}).get(name)
        return found[1] if found else None
