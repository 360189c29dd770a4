"""Connections: one type, and ports and addresses that nothing else uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.objects import ObjectKey
from reconciler.plan.lenient import mapping, text, whole
from reconciler.plan.rules.addresses import Prefix, prefix_of
from reconciler.plan.rules.facts import Breach
from reconciler.plan.rules.traits import Cabling, Member
from reconciler.plan.rules.words import plain, quoted
from reconciler.plan.wiring import links_of, port_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject
    from reconciler.plan.rules.facts import Draft, Others
    from reconciler.plan.wiring import End, Link

_TYPES = (
    "unbundled",
    "bundled",
    "eslag",
    "mclag",
    "mclagDomain",
    "fabric",
    "mesh",
    "gateway",
    "vpcLoopback",
    "external",
    "staticExternal",
)
_NUMBERED = frozenset({"fabric", "mesh", "gateway"})
"""The types whose links are networks of two addresses."""

_ESLAG = ("spec", "eslag", "links")
_NOT_SWITCHES = frozenset({"server", "gateway"})
_LINK_LENGTH = 31
_MOST_SWITCHES = 4
_LARGEST_MTU = 9036


def judge_connection(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    wirings = [name for name in _TYPES if spec.get(name) is not None]
    is_readable = all(isinstance(spec[name], dict) for name in wirings)
    if is_readable and len(wirings) > 1:
        draft.breaks("ConnectionType", ("spec",), f"a connection has exactly one type, not {', '.join(wirings)}")
    elif not any(value is not None for value in spec.values()):
        # What is no type that is known here is for the schema to judge: the server's may know more types.
        draft.breaks("ConnectionType", ("spec",), "a connection has exactly one type, this one has none")
    switches: dict[str, None] = {}
    for link in links_of(spec):
        for end in link.ends():
            _judge_port(draft, end, switches)
        if link.wiring in _NUMBERED:
            _judge_addresses(draft, link)
    if is_readable and len(wirings) == 1:
        draft.traits = Cabling(wirings[0], tuple(switches))
        _judge_servers(draft, key, spec, draft.traits)


def _judge_port(draft: Draft, end: End, switches: dict[str, None]) -> None:
    if not isinstance(end.port, str):
        return
    device, _, port = end.port.partition("/")
    if not device or not port:
        draft.breaks("MalformedPort", end.path, f"{quoted(end.port)} is not a port such as leaf-01/E1/1")
        return
    if end.side not in _NOT_SWITCHES:
        switches[device] = None
    draft.claims("PortUsedTwice", port_of(end.port), end.path, f"port {plain(end.port)}")


def _judge_addresses(draft: Draft, link: Link) -> None:
    nets: list[Prefix] = []
    for side, settings in link.sides.items():
        written = text(mapping(settings).get("ip"))
        prefix = prefix_of(written)
        if prefix is None:
            continue  # the schema has a pattern for it
        path = (*link.path, side, "ip")
        draft.claims("LinkIPUsedTwice", prefix.address, path, f"address {written}")
        if prefix.length != _LINK_LENGTH:
            draft.breaks("LinkPrefix", path, f"the address of a link has the length {_LINK_LENGTH}, not {written}")
        elif nets and nets[0].first != prefix.first:
            draft.breaks("LinkEndsApart", path, f"{written} is not in the network of the link's other end")
        else:
            nets.append(prefix)


def _judge_servers(draft: Draft, key: ObjectKey, spec: JSONObject, cabling: Cabling) -> None:
    wiring, count = cabling.wiring, len(cabling.switches)
    mtu = whole(spec[wiring].get("mtu"))
    if wiring in {"unbundled", "bundled"} and mtu and mtu > _LARGEST_MTU:
        message = f"{mtu} is more than {_LARGEST_MTU}, the most unless the fabric is configured otherwise"
        draft.warns("LargeMTU", ("spec", wiring, "mtu"), message)
    if wiring == "eslag":
        draft.demands(OneGroup(tuple(ObjectKey("Switch", key.namespace, name) for name in cabling.switches)))
        if count > _MOST_SWITCHES:
            message = f"an eslag connection has at most {_MOST_SWITCHES} switches, this one has {count}"
            draft.breaks("TooManySwitches", _ESLAG, message)


class OneGroup(NamedTuple):
    """The switches of an eslag connection are of one redundancy group of that type. As the server does, it leaves out
    those that are of none, as long as one is.
    """

    switches: tuple[ObjectKey, ...]

    def breaches(self, others: Others) -> Iterator[Breach]:
        members = [(key, others.traits(key, Member)) for key in self.switches]
        grouped = [(key, member) for key, member in members if member is not None and member.group]
        if members and all(member is not None and member.group == "" for _, member in members):
            names = ", ".join(others.said(key) for key in self.switches)
            yield Breach(_ESLAG, "SwitchNotInESLAG", f"none of its switches is in a redundancy group: {names}")
        for key, member in grouped:
            first, group = grouped[0][0], grouped[0][1].group
            if member.redundancy not in {None, "eslag"}:
                message = f"the redundancy group of {others.said(key)} is not of type eslag"
                yield Breach(_ESLAG, "SwitchNotInESLAG", message)
            elif member.group != group:
                message = f"{others.said(key)} and {others.said(first)} are in different redundancy groups"
                yield Breach(_ESLAG, "SwitchesOfTwoGroups", message)
