"""What must exist in NetBox before records can: shared by all fabrics and people, matched by slug, never altered."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.model.netbox import KEY_FIELD, OWNED_TAG, Ref, SharedRecord
from reconciler.model.netbox_schema import (
    ADDRESSES,
    CABLES,
    CIRCUIT_TYPES,
    CONTENT_TYPES,
    CUSTOM_FIELDS,
    DEVICE_ROLES,
    DEVICE_TYPES,
    DEVICES,
    GROUP_TAG_PREFIX,
    INTERFACES,
    KEYED_CONTENT_TYPES,
    MANUFACTURERS,
    PLATFORMS,
    PREFIXES,
    PROVIDERS,
    SITES,
    TAGS,
    VRFS,
)
from reconciler.model.netbox_setup import CHOICE_SETS
from reconciler.model.netbox_site import DRIFT, INSTALLATION, LAST_SYNC, REVISION, SYNC_STATUS, VALID_UNTIL
from reconciler.model.status import SyncStatus
from reconciler.plan.projection.names import clean, shorten, slug, word_slug

if TYPE_CHECKING:
    from reconciler.model.netbox import Value

HOUSE_BRAND = "Hedgehog"
"""The manufacturer of what names no manufacturer."""

_LIMIT = 100

_ROLES = MappingProxyType(
    {
        "spine": ("Spine", "3f51b5"),
        "server-leaf": ("Server leaf", "2196f3"),
        "border-leaf": ("Border leaf", "00bcd4"),
        "mixed-leaf": ("Mixed leaf", "009688"),
        "server": ("Server", "9e9e9e"),
        "gateway": ("Gateway", "ff9800"),
    }
)
_OTHER_ROLE_COLOR = "607d8b"
_CHOICE_SET = "hh-sync-status"

_PROPERTIES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("hh_asn", "integer", "ASN", (DEVICES, ADDRESSES)),
    ("hh_redundancy", "text", "Redundancy group", (DEVICES, INTERFACES)),
    ("hh_fallback", "boolean", "LACP fallback", (INTERFACES,)),
    ("hh_mode", "text", "VPC mode", (VRFS,)),
    ("hh_vni", "integer", "VNI", (VRFS,)),
    ("hh_permit", "json", "Permitted between subnets", (VRFS,)),
    ("hh_peerings", "json", "Peerings", (VRFS,)),
    ("hh_isolated", "boolean", "Isolated subnet", (PREFIXES,)),
    ("hh_restricted", "boolean", "Restricted subnet", (PREFIXES,)),
    ("hh_inbound_community", "text", "Inbound community", (PROVIDERS,)),
    ("hh_outbound_community", "text", "Outbound community", (PROVIDERS,)),
    ("hh_prefixes", "json", "Static prefixes", (PROVIDERS,)),
    ("hh_connection_type", "text", "Connection type", (CABLES,)),
)
"""Custom fields: name, type, label, and the models that have it."""


def tag() -> SharedRecord:
    """The tag of every record that we write."""
    fields: dict[str, Value] = {
        "name": OWNED_TAG,
        "slug": OWNED_TAG,
        "color": "2f6f4f",
        "description": "Written by the Hedgehog reconciler; edits are reverted",
    }
    return SharedRecord(Ref(TAGS, OWNED_TAG), fields)


def group_tag(fabric: str, devices: str, prefix: str, group: str) -> SharedRecord:
    """The tag of the `devices` of a group; the prefix tells groups of other devices apart."""
    name = slug(f"{GROUP_TAG_PREFIX}{fabric}-{prefix}{group}")
    description = f"{devices} of group {shorten(group, _LIMIT)} of fabric {fabric}"
    fields: dict[str, Value] = {"name": name, "slug": name, "color": "607d8b", "description": description}
    return SharedRecord(Ref(TAGS, name), fields)


def custom_fields() -> tuple[SharedRecord, ...]:
    """The key of every record that we write, and the properties that NetBox has no field for."""
    key = _custom_field(KEY_FIELD, "text", "Hedgehog key", KEYED_CONTENT_TYPES)
    described = (
        _custom_field(name, kind, label, tuple(CONTENT_TYPES[path] for path in paths))
        for name, kind, label, paths in _PROPERTIES
    )
    return SharedRecord(key.ref, {**key.fields, "unique": True}), *described


def choice_set() -> SharedRecord:
    """The values of the sync status."""
    choices = tuple((status.value, status.value.replace("_", " ").capitalize()) for status in SyncStatus)
    return SharedRecord(Ref(CHOICE_SETS, _CHOICE_SET), {"name": _CHOICE_SET, "extra_choices": choices})


def site_fields() -> tuple[SharedRecord, ...]:
    """What a fabric's site says of the fabric. Not part of a projection: a site tells how passes went."""
    of_sites = (CONTENT_TYPES[SITES],)
    status = _custom_field(SYNC_STATUS, "select", "Sync status", of_sites)
    return (
        SharedRecord(status.ref, {**status.fields, "choice_set": choice_set().ref}),
        _custom_field(REVISION, "text", "Revision", of_sites),
        _custom_field(LAST_SYNC, "datetime", "Last sync", of_sites),
        _custom_field(DRIFT, "integer", "Drifted objects", of_sites),
        _custom_field(VALID_UNTIL, "datetime", "Valid until", of_sites),
        _custom_field(INSTALLATION, "text", "Installation", of_sites),
    )


