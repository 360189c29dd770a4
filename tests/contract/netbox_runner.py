"""Carrying out a plan through the port, as a pass does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.netbox import plan_netbox
from reconciler.reconcile.netbox_phase import write

if TYPE_CHECKING:
    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.model.netbox import Projection, WriteResult
    from reconciler.model.netbox_plan import NetBoxPlan
    from reconciler.ports import NetBox


def carry_out(plan: NetBoxPlan, netbox: NetBox, limit: int = 100) -> list[WriteResult]:
    """Write everything that the plan holds; the results in the order of its steps."""
    return [result for step in plan.steps(limit) for result in write(netbox, step)]


def mirror(netbox: NetBox, fabric: str, policy: NetBoxPolicy, projection: Projection) -> tuple[NetBoxPlan, list[str]]:
    """One pass over NetBox: the plan that it made, and the errors next to its records (`<ref>: <message>`)."""
    plan = plan_netbox(projection, netbox.observe(fabric, projection), policy, fabric)
    return plan, [f"{result.ref}: {result.error}" for result in carry_out(plan, netbox) if result.error]
