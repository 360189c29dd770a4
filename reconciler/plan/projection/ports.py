"""Devices and their interfaces while the projection gathers what is known of each: a port is named by its switch, by a
connection and by attachments, and is one record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import ADDRESSES, INTERFACES, MACS
from reconciler.plan.projection.names import shorten
from reconciler.plan.projection.port_types import LAG, VIRTUAL
from reconciler.plan.projection.reading import MalformedError
from reconciler.plan.projection.switch_profiles import Layout, PortKind
from reconciler.plan.wiring import port_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.netbox import Value
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.draft import Draft

_NAME_LIMIT = 64


@dataclass(slots=True)
class Device:
    """A device of the fabric. `layout` tells the kinds of a switch's ports; `group` is its redundancy group, `bonds`
    the number of LAGs that a server has so far.
    """

    key: ObjectKey
    ref: Ref
    layout: Layout | None = None
    group: str = ""
    bonds: int = 0

    @property
    def is_switch(self) -> bool:
        return self.layout is not None

    def canonical(self, port: str) -> str:
        """The name by which keys call a port."""
        if self.layout is None:
            return port
        return port_of(f"{self.key.name}/{port}").partition("/")[2]

    def kind_of(self, port: str) -> PortKind:
        """Type and speed of the port with this canonical name."""
        return self.layout.kind_of(port) if self.layout else PortKind()


@dataclass(frozen=True, slots=True)
class Address:
    """An address of an interface, with the key of its record and the object that gives it."""

    key: str
    owner: ObjectKey
    address: str
    vrf: Ref
    role: str | None = None


@dataclass(slots=True)
class Interface:
    """What is known of an interface. `owner` is the object that messages name, `names` are the spellings of its name;
    `user` is the connection that a cable of it belongs to.
    """

    owner: ObjectKey
    device: Device
    ref: Ref
    names: set[str]
    kind: PortKind
    is_management: bool = False
    is_connected: bool = False
    user: ObjectKey | None = None
    lag: Interface | None = None
    parent: Interface | None = None
    vlan: int | None = None
    mtu: int | None = None
    untagged: Ref | None = None
    tagged: set[Ref] = field(default_factory=set)
    mac: str | None = None
    redundancy: str | None = None
    fallback: bool | None = None
    addresses: dict[str, Address] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As it is written: where two objects write it differently, the first of the spellings."""
        name = f"{self.parent.name}.{self.vlan}" if self.parent else min(self.names)
        return shorten(name, _NAME_LIMIT)

    @property
    def place(self) -> str:
        """Device and canonical name, as a connection writes a port."""
        return f"{self.device.key.name}/{self.ref.key.partition('#')[2]}"

    @property
    def mac_ref(self) -> Ref:
        return Ref(MACS, f"{self.ref.key}/mac")

    def give(
        self,
        address: str,
        owner: ObjectKey,
        *,
        vrf: Ref,
        role: str | None = None,
        key: str | None = None,
    ) -> None:
        """Give it an address, the first time that somebody does. `key` is that of the record, where it is not a part
        of the interface.
        """
        self.addresses.setdefault(address, Address(key or f"{self.ref.key}/{address}", owner, address, vrf, role))

    def record(self) -> Record:
        fields: dict[str, Value] = {
            "device": self.device.ref,
            "name": self.name,
            "type": self.kind.type,
            "mgmt_only": self.is_management,
            "mark_connected": self.is_connected,
            "lag": self.lag.ref if self.lag else None,
            "parent": self.parent.ref if self.parent else None,
            "mtu": self.mtu,
            "speed": self.kind.speed,
            **self._vlans(),
            "description": "",
            "primary_mac_address": self.mac_ref if self.mac else None,
            "custom_fields.hh_redundancy": self.redundancy,
            "custom_fields.hh_fallback": self.fallback,
        }
        return Record(self.ref, f"{self.device.key.name}/{self.name}", fields)

    def _vlans(self) -> dict[str, Value]:
        """A port is an access port while it has no VLAN but the native one."""
        tagged = tuple(sorted(self.tagged - {self.untagged}))
        mode = "tagged" if tagged else "access" if self.untagged else None
        return {"mode": mode, "untagged_vlan": self.untagged, "tagged_vlans": tagged}


class Ports:
    """The devices and interfaces of a fabric."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._devices: dict[tuple[str, str], Device] = {}
        self._interfaces: dict[Ref, Interface] = {}

    def enlist(self, device: Device) -> None:
        """A device that has a record."""
        self._devices[device.key.kind, device.key.name] = device

    def device(self, kind: str, name: str, path: str) -> Device:
        """A device that has a record; a MalformedError speaks of the field at `path`, which names it."""
        device = self._devices.get((kind, name))
        if device is None:
            raise MalformedError(path, f"there is no {kind} {name}")
        return device

    def port(self, device: Device, written: str, kind: PortKind | None = None) -> Interface:
        """A port of a device by one of its spellings. `kind` is that of a port that no profile tells of."""
        name = device.canonical(written)
        ref = self._draft.ref(INTERFACES, device.key, name)
        interface = self._interfaces.get(ref)
        if interface is None:
            interface = Interface(device.key, device, ref, set(), kind or device.kind_of(name))
            self._interfaces[ref] = interface
        interface.names.add(written)
        return interface

    def lag(self, device: Device, connection: ObjectKey, name: str) -> Interface:
        """The LAG that a connection makes on a device."""
        ref = self._draft.ref(INTERFACES, connection, f"lag/{device.key.name}")
        lag = Interface(connection, device, ref, {name}, PortKind(LAG))
        return self._interfaces.setdefault(ref, lag)

    def subinterface(self, parent: Interface, vlan: int, owner: ObjectKey, ref: Ref) -> Interface:
        """A subinterface of a port, which is the record `ref`."""
        interface = Interface(owner, parent.device, ref, set(), PortKind(VIRTUAL), parent=parent, vlan=vlan)
        return self._interfaces.setdefault(ref, interface)

    def emit(self) -> None:
        """Add the records of all interfaces, with their addresses."""
        for ref in sorted(self._interfaces):
            interface = self._interfaces[ref]
            with self._draft.skipping(interface.owner):
                self._draft.add(interface.owner, interface.record())
            for owner, record in _parts(interface):
                with self._draft.skipping(owner):
                    self._draft.add(owner, record)


def _parts(interface: Interface) -> Iterator[tuple[ObjectKey, Record]]:
    if interface.mac:
        fields: dict[str, Value] = {"mac_address": interface.mac, "assigned_object": interface.ref}
        yield interface.owner, Record(interface.mac_ref, interface.mac, fields)
    for address in sorted(interface.addresses.values(), key=lambda address: address.key):
        on: dict[str, Value] = {"vrf": address.vrf, "assigned_object": interface.ref, "role": address.role}
        yield address.owner, address_record(address.key, address.address, on)


def address_record(key: str, address: str, fields: Mapping[str, Value]) -> Record:
    """The record of an address; `fields` are those that differ from what most addresses have."""
    base: dict[str, Value] = {
        "address": address,
        "vrf": None,
        "assigned_object": None,
        "role": None,
        "status": "active",
        "description": "",
        "custom_fields.hh_asn": None,
    }
    return Record(Ref(ADDRESSES, key), address, {**base, **fields})
