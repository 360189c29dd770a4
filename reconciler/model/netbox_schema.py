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
TAGS = "extras/tags"
CUSTOM_FIELDS = "extras/custom-fields"

DEVICES = "dcim/devices"
VLAN_GROUPS = "ipam/vlan-groups"
VRFS = "ipam/vrfs"
VLANS = "ipam/vlans"
PREFIXES = "ipam/prefixes"


class Kind(Enum):
    """What a field holds: in symbolic form a `str`, `int`, `bool`, a tuple of (first, last) pairs, a CIDR, a `Ref`."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    RANGES = "ranges"
    NETWORK = "network"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `target` is the model it refers to, `limit` the longest text it holds, in characters."""

    kind: Kind
    target: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """An owned model. `noun` is how messages call one; `natural` lists the sets of fields that are unique; `shard` is
    the field whose record NetBox locks while it creates or deletes one, so that parallel writers never share it;
    `is_counted` whether `max_deletes` counts it.
    """

    path: str
    content_type: str
    noun: str
    label: str
    fields: Mapping[str, Field]
    natural: tuple[tuple[str, ...], ...] = ()
    shard: str | None = None
    is_counted: bool = True


def _text(limit: int) -> Field:
    return Field(Kind.TEXT, limit=limit)


def _ref(target: str) -> Field:
    return Field(Kind.REFERENCE, target=target)


_NUMBER = Field(Kind.NUMBER)
_FLAG = Field(Kind.FLAG)

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
                "site": _ref(SITES),
                "tenant": _ref(TENANTS),
                "serial": _text(50),
                "status": _text(50),
                "description": _text(200),
                "custom_fields.hh_asn": _NUMBER,
                "custom_fields.hh_redundancy": _text(253),
            }
        ),
        natural=(("site", "name", "tenant"),),
        shard="device_type",
    ),
    Model(
        path=VLAN_GROUPS,
        content_type="ipam.vlangroup",
        noun="VLAN group",
        label="name",
        fields=MappingProxyType(
            {"name": _text(100), "slug": _text(100), "scope": _ref(SITES), "vid_ranges": Field(Kind.RANGES)}
        ),
        natural=(("scope", "name"), ("scope", "slug")),
        is_counted=False,
    ),
    Model(
        path=VRFS,
        content_type="ipam.vrf",
        noun="VRF",
        label="name",
        fields=MappingProxyType({"name": _text(100), "enforce_unique": _FLAG, "custom_fields.hh_mode": _text(253)}),
        # NetBox allows two VRFs of one name; people could not tell them apart, and nor could we once the keys are lost
        natural=(("name",),),
    ),
    Model(
        path=VLANS,
        content_type="ipam.vlan",
        noun="VLAN",
        label="name",
        fields=MappingProxyType({"group": _ref(VLAN_GROUPS), "vid": _NUMBER, "name": _text(64), "status": _text(50)}),
        natural=(("group", "vid"), ("group", "name")),
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
                "status": _text(50),
                "custom_fields.hh_isolated": _FLAG,
                "custom_fields.hh_restricted": _FLAG,
            }
        ),
        natural=(("vrf", "prefix"),),
        shard="vrf",
    ),
)
"""The owned models in dependency order: a record refers to records of earlier models only."""

MODELS: Mapping[str, Model] = MappingProxyType({model.path: model for model in OWNED})

ORDER: Mapping[str, int] = MappingProxyType({model.path: position for position, model in enumerate(OWNED)})

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {SITES: "dcim.site", **{model.path: model.content_type for model in OWNED}}
)
"""The names under which generic references (scopes) and custom fields know a model."""

KEYED_CONTENT_TYPES: tuple[str, ...] = (
    "circuits.circuit",
    "circuits.provider",
    "circuits.providernetwork",
    "dcim.cable",
    "dcim.device",
    "dcim.interface",
    "dcim.macaddress",
    "ipam.asn",
    "ipam.ipaddress",
    "ipam.iprange",
    "ipam.prefix",
    "ipam.routetarget",
    "ipam.vlan",
    "ipam.vlangroup",
    "ipam.vrf",
    "vpn.l2vpn",
    "vpn.l2vpntermination",
)
"""What `hh_key` applies to from the start. Shared records are never altered, so it covers models not yet written."""


def natural_key_fields(path: str) -> tuple[tuple[str, ...], ...]:
    """The sets of fields that are unique in a model; none for a model that is not owned."""
    model = MODELS.get(path)
    return model.natural if model else ()
