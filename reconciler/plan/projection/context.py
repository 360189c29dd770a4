"""What the parts of the projection share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox_schema import VRFS
from reconciler.model.objects import ObjectKey
from reconciler.plan.projection.catalogs import Catalogs
from reconciler.plan.projection.draft import Draft
from reconciler.plan.projection.peerings import Peerings
from reconciler.plan.projection.ports import Ports
from reconciler.plan.projection.switch_profiles import Profile

if TYPE_CHECKING:
    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.model.netbox import Record, Ref
    from reconciler.plan.projection.objects import Objects
    from reconciler.plan.projection.ports import Interface


UNDERLAY = ObjectKey("Fabric", "", "underlay")
"""What the VRF of the fabric's own addresses speaks of: it is no object, and belongs to all of them."""


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
        self.has_underlay = False

    @property
    def underlay(self) -> Ref:
        """The VRF of the addresses by which the fabric is made: they are the same in many fabrics, so that each has a
        VRF of its own. Whoever names it makes it needed.
        """
        self.has_underlay = True
        return self.draft.ref(VRFS, UNDERLAY)
