"""A fabric and its policies, as the configuration states them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterPolicy:
    """What may be done to the cluster. `max_deletes` counts all deletes of one plan.

    `is_observer`: nothing may be: something else applies, and what differs is only reported. `needs_approval`: a plan
    is carried out only once its hash was approved.
    """

    namespace: str = "default"
    self_heal: bool = True
    prune: bool = False
    max_deletes: int = 10
    take_over: bool = False
    is_observer: bool = False
    needs_approval: bool = False


@dataclass(frozen=True, slots=True)
class NetBoxPolicy:
    """What may be done to NetBox. `site` is the slug of the fabric's site; `max_deletes` counts devices, VRFs,
    VLANs and prefixes of one plan; `writers` is the number of parallel bulk writes. `has_all_ports`: switches have all
    ports of their profiles, not those alone that a connection uses. Without `self_heal` what somebody edited or deleted
    of our records is reported, and left so.

    `installation` is what the site is bound to while we write to it (empty: to nothing). `take_over`: also when it is
    bound to another one; and records of people that stand where ours belong become ours.
    """

    site: str
    self_heal: bool = True
    prune: bool = True
    max_deletes: int = 100
    writers: int = 2
    take_over: bool = False
    has_all_ports: bool = False
    installation: str = ""


@dataclass(frozen=True, slots=True)
class StructurePolicy:
    """What may be done to the fabric's directory. Unless `is_pushing`, what would be committed is only told."""

    is_pushing: bool = True


@dataclass(frozen=True, slots=True)
class Fabric:
    """The unit of reconciliation. `cluster` or `netbox` is None where the fabric has no such target, `structure` where
    its directory is not ours to keep in order;
    `simulated` names the targets that are embedded stores; `interval` is the configured poll interval in seconds.
    """

    name: str
    repository: str
    branch: str
    path: str
    interval: float = 3600.0
    is_enabled: bool = True
    cluster: ClusterPolicy | None = None
    netbox: NetBoxPolicy | None = None
    structure: StructurePolicy | None = None
    simulated: tuple[str, ...] = ()

    @property
    def is_configured(self) -> bool:
        return self.cluster is not None or self.netbox is not None

    @property
    def namespace(self) -> str:
        """The only namespace that the fabric's documents may name."""
        return self.cluster.namespace if self.cluster else "default"
