"""What becomes of an object that Git declares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.objects import FABRIC_ANNOTATION, digest
from reconciler.model.plan import Create, Drift, Finding, Question, Update
from reconciler.plan.comparison import differences
from reconciler.plan.fields import declared_paths, owned_paths
from reconciler.plan.ownership import adopt, contested, may_force, other_fabric
from reconciler.plan.stored import are_applied, is_answered, unexplained

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest, Resource
    from reconciler.model.passes import FieldDifference, InventoryEntry, StoredForm
    from reconciler.model.plan import Apply, Wave
    from reconciler.plan.situation import Situation


DRIFTED = "the cluster differs, and Git did not change"


@dataclass(frozen=True, slots=True)
class Decision:
    """About one manifest; with none of `action`, `drift`, `waiting` and `conflict`, the object is as it should be. A
    `fight` comes with the drift that is not healed; with a `question`, the server may say that it is otherwise.
    """

    action: Apply | None = None
    drift: Drift | None = None
    waiting: Finding | None = None
    conflict: Finding | None = None
    fight: Finding | None = None
    adopted: InventoryEntry | None = None
    refreshed: InventoryEntry | None = None
    question: Question | None = None

    @property
    def is_unchanged(self) -> bool:
        return self.action is None and self.drift is None and self.waiting is None and self.conflict is None


def decide(manifest: Manifest, wave: Wave, situation: Situation) -> Decision:
    """What to do about a declared object of a kind that could be read."""
    body = manifest.body(situation.fabric)
    resource = situation.live.get(manifest.key)
    if resource is None:
        return _decide_absent(manifest, wave, body, situation)
    if resource.is_deleting:
        message = "the cluster is deleting it; it is created again when it is gone"
        return Decision(waiting=Finding(manifest.key, "Deleting", message))
    other = other_fabric(resource, situation.fabric)
    if other is not None and not situation.policy.take_over:
        message = f"it belongs to fabric {other!r}, by its annotation {FABRIC_ANNOTATION}"
        return Decision(conflict=Finding(manifest.key, "Conflict", message))
    return _Comparison(manifest, wave, body, resource, situation).decide()


def _decide_absent(manifest: Manifest, wave: Wave, body: JSONObject, situation: Situation) -> Decision:
    entry = situation.inventory.get(manifest.key)
    if entry is not None and entry.is_replaced:
        return Decision(Create(manifest, wave, "it was deleted to be made anew", is_owed=True))
    if entry is None or entry.digest != digest(body):
        return Decision(Create(manifest, wave, "the cluster does not have it"))
    drift = Drift(manifest, None, "it was deleted from the cluster")
    fight = situation.fight(manifest.key, entry.digest)
    if fight or not situation.policy.self_heal:
        return Decision(drift=drift, fight=fight)
    return Decision(Create(manifest, wave, "it was deleted from the cluster"), drift)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A manifest against the object that the cluster holds."""

    manifest: Manifest
    wave: Wave
    body: JSONObject
    resource: Resource
    situation: Situation

    def decide(self) -> Decision:
        entry = self.situation.entry(self.manifest.key)
        new_digest = digest(self.body)
        form = self._form(entry, new_digest)
        differing = differences(self.body, self.resource)
        found = unexplained(differing, form)
        decision = self._decide(entry, new_digest, form, found)
        if differing and self._must_ask(entry, new_digest, form, found):
            return replace(decision, question=Question(self.manifest, self.resource))
        return decision

    def _form(self, entry: InventoryEntry | None, new_digest: str) -> StoredForm | None:
        """What the server makes of the body: as it says now, or as it said of the same body before."""
        known = entry.stored if entry is not None and entry.digest == new_digest else None
        return self.situation.forms.get(self.manifest.key, known)

    def _must_ask(
        self,
        entry: InventoryEntry | None,
        new_digest: str,
        form: StoredForm | None,
        found: tuple[FieldDifference, ...],
    ) -> bool:
        """Whether it may be the server that made all the difference, and did not say so of the object as it is. Where
        Git changed, an apply is due in any case, and asks by itself.
        """
        if is_answered(self.resource, form):
            return False
        if entry is None and not self.resource.is_marked(self.situation.fabric):
            return False
        is_same_body = entry is None or entry.digest in {None, new_digest}
        return is_same_body and are_applied(found, self.resource)

    def _decide(
        self,
        entry: InventoryEntry | None,
        new_digest: str,
        form: StoredForm | None,
        found: tuple[FieldDifference, ...],
    ) -> Decision:
        if not found and not self._must_own(entry, new_digest):
            return self._unchanged(entry, new_digest, form)
        is_drift = bool(found) and entry is not None and entry.digest == new_digest
        drift = Drift(self.manifest, self.resource, DRIFTED, found) if is_drift else None
        fight = self.situation.fight(self.manifest.key, new_digest) if is_drift else None
        told = replace(entry, stored=form) if is_drift and entry is not None and entry.stored != form else None
        if is_drift and (fight or not self.situation.policy.self_heal):
            return Decision(drift=drift, fight=fight, refreshed=told)
        update = self._update(entry, found, is_drift=is_drift)
        return Decision(update, drift, adopted=self._adopted(entry), refreshed=told)

    def _must_own(self, entry: InventoryEntry | None, new_digest: str) -> bool:
        """Whether an equal object needs an apply all the same: we own nothing of it yet, or Git declares a field that
        we never applied. Unowned, it could be changed by others without a conflict, or could not be healed.
        """
        if self.resource.our_fields() is None:
            return True
        if entry is None or entry.digest == new_digest:
            return False
        return not declared_paths(self.body) <= entry.paths | owned_paths(self.resource)

    def _unchanged(self, entry: InventoryEntry | None, new_digest: str, form: StoredForm | None) -> Decision:
        if entry is None:
            return Decision(adopted=adopt(self.resource, new_digest, form))
        if (entry.digest, entry.stored) == (new_digest, form):
            return Decision()
        return Decision(
            refreshed=replace(entry, digest=new_digest, is_replaced=False, paths=declared_paths(self.body), stored=form)
        )

    def _adopted(self, entry: InventoryEntry | None) -> InventoryEntry | None:
        is_marked = self.resource.is_marked(self.situation.fabric)
        return adopt(self.resource) if entry is None and is_marked else None

    def _update(self, entry: InventoryEntry | None, found: tuple[FieldDifference, ...], *, is_drift: bool) -> Update:
        is_forcible = may_force(contested(found), entry, self.resource, self.situation.policy)
        reason = self._reason(found, is_drift=is_drift)
        return Update(self.manifest, self.resource, found, is_forcible, self.wave, reason)

    def _reason(self, found: tuple[FieldDifference, ...], *, is_drift: bool) -> str:
        if self.resource.our_fields() is None:
            return "it is not ours yet"
        if not found:
            return "Git declares fields that we do not own yet"
        fields = f"{len(found)} field{'' if len(found) == 1 else 's'}"
        return f"{fields} drifted" if is_drift else f"Git changes {fields}"