def site(site_slug: str) -> SharedRecord:
    """The site of a fabric, when nobody has made it yet."""
    return SharedRecord(Ref(SITES, site_slug), {"name": site_slug, "slug": site_slug, "status": "active"})


def role(name: str) -> SharedRecord:
    """The device role for a role of the fabric."""
    role_slug = slug(name)
    title, color = _ROLES.get(name, (shorten(name, _LIMIT), _OTHER_ROLE_COLOR))
    return SharedRecord(Ref(DEVICE_ROLES, role_slug), {"name": title, "slug": role_slug, "color": color})


def platform(nos_type: str) -> SharedRecord:
    """What runs on a switch."""
    name = slug(nos_type)
    return SharedRecord(Ref(PLATFORMS, name), {"name": shorten(nos_type, _LIMIT), "slug": name})


def circuit_type() -> SharedRecord:
    """The type of the circuits to externals."""
    return SharedRecord(Ref(CIRCUIT_TYPES, "fabric-external"), {"name": "Fabric external", "slug": "fabric-external"})


def device_type(profile: str, display_name: str | None = None) -> tuple[SharedRecord, SharedRecord]:
    """Manufacturer and device type of a profile. With the display name of its SwitchProfile the manufacturer is the
    first word of that, and the whole is the model; without one the model is the profile's name.
    """
    model = clean(display_name or "") or profile
    brand = model.split()[0] if model != profile else HOUSE_BRAND
    brand_slug, type_slug = word_slug(brand)[:_LIMIT], slug(profile)
    manufacturer = Ref(MANUFACTURERS, brand_slug)
    return (
        SharedRecord(manufacturer, {"name": shorten(brand, _LIMIT), "slug": brand_slug}),
        SharedRecord(
            Ref(DEVICE_TYPES, f"{brand_slug}/{type_slug}"),
            {"manufacturer": manufacturer, "model": shorten(model, _LIMIT), "slug": type_slug},
        ),
    )


def _custom_field(name: str, kind: str, label: str, object_types: tuple[str, ...]) -> SharedRecord:
    """A field that people see where it is set, and cannot edit: its value is the fabric's."""
    fields: dict[str, Value] = {
        "name": name,
        "type": kind,
        "label": label,
        "group_name": "Hedgehog",
        "object_types": object_types,
        "filter_logic": "exact",
        "ui_visible": "if-set",
        "ui_editable": "no",
    }
    return SharedRecord(Ref(CUSTOM_FIELDS, name), fields)
