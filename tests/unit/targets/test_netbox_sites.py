"""What becomes of NetBox's answers to what is written of sites, and to what `init-netbox` makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import NetBoxAccessError, NetBoxUnavailableError, ReconcilerError, StalledError
from reconciler.model.netbox_site import Site
from reconciler.plan.netbox_setup import plan_setup, wanted_of_sites
from reconciler.targets.netbox import NetBoxAccess, NetBoxServer, NetBoxSetup
from tests.unit.loopback import Answer, Loopback, as_json, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE = Site(7, "dc1", {})
PATCH = "PATCH /api/dcim/sites/7/"
CHOICES = "POST /api/extras/custom-field-choice-sets/"
REFUSALS = [
    pytest.param(as_json({"custom_fields": "no such field"}, 400), StalledError, "NetBoxRejected", id="refused"),
    pytest.param(as_json({"error": "a lost race"}, 500), NetBoxUnavailableError, "NetBoxRejected", id="server error"),
    pytest.param(as_json({"detail": "no rights"}, 403), NetBoxAccessError, "NetBoxAccessDenied", id="no rights"),
]


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A NetBox that holds nothing and takes everything."""
    with serving() as loopback:
        loopback.otherwise = as_json({"id": 1, "next": None, "results": []})
        loopback.answer("GET /api/status/", as_json({"netbox-version": "4.7.3"}))
        yield loopback


def _access(server: Loopback) -> NetBoxAccess:
    return NetBoxAccess(server.url, lambda: b"t0ken")


def _netbox(server: Loopback) -> NetBoxServer:
    return NetBoxServer(_access(server), sleep=lambda _: None)


@pytest.mark.parametrize(("answer", "kind", "reason"), REFUSALS)
def test_a_site_that_cannot_be_written(
    server: Loopback, answer: Answer, kind: type[ReconcilerError], reason: str
) -> None:
    """What NetBox refuses stays refused until somebody changes something; what it could not do is tried again."""
    server.answer(PATCH, answer)

    with pytest.raises(kind) as refused:
        _netbox(server).write_site(SITE, {"hh_drift": 1})

    assert refused.value.reason == reason


@pytest.mark.parametrize(("answer", "kind", "reason"), REFUSALS)
def test_what_cannot_be_made(server: Loopback, answer: Answer, kind: type[ReconcilerError], reason: str) -> None:
    """The same holds for what is made once, for a pass as for init-netbox."""
    server.answer(CHOICES, answer)
    setup = NetBoxSetup.at(_access(server), sleep=lambda _: None)
    choices, *_ = plan_setup(wanted_of_sites(), {}).changes

    with pytest.raises(kind) as by_command:
        setup.carry_out(choices)
    with pytest.raises(kind) as by_pass:
        _netbox(server).prepare_sites()

    assert by_command.value.reason == by_pass.value.reason == reason


def test_values_of_a_site(server: Loopback) -> None:
    """Our fields alone are read, a choice by its value; of a site of another name nothing is taken."""
    fields = {"hh_sync_status": {"value": "in_sync", "label": "In sync"}, "hh_drift": 0, "hh_revision": None}
    others = {"rack_count": 7, "hh_odd": ["x"]}
    sites = [{"id": 7, "slug": "dc1", "custom_fields": fields | others}, {"id": 8, "slug": "dc2"}]
    query = "?slug={}&fields=id%2Cslug%2Ccustom_fields&limit=1000"
    for slug in ("dc1", "dc9"):
        server.answer(f"GET /api/dcim/sites/{query.format(slug)}", as_json({"next": None, "results": sites}))

    site = _netbox(server).site("dc1")

    assert site == Site(7, "dc1", {"hh_sync_status": "in_sync", "hh_drift": 0, "hh_revision": None, "hh_odd": None})
    assert _netbox(server).site("dc9") is None
