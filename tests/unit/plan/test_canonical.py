"""The forms in which the server stores what Git declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.objects import Resource
from reconciler.plan.canonical import canonical, is_empty, is_same
from reconciler.plan.comparison import differences
from tests.unit.plan.world import FABRIC, manifest, resource

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


def _stored(kind: str, git: JSONObject, server: JSONObject) -> Resource:
    """What our apply of `git` left, with the spec that the server made of it."""
    applied = resource(manifest(kind, "one", git))
    return Resource(applied.key, applied.uid, "1", server, {}, applied.annotations, applied.managed_fields)


def _paths(kind: str, git: JSONObject, server: JSONObject) -> list[str]:
    return [one.path for one in differences(manifest(kind, "one", git).body(FABRIC), _stored(kind, git, server))]


def _at(path: str, value: JSON) -> JSONObject:
    """A spec with one value, at a dotted path."""
    *around, name = path.split(".")
    spec: JSONObject = {name: value}
    for step in reversed(around):
        spec = {step: spec}
    return spec


def _masquerade(timeout: JSON) -> JSON:
    options = {} if timeout is None else {"idleTimeout": timeout}
    return [{"nat": {"masquerade": options, "portForward": None}}]


def _dhcp(*servers: str) -> JSONObject:
    return {"enable": True, "options": {"dnsServers": list(servers), "timeServers": list(servers)}}


SAME = [
    ("VLANNamespace", "ranges", [{"from": 9}, {"from": 1, "to": 5}], [{"from": 1, "to": 5}, {"from": 9, "to": 9}]),
    ("IPv4Namespace", "subnets", ["10.1.0.0/16", "10.0.0.0/16"], ["10.0.0.0/16", "10.1.0.0/16"]),
    ("Switch", "groups", ["b", "a"], ["a", "b"]),
    ("Switch", "vlanNamespaces", ["b", "a"], ["a", "b"]),
    ("Switch", "vlanNamespaces", [], ["default"]),
    ("Switch", "boot.mac", "52-54-00-AB-CD-EF", "52:54:00:ab:cd:ef"),
    ("Switch", "boot.mac", "5254.00ab.cdef", "52:54:00:ab:cd:ef"),
    ("Switch", "portSpeeds.E1/1", "SPEED_25G", "25G"),
    ("Switch", "portGroupSpeeds.1", "25G", "25G"),
    ("Switch", "linkFlapErrDisable.flapThreshold", 0, 3),
    ("Switch", "redundancy", None, {}),
    ("Gateway", "groups", [{"name": "b"}, {"name": "a", "priority": 1}], [{"priority": 1, "name": "a"}, {"name": "b"}]),
    ("Gateway", "groups", [], [{"name": "default"}]),
    ("Gateway", "vtepMAC", "02:00:00:00:01:AA", "02:00:00:00:01:aa"),
    ("Gateway", "logs", {}, {"default": "info", "tags": {"all": "info"}}),
    ("Gateway", "workers", 0, 4),
    ("Gateway", "interfaces", {"e1": {}}, {"e1": None}),
    ("VPC", "ipv4Namespace", "", "default"),
    ("VPC", "subnets.a.gateway", "", "10.0.0.1"),
    ("VPC", "subnets.a.dhcp", {}, {"enable": True, "range": {"start": "10.0.0.2"}}),
    ("VPC", "subnets.a.dhcp", {"enable": False, "range": {"start": "x"}, "options": {"z": "y"}}, {"enable": False}),
    ("VPC", "subnets.a.dhcp", {"relay": "1", "options": {"z": "y"}}, {"relay": "1"}),
    ("VPC", "subnets.a.dhcp.options", {"dnsServers": [], "timeServers": None}, None),
    ("VPC", "subnets.a.dhcp", _dhcp("2", "1"), _dhcp("1", "2")),
    ("VPC", "subnets.a.dhcp.static", {"AA:BB:CC:00:11:22": {"ip": "1"}}, {"aa:bb:cc:00:11:22": {"ip": "1"}}),
    ("VPC", "subnets.a.dhcp.static", {"odd": {"ip": "1"}}, {"odd": {"ip": "1"}}),
    ("VPC", "permit", [], None),
    ("VPCAttachment", "subnet", "vpc-1", "vpc-1/default"),
    ("VPCPeering", "permit", [{"vpc-1": None, "vpc-2": None}], [{"vpc-1": {}, "vpc-2": {}}]),
    ("VPCPeering", "permit", [{"vpc-1": {"subnets": ["b", "a"]}}], [{"vpc-1": {"subnets": ["a", "b"]}}]),
    ("External", "static.prefixes", ["b", "a"], ["a", "b"]),
    ("ExternalAttachment", "switch", None, {}),
    ("ExternalPeering", "permit.external.prefixes", [{"prefix": "2"}, {}], [{}, {"prefix": "2"}]),
    ("Connection", "bundled.links", [{"server": {"port": "a/b"}, "switch": {}}], [{"server": {"port": "a/b"}}]),
    ("GatewayPeering", "gatewayGroup", "", "default"),
    ("GatewayPeering", "peering.a.expose", _masquerade("1m"), _masquerade("1m0s")),
    ("GatewayPeering", "peering.a.expose", _masquerade(None), _masquerade("2m0s")),
    ("GatewayPeering", "acl.rules", [{"from": "a", "match": {}}], [{"from": "a", "scope": "flow"}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "path", "git", "server"), SAME, ids=[f"{row[0]} {row[1]} {n}" for n, row in enumerate(SAME)]
)
def test_a_difference_in_form_is_none(kind: str, path: str, git: JSON, server: JSON) -> None:
    """What admission rewrites, sorts, completes or drops is no drift."""
    assert _paths(kind, _at(path, git), _at(path, server)) == []


OTHER = [
    ("VLANNamespace", "ranges", [{"from": 9}], [{"from": 9, "to": 10}]),
    ("VLANNamespace", "ranges", ["odd"], [{"from": 9}]),
    ("VLANNamespace", "ranges", "odd", [{"from": 9}]),
    ("Switch", "groups", ["a"], ["a", "b"]),
    ("Switch", "groups", ["a", "a"], ["a"]),
    ("Switch", "enableAllPorts", False, None),
    ("Switch", "roce", True, 1),
    ("Switch", "boot.mac", "52:54:00:ab:cd:ef", "52:54:00:ab:cd:ee"),
    ("Switch", "boot.mac", 5254, "52:54:00:ab:cd:ef"),
    ("Switch", "portSpeeds.E1/1", 25, "25G"),
    ("Switch", "linkFlapErrDisable.flapThreshold", 5, 3),
    ("VPC", "mode", "", None),
    ("VPC", "permit", [["a", "b"]], [["b", "a"]]),
    ("VPC", "subnets", {}, "odd"),
    ("VPCAttachment", "subnet", "vpc-1/a", "vpc-1/default"),
    ("VPCAttachment", "subnet", 5, "5/default"),
    ("VPCPeering", "permit", [{"vpc-1": {}, "vpc-2": {}}], [{"vpc-1": {}, "vpc-3": {}}]),
    ("VPCPeering", "permit", [{"vpc-1": {"new": 1}}], [{"vpc-1": {"new": 2}}]),
    ("VPCPeering", "permit", ["odd"], [{}]),
    ("VPCPeering", "permit", "odd", []),
    ("ExternalPeering", "permit.vpc.subnets", "odd", ["a"]),
    ("Connection", "bundled.links", [{"server": {"port": "a/b"}}, {}], [{}, {"server": {"port": "a/b"}}]),
    ("GatewayPeering", "peering.a.expose", [{"nat": {"static": {}}}], [{}]),
    ("GatewayPeering", "peering.a.expose", _masquerade("1m"), _masquerade("61s")),
    ("GatewayPeering", "peering.a.expose", _masquerade(5), _masquerade("5s")),
    ("GatewayPeering", "acl.rules", [{"scope": "packet"}], [{"scope": "flow"}]),
    ("GatewayPeering", "acl.rules", ["odd"], [{"scope": "flow"}]),
    ("GatewayPeering", "acl.rules", "odd", [{"scope": "flow"}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "path", "git", "server"), OTHER, ids=[f"{row[0]} {row[1]} {n}" for n, row in enumerate(OTHER)]
)
def test_a_difference_in_meaning_is_found(kind: str, path: str, git: JSON, server: JSON) -> None:
    """Under exactly its path, and odd values are no error."""
    assert _paths(kind, _at(path, git), _at(path, server)) == [f".spec.{path}"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [("Gateway", "interfaces"), ("VPC", "subnets"), ("GatewayPeering", "peering"), ("VPC", "subnets.a.dhcp.static")],
)
@pytest.mark.parametrize("entry", [{}, None], ids=["empty", "null"])
def test_an_entry_of_a_map_must_be_there(kind: str, path: str, entry: JSON) -> None:
    """Its name means something even where it holds nothing."""
    assert _paths(kind, _at(path, {"one": entry}), _at(path, {"two": {}})) == [f".spec.{path}.one"]


@pytest.mark.parametrize(
    ("git", "server"),
    [
        ({"groups": ["x"], "redundancy": {"group": "e"}}, {"groups": ["e", "x"], "redundancy": {"group": "e"}}),
        ({"groups": ["e"], "redundancy": {"group": "e"}}, {"groups": ["e"], "redundancy": {"group": "e"}}),
        ({"redundancy": {"group": "e"}}, {"groups": ["e"], "redundancy": {"group": "e"}}),
        ({"groups": ["x"], "redundancy": "odd"}, {"groups": ["x"], "redundancy": "odd"}),
        ({"groups": ["x"], "redundancy": {"group": "e"}}, {"groups": ["x"], "redundancy": {"group": "e"}}),
    ],
    ids=["added", "there already", "no list declared", "odd", "stored as it is declared"],
)
def test_a_switch_is_in_its_redundancy_group(git: JSONObject, server: JSONObject) -> None:
    """The server adds the group to the list of groups, where its admission is at work."""
    assert _paths("Switch", git, server) == []


def test_a_switch_in_another_group_differs() -> None:
    """Neither as Git declares it nor as the server would store that."""
    switch: JSONObject = {"groups": ["x"], "redundancy": {"group": "e"}}

    assert _paths("Switch", switch, {**switch, "groups": ["e"]}) == [".spec.groups"]


def test_a_switch_that_lost_its_group_differs() -> None:
    """What somebody else made of the list is not what we applied, though Git declares just that."""
    switch: JSONObject = {"groups": ["x"], "redundancy": {"group": "e"}}
    theirs = replace(_stored("Switch", switch, switch), managed_fields=())

    assert [one.path for one in differences(manifest("Switch", "one", switch).body(FABRIC), theirs)] == [".spec.groups"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1m", "60s"),
        ("1m0s", "1m"),
        ("1.5h", "90m"),
        ("1h30m", "5400000ms"),
        ("1us", "1000ns"),
        ("2µs", "2us"),
        ("", "2m"),
    ],
)
def test_durations_are_equal_in_every_spelling(left: str, right: str) -> None:
    """As Go reads them; an empty one is the default of two minutes."""
    git, server = (_at("peering.a.expose", _masquerade(text)) for text in (left, right))

    assert _paths("GatewayPeering", git, server) == []


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (True, 1, False),
        (False, 0, False),
        (1, 1.0, True),
        ({"a": [True]}, {"a": [1]}, False),
        ({"a": 1}, {"b": 1}, False),
        ([1], [1, 2], False),
        ([1], {}, False),
        ("a", "a", True),
    ],
)
def test_equality_is_that_of_json(left: JSON, right: JSON, same: bool) -> None:  # noqa: FBT001 - a table's column
    """A boolean is no number, at any depth."""
    assert is_same(left, right) is same


@pytest.mark.parametrize(
    ("value", "empty"), [(None, True), ({}, True), ([], True), ("", False), (0, False), (False, False), ([None], False)]
)
def test_empty_is_what_the_api_takes_for_absent(value: JSON, empty: bool) -> None:  # noqa: FBT001 - a table's column
    """Null and empty containers, not zero values."""
    assert is_empty(value) is empty


@given(values)
def test_canonical_is_stable(value: JSON) -> None:
    """Twice is once, and every value is the same as itself."""
    assert canonical(canonical(value)) == canonical(value)
    assert is_same(value, value)
