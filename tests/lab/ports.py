"""Loopback ports that stay ours while a server is down for a test."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from tests.lab.errors import LabError

HOST = "127.0.0.1"
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15000
_ROOM = 1000
_ATTEMPTS = 200


def free_ports(count: int) -> list[int]:
    """Ports that nothing is bound to, all different.

    Outside the range from which the kernel takes client ports: a client that keeps trying a stopped server can be
    given the very port it dials, connects to itself, and the server cannot come back.
    """
    held: list[socket.socket] = []
    try:
        for _ in range(_ATTEMPTS):
            if len(held) == count:
                return [int(one.getsockname()[1]) for one in held]
            # the choice spreads labs out; nothing rests on it being unguessable
            candidate = random.randrange(_LOWEST, _end())  # noqa: S311
            _hold(candidate, held)
    finally:
        for one in held:
            one.close()
    raise LabError(f"no {count} free ports on {HOST} found in {_ATTEMPTS} attempts")


def _end() -> int:
    """The kernel's first client port; the last port of all where the kernel leaves no room below that."""
    first = int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    return first if first > _LOWEST + _ROOM else 1 << 16


def _hold(port: int, held: list[socket.socket]) -> None:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        candidate.bind((HOST, port))
    except OSError:  # taken; the caller draws another
        candidate.close()
    else:
        held.append(candidate)
