"""Valid fabrics by chance: of few names, ports and numbers, so that any two share most and have little in place."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, TypeVar

from tests.unit.plan.world import desired, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from reconciler.model.desired import Desired
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest

Thing = TypeVar("Thing")
SPACES = ("v1", "v2")
LEAFS = ("leaf-1", "leaf-2", "leaf-3")


class RandomFabric:
    """Draws one fabric. What may be there once is drawn without putting it back."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._ports = {leaf: self._shuffled([f"E1/{number}" for number in range(1, 12)]) for leaf in LEAFS}
        self._spaces = {leaf: self._some(SPACES) for leaf in LEAFS}
        self._nics: Counter[str] = Counter()
        self._vpcs: dict[str, JSONObject] = {}
        self._connections: dict[str, JSONObject] = {}

    def desired(self) -> Desired:
        return desired(*self._manifests())

    def _manifests(self) -> Iterator[Manifest]:
        ranges = {name: self._some([100, 102, 104, 106, 108]) for name in SPACES}
        blocks = self._some(["10.0.0.0/22", "10.0.4.0/22", "10.0.8.0/22"])
        for name, starts in ranges.items():
            spans = [{"from": start, "to": start + 1} for start in starts]
            yield manifest("VLANNamespace", name, {"ranges": spans})
        yield manifest("IPv4Namespace", "default", {"subnets": blocks})
        yield from self._switches()
        yield from (manifest("Server", f"s{number}") for number in range(4))
        yield from self._make_vpcs(ranges, blocks)
        yield from self._make_connections()
        yield from self._attachments()
        yield from self._peerings()
        yield from self._externals()

    def _switches(self) -> Iterator[Manifest]:
        numbers = self._shuffled(range(10, 15))
        addresses = self._shuffled(range(2, 12))
        spine = {"role": "spine", "asn": 65100, "ip": f"172.30.0.{addresses.pop()}/21"}
        spine |= {"protocolIP": f"172.30.8.{addresses.pop()}/32", "vlanNamespaces": ["v1"]}
        yield manifest("Switch", "spine", spine)
        for leaf in LEAFS:
            ips = {"ip": f"172.30.0.{addresses.pop()}/21", "protocolIP": f"172.30.8.{addresses.pop()}/32"}
            spaces = {"vlanNamespaces": self._spaces[leaf]}
            yield manifest("Switch", leaf, {"role": "server-leaf", "asn": 65100 + numbers.pop(), **ips, **spaces})

    def _make_vpcs(self, ranges: dict[str, list[int]], blocks: list[str]) -> Iterator[Manifest]:
        free = {
            name: self._shuffled([start + n for start in starts for n in (0, 1)]) for name, starts in ranges.items()
        }
        nets = self._shuffled([f"10.0.{_third(block) + n}" for block, n in product(blocks, range(4))])
        for name in self._some(["a", "b", "c", "d"]):
            space = SPACES[name > "b"]
            subnets: JSONObject = {}
            for subnet in self._some(["x", "y", "z"]):
                if free[space] and nets:
                    subnets[subnet] = {"vlan": free[space].pop(), "subnet": self._network(nets.pop())}
            if subnets:
                self._vpcs[name] = {"vlanNamespace": space, "ipv4Namespace": "default", "subnets": subnets}
                yield manifest("VPC", name, self._vpcs[name])

    def _network(self, start: str) -> str:
        return self._chance.choice([f"{start}.0/24", f"{start}.0/25", f"{start}.128/25"])

    def _make_connections(self) -> Iterator[Manifest]:
        links = self._shuffled(range(8))
        for leaf in LEAFS:
            number = links.pop()
            ends = {"leaf": {"port": self._port(leaf), "ip": f"172.30.128.{2 * number}/31"}}
            ends["spine"] = {"port": f"spine/E1/{number + 1}", "ip": f"172.30.128.{2 * number + 1}/31"}
            yield manifest("Connection", f"{leaf}--fabric", {"fabric": {"links": [ends]}})
        for name in self._some(["p", "q", "r", "s", "t"]):
            self._connections[name] = spec = self._wiring()
            yield manifest("Connection", name, spec)

    def _wiring(self) -> JSONObject:
        leaf, server = self._chance.choice(LEAFS), f"s{self._chance.randrange(4)}"
        match self._chance.choice(["unbundled", "bundled", "external", "staticExternal"]):
            case "unbundled":
                return {"unbundled": {"link": self._link(leaf, server)}}
            case "bundled":
                return {"bundled": {"links": [self._link(leaf, server), self._link(leaf, server)]}}
            case "external":
                return {"external": {"link": {"switch": {"port": self._port(leaf)}}}}
        within = (
            {"withinVPC": self._chance.choice(sorted(self._vpcs))} if self._vpcs and self._chance.random() < 0.5 else {}
        )
        return {"staticExternal": {"link": {"switch": {"port": self._port(leaf)}}, **within}}

    def _port(self, leaf: str) -> str:
        return f"{leaf}/{self._ports[leaf].pop()}{self._chance.choice(['', '/1'])}"

    def _link(self, leaf: str, server: str) -> JSONObject:
        self._nics[server] += 1
        return {"server": {"port": f"{server}/nic{self._nics[server]}"}, "switch": {"port": self._port(leaf)}}

    def _attachments(self) -> Iterator[Manifest]:
        takers = [name for name, spec in self._connections.items() if not {"bundled", "unbundled"}.isdisjoint(spec)]
        subnets = [(vpc, subnet) for vpc, spec in self._vpcs.items() for subnet in spec["subnets"]]
        pairs = [(name, vpc, subnet) for name in takers for vpc, subnet in subnets if self._reaches(name, vpc)]
        natives = set()
        for attachment, (name, vpc, subnet) in zip(self._some("klmn"), self._shuffled(pairs), strict=False):
            spec: JSONObject = {"connection": name, "subnet": f"{vpc}/{subnet}"}
            if name not in natives and self._chance.random() < 0.3:
                natives.add(name)
                spec["nativeVLAN"] = True
            yield manifest("VPCAttachment", attachment, spec)

    def _reaches(self, connection: str, vpc: str) -> bool:
        (wiring,) = self._connections[connection].values()
        links = wiring.get("links", [wiring.get("link")])
        leafs = {link["switch"]["port"].partition("/")[0] for link in links}
        return all(self._vpcs[vpc]["vlanNamespace"] in self._spaces[leaf] for leaf in leafs)

    def _peerings(self) -> Iterator[Manifest]:
        pairs = [(one, two) for one, two in product(sorted(self._vpcs), repeat=2) if one < two]
        for name, (one, two) in zip(self._some("gh"), self._shuffled(pairs), strict=False):
            yield manifest("VPCPeering", name, {"permit": [{one: {}, two: {}}]})

    def _externals(self) -> Iterator[Manifest]:
        externals = self._some(["e", "f"])
        yield from (manifest("External", name, {"ipv4Namespace": "default"}) for name in externals)
        places = [name for name, spec in self._connections.items() if "external" in spec]
        pairs = self._shuffled([(name, vlan) for name in places for vlan in (1, 2)])
        for attachment, (name, vlan) in zip(self._some("uvw"), pairs, strict=False):
            spec = {"connection": name, "external": self._chance.choice(externals), "switch": {"vlan": vlan}}
            yield manifest("ExternalAttachment", attachment, spec)
        for name in self._some(sorted(self._vpcs)) if self._vpcs else ():
            permit = {"name": name, "subnets": self._some(sorted(self._vpcs[name]["subnets"]))}
            external = {"name": self._chance.choice(externals)}
            yield manifest(
                "ExternalPeering",
                self._chance.choice([f"{name}1", f"{name}2"]),
                {"permit": {"vpc": permit, "external": external}},
            )

    def _some(self, of: Sequence[Thing]) -> list[Thing]:
        """At least one, in no particular order."""
        return self._chance.sample(list(of), self._chance.randint(1, len(of)))

    def _shuffled(self, of: Sequence[Thing]) -> list[Thing]:
        return self._chance.sample(list(of), len(of))


def _third(block: str) -> int:
    return int(block.split(".")[2])
