"""What is known of other objects: as Git declares them, else as the cluster holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.rules.facts import NOTHING
from reconciler.plan.rules.table import facts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.plan.rules.facts import Facts, Trait
    from reconciler.plan.rules.traits import Traits


class Known:
    """A fabric's objects. Of one whose document was refused it is known that it exists, and nothing else: the cluster
    may hold something older than what its author wants.

    `kept` are facts that need not be computed. Other facts are computed once and forgotten when they were asked for,
    except for the traits: held for all objects they would cost more than they do to compute.
    """

    def __init__(
        self,
        manifests: Mapping[ObjectKey, Manifest],
        live: Mapping[ObjectKey, Resource],
        unknown: Collection[str],
        refused: AbstractSet[ObjectKey],
        kept: Mapping[ObjectKey, Facts],
    ) -> None:
        self._manifests = manifests
        self._live = live
        self._unknown = frozenset(unknown)
        self._refused = refused
        self._kept = kept
        self._computed: dict[ObjectKey, Facts] = {}
        self._traits: dict[ObjectKey, Traits | None] = {}

    def exists(self, key: ObjectKey) -> bool:
        """Whether Git declares it or the cluster holds it, or may hold it: its kind could not be read."""
        return (
            key in self._manifests
            or key in self._live
            or key in self._refused
            or key.kind in self._unknown
            or (key.kind, key.name) in _PROVIDED
        )

    def take(self, manifest: Manifest) -> Facts:
        """The facts of a manifest, for the only time that they are asked for."""
        key = manifest.key
        facts = self._kept.get(key) or self._computed.pop(key, None) or facts_of(manifest)
        self._traits[key] = facts.traits
        return facts

    def traits(self, key: ObjectKey, of: type[Trait]) -> Trait | None:
        traits = self._traits.get(key)
        if traits is None and key not in self._traits:
            traits = self._traits[key] = self.facts(key).traits
        return traits if isinstance(traits, of) else None

    def facts(self, key: ObjectKey) -> Facts:
        """What is known of an object; nothing, when it is not known."""
        manifest = self._manifests.get(key)
        if manifest is None:
            resource = None if key in self._refused else self._live.get(key)
            return facts_of(resource) if resource is not None else NOTHING
        facts = self._kept.get(key) or self._computed.get(key)
        if facts is None:
            facts = self._computed[key] = facts_of(manifest)
        return facts

    def said(self, key: ObjectKey) -> str:
        manifest = self._manifests.get(key)
        return f"{key} ({manifest.source.file})" if manifest else f"{key} (in the cluster)"


_PROVIDED = frozenset({("GatewayGroup", "default")})
"""Objects of kinds that Git may hold which the fabric's controller makes where Git does not."""
