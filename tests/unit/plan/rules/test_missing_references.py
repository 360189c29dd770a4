"""References to objects that exist nowhere."""

from __future__ import annotations

import pytest

from reconciler.model.problems import Severity
from reconciler.plan.rules import broken_rules
from tests.unit.plan.rules.judging import at, judge, live, network, short, subnet, unbundled
from tests.unit.plan.world import key, manifest

CABLE = manifest("Connection", "c", unbundled("s/e1", "l/E1/1"))
SERVER, SWITCH = manifest("Server", "s"), live("Switch", "l")


def test_what_exists_nowhere_is_missed_by_its_field() -> None:
    """Neither in Git nor in the cluster."""
    (fault,) = judge(CABLE, observed=[SWITCH], unknown=())

    assert short([fault]) == ["Connection/c spec.unbundled.link.server.port MissingReference"]
    assert fault.message == "Server/s exists neither in Git nor in the cluster"
    assert fault.severity is Severity.ERROR


def test_without_a_cluster_it_is_a_warning() -> None:
    """The cluster may hold it: its author should look, and the document stands."""
    manifests = {one.key: one for one in (CABLE, manifest("Switch", "l"))}

    fault, _ = broken_rules(manifests, {}, (), frozenset(), is_offline=True)

    assert short([fault]) == ["Connection/c spec.unbundled.link.server.port MissingReference"]
    assert fault.message == "Server/s is not in Git; no cluster was asked whether it has it"
    assert fault.severity is Severity.WARNING


def test_what_git_declares_or_the_cluster_holds_is_not_missed() -> None:
    """Either is enough."""
    assert judge(CABLE, SERVER, observed=[SWITCH], unknown=()) == ()


def test_an_object_of_a_kind_that_could_not_be_read_is_not_missed() -> None:
    """It may be there."""
    assert judge(CABLE, observed=[SWITCH], unknown=["Server"]) == ()


def test_an_object_whose_document_was_refused_is_not_missed() -> None:
    """Before, or by a rule: what refers to it waits for it."""
    assert judge(CABLE, observed=[SWITCH], unknown=(), refused=[key("Server", "s")]) == ()

    peering = manifest("VPCPeering", "p", {"permit": [{"a": {}, "b": {}}]})
    twins = [manifest("VPC", name, network(x=subnet("10.0.1.0/24", 1001))) for name in ("a", "b")]
    faults = judge(peering, *twins, unknown=["IPv4Namespace", "VLANNamespace"])

    assert {str(fault.key) for fault in faults} == {"VPC/b"}


def test_every_field_that_names_it_is_told() -> None:
    """An object that is named twice is missed twice."""
    switch = manifest("Switch", "l", {"groups": ["g"], "redundancy": {"group": "g", "type": "eslag"}})

    assert short(judge(switch, unknown=["VLANNamespace"])) == [
        "Switch/l spec.groups.0 MissingReference",
        "Switch/l spec.redundancy.group MissingReference",
    ]


def test_the_gateway_group_that_the_controller_makes_is_not_missed() -> None:
    """The one by the name of `default`; any other one is."""
    gateway = manifest("Gateway", "g", {"groups": [{"name": "default"}, {"name": "other"}]})

    assert short(judge(manifest("Gateway", "g"), unknown=())) == []
    assert short(judge(gateway, unknown=())) == ["Gateway/g spec.groups.1.name MissingReference"]


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        pytest.param([], [], id="none is known"),
        pytest.param(["p", "q"], [], id="there"),
        pytest.param(["q"], ["Switch/l spec.profile UnknownProfile"], id="not there"),
    ],
)
def test_a_profile_that_the_cluster_lacks_is_a_warning(profiles: list[str], expected: list[str]) -> None:
    """The controller makes profiles; a cluster that shows none tells nothing."""
    switch = manifest("Switch", "l", {"profile": "p"})

    faults = judge(switch, observed=[live("SwitchProfile", name) for name in profiles])

    assert short(faults) == expected
    assert all(fault.severity is Severity.WARNING for fault in faults)


def test_a_document_that_misses_something_takes_nothing_away() -> None:
    """The port is free for the one behind it."""
    other = manifest("Connection", "d", unbundled("t/e1", "l/E1/1"))

    faults = judge(CABLE, other, at(manifest("Server", "t"), "z.yaml"), observed=[SWITCH], unknown=())

    assert [str(fault.key) for fault in faults] == ["Connection/c"]
