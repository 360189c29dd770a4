"""GraphQL that reads owned models, and records in symbolic form made from its answers.

GraphQL with ids instead of nested records, and tags asked apart, is the cheapest complete read that NetBox has.
"""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model import netbox_schema
from reconciler.model.netbox import KEY_FIELD, OWNED_TAG, ExistingRecord, Ref
from reconciler.model.netbox_schema import CUSTOM_FIELD_PREFIX, GROUP_TAG_PREFIX, MODELS, TAGS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value
    from reconciler.model.netbox_schema import Field, Model

Names: TypeAlias = "Mapping[tuple[str, int], Ref]"
"""The symbolic names of records, by model and id."""

PAGE = 1000
"""Records asked for at once; NetBox's MAX_PAGE_SIZE may make them fewer."""

_LISTS = {
    netbox_schema.DEVICES: "device_list",
    netbox_schema.VLAN_GROUPS: "vlan_group_list",
    netbox_schema.ROUTE_TARGETS: "route_target_list",
    netbox_schema.VRFS: "vrf_list",
    netbox_schema.VLANS: "vlan_list",
    netbox_schema.PREFIXES: "prefix_list",
    netbox_schema.INTERFACES: "interface_list",
    netbox_schema.ADDRESSES: "ip_address_list",
    netbox_schema.MACS: "mac_address_list",
    netbox_schema.ADDRESS_RANGES: "ip_range_list",
    netbox_schema.L2VPNS: "l2vpn_list",
    netbox_schema.L2VPN_TERMINATIONS: "l2vpn_termination_list",
    netbox_schema.PROVIDERS: "provider_list",
    netbox_schema.PROVIDER_NETWORKS: "provider_network_list",
    netbox_schema.CIRCUITS: "circuit_list",
    netbox_schema.CIRCUIT_TERMINATIONS: "circuit_termination_list",
    netbox_schema.CABLES: "cable_list",
}

SHARED_LISTS = {
    TAGS: "tag_list",
    netbox_schema.SITES: "site_list",
    netbox_schema.MANUFACTURERS: "manufacturer_list",
    netbox_schema.DEVICE_TYPES: "device_type_list",
    netbox_schema.DEVICE_ROLES: "device_role_list",
    netbox_schema.PLATFORMS: "platform_list",
    netbox_schema.CIRCUIT_TYPES: "circuit_type_list",
}
"""What GraphQL calls the lists of prerequisites."""

TYPES = {
    netbox_schema.SITES: "SiteType",
    netbox_schema.INTERFACES: "InterfaceType",
    netbox_schema.VLANS: "VLANType",
    netbox_schema.PROVIDER_NETWORKS: "ProviderNetworkType",
}
"""What GraphQL calls the models to which generic references lead."""

_MODELS_OF_TYPES = {name: path for path, name in TYPES.items()}

_DEPENDENTS = {
    netbox_schema.DEVICES: (
        *("interfaces", "frontports", "rearports", "consoleports", "consoleserverports", "powerports", "poweroutlets"),
        *("coolingintakes", "coolingoutflows", "devicebays", "modulebays", "modules", "inventoryitems"),
        *("services", "vdcs"),
    ),
    netbox_schema.ROUTE_TARGETS: ("importing_vrfs", "exporting_vrfs", "importing_l2vpns", "exporting_l2vpns"),
    netbox_schema.VRFS: ("interfaces", "vminterfaces"),
    netbox_schema.VLANS: (
        *("interfaces_as_untagged", "interfaces_as_tagged", "vminterfaces_as_untagged", "vminterfaces_as_tagged"),
        "wirelesslan_set",
    ),
    netbox_schema.INTERFACES: (
        *("ip_addresses", "mac_addresses", "member_interfaces", "bridge_interfaces", "wireless_lans"),
        *("l2vpn_termination", "cable"),
    ),
    netbox_schema.ADDRESSES: ("nat_outside", "services", "tunnel_terminations"),
    netbox_schema.L2VPNS: ("terminations",),
    netbox_schema.CIRCUITS: ("terminations",),
    netbox_schema.CIRCUIT_TERMINATIONS: ("cable",),
}
"""What NetBox deletes along with a record, or quietly takes its reference from. What it protects itself is not here."""

CASCADES = frozenset({"interfaces", "terminations"})
"""Dependents that take others along in their turn: ours are deleted before, and one that is left was refused."""

ENDS = frozenset({netbox_schema.INTERFACES, netbox_schema.CIRCUIT_TERMINATIONS})
"""Models whose records cables are plugged into: they know their cable, which is cheaper than to ask the cables."""

_NO_ENDS: Mapping[str, Ref] = MappingProxyType({})
_RANGE = re.compile(r"\[(\d+), (\d+)\)")


def list_name(path: str, place: int = 0) -> str:
    """The name under which an answer holds the records of a model; `place` tells several pages of one apart."""
    return f"{_LISTS[path]}{place or ''}"


