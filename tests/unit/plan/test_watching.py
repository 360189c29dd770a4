"""Which change of an object is worth a pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.known import Known
from reconciler.model.objects import FABRIC_ANNOTATION, Manifest, Resource
from reconciler.plan.watching import is_worth_a_pass
from tests.unit.plan.world import FABRIC, key, manifest, resource, vpc

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

DECLARED = vpc("a", mode="l2vni", subnets={"s": {"subnet": "10.0.1.0/24", "vlan": 1001}})
STANDS = resource(DECLARED)
KNOWN = Known(FABRIC, {DECLARED.key: DECLARED})
SHOWN = replace(KNOWN, has_netbox=True)
UNSETTLED = replace(KNOWN, unsettled=frozenset({DECLARED.key}))
FOREIGN = replace(STANDS, key=key("VPC", "theirs"), managed_fields=())
CATALOG = Resource(key("Catalog", "vpcs"), "u1", "1", {"vpcVNIs": {"a": 100}})
PROFILE = Resource(key("SwitchProfile", "x"), "u2", "1", {"displayName": "X"})


def later(one: Resource, **changes: object) -> Resource:
    """The object in its next version."""
    return replace(one, **{"resource_version": "2", **changes})  # type: ignore[arg-type]  # by the field's name


def with_spec(one: Resource, **spec: object) -> Resource:
    return later(one, spec={**one.spec, **spec})


DRIFTED = with_spec(STANDS, mode="other")
SUBNET = STANDS.spec["subnets"]["s"]


@dataclass
class Case:
    """A change, and whether it is worth a pass without a NetBox and with one."""

    before: Resource | None
    after: Resource | None
    plain: bool
    shown: bool


CASES = {
    "nothing was, nothing is": Case(None, None, plain=False, shown=False),
    "version only": Case(STANDS, later(STANDS), plain=False, shown=False),
    "generation only": Case(FOREIGN, later(FOREIGN, generation=9), plain=False, shown=False),
    "managed fields only": Case(STANDS, later(STANDS, managed_fields=()), plain=False, shown=False),
    "recomputed label": Case(
        FOREIGN, later(FOREIGN, labels={"fabric.githedgehog.com/vpc": "a"}), plain=False, shown=False
    ),
    "label of somebody": Case(FOREIGN, later(FOREIGN, labels={"team": "a"}), plain=True, shown=True),
    "label beside ours": Case(STANDS, later(STANDS, labels={"team": "a"}), plain=False, shown=False),
    "annotation beside ours": Case(
        STANDS, later(STANDS, annotations={**STANDS.annotations, "note": "x"}), plain=False, shown=False
    ),
    "our mark lost": Case(
        STANDS,
        later(STANDS, annotations={k: v for k, v in STANDS.annotations.items() if k != FABRIC_ANNOTATION}),
        plain=True,
        shown=True,
    ),
    "drift": Case(STANDS, DRIFTED, plain=True, shown=True),
    "drift healed by somebody": Case(DRIFTED, later(STANDS, resource_version="3"), plain=False, shown=False),
    "drift in a map's entry": Case(
        STANDS, with_spec(STANDS, subnets={"s": {**SUBNET, "vlan": 7}}), plain=True, shown=True
    ),
    "undeclared field": Case(STANDS, with_spec(STANDS, defaultIsolated=True), plain=False, shown=True),
    "undeclared field that is empty": Case(STANDS, with_spec(STANDS, permit=[]), plain=False, shown=False),
    "undeclared field below": Case(
        STANDS, with_spec(STANDS, subnets={"s": {**SUBNET, "gateway": "10.0.1.9"}}), plain=False, shown=True
    ),
    "undeclared entry of a map": Case(
        STANDS, with_spec(STANDS, subnets={"s": SUBNET, "more": {}}), plain=False, shown=True
    ),
    "being deleted": Case(STANDS, later(STANDS, is_deleting=True), plain=True, shown=True),
    "deleted": Case(STANDS, None, plain=True, shown=True),
    "foreign, deleted": Case(FOREIGN, None, plain=True, shown=True),
    "foreign, added": Case(None, FOREIGN, plain=True, shown=True),
    "foreign, changed": Case(FOREIGN, with_spec(FOREIGN, mode="x"), plain=True, shown=True),
    "deleted and made again": Case(STANDS, later(STANDS, uid="other"), plain=True, shown=True),
    "not there before, as declared": Case(None, STANDS, plain=False, shown=False),
    "not there before, and more": Case(None, with_spec(STANDS, defaultIsolated=True), plain=False, shown=True),
    "as declared, by somebody else": Case(None, replace(STANDS, managed_fields=()), plain=True, shown=True),
    "numbers of the controller": Case(
        CATALOG, with_spec(CATALOG, vpcVNIs={"a": 100, "b": 200}), plain=False, shown=True
    ),
    "numbers of the controller, deleted": Case(CATALOG, None, plain=True, shown=True),
    "profile that appears": Case(None, PROFILE, plain=True, shown=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_table(case: Case) -> None:
    """Without a NetBox only what a pass would act on counts; with one, also what it would show."""
    assert is_worth_a_pass(case.before, case.after, KNOWN) is case.plain
    assert is_worth_a_pass(case.before, case.after, SHOWN) is case.shown


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(with_spec(STANDS, defaultIsolated=True), True, id="changed"),
        pytest.param(later(STANDS), False, id="version only"),
    ],
)
def test_what_the_pass_did_not_settle(after: Resource, *, expected: bool) -> None:
    """Any change of an object that is not in sync may be what it waited for; one that touches nothing is not."""
    assert is_worth_a_pass(STANDS, after, UNSETTLED) is expected


def test_of_another_fabric() -> None:
    """An object that carries the marks of another fabric does not stand as this one declares it."""
    assert is_worth_a_pass(None, resource(DECLARED, "dc2"), KNOWN)


@pytest.mark.parametrize(
    ("declared", "before", "after"),
    [
        pytest.param({"vlanNamespace": ""}, {"vlanNamespace": "x"}, {"vlanNamespace": "y"}, id="the server chooses"),
        pytest.param({"permit": None}, {"permit": [["a"]]}, {"permit": [["b"]]}, id="null"),
        pytest.param({"subnets": {"s": {"dhcp": {}}}}, *(
            {"subnets": {"s": {"dhcp": {"relay": relay}}}} for relay in ("10.0.0.1/32", "10.0.0.2/32")
        ), id="an object and nothing in it"),
    ],
)  # fmt: skip
def test_what_is_named_but_left_open(declared: JSONObject, before: JSONObject, after: JSONObject) -> None:
    """Where Git leaves the value to the server, a new value is shown."""
    one = vpc("a", **declared)
    known = Known(FABRIC, {one.key: one}, has_netbox=True)
    old, new = (replace(resource(one), spec=spec) for spec in (before, after))

    assert is_worth_a_pass(old, later(new), known)
    assert not is_worth_a_pass(old, later(new), replace(known, has_netbox=False))


def test_a_declared_value_in_another_form() -> None:
    """Names of a map that the server writes in its own way are declared all the same."""
    subnets = {"s": {"dhcp": {"enable": True, "static": {"AA-BB-CC-DD-EE-FF": {"ip": "10.0.0.9"}}}}}
    one = vpc("a", subnets=subnets)
    stored = {"s": {"dhcp": {"enable": True, "static": {"aa:bb:cc:dd:ee:ff": {"ip": "10.0.0.9"}}}}}
    after = later(resource(one), spec={"subnets": stored})

    assert not is_worth_a_pass(resource(one), after, Known(FABRIC, {one.key: one}, has_netbox=True))


def test_an_odd_object_where_a_leaf_is_declared() -> None:
    """An object that somebody wrote where Git has a value is drift."""
    one = manifest("Server", "s", {"description": "x"})
    after = later(resource(one), spec={"description": {"x": 1}})

    assert is_worth_a_pass(resource(one), after, Known(FABRIC, {one.key: one}, has_netbox=True))


SPECS = st.dictionaries(
    st.sampled_from(["mode", "defaultIsolated", "subnets"]),
    st.one_of(st.none(), st.booleans(), st.just({}), st.dictionaries(st.sampled_from("ab"), st.just({"vlan": 7}))),
)


@given(SPECS, SPECS, st.booleans())
def test_drift_is_never_missed(declared: JSONObject, observed: JSONObject, has_netbox: bool) -> None:  # noqa: FBT001 - given by position
    """Whatever the specs, a change to an object that then differs from Git is worth a pass; one that an object already
    stands as Git declares it, seen twice, is not.
    """
    one = Manifest(key("VPC", "a"), DECLARED.source, declared)
    known = Known(FABRIC, {one.key: one}, has_netbox=has_netbox)
    stands = resource(one)
    after = later(stands, spec=observed)

    if not is_worth_a_pass(stands, after, replace(known, has_netbox=False)):
        assert not is_worth_a_pass(None, after, replace(known, has_netbox=False))
    assert not is_worth_a_pass(after, later(after, resource_version="3"), known)
