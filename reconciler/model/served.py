"""What a cluster serves of the kinds that the reconciler knows: in which versions, and with which schemas."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.kinds import Kind


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """The structural schema of a kind's `spec`, as OpenAPI JSON. Equal to itself only: what was found by one schema is
    kept with it, and compared by identity. Readers hand out the same one for as long as its body stays as it is.
    """

    body: JSONObject

    @classmethod
    def of_object(cls, openapi: JSON) -> Schema | None:
        """What the schema of a whole object says of its `spec`; None where it says nothing."""
        properties = openapi.get("properties") if isinstance(openapi, dict) else None
        spec = properties.get("spec") if isinstance(properties, dict) else None
        return cls(spec) if isinstance(spec, dict) else None


@dataclass(frozen=True, slots=True)
class ServedKind:
    """One kind in one version. Without a schema nothing can be checked by it."""

    name: str
    group: str
    version: str
    plural: str
    schema: Schema | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """The kinds that a cluster serves, by name: those of the groups and names of `KINDS`, in every version."""

    kinds: Mapping[str, tuple[ServedKind, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Iterable[ServedKind]) -> Served:
        """Kinds that the reconciler does not know are left out; versions are sorted."""
        by_name: defaultdict[str, list[ServedKind]] = defaultdict(list)
        for one in found:
            if one.name in KINDS and KINDS[one.name].group == one.group:
                by_name[one.name].append(one)
        return cls({name: tuple(sorted(ones, key=lambda one: one.version)) for name, ones in sorted(by_name.items())})

    @classmethod
    def without_schemas(cls, kinds: Iterable[Kind]) -> Served:
        """These kinds as the reconciler knows them, and nothing to check documents by."""
        return cls.of(ServedKind(kind.name, kind.group, kind.version, kind.plural) for kind in kinds)

    def find(self, kind: Kind) -> ServedKind | None:
        """The kind in the version and under the plural that the reconciler uses."""
        for one in self.kinds.get(kind.name, ()):
            if (one.version, one.plural) == (kind.version, kind.plural):
                return one
        return None

    def schema(self, kind: Kind) -> Schema | None:
        """What documents of this kind are checked by."""
        found = self.find(kind)
        return found.schema if found else None

    def others(self, kind: Kind) -> tuple[str, ...]:
        """How the kind is served instead, where it is not as the reconciler uses it: `<plural>.<group>/<version>`."""
        if self.find(kind):
            return ()
        return tuple(f"{one.plural}.{one.group}/{one.version}" for one in self.kinds.get(kind.name, ()))
