"""The LAGs of connections: one on each switch, and one on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.projection.names import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.context import Context
    from reconciler.plan.projection.ports import Device, Interface

_NAME_LIMIT = 64


class Lags:
    """The LAGs of one connection, each made with its first link. `is_redundant`: the switches of a redundancy group
    share them.
    """

    def __init__(self, context: Context, key: ObjectKey, *, is_redundant: bool, fallback: bool | None) -> None:
        self._context = context
        self._key = key
        self._is_redundant = is_redundant
        self._fallback = fallback
        self._lags: dict[str, Interface] = {}

    def bundle(self, ends: Sequence[Interface], mtu: int | None) -> None:
        """Put the ports of a link into the LAGs of their devices; `mtu` is that of the switches."""
        groups = [end.device.group for end in ends if end.device.group]
        for end in ends:
            end.lag = self._of(end.device)
            end.lag.fallback = self._fallback
            if end.device.is_switch:
                end.lag.mtu = mtu
            if self._is_redundant and groups and not end.lag.redundancy:
                end.lag.redundancy = groups[0]

    def all(self) -> list[Interface]:
        return list(self._lags.values())

    def _of(self, device: Device) -> Interface:
        lag = self._lags.get(device.ref.key)
        if lag is None:
            lag = self._context.ports.lag(device, self._key, self._name(device))
            self._lags[device.ref.key] = lag
        return lag

    def _name(self, device: Device) -> str:
        """On a switch the number that the fabric gave out; until it is known the name of the connection. On a server
        the next number.
        """
        if not device.is_switch:
            device.bonds += 1
            return f"bond{device.bonds - 1}"
        number = self._context.catalogs.port_channel(device.key.name, device.group, self._key.name)
        return f"PortChannel{number}" if number else shorten(f"PortChannel-{self._key.name}", _NAME_LIMIT)
