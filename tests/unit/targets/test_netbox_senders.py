"""What comes back from a write is looked at before it counts as done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import ExistingRecord, Record, Ref
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient
from reconciler.targets.netbox.reading import Reader
from reconciler.targets.netbox.senders import TAG, CreateSender, etags
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
    client = NetBoxClient(NetBoxAccess(odd.url, "token".encode), print)
    odd.say({"netbox-version": "4.7.3"})
    client.version()
    odd.say([answer], 201)
    reader = Reader(client)
    reader.ids[TAG] = 1
    (found,) = CreateSender(client, reader, "ipam/vrfs").send([Record(Ref("ipam/vrfs", KEY), "v", {"name": "v"})])

    assert (found or "").startswith(error or "")
    assert (found is None) == (error is None)
    assert reader.ids[Ref("ipam/vrfs", KEY)] == 7


def test_conditions_of_a_request(odd: Odd) -> None:
    """A request has a condition for each of its records or none: NetBox refuses it for the sake of one that lacks it.
    A cable that comes or goes leaves nothing known of the version of its ports.
    """
    reader = Reader(NetBoxClient(NetBoxAccess(odd.url, "token".encode), print))
    port = Ref("dcim/interfaces", "dc1/Switch/a#E1/1")
    reader.ids[port] = 1
    one, other = (
        ExistingRecord("dcim/interfaces", number, "E1/1", {}, version="2026-03-01T12:00:00+00:00") for number in (1, 2)
    )
    assert len(etags(reader, [one, other])) == 2

    reader.note_side_effects("dcim/cables", [{"a": port, "b": Ref("dcim/interfaces", "#7")}])

    assert etags(reader, [one, other]) == []
    assert len(etags(reader, [other])) == 1
