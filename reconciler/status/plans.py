"""Plans that people see and approve: what a pass would do now, and which plan a hash names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.errors import PlanChangedError
from reconciler.model.passes import Outcome
from reconciler.plan.approval import SHOWN_OF_HASH
from reconciler.status.plan_views import plan_view

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.passes import PassRecord
    from reconciler.model.status import FabricRecord
    from reconciler.reconcile import Preview


class Previewer(Protocol):
    """Finds out what a pass would do."""

    def preview(self, fabric: str, *, is_fetching: bool = False) -> Preview: ...


class Memory(Protocol):
    """What is known of passes. Raises StateError."""

    def fabric(self, name: str) -> FabricRecord: ...

    def pass_(self, fabric: str, pass_id: str) -> PassRecord | None: ...


class Plans:
    """Implements `ports.Plans`."""

    def __init__(self, previewer: Previewer, memory: Memory) -> None:
        self._previewer = previewer
        self._memory = memory

    def plan(self, fabric: str, *, is_fetching: bool = False) -> JSONObject:
        return plan_view(self._previewer.preview(fabric, is_fetching=is_fetching))

    def named(self, fabric: str, beginning: str) -> str:
        plan = self._previewer.preview(fabric).plan
        told = self._waiting(fabric) if plan is None else None
        if told is not None and told.startswith(beginning):
            # The plan that a pass told people to approve may be approved also while nobody can look at another.
            return told
        if plan is None or not (plan.actions or plan.held):
            raise PlanChangedError(f"there is nothing to approve: no pass over {fabric} would change its cluster now")
        found = next((one for one in (plan.held_hash, plan.hash) if one.startswith(beginning)), None)
        if found is None:
            shown = (plan.held_hash or plan.hash)[:SHOWN_OF_HASH]
            text = f"{beginning[:SHOWN_OF_HASH]} is not the present plan of {fabric}, which is {shown}"
            raise PlanChangedError(f"{text}: `reconciler plan {fabric}` shows it")
        return found

    def _waiting(self, fabric: str) -> str | None:
        """The hash of the plan that the last full pass left to be approved."""
        last = self._memory.fabric(fabric).last_pass
        if last is None or last.outcome is not Outcome.BLOCKED:
            return None
        done = self._memory.pass_(fabric, last.id)
        return done.plan_hash if done is not None and done.counts.get("held") else None
