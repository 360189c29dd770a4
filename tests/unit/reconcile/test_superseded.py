"""A fabric that is removed, disabled or configured otherwise while a pass over it runs: nothing more is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.passes import Outcome
from reconciler.model.requests import RequestState, Work
from reconciler.queue import Taken
from reconciler.reconcile import Surroundings
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.requests import Request

MANIFESTS = manifests()


def _run(rig: Rig, is_current: Callable[[], bool]) -> Request:
    """A pass during which the configuration changes; the request that it was made for."""
    request = rig.request()
    runner = rig.runner(Surroundings(is_current=lambda _name, subject: is_current() and subject.fabric == rig.fabric))
    runner.run(Taken("dc1", Work((request.trigger,), (request.id,)), 0.0))
    return rig.answered(request)


def test_the_cluster_is_left_alone(rig: Rig) -> None:
    """Between two objects the pass stops writing; what it wrote is in the inventory, and the history says why."""
    rig.source.push(MANIFESTS)

    answered = _run(rig, lambda: not rig.cluster.writes)

    assert 0 < len(rig.cluster.writes) < len(MANIFESTS)
    assert len(rig.store.inventory("dc1")) == len(rig.cluster.writes)
    assert rig.netbox.writes == 0
    assert (rig.last.outcome, rig.last.reason) == (Outcome.PARTIAL, "Superseded")
    assert f"left out {len(MANIFESTS) - len(rig.cluster.writes)} writes" in rig.last.message
    assert (answered.state, answered.reason) == (RequestState.FAILED, "Superseded")


def test_netbox_is_left_alone(rig: Rig) -> None:
    """Between two writes to NetBox the pass stops too."""
    rig.source.push(MANIFESTS)

    _run(rig, lambda: rig.netbox.writes == 0)

    assert len(rig.cluster.writes) == len(MANIFESTS)
    assert rig.netbox.calls.count("create_shared") == 1
    assert "create" not in rig.netbox.calls
    assert (rig.last.outcome, rig.last.reason) == (Outcome.PARTIAL, "Superseded")


def test_nothing_left_to_write_is_no_failure(synced: Rig) -> None:
    """A pass that has nothing to write says so, whatever became of the configuration."""
    _run(synced, lambda: False)

    assert synced.last.outcome is Outcome.SUCCEEDED
