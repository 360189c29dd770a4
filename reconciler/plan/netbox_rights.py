"""The permissions that a token needs in NetBox: object types, and what may be done to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.netbox_schema import (
    CIRCUIT_TYPES,
    CUSTOM_FIELDS,
    DEVICE_ROLES,
    DEVICE_TYPES,
    MANUFACTURERS,
    OWNED,
    PLATFORMS,
    SITES,
    TAGS,
    TENANTS,
)
from reconciler.model.netbox_setup import CHOICE_SETS, CUSTOM_LINKS, EVENT_RULES, JOURNAL_ENTRIES, WEBHOOKS
from reconciler.plan.netbox_features import COOLING, has_feature

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEW, ADD, CHANGE, DELETE = ACTIONS = ("view", "add", "change", "delete")


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done to the objects of a type; `path` is theirs in REST. `is_for_setup`: only `init-netbox` does."""

    path: str
    object_type: str
    actions: tuple[str, ...]
    is_for_setup: bool = False

    def without(self, actions: tuple[str, ...]) -> Right:
        return Right(self.path, self.object_type, tuple(a for a in self.actions if a not in actions), self.is_for_setup)


_SHARED = (
    (TAGS, "extras.tag", (VIEW, ADD)),
    (CHOICE_SETS, "extras.customfieldchoiceset", (VIEW, ADD)),
    (CUSTOM_FIELDS, "extras.customfield", (VIEW, ADD)),
    (SITES, "dcim.site", (VIEW, ADD, CHANGE)),
    (MANUFACTURERS, "dcim.manufacturer", (VIEW, ADD)),
    (DEVICE_TYPES, "dcim.devicetype", (VIEW, ADD)),
    (DEVICE_ROLES, "dcim.devicerole", (VIEW, ADD)),
    (PLATFORMS, "dcim.platform", (VIEW, ADD)),
    (CIRCUIT_TYPES, "circuits.circuittype", (VIEW, ADD)),
    (TENANTS, "tenancy.tenant", (VIEW,)),
    ("core/object-changes", "core.objectchange", (VIEW,)),
    (JOURNAL_ENTRIES, "extras.journalentry", (VIEW, ADD)),
)
"""What records refer to, what a site says of its fabric, and what tells that something was written."""

_DEPENDENTS = (
    ("dcim/front-ports", "dcim.frontport"),
    ("dcim/rear-ports", "dcim.rearport"),
    ("dcim/console-ports", "dcim.consoleport"),
    ("dcim/console-server-ports", "dcim.consoleserverport"),
    ("dcim/power-ports", "dcim.powerport"),
    ("dcim/power-outlets", "dcim.poweroutlet"),
    ("dcim/device-bays", "dcim.devicebay"),
    ("dcim/module-bays", "dcim.modulebay"),
    ("dcim/modules", "dcim.module"),
    ("dcim/inventory-items", "dcim.inventoryitem"),
    ("dcim/virtual-device-contexts", "dcim.virtualdevicecontext"),
    ("ipam/services", "ipam.service"),
    ("virtualization/interfaces", "virtualization.vminterface"),
    ("vpn/tunnel-terminations", "vpn.tunneltermination"),
    ("wireless/wireless-lans", "wireless.wirelesslan"),
)
"""What NetBox deletes along with a record of ours: before a delete it must be seen that nothing of it is a person's."""

_LATER_DEPENDENTS = (
    (COOLING, "dcim/cooling-intakes", "dcim.coolingintake"),
    (COOLING, "dcim/cooling-outflows", "dcim.coolingoutflow"),
)
"""Those that came with a feature."""

_SETUP = (
    (CUSTOM_FIELDS, "extras.customfield", (CHANGE,)),
    (CHOICE_SETS, "extras.customfieldchoiceset", (CHANGE,)),
    (CUSTOM_LINKS, "extras.customlink", (VIEW, ADD, CHANGE)),
    (WEBHOOKS, "extras.webhook", (VIEW, ADD, CHANGE)),
    (EVENT_RULES, "extras.eventrule", (VIEW, ADD, CHANGE)),
)
"""What only `init-netbox` needs, beyond what the service does."""


def needed_rights(version: str) -> tuple[Right, ...]:
    """What the service needs in a NetBox of this version, and beyond that what `init-netbox` does; nothing more."""
    for_setup = (Right(path, name, actions, is_for_setup=True) for path, name, actions in _SETUP)
    return (*_service(version), *for_setup)


def _service(version: str) -> Iterator[Right]:
    owned = {model.path for model in OWNED}
    shared = {path for path, _, _ in _SHARED}
    yield from (Right(model.path, model.content_type, ACTIONS) for model in OWNED)
    yield from (Right(*row) for row in _SHARED if row[0] not in owned)
    later = [row[1:] for row in _LATER_DEPENDENTS if has_feature(version, row[0])]
    dependents = [*_DEPENDENTS, *later]
    yield from (Right(*row, (VIEW,)) for row in dependents if row[0] not in owned | shared)
