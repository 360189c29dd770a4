"""Objects that are deleted and created again, with everything that refers to them: what may be done that way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model.objects import digest
from reconciler.plan.references import dependencies_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Block
    from reconciler.plan.draft import Draft


class Hold(StrEnum):
    """What an object that may not be replaced waits for."""

    GUARD = "guard"
    """That nothing forbids deletes any more."""
    TIME = "time"
    """That the cluster, or what is known of it, moves on."""
    CHANGE = "change"
    """That somebody changes Git or the cluster."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an object may not be replaced: a CamelCase reason and a sentence."""

    hold: Hold
    reason: str
    message: str


class Replacements:
    """Decides what may be replaced. `guards` are the reasons for which nothing may be deleted at all."""

    def __init__(self, draft: Draft, guards: Sequence[Block]) -> None:
        self._draft = draft
        self._guards = guards

    def of(self, key: ObjectKey, reason: str) -> Mapping[ObjectKey, str] | Obstacle:
        """What has to be replaced if this object is, each with the reason; or what stands against it."""
        if self._draft.situation.scope is not None:
            return Obstacle(Hold.GUARD, "FullPassNeeded", f"{reason}; only a full pass deletes")
        if self._guards:
            text = "; ".join(block.message for block in self._guards)
            return Obstacle(Hold.GUARD, "PruneBlocked", f"{reason}, and {text}")
        found = {key: reason}
        fresh = [key]
        while fresh:
            current = fresh.pop()
            if obstacle := self._obstacle(current, key, reason):
                return obstacle
            for dependent in self._dependents(current):
                if dependent not in found:
                    found[dependent] = f"it refers to {current}, which is made anew"
                    fresh.append(dependent)
        return found

    def size(self, key: ObjectKey) -> int:
        """How many objects refer to this one, directly or not."""
        found, fresh = {key}, [key]
        while fresh:
            more = self._referrers.get(fresh.pop(), set()) - found
            found |= more
            fresh.extend(more)
        return len(found) - 1

    def _dependents(self, key: ObjectKey) -> list[ObjectKey]:
        """What must go before an object can: but for what goes anyhow, or stops referring to it."""
        return sorted(one for one in self._referrers.get(key, ()) if self._stays(one, key))

    def _stays(self, referrer: ObjectKey, key: ObjectKey) -> bool:
        if self._draft.is_deleted(referrer):
            return False
        update = self._draft.update(referrer)
        return update is None or key in dependencies_of(update.manifest)

    def _obstacle(self, key: ObjectKey, root: ObjectKey, reason: str) -> Obstacle | None:
        """Why this object may not be deleted for the sake of `root`."""
        situation = self._draft.situation
        resource = situation.live[key]
        who = f"{reason}, and it" if key == root else f"{reason}, and {key}, which refers to it,"
        if key not in self._draft.desired.manifests:
            return Obstacle(Hold.CHANGE, "StillReferenced", f"{who} is not declared in Git")
        if not resource.is_marked(situation.fabric):
            return Obstacle(Hold.CHANGE, "NotOurs", f"{who} does not carry the marks that say it is ours")
        if resource.is_deleting:
            return Obstacle(Hold.TIME, "Deleting", f"{who} is being deleted by the cluster")
        if situation.entry(key) is None:
            return Obstacle(Hold.TIME, "Adopted", f"{who} is ours by its marks only: it is deleted by the next pass")
        return self._bad_experience(key, who)

    def _bad_experience(self, key: ObjectKey, who: str) -> Obstacle | None:
        """What earlier passes know of an object that speaks against making it anew."""
        situation = self._draft.situation
        declared = digest(self._draft.desired.manifests[key].body(situation.fabric))
        if fight := situation.fight(key, declared):
            return Obstacle(Hold.CHANGE, fight.reason, f"{who} was {fight.message}")
        refused = situation.undeletable.get(key)
        if refused is not None and (refused.uid, refused.digest) == (situation.live[key].uid, declared):
            return Obstacle(Hold.CHANGE, "DeleteRefused", f"{who} {refused.message}")
        return None

    @cached_property
    def _referrers(self) -> Mapping[ObjectKey, set[ObjectKey]]:
        found: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)
        for one in self._draft.situation.live.values():
            for key in dependencies_of(one):
                found[key].add(one.key)
        return found
