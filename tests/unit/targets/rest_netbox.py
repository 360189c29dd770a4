"""A NetBox of lists in memory, as a client reads it over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.errors import NetBoxAccessError
from reconciler.plan.netbox_features import has_feature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.json import JSONObject

S = TypeVar("S")
T = TypeVar("T")

PLAIN = {"fields", "ordering", "limit"}


class RestNetBox:
    """Stands in for a client. `is_deaf`: filters other than those by id are passed over, as NetBox does with one that
    it does not know. `asked` are the reads; `refused` holds what the next reads of a path raise.
    """

    def __init__(self, version: str = "4.7.3", *, is_deaf: bool = False, page: int = 1000) -> None:
        self.rows: dict[str, list[JSONObject]] = {
            "extras/custom-fields": [
                {"id": 1, "name": "hh_key", "filter_logic": {"value": "exact"}, "object_types": EVERYTHING}
            ]
        }
        self.version = version
        self.is_deaf = is_deaf
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refused: dict[str, Exception] = {}
        self.address = "http://netbox"
        self._page = page

    def put(self, path: str, record_id: int, key: str | None = None, tags: Sequence[str] = (), **fields: Any) -> None:
        marks = {"custom_fields": {"hh_key": key}, "tags": [{"id": 1, "slug": tag} for tag in tags]}
        self.rows.setdefault(path, []).append({"id": record_id, "last_updated": None, **marks, **fields})

    def release(self) -> str:
        return self.version

    def offers(self, feature: str) -> bool:
        return has_feature(self.version, feature)

    def query(self, *_parts: str) -> dict[str, list[JSONObject]]:
        raise self.refused.get("graphql", NetBoxAccessError("nobody asks this by GraphQL"))

    def at_once(self, read: Callable[[S], T], items: Sequence[S]) -> list[T]:
        return [read(item) for item in items]

    def listing(self, path: str, params: Mapping[str, Any]) -> list[JSONObject]:
        return self.page(path, params)[0]

    def page(self, path: str, params: Mapping[str, Any]) -> tuple[list[JSONObject], bool]:
        self.asked.append((path, dict(params)))
        if error := self.refused.pop(path, None):
            raise error
        filters = {name: value for name, value in params.items() if name not in PLAIN}
        found = sorted(
            (row for row in self.rows.get(path, ()) if all(self._fits(row, *one) for one in filters.items())),
            key=lambda row: int(row["id"]),
        )
        return found[: self._page], len(found) > self._page

    def _fits(self, row: JSONObject, name: str, value: Any) -> bool:
        if name == "id":
            return str(row["id"]) in value
        if name == "id__gt":
            return int(row["id"]) > int(value)
        if self.is_deaf:
            return True
        if name.endswith("__isw"):
            text = row["custom_fields"]["hh_key"] if name.startswith("cf_") else row["name"]
            return str(text or "").lower().startswith(value.lower())
        found = row.get(name.removesuffix("_id"), row.get(name))
        found = [str(item["id"]) for item in found] if isinstance(found, list) else found
        found = str(found["id"]) if isinstance(found, dict) else found
        wanted = value if isinstance(value, list) else [value]
        return any(one in wanted for one in found) if isinstance(found, list) else str(found) in wanted


EVERYTHING = [
    *("dcim.device", "ipam.vlangroup", "ipam.routetarget", "ipam.vrf", "ipam.vlan", "ipam.prefix", "dcim.interface"),
    *("ipam.ipaddress", "dcim.macaddress", "ipam.iprange", "vpn.l2vpn", "vpn.l2vpntermination", "circuits.provider"),
    *("circuits.providernetwork", "circuits.circuit", "circuits.circuittermination", "dcim.cable"),
]
