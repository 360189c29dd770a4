"""What NetBox would delete along with records, or take from them, as REST tells it.

GraphQL shows it with the record itself (`queries`); REST has to be asked for each list of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model import netbox_schema as schema
from reconciler.model.netbox_schema import CONTENT_TYPES
from reconciler.plan.netbox_features import COOLING
from reconciler.targets.netbox.paging import IDS, read_ids, read_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.targets.netbox.client import NetBoxClient

MARKS = "id,custom_fields,tags"


class Link(NamedTuple):
    """Records at `path` refer to one of ours in a `field`, and are found by the filter `by`. `name` is what GraphQL
    calls them. Without a filter it is ours that refers to them, in a `field`. `is_single`: the filter takes one id; of
    several it would answer for the last. `since` is the feature with which they came.
    """

    name: str
    path: str
    by: str
    field: str
    is_single: bool = False
    since: str = ""


_COMPONENTS = (
    ("interfaces", schema.INTERFACES),
    ("frontports", "dcim/front-ports"),
    ("rearports", "dcim/rear-ports"),
    ("consoleports", "dcim/console-ports"),
    ("consoleserverports", "dcim/console-server-ports"),
    ("powerports", "dcim/power-ports"),
    ("poweroutlets", "dcim/power-outlets"),
    ("devicebays", "dcim/device-bays"),
    ("modulebays", "dcim/module-bays"),
    ("modules", "dcim/modules"),
    ("inventoryitems", "dcim/inventory-items"),
    ("vdcs", "dcim/virtual-device-contexts"),
)
_COOLING = (("coolingintakes", "dcim/cooling-intakes"), ("coolingoutflows", "dcim/cooling-outflows"))
_VM_INTERFACES = "virtualization/interfaces"
_SERVICES = "ipam/services"

LINKS: dict[str, tuple[Link, ...]] = {
    schema.DEVICES: (
        *(Link(name, path, "device_id", "device") for name, path in _COMPONENTS),
        *(Link(name, path, "device_id", "device", since=COOLING) for name, path in _COOLING),
        Link("services", _SERVICES, "device_id", "parent_object"),
        Link("services", _SERVICES, "device_id", "device"),  # before NetBox 4.3
    ),
    schema.ROUTE_TARGETS: (
        Link("importing_vrfs", schema.VRFS, "import_target_id", "import_targets"),
        Link("exporting_vrfs", schema.VRFS, "export_target_id", "export_targets"),
        Link("importing_l2vpns", schema.L2VPNS, "import_target_id", "import_targets"),
        Link("exporting_l2vpns", schema.L2VPNS, "export_target_id", "export_targets"),
    ),
    schema.VRFS: (
        Link("interfaces", schema.INTERFACES, "vrf_id", "vrf"),
        Link("vminterfaces", _VM_INTERFACES, "vrf_id", "vrf"),
    ),
    schema.VLANS: (
        *(
            Link(f"{name}_as_{how}", path, "vlan_id", field, is_single=True)
            for name, path in (("interfaces", schema.INTERFACES), ("vminterfaces", _VM_INTERFACES))
            for how, field in (("untagged", "untagged_vlan"), ("tagged", "tagged_vlans"))
        ),
        Link("wirelesslan_set", "wireless/wireless-lans", "vlan_id", "vlan"),
    ),
    schema.INTERFACES: (
        Link("ip_addresses", schema.ADDRESSES, "interface_id", "assigned_object"),
        Link("mac_addresses", schema.MACS, "interface_id", "assigned_object"),
        Link("member_interfaces", schema.INTERFACES, "lag_id", "lag"),
        Link("bridge_interfaces", schema.INTERFACES, "bridge_id", "bridge"),
        Link("wireless_lans", "wireless/wireless-lans", "", "wireless_lans"),
        Link("l2vpn_termination", schema.L2VPN_TERMINATIONS, "interface_id", "assigned_object"),
        Link("cable", schema.CABLES, "", "cable"),
    ),
    schema.ADDRESSES: (
        Link("nat_outside", schema.ADDRESSES, "", "nat_outside"),
        Link("services", _SERVICES, "ip_address_id", "ipaddresses"),
        Link("tunnel_terminations", "vpn/tunnel-terminations", "outside_ip_id", "outside_ip"),
    ),
    schema.L2VPNS: (Link("terminations", schema.L2VPN_TERMINATIONS, "l2vpn_id", "l2vpn"),),
    schema.CIRCUITS: (Link("terminations", schema.CIRCUIT_TERMINATIONS, "circuit_id", "circuit"),),
    schema.CIRCUIT_TERMINATIONS: (Link("cable", schema.CABLES, "", "cable"),),
}
"""As `queries` has them for GraphQL."""


def with_dependents(client: NetBoxClient, path: str, ids: Sequence[int]) -> list[JSONObject]:
    """Those of these records that exist, with their marks, and lists of their dependents with theirs."""
    links = [link for link in LINKS.get(path, ()) if not link.since or client.offers(link.since)]
    own = {link.field for link in links if not link.by}
    raws = read_ids(client, path, ids, ",".join([MARKS, *sorted(own)]))
    present = [int(raw["id"]) for raw in raws]  # NetBox refuses a filter for one that is gone
    found: dict[int, dict[str, dict[int, JSONObject]]] = {one: {link.name: {} for link in links} for one in present}
    asked = [(link, part) for link in links if link.by for part in _parts(link, present)]
    answers = client.at_once(lambda one: _found(client, path, *one), asked)
    answers += [_referred(client, link, raws) for link in links if not link.by]
    for name, record_id, dependent in (one for answer in answers for one in answer):
        if record_id in found:
            found[record_id][name][int(dependent["id"])] = dependent
    return [
        {name: raw.get(name) for name in MARKS.split(",")}
        | {name: list(dependents.values()) for name, dependents in found[int(raw["id"])].items()}
        for raw in raws
    ]


def _parts(link: Link, ids: Sequence[int]) -> Iterator[Sequence[int]]:
    size = 1 if link.is_single else IDS
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _found(client: NetBoxClient, path: str, link: Link, ids: Sequence[int]) -> list[tuple[str, int, JSONObject]]:
    """Records that refer to these, by what they themselves say: a filter may have been passed over."""
    fields = f"{MARKS},{link.field},{link.field}_type,{link.field}_id"
    raws = read_list(client, link.path, {link.by: [str(record_id) for record_id in ids], "fields": fields})
    kind = CONTENT_TYPES[path]
    return [(link.name, to, raw) for raw in raws for to in referred(raw, link.field, kind)]


def _referred(client: NetBoxClient, link: Link, raws: Sequence[JSONObject]) -> list[tuple[str, int, JSONObject]]:
    """Records to which these refer."""
    by_id = {int(raw["id"]): referred(raw, link.field, "") for raw in raws}
    wanted = {to for ids in by_id.values() for to in ids}
    known = {int(raw["id"]): raw for raw in read_ids(client, link.path, wanted, MARKS)}
    return [(link.name, record_id, known[to]) for record_id, ids in by_id.items() for to in ids if to in known]


def referred(raw: JSONObject, field: str, content_type: str) -> list[int]:
    """The ids of what a record refers to in a field; in a generic one, where it is of this type."""
    if f"{field}_type" in raw:
        return [int(raw[f"{field}_id"])] if raw[f"{field}_type"] == content_type else []
    value: JSON = raw.get(field)
    items = value if isinstance(value, list) else [value]
    return [int(item["id"]) for item in items if isinstance(item, dict)]
