"""What a record's key says."""

from __future__ import annotations

import pytest

from reconciler.model.objects import ObjectKey
from reconciler.plan.netbox_keys import scopes_of
from reconciler.plan.projection.context import UNDERLAY

NAMESPACES = {"dc1": "default", "dc-2": "fabric"}
LEAF = ObjectKey("Switch", "default", "leaf-01")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param("dc1/Switch/leaf-01", {"dc1": frozenset({LEAF})}, id="device"),
        pytest.param("dc-2/VPC/v1#web/dhcp", {"dc-2": frozenset({ObjectKey("VPC", "fabric", "v1")})}, id="part"),
        pytest.param("dc1/Switch/leaf-01#E1/1", {"dc1": frozenset({LEAF})}, id="port"),
        pytest.param("dc1/Fabric/underlay", {"dc1": frozenset({UNDERLAY})}, id="underlay"),
        pytest.param("dc1/Fabric/other", {"dc1": None}, id="no-object"),
        pytest.param("dc1/Pod/web", {"dc1": None}, id="unknown-kind"),
        pytest.param("dc1/Switch", {"dc1": None}, id="too-short"),
        pytest.param("other/Switch/leaf-01", {}, id="other-fabric"),
        pytest.param("dc1", {}, id="a-fabric"),
        pytest.param("", {}, id="empty"),
        pytest.param("a note of a person", {}, id="prose"),
    ],
)
def test_keys_name_fabric_and_object(key: str, expected: dict[str, frozenset[ObjectKey] | None]) -> None:
    """A key names its fabric and its object. One of ours that names no object may concern all of them; anything else
    names nothing.
    """
    assert scopes_of([key], NAMESPACES) == expected


def test_several_keys() -> None:
    """An edited key names what it was before as well; the whole fabric is more than any object."""
    spine = ObjectKey("Switch", "default", "spine-01")
    both = ["dc1/Switch/leaf-01", "dc1/Switch/spine-01#E1/1", "dc-2/Pod/web"]

    assert scopes_of(both, NAMESPACES) == {"dc1": frozenset({LEAF, spine}), "dc-2": None}
    assert scopes_of([*both, "dc1/Pod/web", "dc1/Switch/leaf-01"], NAMESPACES) == {"dc1": None, "dc-2": None}
