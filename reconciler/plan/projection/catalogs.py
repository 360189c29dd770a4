"""The numbers that the fabric's controller has given out, as its Catalogs tell. They are absent where only Git is read,
and what cannot be read of one is not known yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.lenient import mapping, whole

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.plan.projection.objects import Objects

_VPCS = "vpcs"


class Catalogs:
    """The Catalogs of a fabric."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def vni(self, vpc: str) -> int | None:
        return _number(mapping(self._spec(_VPCS).get("vpcVNIs")).get(vpc))

    def subnet_vni(self, vpc: str, subnet: str) -> int | None:
        return _number(mapping(mapping(self._spec(_VPCS).get("vpcSubnetVNIs")).get(vpc)).get(subnet))

    def port_channel(self, switch: str, group: str, connection: str) -> int | None:
        """The number of a port channel on a switch: unique in the redundancy group, or on a switch that has none."""
        names = (f"redundancy.{group}", f"switch.{switch}") if group else (f"switch.{switch}",)
        found = (mapping(self._spec(name).get("portChannelIDs")).get(connection) for name in names)
        return next(filter(None, map(_number, found)), None)

    def _spec(self, name: str) -> JSONObject:
        return self._objects.spec("Catalog", name) or {}


def _number(value: JSON) -> int | None:
    """A number that was given out: they begin at 1."""
    return whole(value) or None
