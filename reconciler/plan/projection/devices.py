"""Switches, servers and gateways as devices of the fabric's site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import DEVICES, MODELS
from reconciler.plan.projection import prerequisites
from reconciler.plan.projection.names import shorten
from reconciler.plan.projection.reading import MalformedError, mapping, number, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import SharedRecord, Value
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.draft import Draft

GENERIC_SWITCH = "generic-switch"
GENERIC_SERVER = "generic-server"
GATEWAY = "gateway"


def project_switch(draft: Draft, key: ObjectKey, spec: JSONObject, profiles: Mapping[str, str]) -> None:
    """A Switch; `profiles` maps names of SwitchProfiles to their display names. Raises MalformedError."""
    role = text(spec, "role")
    if not role:
        raise MalformedError("spec.role", "is missing")
    profile = text(spec, "profile") or GENERIC_SWITCH
    boot, redundancy = mapping(spec, "boot"), mapping(spec, "redundancy")
    fields = {
        "serial": _limited("serial", text(boot, "serial", "spec.boot")),
        "description": _limited("description", text(spec, "description")),
        "custom_fields.hh_asn": number(spec, "asn"),
        "custom_fields.hh_redundancy": text(redundancy, "group", "spec.redundancy") or None,
    }
    shared = (*prerequisites.device_type(profile, profiles.get(profile)), prerequisites.role(role))
    _add(draft, key, fields, shared)


def project_server(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    """A Server. Raises MalformedError."""
    fields: dict[str, Value] = {"description": _limited("description", text(spec, "description"))}
    _add(draft, key, fields, (*prerequisites.device_type(GENERIC_SERVER), prerequisites.role("server")))


def project_gateway(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    """A Gateway. Raises MalformedError."""
    fields: dict[str, Value] = {"custom_fields.hh_asn": number(spec, "asn")}
    _add(draft, key, fields, (*prerequisites.device_type(GATEWAY), prerequisites.role("gateway")))


def _add(draft: Draft, key: ObjectKey, fields: Mapping[str, Value], shared: tuple[SharedRecord, ...]) -> None:
    manufacturer, device_type, role = shared
    draft.need(manufacturer, device_type, role)
    base: dict[str, Value] = {
        "name": _limited("name", key.name),
        "site": draft.site,
        "device_type": device_type.ref,
        "role": role.ref,
        "status": "active",
    }
    draft.add(key, Record(Ref(DEVICES, f"{draft.fabric}/{key}"), key.name, base | dict(fields)))


def _limited(field: str, value: str) -> str:
    limit = MODELS[DEVICES].fields[field].limit
    return shorten(value, limit) if limit else value