def ids_query(path: str, ids: Iterable[int], fabric: str) -> str:
    """These records, as `page_query` has them."""
    condition = f"id:{{in_list:{json.dumps([str(record_id) for record_id in ids])}}}"
    return page_query(path, condition, fabric, 0, among=condition)


def plugged_query(path: str, cables: Iterable[int]) -> str:
    """The ids of the records of a model into which these cables are plugged."""
    wanted = json.dumps([str(cable) for cable in cables])
    condition = f"cable:{{id:{{in_list:{wanted}}}}}"
    return f"{_LISTS[path]}(filters:{{{condition}}},pagination:{{limit:{PAGE}}}){{id}}"


def tagged_name(path: str, place: int = 0) -> str:
    """The name under which an answer holds the ids of the tagged records of a page."""
    return f"tagged_{list_name(path, place)}"


def grouped_name(path: str, place: int = 0) -> str:
    """The name under which an answer holds the tags of those records of a page that show groups: these are few, and
    asking for the tags of all costs several times the rest.
    """
    return f"grouped_{list_name(path, place)}"


def keyed(fabric: str) -> str:
    """A filter for the records that carry a key of the fabric."""
    prefix = json.dumps(f"{fabric}/")
    return f'custom_field_data:{{path:"{KEY_FIELD}",lookup:{{string_lookup:{{starts_with:{prefix}}}}}}}'


def relevant(path: str, fabric: str, site_id: int | None) -> str:
    """A filter for the records that carry a key of the fabric or stand where one of ours might: at the fabric's site,
    in one of its records, under a name of the fabric. `site_id` is None while the site does not exist.
    """
    ours, named = keyed(fabric), f"name:{{starts_with:{json.dumps(f'{fabric}/')}}}"
    places = {path: f"{part}:{{{ours}}}" for path, part in WITHIN.items()} | dict.fromkeys(NAMED, named)
    places[netbox_schema.ROUTE_TARGETS] = f"name:{{starts_with:{json.dumps(f'{fabric}:')}}}"
    if site_id is not None:
        places[netbox_schema.DEVICES] = f'site_id:"{site_id}"'
        scope = 'scope_type:{app_label:{exact:"dcim"},model:{exact:"site"}}'
        places[netbox_schema.VLAN_GROUPS] = f'scope_id:"{site_id}",{scope}'
    return f"{ours},OR:{{{places[path]}}}" if path in places else ours


WITHIN = {
    netbox_schema.VLANS: "group",
    netbox_schema.PREFIXES: "vrf",
    netbox_schema.INTERFACES: "device",
    netbox_schema.ADDRESSES: "vrf",
    netbox_schema.ADDRESS_RANGES: "vrf",
    netbox_schema.L2VPN_TERMINATIONS: "l2vpn",
    netbox_schema.PROVIDER_NETWORKS: "provider",
    netbox_schema.CIRCUITS: "provider",
    netbox_schema.CIRCUIT_TERMINATIONS: "circuit",
}
"""In which of our records one that could clash with ours has its place."""

NAMED = (netbox_schema.VRFS, netbox_schema.L2VPNS, netbox_schema.PROVIDERS)
"""Models whose records we name after the fabric."""


def page_query(path: str, condition: str, fabric: str, start: int, *, among: str = "", place: int = 0) -> str:
    """One page of a model from the id `start` on, and the ids of those (of `among`, a condition) that carry key and
    tag.
    """
    name, alias = _LISTS[path], list_name(path, place)
    pagination = f"pagination:{{start:{start},limit:{PAGE}}}"
    ours = f"{among and f'{among},'}{keyed(fabric)}"
    parts = [
        f"{f'{alias}:' if place else ''}{name}(filters:{{{condition}}},{pagination}){{{_selection(MODELS[path])}}}",
        f"{tagged_name(path, place)}:{name}(filters:{{{ours},{_tagged('exact', OWNED_TAG)}}},{pagination}){{id}}",
    ]
    if "tags" in MODELS[path].fields:
        # A record with two such tags would come twice, and so take the place of another one on the page.
        groups = f"DISTINCT:true,{ours},{_tagged('starts_with', GROUP_TAG_PREFIX)}"
        parts.append(f"{grouped_name(path, place)}:{name}(filters:{{{groups}}},{pagination}){{id tags{{id slug}}}}")
    return " ".join(parts)


def _tagged(how: str, slug: str) -> str:
    return f'tags:{{slug:{{{how}:"{slug}"}}}}'


def delete_query(path: str, ids: Iterable[int]) -> str:
    """Marks and dependents of records that are about to be deleted."""
    dependents = " ".join(f"{name}{{custom_fields tags{{slug}}}}" for name in _DEPENDENTS.get(path, ()))
    wanted = json.dumps([str(record_id) for record_id in ids])
    return (
        f"{_LISTS[path]}(filters:{{id:{{in_list:{wanted}}}}},pagination:{{limit:{PAGE}}})"
        f"{{id custom_fields tags{{slug}} {dependents}}}"
    )


