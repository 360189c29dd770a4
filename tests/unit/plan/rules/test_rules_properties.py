"""What holds for any documents: nothing raises, order means nothing, and what is left of a fabric is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from reconciler.demo.fabric import FABRIC_500, FABRIC_DEMO, FabricShape, build_fabric
from reconciler.model.kinds import DECLARABLE
from reconciler.model.objects import Manifest, Source
from reconciler.model.problems import Severity
from reconciler.plan.rules import broken_rules, facts_of
from tests.unit.plan.rules.judging import judge, link, live, network, subnet
from tests.unit.plan.world import key, manifest

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.problems import Fault

NAMES = ["link", "links", "switch", "server", "port", "ip", "subnets", "a", "permit", "peering", "groups", "ranges"]
NAMES += ["from", "subnet", "vlan", "dhcp", "range", "start", "unbundled", "eslag", "fabric", "redundancy", "expose"]
NAMES += ["connection", "static", "external", "vpc", "name", "ips", "cidr", "vlanNamespaces", "interfaces", "mode"]
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
texts = st.sampled_from(["a", "a/b", "l/E1/4", "10.0.0.0/24", "10.0.0.1", "default"])
odd = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)
kinds = st.sampled_from([kind.name for kind in DECLARABLE])
anything = st.tuples(kinds, st.sampled_from(["a", "b", "default"]), odd)


@given(st.lists(anything, max_size=6), st.lists(anything, max_size=3))
def test_no_spec_is_an_error(declared: list[tuple[str, str, JSON]], held: list[tuple[str, str, JSON]]) -> None:
    """Whatever JSON it is, in Git or in the cluster; and each fault is about a document of Git."""
    documents = [manifest(kind, name, spec) for kind, name, spec in declared]

    faults = judge(*documents, observed=[live(*one) for one in held], unknown=())

    assert {fault.key for fault in faults} <= {one.key for one in documents}


prefixes = st.sampled_from([f"10.0.{n}.0/{length}" for n in (0, 1, 2) for length in (16, 23, 24, 25, 31)])
subnets = st.builds(subnet, prefixes, st.integers(1000, 1004))
networks = st.dictionaries(st.sampled_from("xyz"), subnets, min_size=1, max_size=2).map(lambda of: network(**of))
ports = st.sampled_from([f"{switch}/E1/{port}" for switch in ("l", "m") for port in ("1", "1/1", "1/2", "2")])
cables = st.builds(lambda server, switch: {"unbundled": {"link": link(server=server, switch=switch)}}, texts, ports)
attachments = st.builds(
    lambda vpc, connection, is_native: {"subnet": vpc, "connection": connection, "nativeVLAN": is_native},
    st.sampled_from(["a", "a/x", "b/y", "b/x"]),
    st.sampled_from(["a", "b"]),
    st.booleans(),
)
spaces = st.just({"subnets": ["10.0.0.0/23"]})
ranges = st.just({"ranges": [{"from": 1000, "to": 1003}]})
peerings = st.just({"permit": [{"a": {"subnets": ["x"]}, "b": {}}]})


def _of(kind: str, specs: st.SearchStrategy[JSONObject], names: Sequence[str] = "abcd") -> st.SearchStrategy[Manifest]:
    places = st.builds(Source, st.sampled_from(["1.yaml", "2.yaml", "3.yaml"]), st.integers(0, 50))
    return st.builds(lambda name, spec, at: Manifest(key(kind, name), at, spec), st.sampled_from(names), specs, places)


fabrics = st.lists(
    _of("VPC", networks)
    | _of("Connection", cables)
    | _of("VPCAttachment", attachments)
    | _of("VPCPeering", peerings)
    | _of("IPv4Namespace", spaces, ["default"])
    | _of("VLANNamespace", ranges, ["default"])
    | _of("Switch", st.builds(lambda asn: {"role": "server-leaf", "asn": asn}, st.integers(1, 2)), "lm"),
    max_size=14,
    unique_by=lambda one: one.key,
)


def _errors(faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.severity is Severity.ERROR]


@given(fabrics, st.randoms(use_true_random=False))
def test_the_order_in_which_documents_come_means_nothing(documents: list[Manifest], rng: random.Random) -> None:
    """Only where they stand in Git does."""
    shuffled = documents.copy()
    rng.shuffle(shuffled)

    assert judge(*documents, unknown=()) == judge(*shuffled, unknown=())


@given(fabrics)
def test_facts_that_were_kept_change_nothing(documents: list[Manifest]) -> None:
    """Those of some of the documents, and of one that is no longer declared."""
    manifests = {one.key: one for one in documents}
    gone = manifest("IPv4Namespace", "gone", {"subnets": []})
    kept = {one.key: facts_of(one) for one in (*documents[::2], gone)}

    assert broken_rules(manifests, {}, (), frozenset(), kept) == broken_rules(manifests, {}, (), frozenset())


@given(fabrics)
def test_what_is_left_breaks_no_rule(documents: list[Manifest]) -> None:
    """Without those that are refused, and with their identities: nothing is refused any more. Without their identities
    what referred to them misses them, and nothing else is wrong with it.
    """
    refused = {fault.key for fault in _errors(judge(*documents, unknown=()))}
    left = [one for one in documents if one.key not in refused]

    assert _errors(judge(*left, unknown=(), refused=refused)) == []
    assert {fault.rule for fault in _errors(judge(*left, unknown=()))} <= {"MissingReference"}


@given(fabrics)
def test_who_has_what_others_want_stands(documents: list[Manifest]) -> None:
    """Never are both of a pair refused for each other: whoever is named as having something was not refused."""
    faults = _errors(judge(*documents))

    holders = {one.message.partition(" is taken by ")[2].partition(" ")[0] for one in faults}

    assert not holders & {str(fault.key) for fault in faults}


def test_a_whole_fabric_breaks_no_rule() -> None:
    """Nor misses anything."""
    for shape in (FABRIC_DEMO, FABRIC_500, FabricShape(vpcs=12, externals=2)):
        documents = [manifest(one.body["kind"], one.name, one.body.get("spec")) for one in build_fabric(shape)]

        assert judge(*documents, unknown=()) == ()
