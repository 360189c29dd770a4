"""What NetBox should hold for a fabric: a pure function of the fabric's objects.

Objects are read in the order in which one builds on another, since a record may speak of several: an interface of its
device, of the connection that uses it and of all attachments. An object, or a part of one, that makes no sense or
builds on what is not there is skipped and named; all else goes on.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.plan.projection import prerequisites
from reconciler.plan.projection.address_space import (
    project_ipv4_namespace,
    project_underlay,
    project_vlan_namespace,
)
from reconciler.plan.projection.attachments import project_vpc_attachment
from reconciler.plan.projection.context import Context
from reconciler.plan.projection.devices import project_gateway, project_server, project_switch
from reconciler.plan.projection.externals import attached, project_external, project_external_attachment
from reconciler.plan.projection.links import project_connection
from reconciler.plan.projection.objects import Objects, Projectable
from reconciler.plan.projection.vpcs import project_vpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.model.netbox import Projection

__all__ = ["Projectable", "project"]

_PROJECTORS = MappingProxyType(
    {
        # a switch keeps its name when a server claims the same
        "Switch": project_switch,
        "Server": project_server,
        "Gateway": project_gateway,
        "VLANNamespace": project_vlan_namespace,
        "IPv4Namespace": project_ipv4_namespace,
        "VPC": project_vpc,
        "External": project_external,
        "Connection": project_connection,
        "VPCAttachment": project_vpc_attachment,
        "ExternalAttachment": project_external_attachment,
    }
)
"""By kind, in the order in which one builds on another."""


def project(fabric: str, policy: NetBoxPolicy, objects: Iterable[Projectable]) -> Projection:
    """The records of `fabric`, whatever the order of its objects. SwitchProfiles among them name manufacturers, models
    and types of ports; a caller that could not read them projects nothing, or every switch would change its device
    type. Catalogs tell the numbers that the fabric gave out, where they can be read.
    """
    context = Context(fabric, policy, Objects(objects))
    draft = context.draft
    draft.need(prerequisites.tag(), *prerequisites.custom_fields(), prerequisites.site(policy.site))
    for key in context.objects.unusable:
        draft.skip(key, "spec", "is not an object")
    context.attached.update(attached(context))
    context.peerings.project()
    for kind, projector in _PROJECTORS.items():
        for key, spec in context.objects.of(kind):
            with draft.skipping(key):
                projector(context, key, spec)
    context.ports.emit()
    if context.has_underlay:
        project_underlay(draft)
    for key, neighbor in context.neighbors:
        draft.offer(key, neighbor)
    return draft.finish()
