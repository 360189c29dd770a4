"""What a pass would do now, found out by its own phases and not done: nothing is written anywhere."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import FabricDisabledError, PreviewBusyError, StalledError, UnknownFabricError
from reconciler.model.passes import Phase
from reconciler.plan.expectation import expected_objects
from reconciler.reconcile.attempt import Attempt, Terms
from reconciler.reconcile.breaker import Breakers
from reconciler.reconcile.checking import Measure, check_documents
from reconciler.reconcile.cluster_phase import ClusterSide, make_plan, observe
from reconciler.reconcile.desired_phase import fetch, read
from reconciler.reconcile.fights import Fights
from reconciler.reconcile.netbox_phase import foresee, why_incomplete
from reconciler.reconcile.schemas import Inspector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import Fabric
    from reconciler.model.netbox_plan import NetBoxPlan
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import Failure, InventoryEntry
    from reconciler.model.plan import ClusterPlan
    from reconciler.model.status import Approval
    from reconciler.plan.situation import Observed
    from reconciler.ports import Clock, DesiredSource, PassState, StopFlag
    from reconciler.reconcile.engine import Subject

PATIENCE = 10.0
"""Seconds that a preview waits for another one of the same fabric."""


@dataclass(frozen=True, slots=True)
class Owned:
    """What is remembered of a fabric that a plan depends on."""

    inventory: Mapping[ObjectKey, InventoryEntry]
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a pass would do. `plan` and `netbox` are None where there is no such target, or nothing could be decided:
    then `failures` says why. What is to be written to NetBox is told of the cluster as the plan would leave it, with
    what waits for approval.
    """

    fabric: Fabric
    desired: Desired | None
    plan: ClusterPlan | None
    netbox: NetBoxPlan | None
    approval: Approval | None
    failures: tuple[Failure, ...]


def foresee_pass(subject: Subject, owned: Owned, notes: Attempt, *, is_fetching: bool) -> Preview:
    """Observe and plan, as a full pass would; without a fetch at the revision that was fetched last.

    Raises StoppedError when the service stops meanwhile, and nothing else: whatever fails is in the preview.
    """
    desired = _desired(subject.source, notes, is_fetching=is_fetching)
    observed: Observed = {}
    plan = None
    if subject.cluster is not None and subject.fabric.cluster is not None:
        side = ClusterSide(subject.cluster, subject.fabric.cluster, owned.inventory, approval=owned.approval)
        observed = observe(subject.cluster, notes)
        measure = Measure(subject.cluster, observed)
        desired = check_documents(desired, measure, subject.source, notes)
        plan = make_plan(side, desired, observed, notes)
    else:
        desired = check_documents(desired, Measure(), subject.source, notes)
    netbox = _netbox(subject, desired, observed, plan, notes)
    return Preview(subject.fabric, desired, plan, netbox, owned.approval, tuple(notes.failures))


def _desired(source: DesiredSource, notes: Attempt, *, is_fetching: bool) -> Desired | None:
    if is_fetching:
        return read(source, fetch(source, notes), notes)
    with notes.phase(Phase.READ, "git"):
        revision = source.last_fetched()
        if revision is None:
            raise StalledError("the repository was not fetched yet", reason="NeverFetched")
        return source.read(revision)
    return None


def _netbox(
    subject: Subject, desired: Desired | None, observed: Observed, plan: ClusterPlan | None, notes: Attempt
) -> NetBoxPlan | None:
    if subject.netbox is None or subject.fabric.netbox is None:
        return None
    if subject.cluster is not None:
        objects = expected_objects(observed, plan) if plan else None
    else:
        objects = list(desired.manifests.values()) if desired else None
    return foresee(subject.netbox, subject.fabric.netbox, objects, why_incomplete(desired, notes.unserved), notes)


class Previewer:
    """Makes previews, of each fabric one at a time, beside any pass."""

    def __init__(
        self,
        subject: Callable[[str], Subject | None],
        state: PassState,
        clock: Clock,
        stop: StopFlag,
        known: tuple[Inspector, Fights] | None = None,
    ) -> None:
        """`subject` is what to look at for a fabric of this name, with targets that no pass uses at the same time;
        `known` is what passes know of schemas and of fights.
        """
        self._subject = subject
        self._state = state
        self._clock = clock
        self._stop = stop
        self._inspector, self._fights = known or (Inspector(), Fights(clock))
        self._turns: dict[str, threading.Lock] = {}

    def preview(self, fabric: str, *, is_fetching: bool = False) -> Preview:
        """Raises UnknownFabricError, FabricDisabledError, PreviewBusyError, StateError, StoppedError."""
        subject = self._subject(fabric)
        if subject is None:
            raise UnknownFabricError(f"no fabric {fabric!r} is configured")
        if not subject.fabric.is_enabled:
            raise FabricDisabledError(f"fabric {fabric!r} is disabled in the configuration")
        with self._turn(fabric):
            # Breakers of its own: what a preview meets must neither open nor close those of passes.
            breakers = Breakers(self._clock)
            terms = Terms(
                stop=self._stop,
                breakers=breakers,
                inspector=self._inspector,
                fights=self._fights,
                lines=lambda address: self._state.lines(fabric, address),
            )
            notes = Attempt(fabric, self._clock, terms)
            owned = Owned(self._state.inventory(fabric), self._state.approval(fabric))
            return foresee_pass(subject, owned, notes, is_fetching=is_fetching)

    @contextmanager
    def _turn(self, fabric: str) -> Iterator[None]:
        turn = self._turns.setdefault(fabric, threading.Lock())
        if not turn.acquire(timeout=PATIENCE):
            raise PreviewBusyError(f"another plan of fabric {fabric!r} is being made")
        try:
            yield
        finally:
            turn.release()
