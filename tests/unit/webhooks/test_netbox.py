"""What proves NetBox's events, and what is read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.requests import Delivery
from tests.payloads import github, netbox
from tests.unit.webhooks.reading import lowered, refusal_of
from webhooks.providers.netbox import delivery_id, is_authentic, parse

if TYPE_CHECKING:
    from reconciler.model.json import JSON

OTHER = "dc1/Switch/leaf-02"


def parsed(payload: JSON) -> Delivery:
    body = github.encoded(payload)
    return parse(lowered(netbox.headers(body)), body)


def number(payload: JSON) -> str:
    return delivery_id({}, github.encoded(payload))


# Proof


def test_signature() -> None:
    """The signature is a bare SHA-512 one over the body."""
    body = github.encoded(netbox.edit())
    headers = lowered(netbox.headers(body))

    assert len(headers["x-hook-signature"]) == 128
    assert is_authentic(netbox.SECRET, headers, body, 0.0)
    assert not is_authentic(netbox.SECRET, headers, body + b" ", 0.0)
    assert not is_authentic(b"another", headers, body, 0.0)


@pytest.mark.parametrize("signature", ["", "0" * 64, "0" * 128, "sha512=" + "0" * 128, "\u00e9"])
def test_forged_signature(signature: str) -> None:
    """A header that is not exactly the signature is not authentic."""
    assert not is_authentic(netbox.SECRET, {"x-hook-signature": signature}, b"{}", 0.0)


# Ids


def test_id() -> None:
    """The id is made of the request, the record and what happened to it."""
    assert number(netbox.edit()) == f"{netbox.REQUEST}:dcim.device:7:updated"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"request": {"id": "another"}}, id="another request"),
        pytest.param({"object_type": "dcim.interface"}, id="another kind of record"),
        pytest.param({"data": {"id": 8}}, id="another record"),
        pytest.param({"event": "deleted"}, id="another event"),
    ],
)
def test_other_events_have_other_ids(changed: dict[str, JSON]) -> None:
    """Two events differ in their ids as soon as they differ in one part."""
    assert number(netbox.edit() | changed) != number(netbox.edit())


def test_time_is_no_part_of_the_id() -> None:
    """An event that is sent again, later, has the id of the first time."""
    assert number(netbox.edit(timestamp="2026-01-02T00:00:00+00:00")) == number(netbox.edit())


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({}, id="nothing"),
        pytest.param(netbox.edit(request=None, request_id=None), id="no request"),
        pytest.param(netbox.edit(request={"id": None}, request_id=None), id="request without id"),
        pytest.param(netbox.edit(data=None), id="no record"),
        pytest.param(netbox.edit(data=[]), id="record is a list"),
        pytest.param(netbox.edit(object_type=None), id="no kind"),
        pytest.param(netbox.edit() | {"event": None}, id="no event"),
        pytest.param(netbox.edit(event="x" * 500), id="long"),
        pytest.param(netbox.edit(event="a b"), id="a blank"),
        pytest.param(netbox.edit(event="\u00e9"), id="not ASCII"),
        pytest.param(netbox.edit(object_type=10**300), id="a long number"),
    ],
)
def test_events_without_a_part(payload: JSON) -> None:
    """What lacks a part, or has one that is no word, is numbered by its body: another time, another id."""
    assert len(number(payload)) == 64
    assert number(payload) == number(payload)
    assert number({**payload, "timestamp": "later"}) != number(payload)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 1000])
def test_no_document(body: bytes) -> None:
    """A body that is no JSON object has no id."""
    refusal_of(lambda: delivery_id({}, body))


def test_an_older_netbox_names_the_request_alone() -> None:
    """Before 4.6 an event tells nothing of the request but its id, elsewhere."""
    older = {name: value for name, value in netbox.edit().items() if name != "request"}

    assert number(older) == number(netbox.edit())
    assert parsed(older).origin == netbox.REQUEST


# Payload


def test_edit() -> None:
    """An edit names the record's key and the request that made it."""
    assert parsed(netbox.edit()) == Delivery(
        provider="netbox",
        id=f"{netbox.REQUEST}:dcim.device:7:updated",
        event="edit",
        keys=(netbox.KEY,),
        origin=netbox.REQUEST,
    )


@pytest.mark.parametrize(
    ("changed", "keys"),
    [
        pytest.param({"snapshots": None}, (netbox.KEY,), id="no snapshots"),
        pytest.param({"data": None}, (netbox.KEY,), id="no record"),
        pytest.param(
            {"snapshots": {"prechange": netbox.snapshot(OTHER), "postchange": netbox.snapshot()}},
            (netbox.KEY, OTHER),
            id="the key was changed",
        ),
        pytest.param(
            {"data": {"custom_fields": {"hh_key": None}}, "snapshots": {"prechange": netbox.snapshot(OTHER)}},
            (OTHER,),
            id="the key was taken away",
        ),
        pytest.param({"data": {"custom_fields": {}}, "snapshots": {}}, (), id="a record of others"),
        pytest.param({"data": {}, "snapshots": {}}, (), id="a record without custom fields"),
        pytest.param({"data": {"custom_fields": {"hh_key": ""}}, "snapshots": {}}, (), id="empty key"),
        pytest.param({"data": "done", "snapshots": 7}, (), id="a job"),
        pytest.param({"data": {"custom_fields": []}, "snapshots": {"prechange": 5}}, (), id="other kinds"),
    ],
)
def test_keys(changed: dict[str, JSON], keys: tuple[str, ...]) -> None:
    """Every key that the record has or had is named, once; a record that is not ours names none."""
    assert parsed(netbox.edit() | changed).keys == keys


@pytest.mark.parametrize("request_", [None, {}, {"id": None}, "x"])
def test_no_origin(request_: JSON) -> None:
    """What no request caused is nobody's own write."""
    assert parsed(netbox.edit(request=request_, request_id=None)).origin is None


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        pytest.param(netbox.edit(key=5), "data.custom_fields.hh_key", id="key is a number"),
        pytest.param(netbox.edit(key="dc1/Switch/a\nb"), "data.custom_fields.hh_key", id="key of two lines"),
        pytest.param(netbox.edit(key="x" * 1025), "data.custom_fields.hh_key", id="key too long"),
        pytest.param(
            netbox.edit(data={}, snapshots={"prechange": netbox.snapshot([])}),
            "snapshots.prechange.custom_fields.hh_key",
            id="former key is a list",
        ),
        pytest.param(netbox.edit(request={"id": 5}), "request.id", id="request is a number"),
    ],
)
def test_refused(payload: JSON, field: str) -> None:
    """A key or an origin of another kind than NetBox has is refused, and the place is named."""
    assert refusal_of(lambda: parsed(payload)).field == field
