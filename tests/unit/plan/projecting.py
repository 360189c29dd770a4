"""A fabric in few words, with every kind and every type of connection, and looks into its projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Projection, Record, Ref
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.projection import project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value

POLICY = NetBoxPolicy("dc1")


def declared(kind: str, name: str, spec: JSON = None) -> Manifest:
    return Manifest(ObjectKey(kind, "default", name), Source(f"{kind}/{name}.yaml"), {} if spec is None else spec)


def projected(*objects: Manifest, policy: NetBoxPolicy = POLICY) -> Projection:
    return project("dc1", policy, objects)


def record(projection: Projection, model: str, key: str) -> Record:
    return next(found for found in projection.records if found.ref == Ref(model, f"dc1/{key}"))


def fields(projection: Projection, model: str, key: str) -> dict[str, Value]:
    return dict(record(projection, model, key).fields)


def keys(projection: Projection, model: str) -> list[str]:
    return [found.ref.key.removeprefix("dc1/") for found in projection.records if found.ref.model == model]


def messages(projection: Projection) -> list[str]:
    return [f"{item.key}: {item.message}" for item in projection.skipped]


def refs_of(value: Value) -> Iterator[Ref]:
    """All references in a value."""
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, Ref):
            yield item


def leaf(name: str, **spec: JSON) -> Manifest:
    return declared("Switch", name, {"role": "server-leaf", **spec})


def link(**ports: str) -> JSONObject:
    return {side: {"port": port} for side, port in ports.items()}


def connection(name: str, wiring: str, *links: JSONObject, **settings: JSON) -> Manifest:
    """A connection of a type whose links are a list."""
    return declared("Connection", name, {wiring: {"links": [*links], **settings}})


def unbundled(name: str, server: str, switch: str, **settings: JSON) -> Manifest:
    return declared("Connection", name, {"unbundled": {"link": link(server=server, switch=switch), **settings}})


def external(name: str, port: str) -> Manifest:
    return declared("Connection", name, {"external": {"link": link(switch=port)}})


def static_external(name: str, port: str, within: str | None = None, **settings: JSON) -> Manifest:
    switch: JSONObject = {"port": port, **settings}
    return declared("Connection", name, {"staticExternal": {"link": {"switch": switch}, "withinVPC": within}})


def attached(name: str, connection: str, subnet: str, **settings: JSON) -> Manifest:
    return declared("VPCAttachment", name, {"connection": connection, "subnet": subnet, **settings})


NAMESPACE = declared("VLANNamespace", "default", {"ranges": [{"from": 1000, "to": 2999}]})

PROFILE: JSONObject = {
    "displayName": "Dell S5248F-ON",
    "nosType": "sonic-bcm-base",
    "ports": {
        "M1": {"nos": "Management0", "management": True},
        "E1/1": {"group": "1"},
        "E1/2": {"group": "1"},
        "E1/3": {"profile": "SFP28-25G"},
        "E1/49": {"profile": "QSFP28-100G"},
        "E1/50": {"profile": "QSFP28-100G"},
        "E1/51": {"profile": "OSFP-2x400G"},
    },
    "portGroups": {"1": {"profile": "SFP28-25G"}},
    "portProfiles": {
        "SFP28-25G": {"speed": {"default": "25G"}},
        "QSFP28-100G": {"breakout": {"default": "1x100G"}},
        "OSFP-2x400G": {"breakout": {"default": "2x400G"}},
    },
}

_SWITCHES = (
    leaf(
        "leaf-01",
        profile="dell-s5248f-on",
        description=" rack 7\n",
        asn=65101,
        ip="172.30.0.8/21",
        protocolIP="172.30.8.2/32",
        vtepIP="172.30.12.0/32",
        boot={"serial": "ABC123", "mac": "0c:20:12:ff:01:00"},
        groups=["eslag-1", "rack.7"],
        redundancy={"group": "eslag-1", "type": "eslag"},
        portGroupSpeeds={"1": "10G"},
        portBreakouts={"E1/50": "4x25G"},
    ),
    leaf("leaf-02", profile="dell-s5248f-on", redundancy={"group": "eslag-1", "type": "eslag"}),
    leaf("leaf-03", redundancy={"group": "mclag-1", "type": "mclag"}, protocolIP="172.30.8.4"),
    leaf("leaf-04", redundancy={"group": "mclag-1", "type": "mclag"}),
    declared("Switch", "spine-01", {"role": "spine", "profile": "celestica-ds3000", "asn": 65100, "redundancy": {}}),
)

_DEVICES = (
    *(declared("Server", f"server-0{number}", {"description": "database"}) for number in range(1, 6)),
    declared(
        "Gateway",
        "gateway-1",
        {
            "asn": 65534,
            "protocolIP": "172.30.8.200/32",
            "vtepIP": "172.30.12.200/32",
            "vtepMAC": "CA-FE-BA-BE-00-01",
            "vtepMTU": 9100,
            "groups": [{"name": "default", "priority": 1}],
            "interfaces": {"enp2s1": {"ips": ["172.30.128.9/31"], "mtu": 9216}, "enp2s2": {}},
        },
    ),
)

_VPCS = (
    declared("IPv4Namespace", "default", {"subnets": ["10.0.0.0/16", "10.1.0.7/16", "10.0.0.0/16"]}),
    declared(
        "VPC",
        "vpc-1",
        {
            "defaultRestricted": True,
            "permit": [["default", "back"]],
            "subnets": {
                "default": {
                    "subnet": "10.0.1.7/24",
                    "vlan": 1001,
                    "dhcp": {
                        "enable": True,
                        "range": {"start": "10.0.1.10", "end": "10.0.1.99"},
                        "static": {"52:54:00:AA:00:01": {"ip": "10.0.1.250"}},
                    },
                },
                "back": {
                    "subnet": "10.0.2.0/24",
                    "gateway": "10.0.2.254",
                    "vlan": 1002,
                    "isolated": True,
                    "restricted": False,
                },
                "bgp": {"subnet": "10.0.3.0/24", "hostBGP": True, "vlan": 0},
            },
        },
    ),
    declared("VPC", "vpc-2", {"mode": "l3vni", "subnets": {"default": {"subnet": "10.0.4.0/24", "vlan": 1003}}}),
    declared("VPC", "vpc-3", {"subnets": None}),
    declared("Catalog", "vpcs", {"vpcVNIs": {"vpc-1": 100}, "vpcSubnetVNIs": {"vpc-1": {"default": 101}}}),
    declared("Catalog", "redundancy.eslag-1", {"portChannelIDs": {"server-01--eslag": 7}}),
    declared("Catalog", "switch.leaf-02", {"portChannelIDs": {"server-02--bundled": 9}}),
)

_CONNECTIONS = (
    connection(
        "server-01--eslag",
        "eslag",
        link(server="server-01/enp2s1", switch="leaf-01/E1/1"),
        link(server="server-01/enp2s2", switch="leaf-02/E1/1"),
        fallback=True,
        mtu=9036,
    ),
    connection(
        "server-02--bundled",
        "bundled",
        link(server="server-02/enp2s1", switch="leaf-02/E1/2"),
        link(server="server-02/enp2s2", switch="leaf-02/E1/3"),
    ),
    connection(
        "server-03--mclag",
        "mclag",
        link(server="server-03/enp2s1", switch="leaf-03/E1/1"),
        link(server="server-03/enp2s2", switch="leaf-04/E1/1"),
    ),
    unbundled("server-04--unbundled", "server-04/enp2s1", "leaf-01/E1/50/2", mtu=9000),
    unbundled("server-05--unbundled", "server-05/enp2s1", "leaf-01/E1/2"),
    declared(
        "Connection",
        "leaf-03--mclag-domain--leaf-04",
        {
            "mclagDomain": {
                "peerLinks": [link(switch1="leaf-03/E1/12", switch2="leaf-04/E1/12")],
                "sessionLinks": [link(switch1="leaf-03/E1/14", switch2="leaf-04/E1/14")],
            }
        },
    ),
    connection(
        "spine-01--fabric--leaf-01",
        "fabric",
        {
            "spine": {"port": "spine-01/E1/1", "ip": "172.30.128.0/31"},
            "leaf": {"port": "leaf-01/E1/49", "ip": "172.30.128.1/31"},
        },
    ),
    connection("leaf-02--mesh--leaf-03", "mesh", link(leaf1="leaf-02/E1/49", leaf2="leaf-03/E1/49")),
    connection(
        "spine-01--gateway--gateway-1",
        "gateway",
        {
            "switch": {"port": "spine-01/E1/20/1", "ip": "172.30.128.8/31"},
            "gateway": {"port": "gateway-1/enp2s1", "ip": "172.30.128.9/31"},
        },
    ),
    connection("leaf-04--loopback", "vpcLoopback", link(switch1="leaf-04/E1/54", switch2="leaf-04/E1/55")),
    external("leaf-01--external", "leaf-01/E1/3"),
    external("leaf-02--external", "leaf-02/E1/50"),
    static_external(
        "leaf-03--static",
        "leaf-03/E1/2",
        "vpc-2",
        ip="172.30.50.5/24",
        vlan=1005,
        nextHop="172.30.50.1",
        subnets=["10.99.0.0/24", "10.199.0.100/32"],
    ),
    static_external("leaf-04--static", "leaf-04/E1/2", ip="172.30.51.5/24", subnets=["10.98.0.0/24"]),
)

_USES = (
    attached("vpc-1--server-01", "server-01--eslag", "vpc-1", nativeVLAN=True),
    attached("vpc-1-back--server-01", "server-01--eslag", "vpc-1/back"),
    attached("vpc-2--server-04", "server-04--unbundled", "vpc-2/default", nativeVLAN=True),
    attached("vpc-1-bgp--server-05", "server-05--unbundled", "vpc-1/bgp"),
    declared("External", "bgp-edge", {"inboundCommunity": "65102:10", "outboundCommunity": "50000:10"}),
    declared("External", "static-edge", {"static": {"prefixes": ["0.0.0.0/0"]}}),
    declared(
        "ExternalAttachment",
        "leaf-01--bgp-edge",
        {
            "connection": "leaf-01--external",
            "external": "bgp-edge",
            "switch": {"vlan": 100, "ip": "100.64.0.1/30"},
            "neighbor": {"asn": 64600, "ip": "100.64.0.2"},
        },
    ),
    declared(
        "ExternalAttachment",
        "leaf-01--static-edge",
        {
            "connection": "leaf-01--external",
            "external": "static-edge",
            "switch": {},
            "neighbor": {},
            "static": {"ip": "100.64.1.1/24", "remoteIP": "100.64.1.6"},
        },
    ),
    declared("VPCPeering", "vpc-1--vpc-2", {"permit": [{"vpc-1": {"subnets": ["default"]}, "vpc-2": {}}]}),
    declared(
        "ExternalPeering",
        "vpc-1--bgp-edge",
        {
            "permit": {
                "vpc": {"name": "vpc-1", "subnets": ["default"]},
                "external": {"name": "bgp-edge", "prefixes": [{"prefix": "0.0.0.0/0"}]},
            }
        },
    ),
    declared(
        "GatewayPeering",
        "vpc-2--static-edge",
        {"peering": {"vpc-2": {"expose": [{"ips": [{"cidr": "10.0.4.0/24"}]}]}, "ext.static-edge": {"expose": []}}},
    ),
)

WHOLE_FABRIC: tuple[Manifest, ...] = (
    declared("VLANNamespace", "default", {"ranges": [{"from": 2000, "to": 2999}, {"from": 1000, "to": 1100}]}),
    declared("SwitchGroup", "eslag-1"),
    declared("GatewayGroup", "default"),
    declared("SwitchProfile", "dell-s5248f-on", PROFILE),
    *_SWITCHES,
    *_DEVICES,
    *_VPCS,
    *_CONNECTIONS,
    *_USES,
)
