"""An embedded cluster with admission: it holds each single write against everything that it has at that moment."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.errors import ObjectRejectedError
from reconciler.model.kinds import OBSERVED
from reconciler.model.objects import FIELD_MANAGER, ObjectKey, Resource
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reconciler.model.json import JSON, JSONObject


class StrictCluster(LocalCluster):
    """Refuses what the fabric controller refuses, and what it should: to take away what is still in use.

    It knows of kinds and fields what a test's fabric has, in its own words: nothing here is shared with the planner.
    """

    def __init__(self) -> None:
        super().__init__(MemoryDocuments(), "strict")
        self._specs: dict[str, dict[str, JSONObject]] = {}
        self._specs_version = ""

    def apply(self, body: JSONObject, *, force: bool = False, manager: str = FIELD_MANAGER) -> Resource:
        key = ObjectKey(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])
        spec = body["spec"]
        for missing in (name for name in references(key.kind, spec) if name not in self.specs()):
            raise ObjectRejectedError(f"{key}: {missing} does not exist")
        check = CHECKS.get(key.kind)
        if check is not None:
            check(self, f"{key}", spec)
        return super().apply(body, force=force, manager=manager)

    def delete(self, resource: Resource) -> None:
        for name, spec in self.specs().items():
            if str(resource.key) in references(name.partition("/")[0], spec):
                raise ObjectRejectedError(f"{resource.key}: {name} refers to it")
        super().delete(resource)

    def specs(self, kind: str = "") -> dict[str, JSONObject]:
        """By `Kind/name`; looked up once after each write."""
        if self._specs_version != self.last_version:
            self._specs, self._specs_version = {}, self.last_version
        if kind not in self._specs:
            found = chain.from_iterable(self.list(one) for one in OBSERVED if kind in {"", one.name})
            self._specs[kind] = {str(resource.key): resource.spec for resource in found}
        return self._specs[kind]


def refuse(condition: bool, text: str) -> None:  # noqa: FBT001 - what is asked is the condition
    if condition:
        raise ObjectRejectedError(text)


def references(kind: str, spec: JSONObject) -> set[str]:
    """What an object refers to, as `Kind/name`."""
    return REFERENCES[kind](spec) if kind in REFERENCES else set()


def _of_connection(spec: JSONObject) -> set[str]:
    within = spec.get("staticExternal", {}).get("withinVPC")
    ends = {f"{end_kind(side)}/{end['port'].partition('/')[0]}" for side, end in ends_of(spec)}
    return ends | ({f"VPC/{within}"} if within else set())


REFERENCES: dict[str, Callable[[JSONObject], set[str]]] = {
    "Switch": lambda spec: {f"VLANNamespace/{name}" for name in spec["vlanNamespaces"]},
    "VPC": lambda spec: {f"VLANNamespace/{spec['vlanNamespace']}", f"IPv4Namespace/{spec['ipv4Namespace']}"},
    "Connection": _of_connection,
    "VPCAttachment": lambda spec: {f"Connection/{spec['connection']}", f"VPC/{spec['subnet'].partition('/')[0]}"},
    "VPCPeering": lambda spec: {f"VPC/{name}" for permit in spec["permit"] for name in permit},
    "External": lambda spec: {f"IPv4Namespace/{spec['ipv4Namespace']}"},
    "ExternalAttachment": lambda spec: {f"Connection/{spec['connection']}", f"External/{spec['external']}"},
    "ExternalPeering": lambda spec: {
        f"VPC/{spec['permit']['vpc']['name']}",
        f"External/{spec['permit']['external']['name']}",
    },
}


def end_kind(side: str) -> str:
    return "Server" if side == "server" else "Switch"


def ends_of(spec: JSONObject) -> Iterator[tuple[str, JSONObject]]:
    for wiring in spec.values():
        for link in wiring.get("links", [wiring.get("link")]):
            yield from link.items()


def port_of(end: JSONObject) -> str:
    device, name = end["port"].split("/", 1)
    return f"{device}/{name}/1" if device.startswith("leaf") and name.count("/") == 1 else f"{device}/{name}"


def vlans(vpc: JSONObject) -> list[int]:
    return [subnet["vlan"] for subnet in vpc["subnets"].values()]


def networks(vpc: JSONObject) -> list[JSON]:
    return [ip_network(subnet["subnet"]) for subnet in vpc["subnets"].values()]


def _others(cluster: StrictCluster, name: str) -> dict[str, JSONObject]:
    return {other: spec for other, spec in cluster.specs(name.partition("/")[0]).items() if other != name}


def _unique(cluster: StrictCluster, name: str, spec: JSONObject, of: Callable[[JSONObject], Iterable[JSON]]) -> None:
    taken = {value: other for other, found in _others(cluster, name).items() for value in of(found)}
    for value in of(spec):
        refuse(value in taken, f"{name}: {value} is used by {taken.get(value)}")


def _vlan_namespace(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    for other, vpc in cluster.specs("VPC").items():
        if name == f"VLANNamespace/{vpc['vlanNamespace']}":
            refuse(not _holds(spec, vlans(vpc)), f"{name}: {other} has a VLAN outside of {spec}")


def _holds(namespace: JSONObject, found: list[int]) -> bool:
    return all(any(one["from"] <= vlan <= one["to"] for one in namespace["ranges"]) for vlan in found)


def _ipv4_namespace(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    for other, vpc in cluster.specs("VPC").items():
        if name == f"IPv4Namespace/{vpc['ipv4Namespace']}":
            refuse(not _contains(spec, networks(vpc)), f"{name}: {other} has a subnet outside of {spec}")


def _contains(namespace: JSONObject, found: list[JSON]) -> bool:
    return all(any(one.subnet_of(ip_network(outer)) for outer in namespace["subnets"]) for one in found)


def _switch(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    _unique(cluster, name, spec, lambda one: [one["asn"]] if one["role"] != "spine" else [])
    _unique(cluster, name, spec, lambda one: [ip_interface(one[field]).ip for field in ("ip", "protocolIP")])
    for other, attachment in cluster.specs("VPCAttachment").items():
        space, switches = _placed(cluster, attachment)
        refuse(name in switches and space not in spec["vlanNamespaces"], f"{name}: {other} uses {space} there")


def _placed(cluster: StrictCluster, attachment: JSONObject) -> tuple[str, set[str]]:
    """The VLAN namespace that an attachment needs, and the switches on which."""
    vpc = cluster.specs("VPC")[f"VPC/{attachment['subnet'].partition('/')[0]}"]
    connection = cluster.specs("Connection")[f"Connection/{attachment['connection']}"]
    return vpc["vlanNamespace"], {one for one in references("Connection", connection) if one.startswith("Switch/")}


def _connection(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    before = cluster.specs("Connection").get(name, spec)
    refuse(before.keys() != spec.keys(), f"{name}: its type is immutable")
    within = [one.get("staticExternal", {}).get("withinVPC") for one in (before, spec)]
    refuse(within[0] != within[1], f"{name}: withinVPC is immutable")
    _unique(cluster, name, spec, lambda one: [port_of(end) for _, end in ends_of(one)])
    if "fabric" in spec:
        _unique(cluster, name, spec, lambda one: [end["ip"] for _, end in ends_of(one) if "fabric" in one])


def _vpc(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    vlan_space = cluster.specs("VLANNamespace")[f"VLANNamespace/{spec['vlanNamespace']}"]
    refuse(not _holds(vlan_space, vlans(spec)), f"{name}: a VLAN outside of {vlan_space}")
    space = cluster.specs("IPv4Namespace")[f"IPv4Namespace/{spec['ipv4Namespace']}"]
    refuse(not _contains(space, networks(spec)), f"{name}: a subnet outside of {space}")
    for other, vpc in _others(cluster, name).items():
        is_near = vpc["vlanNamespace"] == spec["vlanNamespace"]
        refuse(is_near and not set(vlans(vpc)).isdisjoint(vlans(spec)), f"{name}: a VLAN of {other}")
        overlaps = any(one.overlaps(two) for one in networks(vpc) for two in networks(spec))
        refuse(overlaps and vpc["ipv4Namespace"] == spec["ipv4Namespace"], f"{name}: overlaps with {other}")
    for other, attachment in cluster.specs("VPCAttachment").items():
        vpc_name, _, subnet = attachment["subnet"].partition("/")
        refuse(f"VPC/{vpc_name}" == name and subnet not in spec["subnets"], f"{name}: {other} uses subnet {subnet}")
    for other, peering in cluster.specs("ExternalPeering").items():
        side = peering["permit"]["vpc"]
        is_lost = not set(side["subnets"]) <= spec["subnets"].keys()
        refuse(f"VPC/{side['name']}" == name and is_lost, f"{name}: {other} uses a subnet")


def _attachment(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    vpc, _, subnet = spec["subnet"].partition("/")
    refuse(subnet not in cluster.specs("VPC")[f"VPC/{vpc}"]["subnets"], f"{name}: {vpc} has no subnet {subnet}")
    connection = cluster.specs("Connection")[f"Connection/{spec['connection']}"]
    refuse(connection.keys().isdisjoint({"unbundled", "bundled"}), f"{name}: its connection takes no attachment")
    _unique(cluster, name, spec, lambda one: [(one["connection"], one["subnet"])])
    _unique(cluster, name, spec, lambda one: [one["connection"]] if one.get("nativeVLAN") else [])
    space, switches = _placed(cluster, spec)
    for switch in switches:
        refuse(space not in cluster.specs("Switch")[switch]["vlanNamespaces"], f"{name}: {switch} has no {space}")


def _external_attachment(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    refuse("external" not in cluster.specs("Connection")[f"Connection/{spec['connection']}"], f"{name}: not external")
    _unique(cluster, name, spec, lambda one: [(one["connection"], one["switch"]["vlan"])])


def _external_peering(cluster: StrictCluster, name: str, spec: JSONObject) -> None:
    side = spec["permit"]["vpc"]
    there = cluster.specs("VPC")[f"VPC/{side['name']}"]["subnets"]
    refuse(not set(side["subnets"]) <= there.keys(), f"{name}: a subnet that {side['name']} does not have")


CHECKS: dict[str, Callable[[StrictCluster, str, JSONObject], None]] = {
    "VLANNamespace": _vlan_namespace,
    "IPv4Namespace": _ipv4_namespace,
    "Switch": _switch,
    "Connection": _connection,
    "VPC": _vpc,
    "VPCAttachment": _attachment,
    "ExternalAttachment": _external_attachment,
    "ExternalPeering": _external_peering,
}
