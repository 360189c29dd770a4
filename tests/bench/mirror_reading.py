"""How long it takes to read 10,000 devices of a fabric, beside pynetbox."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pynetbox

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import KEY_FIELD, Projection
from reconciler.model.netbox_schema import DEVICES
from reconciler.plan.netbox import plan_netbox
from reconciler.reconcile.netbox_phase import write
from reconciler.targets.netbox import NetBoxAccess, NetBoxServer
from tests.bench.figures import say
from tests.e2e import mirrored

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.netbox_server import NetBoxServer as LabNetBox

DEVICE_COUNT = 10_000
ROUNDS = 2
GOAL = 5.0
FIRST_ID = 1_000_000
SERVER = {"kind": "Server", "metadata": {"name": "server"}, "spec": {"description": "one of many"}}


def measure(netbox: LabNetBox) -> None:
    """Print the better seconds of each, measured in turns. Ours are those of the whole look at NetBox: prerequisites,
    every other model, marks and custom fields of each device.
    """
    netbox.reset()
    fabric = f"bench-{secrets.token_hex(3)}"
    projection = mirrored.projection(fabric, [SERVER])
    ours = NetBoxServer(NetBoxAccess(netbox.url, netbox.token.encode))
    _mirror(ours, fabric, projection)
    _multiply(netbox, fabric)
    api = pynetbox.api(netbox.url, netbox.token)
    own, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(_seconds(lambda: len(list(api.dcim.devices.all()))))
        own.append(_seconds(lambda: _observed_devices(ours, fabric, projection)))
    api.http_session.close()
    slow, quick = min(theirs), min(own)
    say(f"pynetbox .all(), {DEVICE_COUNT} devices", f"{slow:.1f} s, {DEVICE_COUNT / slow:.0f}/s (baseline)")
    figure = f"{slow / quick:.1f} times as fast (goal: at least {GOAL:.0f})"
    say("our look at NetBox with those devices", f"{quick:.1f} s, {DEVICE_COUNT / quick:.0f}/s, {figure}")


def _mirror(ours: NetBoxServer, fabric: str, projection: Projection) -> None:
    plan = plan_netbox(projection, ours.observe(fabric, projection), NetBoxPolicy(fabric), fabric)
    for step in plan.steps():
        errors = [f"{result.ref}: {result.error}" for result in write(ours, step) if result.error]
        assert not errors, errors


def _multiply(netbox: LabNetBox, fabric: str) -> None:
    """Copy the only device with its tag, past NetBox, under names and keys of their own."""
    netbox.sql(
        f"""
        insert into dcim_device select (jsonb_populate_record(one, jsonb_build_object(
            'id', {FIRST_ID} + number, 'name', 'server-' || number, 'custom_field_data',
            one.custom_field_data || jsonb_build_object('{KEY_FIELD}', '{fabric}/Server/server-' || number)))).*
        from dcim_device one, generate_series(2, {DEVICE_COUNT}) number
        """,  # noqa: S608 - our own names
        f"""
        insert into extras_taggeditem (object_id, content_type_id, tag_id)
        select {FIRST_ID} + number, content_type_id, tag_id
        from extras_taggeditem, generate_series(2, {DEVICE_COUNT}) number
        where (object_id, content_type_id) in (select one.id, type.id from dcim_device one, django_content_type type
            where (type.app_label, type.model) = ('dcim', 'device'))
        """,  # noqa: S608 - our own names
        "vacuum analyze",
    )


def _observed_devices(ours: NetBoxServer, fabric: str, projection: Projection) -> int:
    found = [one for one in ours.observe(fabric, projection).records if one.model == DEVICES]
    assert all(one.is_owned_by(fabric) for one in found)
    return len(found)


def _seconds(read: Callable[[], int]) -> float:
    began = time.monotonic()
    count = read()
    seconds = time.monotonic() - began
    assert count == DEVICE_COUNT, count
    return seconds
