"""What comes back from a write is looked at before it counts as done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Record, Ref
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient
from reconciler.targets.netbox.reading import Reader
from reconciler.targets.netbox.senders import TAG, CreateSender
from tests.unit.targets.odd_server import Odd, odd

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

__all__ = ["odd"]

KEY = "dc1/VPC/v"
MARKED: JSONObject = {"id": 7, "custom_fields": {"hh_key": KEY}, "tags": [{"slug": "hh-managed"}]}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(MARKED, None, id="both marks"),
        pytest.param({**MARKED, "custom_fields": {}}, "NetBox made it (id 7) but did not keep", id="no key"),
        pytest.param({**MARKED, "custom_fields": {"hh_key": "x"}}, "NetBox made it (id 7)", id="another key"),
        pytest.param({**MARKED, "tags": []}, "NetBox made it (id 7) but did not keep", id="no tag"),
    ],
)
def test_a_record_without_its_marks_is_no_success(odd: Odd, answer: JSONObject, error: str | None) -> None:
    """NetBox drops what it does not know without a word; a record that lost a mark on the way is named."""
    odd.say([answer], 201)
    client = NetBoxClient(NetBoxAccess(odd.url, "token".encode), print)
    reader = Reader(client)
    reader.ids[TAG] = 1
    (found,) = CreateSender(client, reader, "ipam/vrfs").send([Record(Ref("ipam/vrfs", KEY), "v", {"name": "v"})])

    assert (found or "").startswith(error or "")
    assert (found is None) == (error is None)
    assert reader.ids[Ref("ipam/vrfs", KEY)] == 7
