"""What a connection plugs in: ports, and the cables between them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.model.netbox import Record
from reconciler.model.netbox_schema import CABLES
from reconciler.plan.projection.names import shorten
from reconciler.plan.projection.reading import MalformedError, text

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Ref, Value
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.context import Context
    from reconciler.plan.projection.ports import Interface

_LABEL_LIMIT = 100
_KINDS = MappingProxyType({"server": "Server", "gateway": "Gateway"})


def port_at(context: Context, side: str, settings: JSONObject, path: str) -> Interface:
    """The port that one side of a link names. Raises MalformedError when its device is not there."""
    written = text(settings, "port", path)
    name, _, port = written.partition("/")
    if not name or not port:
        raise MalformedError(f"{path}.port", f"{written!r} names no port of a device")
    device = context.ports.device(_KINDS.get(side, "Switch"), name, f"{path}.port")
    return context.ports.port(device, port)


def claim(ends: tuple[Interface, ...], key: ObjectKey, path: str) -> None:
    """Take ports for a link of a connection. Raises MalformedError when another link has one."""
    for end in ends:
        if end.user is not None:
            raise MalformedError(path, f"{end.place} is used by {end.user} as well")
    if len({end.ref for end in ends}) < len(ends):
        raise MalformedError(path, f"leads from {ends[0].place} to itself")
    for end in ends:
        end.user = key


def plug(context: Context, key: ObjectKey, wiring: str, part: str, ends: tuple[Ref, Ref]) -> None:
    """A cable of a connection of this type."""
    first, second = sorted(ends)
    label = shorten(key.name, _LABEL_LIMIT)
    fields: dict[str, Value] = {
        "a": first,
        "b": second,
        "status": "connected",
        "label": label,
        "custom_fields.hh_connection_type": wiring,
    }
    context.draft.add(key, Record(context.draft.ref(CABLES, key, part), label, fields))
