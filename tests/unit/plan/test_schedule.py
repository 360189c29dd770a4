"""Edits that need more than order, one by one, against a server that checks every single write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ObjectRejectedError
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.plan import Delete, Update
from tests.unit.plan.edits import (
    ALPHA,
    BASE,
    BETA,
    LINKED,
    A,
    B,
    P,
    Q,
    attached,
    bundled,
    findings_of,
    having,
    ipv4_space,
    lacking,
    leaf,
    static_external,
    steps_of,
    strict_world,
    unbundled,
    vlan_space,
    vpc_of,
)
from tests.unit.plan.world import FABRIC, desired, key, manifest, vpc

if TYPE_CHECKING:
    from reconciler.model.objects import Manifest


SWAPPED = [
    pytest.param(
        (*BASE, P, Q),
        having(BASE, unbundled("p", "E1/2/1"), unbundled("q", "E1/1")),
        ["Delete Connection/p", "Update Connection/q", "Create Connection/p"],
        "its port leaf-1/E1/1/1 goes to Connection/q",
        id="ports",
    ),
    pytest.param(
        (*BASE, ALPHA, BETA),
        having(BASE, vpc_of("alpha", a=(1001, A[1])), vpc_of("beta", a=(1000, B[1]))),
        ["Delete VPC/alpha", "Update VPC/beta", "Create VPC/alpha"],
        "its VLAN 1000 of VLANNamespace/default goes to VPC/beta",
        id="VLANs",
    ),
    pytest.param(
        (*BASE, ALPHA, BETA),
        having(BASE, vpc_of("alpha", a=(1000, "10.0.1.0/25")), vpc_of("beta", a=(1001, "10.0.0.0/25"))),
        ["Delete VPC/alpha", "Update VPC/beta", "Create VPC/alpha"],
        "its subnet 10.0.0.0/25 of IPv4Namespace/default goes to VPC/beta",
        id="subnets",
    ),
    pytest.param(
        (*BASE, leaf("leaf-2", 2), leaf("leaf-3", 3)),
        having(BASE, leaf("leaf-2", 3, 65102), leaf("leaf-3", 2, 65103)),
        ["Delete Switch/leaf-2", "Update Switch/leaf-3", "Create Switch/leaf-2"],
        "its IP 172.30.0.2 goes to Switch/leaf-3",
        id="addresses",
    ),
    pytest.param(
        (*BASE, leaf("leaf-2", 2), leaf("leaf-3", 3)),
        having(BASE, leaf("leaf-2", 2, 65103), leaf("leaf-3", 3, 65102)),
        ["Delete Switch/leaf-2", "Update Switch/leaf-3", "Create Switch/leaf-2"],
        "its ASN 65102 goes to Switch/leaf-3",
        id="AS numbers",
    ),
]


@pytest.mark.parametrize(("before", "after", "steps", "reason"), SWAPPED)
def test_swaps(before: tuple[Manifest, ...], after: tuple[Manifest, ...], steps: list[str], reason: str) -> None:
    """One of the two is deleted, and comes back at its turn."""
    world = strict_world(*before)

    plan = world.reconcile(desired(*after))

    assert steps_of(plan) == steps
    assert plan.actions[0].reason == reason
    assert world.plan(desired(*after)).actions == ()


def test_a_swap_without_the_planner_is_refused() -> None:
    """The server that these tests run against is strict indeed."""
    world = strict_world(*BASE, P, Q)

    with pytest.raises(ObjectRejectedError, match="leaf-1/E1/2/1 is used by Connection/q"):
        world.cluster.apply(unbundled("p", "E1/2").body(FABRIC), force=True)


def test_a_chain_needs_no_deletes() -> None:
    """Who gives up a port goes first, though all are of one wave; the reason names it."""
    world = strict_world(*BASE, P, Q)

    plan = world.reconcile(desired(*having(BASE, unbundled("p", "E1/2"), unbundled("q", "E1/3"))))

    assert steps_of(plan) == ["Update Connection/q", "Update Connection/p"]
    assert [len(wave) for wave in plan.waves] == [1, 1]
    assert plan.actions[1].reason == "Git changes 1 field; Connection/q gives up port leaf-1/E1/2/1 first"
    assert plan.actions[1].after == {Q.key}


def test_what_is_not_given_up_is_not_waited_for() -> None:
    """A VPC that shrinks frees the half that it leaves, and not the one that it stays in."""
    world = strict_world(*BASE, ALPHA)
    shrunk = vpc_of("alpha", a=(1000, "10.0.0.0/25"))

    found = {
        net: {
            one.key.name: one.after for one in world.plan(desired(*BASE, shrunk, vpc_of("new", a=(1001, net)))).actions
        }
        for net in ("10.0.0.128/25", "10.0.0.0/26")
    }

    assert found["10.0.0.128/25"]["new"] == {ALPHA.key}
    assert found["10.0.0.0/26"]["new"] == frozenset()


def test_deletes_that_free_something_run_first() -> None:
    """A renamed connection takes the port of its old name, and attachments move with it; nothing is made anew that can
    be changed.
    """
    world = strict_world(*LINKED)
    wanted = desired(*BASE, ALPHA, unbundled("new", "E1/1", "p"), attached("at2", "new", "alpha/a"))

    plan = world.reconcile(wanted)

    assert steps_of(plan) == [
        "Delete VPCAttachment/at",
        "Delete Connection/p",
        "Create Connection/new",
        "Create VPCAttachment/at2",
    ]


def test_an_attachment_that_moves_to_a_renamed_connection_is_made_anew() -> None:
    """The old one cannot go before it does, nor the new one come before the old one goes."""
    world = strict_world(*LINKED)
    wanted = desired(*BASE, ALPHA, unbundled("new", "E1/1", "p"), attached("at", "new", "alpha/a"))

    plan = world.reconcile(wanted)

    assert steps_of(plan) == [
        "Delete VPCAttachment/at",
        "Delete Connection/p",
        "Create Connection/new",
        "Create VPCAttachment/at",
    ]
    assert plan.actions[0].reason == "Connection/p has to wait until it lets go of it"


def test_a_changed_type_is_made_anew_with_what_refers_to_it() -> None:
    """From their manifests; each action says why."""
    world = strict_world(*LINKED)

    plan = world.reconcile(desired(*having(LINKED, bundled("p", "E1/1", "E1/2"))))

    assert [(step, action.reason) for step, action in zip(steps_of(plan), plan.actions, strict=True)] == [
        ("Delete VPCAttachment/at", "it refers to Connection/p, which is made anew"),
        ("Delete Connection/p", "its type cannot be changed in place: unbundled becomes bundled"),
        ("Create Connection/p", "its type cannot be changed in place: unbundled becomes bundled"),
        ("Create VPCAttachment/at", "it refers to Connection/p, which is made anew"),
    ]
    assert plan.unchanged == tuple(sorted(one.key for one in (*BASE, ALPHA)))
    assert [sorted(map(str, action.after)) for action in plan.actions] == [
        [],
        ["VPCAttachment/at"],
        [],
        ["Connection/p"],
    ]


@pytest.mark.parametrize(("before", "after"), [(None, "alpha"), ("alpha", "beta"), ("beta", None)])
def test_a_changed_vpc_of_a_static_external_is_made_anew(before: str | None, after: str | None) -> None:
    """The server does not change withinVPC in place."""
    world = strict_world(*BASE, ALPHA, BETA, static_external("x", before))

    plan = world.reconcile(desired(*BASE, ALPHA, BETA, static_external("x", after)))

    assert steps_of(plan) == ["Delete Connection/x", "Create Connection/x"]
    assert plan.actions[0].reason.startswith("its withinVPC cannot be changed in place: ")


def test_other_fields_of_a_static_external_are_changed_in_place() -> None:
    """Where the VPC stays."""
    other = replace(static_external("x", None), spec={"staticExternal": {"link": {"switch": {"port": "leaf-1/E1/41"}}}})
    world = strict_world(*BASE, static_external("x", None))

    assert steps_of(world.reconcile(desired(*BASE, other))) == ["Update Connection/x"]


SPACES = [
    pytest.param(
        (vlan_space((1000, 1000)), vpc_of("alpha", a=A)),
        (vlan_space((1000, 1001)), vpc_of("alpha", a=(1001, A[1]))),
        ["Update VLANNamespace/default", "Update VPC/alpha"],
        id="VLANs grow first",
    ),
    pytest.param(
        (vlan_space((1000, 1001)), vpc_of("alpha", a=A)),
        (vlan_space((1001, 1001)), vpc_of("alpha", a=(1001, A[1]))),
        ["Update VPC/alpha", "Update VLANNamespace/default"],
        id="VLANs shrink last",
    ),
    pytest.param(
        (vlan_space((1000, 1000)), vpc_of("alpha", a=A)),
        (vlan_space((1001, 1001)), vpc_of("alpha", a=(1001, A[1]))),
        ["Update VLANNamespace/default", "Update VPC/alpha", "Update VLANNamespace/default"],
        id="VLANs do both",
    ),
    pytest.param(
        (ipv4_space("10.0.0.0/24"), vpc_of("alpha", a=A)),
        (ipv4_space("10.0.1.0/24"), vpc_of("alpha", a=(1000, B[1]))),
        ["Update IPv4Namespace/default", "Update VPC/alpha", "Update IPv4Namespace/default"],
        id="addresses do both",
    ),
    pytest.param(
        (ipv4_space("10.0.0.0/24", "10.0.1.0/24"), vpc_of("alpha", a=A)),
        (ipv4_space("10.0.1.0/24"),),
        ["Delete VPC/alpha", "Update IPv4Namespace/default"],
        id="deletes come before",
    ),
]


@pytest.mark.parametrize(("before", "after", "steps"), SPACES)
def test_namespaces(before: tuple[Manifest, ...], after: tuple[Manifest, ...], steps: list[str]) -> None:
    """They grow before what moves into them, and shrink after what moves out."""
    world = strict_world(*having(BASE, *before))

    plan = world.reconcile(desired(*having(BASE, *after)))

    assert steps_of(plan) == steps
    assert world.plan(desired(*having(BASE, *after))).actions == ()


def test_a_namespace_says_why_it_is_written_twice() -> None:
    """And that it fails as one: the second step waits for what moves out."""
    world = strict_world(*having(BASE, vlan_space((1000, 1000)), ALPHA))

    plan = world.plan(desired(*having(BASE, vlan_space((1001, 1001)), vpc_of("alpha", a=(1001, A[1])))))

    first, _, last = plan.actions
    assert isinstance(first, Update)
    assert first.manifest.spec == {"ranges": [{"from": 1000, "to": 1001}]}
    assert first.reason == "Git changes 1 field: it keeps what it loses until nothing uses that any more"
    assert last.after == {ALPHA.key}
    assert plan.twice == {first.key}
    assert plan.replaced == set()


def test_a_subnet_goes_after_what_is_attached_to_it() -> None:
    """The server would let it go before."""
    both = vpc_of("alpha", a=A, b=B)
    world = strict_world(*having(LINKED, both))

    moved = world.reconcile(desired(*having(LINKED, vpc_of("alpha", b=B), attached("at", "p", "alpha/b"))))

    assert steps_of(moved) == ["Update VPCAttachment/at", "Update VPC/alpha"]


def test_a_subnet_that_is_renamed_takes_its_attachments_along() -> None:
    """They are made anew: the old subnet cannot go before them, nor they come before the new one."""
    world = strict_world(*LINKED)

    plan = world.reconcile(desired(*having(LINKED, vpc_of("alpha", b=A), attached("at", "p", "alpha/b"))))

    assert steps_of(plan) == ["Delete VPCAttachment/at", "Update VPC/alpha", "Create VPCAttachment/at"]


def test_a_switch_leaves_a_namespace_after_what_needs_it_there() -> None:
    """An attachment needs the namespace of its VPC on the switches of its connection."""
    spaces = (vlan_space((1000, 1999)), vlan_space((2000, 2999), name="other"))
    both = leaf("leaf-1", 1, vlanNamespaces=["default", "other"])
    there = replace(
        BETA, spec={**BETA.spec, "vlanNamespace": "other", "subnets": {"a": {"vlan": 2000, "subnet": B[1]}}}
    )
    world = strict_world(*having(LINKED, *spaces, both, there))

    wanted = having(LINKED, *spaces, leaf("leaf-1", 1, vlanNamespaces=["other"]), there, attached("at", "p", "beta/a"))
    plan = world.reconcile(desired(*wanted))

    assert steps_of(plan) == ["Update VPCAttachment/at", "Update Switch/leaf-1"]


def test_a_connection_leaves_a_switch_before_the_switch_leaves_a_namespace() -> None:
    """The attachment stays as it is: what it refers to moves."""
    spaces = (vlan_space((1000, 1999)), vlan_space((2000, 2999), name="other"))
    both = (leaf("leaf-1", 1), leaf("leaf-2", 2))
    moved = manifest(
        "Connection", "p", {"unbundled": {"link": {"server": {"port": "s1/p"}, "switch": {"port": "leaf-2/E1/1"}}}}
    )
    world = strict_world(*having(LINKED, *spaces, *both))

    wanted = having(LINKED, *spaces, *both, leaf("leaf-1", 1, vlanNamespaces=["other"]), moved)
    plan = world.reconcile(desired(*wanted))

    assert steps_of(plan) == ["Update Connection/p", "Update Switch/leaf-1"]


def test_no_part_is_taken_from_who_still_uses_it() -> None:
    """Here of one that Git no longer declares and that may not be deleted."""
    world = strict_world(*LINKED, policy=ClusterPolicy(prune=False))
    wanted = lacking(having(LINKED, vpc_of("alpha", b=A)), "VPCAttachment/at")

    plan = world.plan(desired(*wanted))

    assert plan.actions == ()
    assert findings_of(plan) == {"VPC/alpha": ("conflict", "StillReferenced")}
    assert plan.conflicts[0].message == "it cannot lose its subnet a, which VPCAttachment/at uses"


def test_a_subnet_that_others_added_is_not_lost() -> None:
    """An apply leaves what Git does not name and we never applied: its VLAN is not free."""
    world = strict_world(*BASE, ALPHA, BETA)
    world.cluster.edit(BETA.key, {"spec": {"subnets": {"z": {"vlan": 1005, "subnet": "10.0.5.0/24"}}}})

    plan = world.plan(desired(*BASE, vpc_of("alpha", a=(1005, A[1])), vpc_of("beta", a=(1001, "10.0.7.0/24"))))

    assert [len(wave) for wave in plan.waves] == [2]


def test_the_one_with_the_fewest_dependents_is_made_anew() -> None:
    """Not the first by name."""
    world = strict_world(*LINKED, Q)

    plan = world.reconcile(desired(*having(LINKED, unbundled("p", "E1/2"), unbundled("q", "E1/1"))))

    assert steps_of(plan) == ["Delete Connection/q", "Update Connection/p", "Create Connection/q"]


def test_two_circles_are_two_deletes() -> None:
    """Each is broken by itself."""
    four = [unbundled(name, f"E1/{number}") for number, name in enumerate("pqrs", 1)]
    turned = [unbundled(name, f"E1/{number}") for number, name in zip((2, 1, 4, 3), "pqrs", strict=True)]
    world = strict_world(*BASE, *four)

    plan = world.reconcile(desired(*BASE, *turned))

    assert [str(action.key) for action in plan.actions if isinstance(action, Delete)] == [
        "Connection/p",
        "Connection/r",
    ]
    assert world.plan(desired(*BASE, *turned)).actions == ()


def test_an_attachment_swaps_with_another() -> None:
    """The native VLAN of a connection is one, and so is the subnet on it."""
    world = strict_world(*having(LINKED, BETA), attached("z", "p", "beta/a"))
    wanted = having(LINKED, BETA, attached("at", "p", "beta/a"), attached("z", "p", "alpha/a", nativeVLAN=True))

    plan = world.reconcile(desired(*wanted))

    assert steps_of(plan) == ["Delete VPCAttachment/at", "Update VPCAttachment/z", "Create VPCAttachment/at"]


def test_a_swap_that_was_half_done_is_finished() -> None:
    """The deleted one is missing, and is created when the other has given up its port."""
    world = strict_world(*BASE, P, Q)
    wanted = desired(*BASE, unbundled("p", "E1/2"), unbundled("q", "E1/1"))
    world.reconcile(wanted, 1)

    plan = world.reconcile(wanted)

    assert steps_of(plan) == ["Update Connection/q", "Create Connection/p"]
    assert world.plan(wanted).actions == ()


def test_the_hash_tells_a_replacement_from_an_update() -> None:
    """And two steps of a namespace from one."""
    world = strict_world(*having(LINKED, vlan_space((1000, 1000))))
    connections = (unbundled("p", "E1/2"), bundled("p", "E1/2"))
    spaces = (vlan_space((1000, 1001)), vlan_space((1001, 1001)))
    hashes = {
        world.plan(desired(*having(LINKED, vlan_space((1000, 1000)), changed))).hash
        for changed in (*connections, *spaces)
    }

    assert len(hashes) == 4


def test_what_refers_twice_is_made_anew_once() -> None:
    """A peering refers to both its VPCs, and the one relays to the other."""
    relay = vpc(
        "beta", **{**BETA.spec, "subnets": {"a": {"vlan": 1001, "subnet": B[1], "dhcp": {"relayVPC": "alpha"}}}}
    )
    peering = manifest("VPCPeering", "g", {"permit": [{"alpha": {}, "beta": {}}]})
    gamma = vpc_of("gamma", a=(1002, "10.0.2.0/24"), b=(1003, "10.0.3.0/24"))
    taken = (attached("k", "p", "gamma/a"), attached("l", "p", "gamma/b"))
    before = (*BASE, P, ALPHA, relay, peering, gamma, *taken)
    swapped = (vpc_of("alpha", a=(1002, A[1])), vpc_of("gamma", a=(1000, "10.0.2.0/24"), b=(1003, "10.0.3.0/24")))
    world = strict_world(*before)

    plan = world.reconcile(desired(*having(before, *swapped)))

    assert steps_of(plan) == [
        "Delete VPCPeering/g",
        "Delete VPC/beta",
        "Delete VPC/alpha",
        "Update VPC/gamma",
        "Create VPC/alpha",
        "Create VPC/beta",
        "Create VPCPeering/g",
    ]


def test_vpcs_that_relay_to_each_other_go_together() -> None:
    """Neither comes first, also where something waits for them."""
    subnets = {"a": (1000, A[1], "beta"), "b": (1001, B[1], "alpha")}
    circle = [
        vpc(
            name,
            vlanNamespace="default",
            ipv4Namespace="default",
            subnets={"x": {"vlan": vlan, "subnet": net, "dhcp": {"relayVPC": relay}}},
        )
        for name, (vlan, net, relay) in zip(("alpha", "beta"), subnets.values(), strict=True)
    ]
    world = strict_world(*BASE, *circle)

    plan = world.reconcile(desired(*BASE, vpc_of("gamma", a=A)))

    assert steps_of(plan) == ["Delete VPC/alpha", "Delete VPC/beta", "Create VPC/gamma"]
    assert [len(wave) for wave in plan.waves] == [2, 1]


def _circles(*more: Manifest) -> tuple[tuple[Manifest, ...], tuple[Manifest, ...]]:
    """Two connections swap their ports, and two attachments of the first their subnets."""
    before = (*BASE, ALPHA, BETA, P, Q, attached("k", "p", "alpha/a"), attached("l", "p", "beta/a"), *more)
    ports = (unbundled("p", "E1/2"), unbundled("q", "E1/1"))
    return before, having(before, *ports, attached("k", "p", "beta/a"), attached("l", "p", "alpha/a"))


def test_a_circle_that_is_broken_with_another() -> None:
    """The attachments are made anew with their connection, and need no more than that."""
    many = vpc_of("gamma", a=(1002, "10.0.2.0/24"), b=(1003, "10.0.3.0/24"), c=(1004, "10.0.4.0/24"))
    before, after = _circles(many, *(attached(f"q{one}", "q", f"gamma/{one}") for one in "abc"))
    world = strict_world(*before)

    plan = world.reconcile(desired(*after))

    assert {action.key.name for action in plan.actions if isinstance(action, Delete)} == {"k", "l", "p"}
    assert world.plan(desired(*after)).actions == ()


def test_a_circle_behind_one_that_is_left_alone() -> None:
    """It is left alone with it."""
    before, after = _circles()
    world = strict_world(*before)
    seen = world.observe()
    unmarked = tuple(replace(one, annotations={}) for one in seen["Connection"] or ())

    plan = world.plan(desired(*after), {**seen, "Connection": unmarked})

    assert plan.actions == ()
    assert findings_of(plan) == {
        "Connection/p": ("conflict", "NotOurs"),
        "Connection/q": ("conflict", "NotOurs"),
        "VPCAttachment/k": ("waiting", "DependencyNotReady"),
        "VPCAttachment/l": ("waiting", "DependencyNotReady"),
    }


def test_a_part_is_kept_for_drift_that_is_not_healed() -> None:
    """Somebody attached the subnet that Git takes away, and without self_heal that stays."""
    two = having(LINKED, vpc_of("alpha", a=A, b=B))
    world = strict_world(*two, policy=ClusterPolicy(self_heal=False))
    world.cluster.edit(key("VPCAttachment", "at"), {"spec": {"subnet": "alpha/b"}})

    plan = world.plan(desired(*having(LINKED, ALPHA)))

    assert plan.actions == ()
    assert findings_of(plan) == {"VPC/alpha": ("conflict", "StillReferenced")}


def test_a_part_waits_for_what_is_being_deleted() -> None:
    """That will no longer use it."""
    world = strict_world(*having(LINKED, vpc_of("alpha", a=A, b=B)))
    going = replace(world.live()[key("VPCAttachment", "at")], is_deleting=True)
    wanted = desired(*lacking(having(LINKED, vpc_of("alpha", b=B)), "VPCAttachment/at"))

    plan = world.plan(wanted, {**world.observe(), "VPCAttachment": (going,)})

    assert findings_of(plan) == {"VPC/alpha": ("waiting", "StillReferenced")}
