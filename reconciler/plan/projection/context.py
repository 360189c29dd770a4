"""What the parts of the projection share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.projection.catalogs import Catalogs
from reconciler.plan.projection.draft import Draft
from reconciler.plan.projection.peerings import Peerings
from reconciler.plan.projection.ports import Ports
from reconciler.plan.projection.switch_profiles import Profile

if TYPE_CHECKING:
    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.model.netbox import Record
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.objects import Objects
    from reconciler.plan.projection.ports import Interface


class Context:
    """The projection of one fabric: what is read, and what is gathered. By the names of connections, `carriers` are
    the interfaces that VPCs can be attached to, `uplinks` the ports that lead to externals, `attached` the first
    external of each; `neighbors` are addresses outside of the fabric.
    """

    def __init__(self, fabric: str, policy: NetBoxPolicy, objects: Objects) -> None:
        self.objects = objects
        self.has_all_ports = policy.has_all_ports
        self.draft = Draft(fabric, policy.site)
        self.ports = Ports(self.draft)
        self.peerings = Peerings(self.draft, objects)
        self.catalogs = Catalogs(objects)
        self.profiles = {key.name: Profile.of(spec) for key, spec in objects.of("SwitchProfile")}
        self.carriers: dict[str, list[Interface]] = {}
        self.uplinks: dict[str, Interface] = {}
        self.attached: dict[str, str] = {}
        self.neighbors: list[tuple[ObjectKey, Record]] = []
