"""What a record's key says."""

from __future__ import annotations

import pytest

from reconciler.model.objects import ObjectKey
from reconciler.plan.netbox_keys import object_of

NAMESPACES = {"dc1": "default", "dc-2": "fabric"}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param("dc1/Switch/leaf-01", ("dc1", ObjectKey("Switch", "default", "leaf-01")), id="device"),
        pytest.param("dc-2/VPC/v1#web/dhcp", ("dc-2", ObjectKey("VPC", "fabric", "v1")), id="part"),
        pytest.param("dc1/Switch/leaf-01#E1/1", ("dc1", ObjectKey("Switch", "default", "leaf-01")), id="port"),
        pytest.param("other/Switch/leaf-01", None, id="other-fabric"),
        pytest.param("dc1/Pod/web", None, id="unknown-kind"),
        pytest.param("dc1/Switch", None, id="too-short"),
        pytest.param("", None, id="empty"),
        pytest.param("a note of a person", None, id="prose"),
    ],
)
def test_keys_name_fabric_and_object(key: str, expected: tuple[str, ObjectKey] | None) -> None:
    """A key names its fabric and its object; anything else names nothing."""
    assert object_of(key, NAMESPACES) == expected
