"""Objects that could not be made anew because the cluster refused to delete them.

What refers to such an object was deleted first, and created again after the refusal. To try once more with every pass
would take it down each time, for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import ClusterAccessError, ObjectRejectedError
from reconciler.model.objects import Resource, digest
from reconciler.model.plan import Create, Delete, Halfway

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan, Result


@dataclass(frozen=True, slots=True)
class RefusedDelete:
    """Which object was not deleted (its uid), to be created again as what (the digest of its body), and what the
    cluster said.
    """

    uid: str
    digest: str
    error: str

    @property
    def message(self) -> str:
        """The sentence for people, behind what it is about."""
        return (
            f"could not be deleted: {self.error}; this is tried again when Git declares it otherwise, when the object "
            "is another one, or when somebody asks for a pass"
        )


def after_pass(
    known: Mapping[ObjectKey, RefusedDelete], plan: ClusterPlan, results: Mapping[ObjectKey, Result]
) -> dict[ObjectKey, RefusedDelete]:
    """What is known of refused deletes after a pass with these results. A refusal counts where other objects were
    deleted to be made anew: where there are none, to try again harms nobody.
    """
    tried = {action.key for action in plan.actions}
    found = {key: one for key, one in known.items() if key not in tried}
    replaced = plan.replaced
    refused = {
        key: error
        for key in replaced
        if isinstance(error := results.get(key), ObjectRejectedError | ClusterAccessError)
    }
    if not any(isinstance(results.get(key), Halfway | Resource) for key in replaced):
        return found
    anew = {one.key: digest(one.manifest.body(plan.fabric)) for one in plan.actions if isinstance(one, Create)}
    for action in plan.actions:
        if isinstance(action, Delete) and action.key in refused:
            found[action.key] = RefusedDelete(action.resource.uid, anew[action.key], refused[action.key].message)
    return found
