"""A small valid fabric in few words, to be edited against a server that checks every single write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fabric import ClusterPolicy
from tests.unit.plan.strict import StrictCluster
from tests.unit.plan.world import World, desired, manifest, vpc

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest
    from reconciler.model.plan import ClusterPlan


def vlan_space(*spans: tuple[int, int], name: str = "default") -> Manifest:
    return manifest("VLANNamespace", name, {"ranges": [{"from": first, "to": last} for first, last in spans]})


def ipv4_space(*blocks: str) -> Manifest:
    return manifest("IPv4Namespace", "default", {"subnets": list(blocks)})


def leaf(name: str, number: int, asn: int = 0, **spec: object) -> Manifest:
    identity = {"role": "server-leaf", "asn": asn or 65100 + number, "vlanNamespaces": ["default"]}
    addresses = {"ip": f"172.30.0.{number}/21", "protocolIP": f"172.30.8.{number}/32"}
    return manifest("Switch", name, {**identity, **addresses, **spec})


def unbundled(name: str, port: str, nic: str = "") -> Manifest:
    link = {"server": {"port": f"s1/{nic or name}"}, "switch": {"port": f"leaf-1/{port}"}}
    return manifest("Connection", name, {"unbundled": {"link": link}})


def bundled(name: str, *ports: str) -> Manifest:
    links = [
        {"server": {"port": f"s1/{name}{n}"}, "switch": {"port": f"leaf-1/{port}"}} for n, port in enumerate(ports)
    ]
    return manifest("Connection", name, {"bundled": {"links": links}})


def static_external(name: str, within: str | None) -> Manifest:
    spec: JSONObject = {"link": {"switch": {"port": "leaf-1/E1/40"}}}
    return manifest("Connection", name, {"staticExternal": spec | ({"withinVPC": within} if within else {})})


def vpc_of(name: str, **subnets: tuple[int, str]) -> Manifest:
    spaces = {"vlanNamespace": "default", "ipv4Namespace": "default"}
    return vpc(name, **spaces, subnets={one: {"vlan": vlan, "subnet": net} for one, (vlan, net) in subnets.items()})


def attached(name: str, connection: str, subnet: str, **spec: object) -> Manifest:
    return manifest("VPCAttachment", name, {"connection": connection, "subnet": subnet, **spec})


A, B = (1000, "10.0.0.0/24"), (1001, "10.0.1.0/24")
BASE = (vlan_space((1000, 1999)), ipv4_space("10.0.0.0/16"), leaf("leaf-1", 1), manifest("Server", "s1"))
ALPHA, BETA = vpc_of("alpha", a=A), vpc_of("beta", a=B)
P, Q = unbundled("p", "E1/1"), unbundled("q", "E1/2")
LINKED = (*BASE, ALPHA, P, attached("at", "p", "alpha/a"))


def having(found: tuple[Manifest, ...], *changed: Manifest) -> tuple[Manifest, ...]:
    """With these in the places of those of their keys, or added."""
    return tuple({one.key: one for one in (*found, *changed)}.values())


def lacking(found: tuple[Manifest, ...], *names: str) -> tuple[Manifest, ...]:
    return tuple(one for one in found if str(one.key) not in names)


def strict_world(*before: Manifest, policy: ClusterPolicy | None = None) -> World:
    """A strict cluster that holds these, by our own hand."""
    world = World(ClusterPolicy(prune=True, max_deletes=100))
    world.cluster = StrictCluster()
    world.reconcile(desired(*before))
    world.policy = policy or world.policy
    return world


def steps_of(plan: ClusterPlan) -> list[str]:
    return [f"{type(action).__name__} {action.key}" for action in plan.actions]


def findings_of(plan: ClusterPlan) -> dict[str, tuple[str, str]]:
    found = {"conflict": plan.conflicts, "waiting": plan.waiting, "pending": plan.pending}
    return {str(one.key): (name, one.reason) for name, findings in found.items() for one in findings}
