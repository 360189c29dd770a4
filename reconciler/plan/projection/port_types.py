"""Interface types and speeds of NetBox for what the fabric calls ports, speeds and breakouts."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NamedTuple

LAG = "lag"
MANAGEMENT = "1000base-t"
OTHER = "other"
VIRTUAL = "virtual"

_SPEED = re.compile(r"(?:SPEED_)?(\d+(?:\.\d+)?)([MG])")
_BREAKOUT = re.compile(r"([1-9])x(\d+(?:\.\d+)?[MG])")
_FACTORS = MappingProxyType({"M": 1_000, "G": 1_000_000})

_CAGES = MappingProxyType(
    {
        "SFP28-10G": "10gbase-x-sfpp",
        "SFP28-25G": "25gbase-x-sfp28",
        "QSFP28-100G": "100gbase-x-qsfp28",
        "QSFPDD-400G": "400gbase-x-qsfpdd",
        "QSFP56DD-400G": "400gbase-x-qsfpdd",
        "OSFP-2x400G": "800gbase-x-osfp",
        "OSFP-800G": "800gbase-x-osfp",
        "RJ45-1G": "1000base-t",
        "RJ45-2.5G": "2.5gbase-t",
        "RJ45-10G": "10gbase-t",
    }
)
"""By the name of the port profile. `-nb` is the same cage without breakouts."""

_LANES = MappingProxyType(
    {
        "1G": "1000base-x-sfp",
        "10G": "10gbase-x-sfpp",
        "25G": "25gbase-x-sfp28",
        "40G": "40gbase-x-qsfpp",
        "50G": "50gbase-x-sfp56",
        "100G": "100gbase-x-qsfp28",
        "200G": "200gbase-x-qsfp56",
        "400G": "400gbase-x-osfp",
    }
)


class Breakout(NamedTuple):
    """A way to split a port: so many lanes, each of this speed."""

    lanes: int
    speed: str

    @property
    def lane_type(self) -> str:
        """NetBox knows no lanes of a cage: the type is that of a port of the lane's speed."""
        return _LANES.get(self.speed, OTHER)


def cage_type(port_profile: str) -> str:
    """The type of a port that is not split."""
    return _CAGES.get(port_profile.removesuffix("-nb"), OTHER)


def breakout(mode: str) -> Breakout | None:
    """`4x25G` as lanes and speed; None for what is no breakout."""
    match = _BREAKOUT.fullmatch(mode)
    return Breakout(int(match[1]), match[2]) if match else None


def kbps(speed: str) -> int | None:
    """`25G` as NetBox counts it; None for what is no speed."""
    match = _SPEED.fullmatch(speed)
    return round(float(match[1]) * _FACTORS[match[2]]) if match else None
