"""The part of NetBox's data model that the reconciler writes: fields, references, natural keys, limits.

Source: NetBox 4.7, models and REST API. One table serves the projection (what fits), the plan (what clashes, what comes
first) and both implementations of the port (what is read, what is refused).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CUSTOM_FIELD_PREFIX = "custom_fields."

SITES = "dcim/sites"
MANUFACTURERS = "dcim/manufacturers"
DEVICE_TYPES = "dcim/device-types"
DEVICE_ROLES = "dcim/device-roles"
TENANTS = "tenancy/tenants"
PLATFORMS = "dcim/platforms"
CIRCUIT_TYPES = "circuits/circuit-types"
TAGS = "extras/tags"
CUSTOM_FIELDS = "extras/custom-fields"

DEVICES = "dcim/devices"
VLAN_GROUPS = "ipam/vlan-groups"
ROUTE_TARGETS = "ipam/route-targets"
VRFS = "ipam/vrfs"
VLANS = "ipam/vlans"
PREFIXES = "ipam/prefixes"
INTERFACES = "dcim/interfaces"
ADDRESSES = "ipam/ip-addresses"
MACS = "dcim/mac-addresses"
ADDRESS_RANGES = "ipam/ip-ranges"
L2VPNS = "vpn/l2vpns"
L2VPN_TERMINATIONS = "vpn/l2vpn-terminations"
PROVIDERS = "circuits/providers"
PROVIDER_NETWORKS = "circuits/provider-networks"
CIRCUITS = "circuits/circuits"
CIRCUIT_TERMINATIONS = "circuits/circuit-terminations"
CABLES = "dcim/cables"


class Kind(Enum):
    """What a field holds, and its symbolic form: a `str`; one of NetBox's choices or None; an `int` or `bool`; a tuple
    of (first, last) pairs; a CIDR without and one with host bits; a MAC address in upper case; JSON as canonical text;
    a `Ref`; one to a record of several models, which NetBox takes as type and id; a sorted tuple of `Ref`; those of a
    record's tags that only this program gives (`GROUP_TAG_PREFIX`), as such a tuple; what one end of a cable is plugged
    into.
    """

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    FLAG = "flag"
    RANGES = "ranges"
    NETWORK = "network"
    ADDRESS = "address"
    MAC = "MAC address"
    JSON = "JSON"
    REFERENCE = "reference"
    GENERIC = "generic reference"
    REFERENCES = "references"
    TAGS = "tags"
    END = "end"


GROUP_TAG_PREFIX = "hh-group-"
"""Tags whose slugs begin with this show the groups of devices. No other tag of a record is ours to give or to take."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `targets` are the models that it may refer to, `limit` the longest text it holds, in characters.
    `is_late`: it refers to records of later models, and is set once they exist.
    """

    kind: Kind
    targets: tuple[str, ...] = ()
    limit: int | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """An owned model. `noun` is how messages call one; `natural` lists the sets of fields that are unique; `shard` is
    the field whose record NetBox locks while it creates or deletes one, so that parallel writers never share it;
    `is_counted` whether `max_deletes` counts it. `is_leaf`: nothing needs one of its records, so that those that go
    can go before anything else happens.
    """

    path: str
    content_type: str
    noun: str
    label: str
    fields: Mapping[str, Field]
    natural: tuple[tuple[str, ...], ...] = ()
    shard: str | None = None
    is_counted: bool = False
    is_leaf: bool = False

    @property
    def late(self) -> frozenset[str]:
        """The fields that are set once all records exist."""
        return frozenset(name for name, field in self.fields.items() if field.is_late)

    @property
    def inner(self) -> tuple[str, ...]:
        """The fields that refer to records of this very model."""
        return tuple(name for name, field in self.fields.items() if self.path in field.targets)


def _text(limit: int) -> Field:
    return Field(Kind.TEXT, limit=limit)


def _ref(target: str, *, is_late: bool = False) -> Field:
    return Field(Kind.REFERENCE, (target,), is_late=is_late)


def _refs(target: str) -> Field:
    return Field(Kind.REFERENCES, (target,))


def _generic(*targets: str) -> Field:
    return Field(Kind.GENERIC, targets)


_NUMBER = Field(Kind.NUMBER)
_FLAG = Field(Kind.FLAG)
_JSON = Field(Kind.JSON)
_ADDRESS = Field(Kind.ADDRESS)
_CHOICE = Field(Kind.CHOICE, limit=50)
_LONG = _text(253)
_DESCRIPTION = _text(200)
_END = Field(Kind.END, (INTERFACES, CIRCUIT_TERMINATIONS))

OWNED: tuple[Model, ...] = (
    Model(
        path=DEVICES,
        content_type="dcim.device",
        noun="device",
        label="name",
        fields=MappingProxyType(
            {
                "name": _text(64),
                "role": _ref(DEVICE_ROLES),
                "device_type": _ref(DEVICE_TYPES),
                "platform": _ref(PLATFORMS),
                "site": _ref(SITES),
                "tenant": _ref(TENANTS),
                "serial": _text(50),
                "status": _CHOICE,
                "description": _DESCRIPTION,
                "tags": Field(Kind.TAGS, (TAGS,)),
                "primary_ip4": _ref(ADDRESSES, is_late=True),
                "custom_fields.hh_asn": _NUMBER,
                "custom_fields.hh_redundancy": _LONG,
            }
        ),
        natural=(("site", "name", "tenant"),),
        shard="device_type",
        is_counted=True,
    ),
    Model(
        path=VLAN_GROUPS,
        content_type="ipam.vlangroup",
        noun="VLAN group",
        label="name",
        fields=MappingProxyType(
            {
                "name": _text(100),
                "slug": _text(100),
                "scope": _generic(SITES),
                "vid_ranges": Field(Kind.RANGES),
            }
        ),
        natural=(("scope", "name"), ("scope", "slug")),
    ),
    Model(
        path=ROUTE_TARGETS,
        content_type="ipam.routetarget",
        noun="route target",
        label="name",
        fields=MappingProxyType(
            {
                "name": _text(21),
                "description": _DESCRIPTION,
            }
        ),
        natural=(("name",),),
    ),
    Model(
        path=VRFS,
        content_type="ipam.vrf",
        noun="VRF",
        label="name",
        fields=MappingProxyType(
            {
                "name": _text(100),
                "enforce_unique": _FLAG,
                "import_targets": _refs(ROUTE_TARGETS),
                "export_targets": _refs(ROUTE_TARGETS),
                "custom_fields.hh_mode": _LONG,
                "custom_fields.hh_vni": _NUMBER,
                "custom_fields.hh_permit": _JSON,
                "custom_fields.hh_peerings": _JSON,
            }
        ),
        # NetBox allows two VRFs of one name; people could not tell them apart, and nor could we once the keys are lost
        natural=(("name",),),
        is_counted=True,
    ),
    Model(
        path=VLANS,
        content_type="ipam.vlan",
        noun="VLAN",
        label="name",
        fields=MappingProxyType(
            {
                "group": _ref(VLAN_GROUPS),
                "vid": _NUMBER,
                "name": _text(64),
                "status": _CHOICE,
            }
        ),
        natural=(("group", "vid"), ("group", "name")),
        is_counted=True,
    ),
    Model(
        path=PREFIXES,
        content_type="ipam.prefix",
        noun="prefix",
        label="prefix",
        fields=MappingProxyType(
            {
                "prefix": Field(Kind.NETWORK),
                "vrf": _ref(VRFS),
                "vlan": _ref(VLANS),
                "status": _CHOICE,
                "custom_fields.hh_isolated": _FLAG,
                "custom_fields.hh_restricted": _FLAG,
            }
        ),
        natural=(("vrf", "prefix"),),
        shard="vrf",
        is_counted=True,
    ),
    Model(
        path=INTERFACES,
        content_type="dcim.interface",
        noun="interface",
        label="name",
        fields=MappingProxyType(
            {
                "device": _ref(DEVICES),
                "name": _text(64),
                "type": _CHOICE,
                "mgmt_only": _FLAG,
                "mark_connected": _FLAG,
                "lag": _ref(INTERFACES),
                "parent": _ref(INTERFACES),
                "mtu": _NUMBER,
                "speed": _NUMBER,
                "mode": _CHOICE,
                "untagged_vlan": _ref(VLANS),
                "tagged_vlans": _refs(VLANS),
                "description": _DESCRIPTION,
                "primary_mac_address": _ref(MACS, is_late=True),
                "custom_fields.hh_redundancy": _LONG,
                "custom_fields.hh_fallback": _FLAG,
            }
        ),
        natural=(("device", "name"),),
        shard="device",
    ),
    Model(
        path=ADDRESSES,
        content_type="ipam.ipaddress",
        noun="IP address",
        label="address",
        fields=MappingProxyType(
            {
                "address": _ADDRESS,
                "vrf": _ref(VRFS),
                "assigned_object": _generic(INTERFACES),
                "role": _CHOICE,
                "status": _CHOICE,
                "description": _DESCRIPTION,
                "custom_fields.hh_asn": _NUMBER,
            }
        ),
        natural=(("vrf", "address"),),
        shard="vrf",
        is_leaf=True,
    ),
    Model(
        path=MACS,
        content_type="dcim.macaddress",
        noun="MAC address",
        label="mac_address",
        fields=MappingProxyType(
            {
                "mac_address": Field(Kind.MAC),
                "assigned_object": _generic(INTERFACES),
            }
        ),
        is_leaf=True,
    ),
    Model(
        path=ADDRESS_RANGES,
        content_type="ipam.iprange",
        noun="IP range",
        label="start_address",
        fields=MappingProxyType(
            {
                "start_address": _ADDRESS,
                "end_address": _ADDRESS,
                "vrf": _ref(VRFS),
                "status": _CHOICE,
                "description": _DESCRIPTION,
            }
        ),
        natural=(("vrf", "start_address", "end_address"),),
        shard="vrf",
        is_leaf=True,
    ),
    Model(
        path=L2VPNS,
        content_type="vpn.l2vpn",
        noun="L2VPN",
        label="name",
        fields=MappingProxyType(
            {
                "name": _text(100),
                "slug": _text(100),
                "type": _CHOICE,
                "identifier": _NUMBER,
            }
        ),
        natural=(("name",), ("slug",)),
    ),
    Model(
        path=L2VPN_TERMINATIONS,
        content_type="vpn.l2vpntermination",
        noun="L2VPN termination",
        label="l2vpn",
        fields=MappingProxyType(
            {
                "l2vpn": _ref(L2VPNS),
                "assigned_object": _generic(VLANS),
            }
        ),
        natural=(("assigned_object",),),
        is_leaf=True,
    ),
    Model(
        path=PROVIDERS,
        content_type="circuits.provider",
        noun="provider",
        label="name",
        fields=MappingProxyType(
            {
                "name": _text(100),
                "slug": _text(100),
                "custom_fields.hh_inbound_community": _LONG,
                "custom_fields.hh_outbound_community": _LONG,
                "custom_fields.hh_prefixes": _JSON,
            }
        ),
        natural=(("name",), ("slug",)),
    ),
    Model(
        path=PROVIDER_NETWORKS,
        content_type="circuits.providernetwork",
        noun="provider network",
        label="name",
        fields=MappingProxyType(
            {
                "provider": _ref(PROVIDERS),
                "name": _text(100),
            }
        ),
        natural=(("provider", "name"),),
    ),
    Model(
        path=CIRCUITS,
        content_type="circuits.circuit",
        noun="circuit",
        label="cid",
        fields=MappingProxyType(
            {
                "cid": _text(100),
                "provider": _ref(PROVIDERS),
                "type": _ref(CIRCUIT_TYPES),
                "status": _CHOICE,
            }
        ),
        natural=(("provider", "cid"),),
    ),
    Model(
        path=CIRCUIT_TERMINATIONS,
        content_type="circuits.circuittermination",
        noun="circuit termination",
        label="term_side",
        fields=MappingProxyType(
            {
                "circuit": _ref(CIRCUITS),
                "term_side": _CHOICE,
                "termination": _generic(SITES, PROVIDER_NETWORKS),
            }
        ),
        natural=(("circuit", "term_side"),),
        shard="circuit",
    ),
    Model(
        path=CABLES,
        content_type="dcim.cable",
        noun="cable",
        label="label",
        fields=MappingProxyType(
            {
                "a": _END,
                "b": _END,
                "status": _CHOICE,
                "label": _text(100),
                "custom_fields.hh_connection_type": _LONG,
            }
        ),
        natural=(("a",), ("b",)),
        is_leaf=True,
    ),
)
"""The owned models in dependency order: a record refers to records of earlier models only, late
fields and those within a model aside."""

MODELS: Mapping[str, Model] = MappingProxyType({model.path: model for model in OWNED})

ORDER: Mapping[str, int] = MappingProxyType({model.path: position for position, model in enumerate(OWNED)})

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {SITES: "dcim.site", **{model.path: model.content_type for model in OWNED}}
)
"""The names under which generic references (scopes) and custom fields know a model."""

KEYED_CONTENT_TYPES: tuple[str, ...] = tuple(sorted(model.content_type for model in OWNED))
"""What `hh_key` applies to."""


def natural_key_fields(path: str) -> tuple[tuple[str, ...], ...]:
    """The sets of fields that are unique in a model; none for a model that is not owned."""
    model = MODELS.get(path)
    return model.natural if model else ()
