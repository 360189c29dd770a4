"""An object of the cluster as a person would have declared it: without what the server made of it. Pure.

Applied again, such a document gives the object as it stands. So what is left out is only what the server puts in by
itself wherever it is absent; whenever that is in doubt, it stays. Lists stay as they are, because server-side apply
takes each for one value: with an item or a member less it would be another one.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from reconciler.model.objects import OUR_GROUP, Manifest, Source
from reconciler.plan.canonical import RECOMPUTED_LABEL, is_same
from reconciler.plan.lenient import mapping, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import Resource
    from reconciler.model.served import Schema

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_PEER_LABEL = "vpc.gateway.githedgehog.com/"
"""A label of this group and `true` is put on a gateway peering for each of its sides."""

_DEFAULT = "default"

_ADDED: dict[str, JSONObject] = {
    "Switch": {"vlanNamespaces": [_DEFAULT], "redundancy": {}, "boot": {}, "ecmp": {}},
    "Gateway": {
        "groups": [{"name": _DEFAULT}],
        "workers": 4,
        "logs": {},
        "logs.default": "info",
        "logs.tags": {"all": "info"},
        "profiling": {},
    },
    "VPC": {"ipv4Namespace": _DEFAULT, "vlanNamespace": _DEFAULT},
    "External": {"ipv4Namespace": _DEFAULT},
    "ExternalAttachment": {"switch": {}, "neighbor": {}},
    "GatewayPeering": {"gatewayGroup": _DEFAULT},
}
"""What admission puts into the spec of each kind where it is absent, by dotted path: `{}` where nothing else is put in.
"""

_OPTIONS: JSONObject = {
    "interfaceMTU": 9036,
    "leaseTimeSeconds": 3600,
    "dnsServers": [],
    "timeServers": [],
    "advertisedRoutes": [],
}
"""What admission adds to DHCP options of which at least one is set."""

_SCHEMAS: dict[str, JSONObject] = {
    "Switch": {
        "properties": {
            "linkFlapErrDisable": {
                "properties": {
                    "flapThreshold": {"default": 3},
                    "recoveryInterval": {"default": 300},
                    "samplingInterval": {"default": 30},
                }
            }
        }
    }
}
"""Defaults in the schemas of Hedgehog's kinds. Servers without OpenAPI v3 do not tell of them."""


def neutral(resource: Resource, schema: Schema | None) -> Manifest:
    """The object as Git would declare it. `schema` is that of the kind's spec, as far as it is known."""
    kind = resource.key.kind
    spec = _without_added(kind, resource.spec)
    for known in (_SCHEMAS.get(kind), schema.body if schema else None):
        spec = _without_schema_defaults(spec, known)
    return Manifest(
        resource.key,
        Source(""),
        _sorted(spec),
        {name: resource.labels[name] for name in sorted(resource.labels) if not _is_computed(name, resource)},
        {name: resource.annotations[name] for name in sorted(resource.annotations) if not _is_mark(name)},
    )


def document(manifest: Manifest, marks: Mapping[str, str]) -> JSONObject:
    """The whole document, in the order in which people write it, with annotations of ours."""
    kind = manifest.key.resource_kind
    annotations = {**manifest.annotations, **marks}
    metadata: JSONObject = {"name": manifest.key.name, "namespace": manifest.key.namespace}
    metadata |= {"labels": manifest.labels} if manifest.labels else {}
    metadata |= {"annotations": annotations} if annotations else {}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": manifest.spec}


def _is_mark(annotation: str) -> bool:
    return annotation == _LAST_APPLIED or annotation.startswith(OUR_GROUP)


def _is_computed(label: str, resource: Resource) -> bool:
    if resource.key.kind != "GatewayPeering":
        return RECOMPUTED_LABEL in label
    # Of these the controller recomputes none, and adds one for each side.
    side = label.removeprefix(_PEER_LABEL)
    return side != label and resource.labels[label] == "true" and side in mapping(resource.spec.get("peering"))


def _sorted(value: JSON) -> JSON:
    """The same bytes for the same object, in whatever order a server gives its members."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


# What admission adds


def _without_added(kind: str, spec: JSONObject) -> JSONObject:
    found = _less(spec, _ADDED.get(kind, {}))
    if kind == "Switch" and is_same(found.get("groups"), [mapping(spec.get("redundancy")).get("group")]):
        found.pop("groups")
    if kind == "VPC" and isinstance(spec.get("subnets"), dict):
        found["subnets"] = {name: _subnet(subnet) for name, subnet in spec["subnets"].items()}
    return found


def _less(value: JSONObject, added: JSONObject, prefix: str = "") -> JSONObject:
    """The members that are not just as they are added."""
    found: JSONObject = {}
    for name, member in value.items():
        path = prefix + name
        rest = _less(member, added, f"{path}.") if isinstance(member, dict) else member
        # A mapping that is a value of its own is held against it whole.
        if path not in added or not (is_same(member, added[path]) or is_same(rest, added[path])):
            found[name] = rest
    return found


def _subnet(subnet: JSON) -> JSON:
    """A subnet of a VPC: its gateway is the first address, and leases are of all that follow."""
    if not isinstance(subnet, dict):
        return subnet
    first, second, last = _addresses(text(subnet.get("subnet")))
    found = _less(subnet, {"gateway": first} if first else {})
    if isinstance(subnet.get("dhcp"), dict):
        found["dhcp"] = _dhcp(subnet["dhcp"], {"range": {}, "range.start": second, "range.end": last} if first else {})
    return {name: member for name, member in found.items() if name != "dhcp" or member}


def _dhcp(dhcp: JSONObject, leased: JSONObject) -> JSONObject:
    is_leasing = dhcp.get("enable") is True and not dhcp.get("relay")
    found = _less(dhcp, leased if is_leasing else {})
    # Options of which nothing is left would be absent, where the server adds none.
    options = _less(mapping(dhcp.get("options")), _OPTIONS)
    return {**found, "options": options} if options else found


def _addresses(subnet: str) -> tuple[str, str, str]:
    """The first, second and last address; empty where it is not plain which they are."""
    try:
        network = ipaddress.IPv4Network(subnet)
    except ValueError:
        return "", "", ""
    if network.num_addresses < 4:  # noqa: PLR2004 - network, gateway, one lease, broadcast
        return "", "", ""
    return str(network[1]), str(network[2]), str(network[-1])


# What the schema adds


def _without_schema_defaults(value: JSON, schema: JSON) -> JSON:
    """A mapping less the members that the schema would add; whole where nothing else would be left of it: the server
    adds nothing to a mapping that is absent.
    """
    if not isinstance(value, dict):
        return value
    known, others = mapping(mapping(schema).get("properties")), mapping(schema).get("additionalProperties")
    inner = {name: _without_schema_defaults(member, known.get(name, others)) for name, member in value.items()}
    rest = {name: member for name, member in inner.items() if not _is_default(value[name], known.get(name))}
    return rest or inner


def _is_default(value: JSON, schema: JSON) -> bool:
    node = mapping(schema)
    return "default" in node and is_same(value, node["default"])
