"""Attachments of VPCs: the VLANs of LAGs and ports, from all attachments of a connection together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox_schema import VLANS
from reconciler.model.objects import ObjectKey
from reconciler.plan.lenient import mapping as lenient_mapping
from reconciler.plan.projection.reading import MalformedError, flag, text

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Ref
    from reconciler.plan.projection.context import Context

_DEFAULT_SUBNET = "default"


def project_vpc_attachment(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """A VPCAttachment: its VLAN on the interfaces of its connection, on switches and server. A subnet without a VLAN
    (its hosts speak BGP) changes nothing there. Raises MalformedError.
    """
    connection = text(spec, "connection")
    carrier = context.carriers.get(connection)
    if carrier is None:
        raise MalformedError("spec.connection", f"no Connection {connection} carries VPCs")
    vlan = _vlan(context, key, text(spec, "subnet"))
    is_native = flag(spec, "nativeVLAN")
    if vlan is None:
        return
    for interface in carrier:
        if not is_native:
            interface.tagged.add(vlan)
        elif interface.untagged in {None, vlan}:
            interface.untagged = vlan
        else:
            raise MalformedError("spec.nativeVLAN", f"Connection {connection} has another native VLAN")


def _vlan(context: Context, key: ObjectKey, subnet: str) -> Ref | None:
    """The VLAN of a subnet, `<vpc>/<subnet>`; None where it has none."""
    vpc, _, name = subnet.partition("/")
    subnets = lenient_mapping((context.objects.spec("VPC", vpc) or {}).get("subnets"))
    name = name or _DEFAULT_SUBNET
    if name not in subnets:
        raise MalformedError("spec.subnet", f"there is no subnet {name} of a VPC {vpc}")
    ref = context.draft.ref(VLANS, ObjectKey("VPC", key.namespace, vpc), name)
    return ref if context.draft.holds(ref) else None
