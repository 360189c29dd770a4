"""GraphQL that reads owned models, and records in symbolic form made from its answers.

GraphQL with ids instead of nested records, and tags asked apart, is the cheapest complete read that NetBox has.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.netbox import KEY_FIELD, OWNED_TAG, ExistingRecord, Ref
from reconciler.model.netbox_schema import (
    CUSTOM_FIELD_PREFIX,
    DEVICES,
    MODELS,
    PREFIXES,
    VLAN_GROUPS,
    VLANS,
    VRFS,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value
    from reconciler.model.netbox_schema import Model

Names: TypeAlias = "Mapping[tuple[str, int], Ref]"
"""The symbolic names of records, by model and id."""

PAGE = 1000
"""Records asked for at once; NetBox's MAX_PAGE_SIZE may make them fewer."""

_LISTS = {
    DEVICES: "device_list",
    VLAN_GROUPS: "vlan_group_list",
    VRFS: "vrf_list",
    VLANS: "vlan_list",
    PREFIXES: "prefix_list",
}

_DEPENDENTS = {
    DEVICES: (
        *("interfaces", "frontports", "rearports", "consoleports", "consoleserverports", "powerports", "poweroutlets"),
        *("coolingintakes", "coolingoutflows", "devicebays", "modulebays", "modules", "inventoryitems"),
        *("services", "vdcs"),
    ),
    VRFS: ("interfaces", "vminterfaces"),
    VLANS: (
        *("interfaces_as_untagged", "interfaces_as_tagged", "vminterfaces_as_untagged", "vminterfaces_as_tagged"),
        "wirelesslan_set",
    ),
}
"""What NetBox deletes along with a record, or quietly takes its reference from. What it protects itself is not here."""

_RANGE = re.compile(r"\[(\d+), (\d+)\)")


def list_name(path: str) -> str:
    return _LISTS[path]


def keyed(fabric: str) -> str:
    """A filter for the records that carry a key of the fabric."""
    prefix = json.dumps(f"{fabric}/")
    return f'custom_field_data:{{path:"{KEY_FIELD}",lookup:{{string_lookup:{{starts_with:{prefix}}}}}}}'


def relevant(path: str, fabric: str, site_id: int | None) -> str:
    """A filter for the records that carry a key of the fabric or stand where one of ours might: at the fabric's site,
    in its VLAN groups, in its VRFs, under the names of its VRFs. `site_id` is None while the site does not exist.
    """
    ours = keyed(fabric)
    places = {VLANS: f"group:{{{ours}}}", PREFIXES: f"vrf:{{{ours}}}"}
    places[VRFS] = f"name:{{starts_with:{json.dumps(f'{fabric}/')}}}"
    if site_id is not None:
        places[DEVICES] = f'site_id:"{site_id}"'
        places[VLAN_GROUPS] = f'scope_id:"{site_id}",scope_type:{{app_label:{{exact:"dcim"}},model:{{exact:"site"}}}}'
    return f"{ours},OR:{{{places[path]}}}" if path in places else ours


def page_query(path: str, condition: str, fabric: str, start: int) -> str:
    """One page of a model from the id `start` on, and as `tagged` the ids of those in it that carry key and tag."""
    pagination = f"pagination:{{start:{start},limit:{PAGE}}}"
    tagged = f'{keyed(fabric)},tags:{{slug:{{exact:"{OWNED_TAG}"}}}}'
    name = _LISTS[path]
    return (
        f"{name}(filters:{{{condition}}},{pagination}){{{_selection(MODELS[path])}}} "
        f"tagged:{name}(filters:{{{tagged}}},{pagination}){{id}}"
    )


def delete_query(path: str, ids: Iterable[int]) -> str:
    """Marks and dependents of records that are about to be deleted."""
    dependents = " ".join(f"{name}{{custom_fields tags{{slug}}}}" for name in _DEPENDENTS.get(path, ()))
    wanted = json.dumps([str(record_id) for record_id in ids])
    return (
        f"{_LISTS[path]}(filters:{{id:{{in_list:{wanted}}}}},pagination:{{limit:{PAGE}}})"
        f"{{id custom_fields tags{{slug}} {dependents}}}"
    )


def _selection(model: Model) -> str:
    parts = ["id", "last_updated", "custom_fields"]
    for name, field in model.fields.items():
        if name == "scope":
            parts.append("scope{__typename ... on SiteType{id}}")
        elif field.kind is Kind.REFERENCE:
            parts.append(f"{name}{{id}}")
        elif not name.startswith(CUSTOM_FIELD_PREFIX):
            parts.append(name)
    return " ".join(parts)


def key_of(raw: JSONObject) -> str | None:
    """The `hh_key` of a record; None also for something that is no key."""
    key = (raw.get("custom_fields") or {}).get(KEY_FIELD)
    return key if isinstance(key, str) and key else None


def to_existing(path: str, raw: JSONObject, names: Names, *, is_tagged: bool) -> ExistingRecord:
    """A record of a page in symbolic form."""
    model = MODELS[path]
    fields = {name: _value(raw, name, model, names) for name in model.fields}
    return ExistingRecord(
        model=path,
        id=int(raw["id"]),
        label=str(fields[model.label]),
        fields=fields,
        key=key_of(raw),
        is_tagged=is_tagged,
        version=raw.get("last_updated"),
    )


def _value(raw: JSONObject, name: str, model: Model, names: Names) -> Value:
    field = model.fields[name]
    if name.startswith(CUSTOM_FIELD_PREFIX):
        return _scalar((raw.get("custom_fields") or {}).get(name.removeprefix(CUSTOM_FIELD_PREFIX)))
    value = raw.get(name)
    if field.kind is Kind.RANGES:
        return tuple(sorted((int(first), int(after) - 1) for first, after in _RANGE.findall(" ".join(value or ()))))
    if field.target is not None:
        return _ref(field.target, value, names)
    return _scalar(value)


def _ref(target: str, value: JSON, names: Names) -> Ref | None:
    """A reference; a scope that is no site is told apart from every site."""
    if not isinstance(value, dict):
        return None
    if "id" not in value:
        return Ref(str(value.get("__typename")), "?")
    record_id = int(value["id"])
    return names.get((target, record_id)) or Ref(target, f"#{record_id}")


def _scalar(value: JSON) -> Value:
    """Custom fields of other kinds than ours are lists and objects: they equal nothing that we write."""
    return value if value is None or isinstance(value, (str, int, float, bool)) else json.dumps(value)
