"""What the suites of `ports.NetBox` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox_plan import NetBoxPlan
from reconciler.plan.netbox import plan_netbox
from tests.contract.netbox_records import (
    FABRIC,
    POLICY,
    projected,
)
from tests.contract.netbox_runner import mirror

if TYPE_CHECKING:
    from reconciler.model.netbox import ExistingRecord, Projection, Ref
    from reconciler.model.objects import Manifest
    from tests.contract.netbox_world import World


class NetBoxSuite:
    """Subclasses provide the fixture `world`: an empty NetBox, and a person who works in it too."""

    def prepare(self, world: World, *objects: Manifest) -> Projection:
        """Mirror these objects without an error."""
        projection = projected(*objects)
        _, errors = mirror(world.netbox, "dc1", POLICY, projection)
        assert errors == []
        return projection

    def found(self, world: World, ref: Ref) -> ExistingRecord | None:
        """The record of this name as the port observes it."""
        records = world.netbox.observe("dc1", projected(*FABRIC)).records
        return next((record for record in records if record.ref == ref), None)

    def existing(self, world: World, ref: Ref) -> ExistingRecord:
        record = self.found(world, ref)
        assert record is not None
        return record

    def settle(self, world: World, projection: Projection) -> NetBoxPlan:
        """Mirror without an error, so that nothing is left to do; the plan that it took."""
        plan, errors = mirror(world.netbox, "dc1", POLICY, projection)
        assert errors == []
        assert plan.refusals == ()
        again = plan_netbox(projection, world.netbox.observe("dc1", projection), POLICY, "dc1")
        assert (again, again.is_empty) == (NetBoxPlan(), True)
        return plan
