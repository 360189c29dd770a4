"""Which rules an object of each kind has to obey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.lenient import mapping
from reconciler.plan.references import controller_references_of, references_of
from reconciler.plan.rules.attachments import judge_external_attachment, judge_vpc_attachment
from reconciler.plan.rules.connections import judge_connection
from reconciler.plan.rules.devices import judge_gateway, judge_switch
from reconciler.plan.rules.facts import NOTHING, Draft, Facts
from reconciler.plan.rules.names import judge_name
from reconciler.plan.rules.namespaces import judge_external, judge_ipv4_namespace, judge_vlan_namespace
from reconciler.plan.rules.peerings import judge_external_peering, judge_gateway_peering, judge_vpc_peering
from reconciler.plan.rules.vpcs import judge_vpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.references import Declared

_TABLE: dict[str, Callable[[Draft, ObjectKey, JSONObject], None]] = {
    "VLANNamespace": judge_vlan_namespace,
    "IPv4Namespace": judge_ipv4_namespace,
    "Switch": judge_switch,
    "Gateway": judge_gateway,
    "VPC": judge_vpc,
    "External": judge_external,
    "Connection": judge_connection,
    "VPCAttachment": judge_vpc_attachment,
    "ExternalAttachment": judge_external_attachment,
    "VPCPeering": judge_vpc_peering,
    "ExternalPeering": judge_external_peering,
    "GatewayPeering": judge_gateway_peering,
}


def facts_of(declared: Declared) -> Facts:
    """What the rules have to know of a manifest or a resource. Depends on its key and spec alone."""
    judge = _TABLE.get(declared.key.kind)
    if judge is None:
        return NOTHING
    draft = Draft()
    judge_name(draft, declared.key)
    judge(draft, declared.key, mapping(declared.spec))
    return draft.facts(references_of(declared), controller_references_of(declared))