def tags_query(path: str, ids: Iterable[int]) -> str:
    """All tags of records."""
    wanted = json.dumps([str(record_id) for record_id in ids])
    return f"{_LISTS[path]}(filters:{{id:{{in_list:{wanted}}}}},pagination:{{limit:{PAGE}}}){{id tags{{id slug}}}}"


def _selection(model: Model) -> str:
    parts = ["id", "last_updated", "custom_fields"]
    for name, field in model.fields.items():
        if field.kind is Kind.GENERIC:
            targets = " ".join(f"... on {TYPES[target]}{{id}}" for target in field.targets)
            parts.append(f"{name}{{__typename {targets}}}")
        elif field.targets and field.kind not in {Kind.END, Kind.TAGS}:
            parts.append(f"{name}{{id}}")
        elif field.kind not in {Kind.END, Kind.TAGS} and not name.startswith(CUSTOM_FIELD_PREFIX):
            parts.append(name)
    return " ".join([*parts, *(["cable{id} cable_end"] if model.path in ENDS else [])])


def key_of(raw: JSONObject) -> str | None:
    """The `hh_key` of a record; None also for something that is no key."""
    key = (raw.get("custom_fields") or {}).get(KEY_FIELD)
    return key if isinstance(key, str) and key else None


def is_keyed(raw: JSONObject, fabric: str) -> bool:
    """Whether a record carries a key of the fabric."""
    return (key_of(raw) or "").startswith(f"{fabric}/")


def shared_key(raw: JSONObject) -> str:
    """The key by which a prerequisite is known."""
    manufacturer = raw.get("manufacturer")
    return f"{manufacturer['slug']}/{raw['slug']}" if manufacturer else str(raw["slug"])


def to_existing(
    path: str, raw: JSONObject, names: Names, *, is_tagged: bool, ends: Mapping[str, Ref] = _NO_ENDS
) -> ExistingRecord:
    """A record of a page in symbolic form; `ends` are those of a cable."""
    model = MODELS[path]
    fields = {name: _value(raw, name, model, names) for name in model.fields}
    fields |= {name: ends.get(name) for name, field in model.fields.items() if field.kind is Kind.END}
    return ExistingRecord(
        model=path,
        id=int(raw["id"]),
        label=str(fields[model.label]),
        fields=fields,
        key=key_of(raw),
        is_tagged=is_tagged,
        version=raw.get("last_updated"),
    )


def cable_end(path: str, raw: JSONObject) -> tuple[int, str] | None:
    """The cable that is plugged into a record, and with which of its ends (`a`, `b`)."""
    cable = raw.get("cable") if path in ENDS else None
    return (int(cable["id"]), str(raw["cable_end"]).lower()) if cable else None


def _value(raw: JSONObject, name: str, model: Model, names: Names) -> Value:
    field = model.fields[name]
    if name.startswith(CUSTOM_FIELD_PREFIX):
        value = (raw.get("custom_fields") or {}).get(name.removeprefix(CUSTOM_FIELD_PREFIX))
        return canonical(value) if field.kind is Kind.JSON and value is not None else _scalar(value)
    return _of_kind(field, raw.get(name), names)


def _of_kind(field: Field, value: JSON, names: Names) -> Value:
    match field.kind:
        case Kind.RANGES:
            return tuple(sorted((int(first), int(after) - 1) for first, after in _RANGE.findall(" ".join(value or ()))))
        case Kind.TAGS:
            slugs = (tag["slug"] for tag in value or ())
            return tuple(sorted(Ref(TAGS, slug) for slug in slugs if slug.startswith(GROUP_TAG_PREFIX)))
        case Kind.REFERENCES:
            return tuple(sorted(_named(field.targets[0], item, names) for item in value or ()))
        case Kind.REFERENCE | Kind.GENERIC:
            return _ref(field.targets, value, names)
        case Kind.CHOICE:
            return _scalar(value) or None
    return _scalar(value)


def _ref(targets: Sequence[str], value: JSON, names: Names) -> Ref | None:
    """A reference; one to a record of another model than ours would be is told apart from all of them."""
    if not isinstance(value, dict):
        return None
    if "id" not in value:
        return Ref(str(value.get("__typename")).removesuffix("Type").lower(), "?")
    return _named(_MODELS_OF_TYPES.get(str(value.get("__typename")), targets[0]), value, names)


def _named(path: str, value: JSONObject, names: Names) -> Ref:
    record_id = int(value["id"])
    return names.get((path, record_id)) or Ref(path, f"#{record_id}")


def canonical(value: JSON) -> str:
    """JSON as the one text that stands for it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _scalar(value: JSON) -> Value:
    """Custom fields of other kinds than ours are lists and objects: they equal nothing that we write."""
    return value if value is None or isinstance(value, (str, int, float, bool)) else canonical(value)
