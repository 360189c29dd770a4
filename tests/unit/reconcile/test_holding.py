"""A site of NetBox belongs to one installation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import NetBoxUnavailableError
from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.passes import Outcome
from reconciler.model.status import ConnectionState
from tests.unit.reconcile.rig import Rig, manifests

OURS, OTHER = "a" * 16, "b" * 16


@pytest.fixture
def held(rig: Rig) -> Rig:
    """A fabric that is one installation's, and everything is in Git."""
    rig.fabric = replace(rig.fabric, netbox=NetBoxPolicy("dc1", installation=OURS))
    rig.source.push(manifests())
    return rig


def _bound_to(rig: Rig) -> object:
    site = rig.netbox.site("dc1")
    return None if site is None else site.fields.get("hh_installation")


def _bind(rig: Rig, installation: str | None) -> None:
    """Let somebody else bind the site."""
    rig.netbox.prepare_sites()
    site = rig.netbox.site("dc1")
    assert site is not None
    rig.netbox.write_site(site, {"hh_installation": installation})


def test_the_first_pass_that_writes_binds(held: Rig) -> None:
    """The site is bound before its first record is written, and no pass binds it again."""
    held.run()

    assert held.last.outcome is Outcome.SUCCEEDED
    assert _bound_to(held) == OURS
    assert held.netbox.calls.index("write_site") < held.netbox.calls.index("create")
    held.netbox.calls.clear()
    held.run()
    assert held.netbox.calls == ["site", "observe"]


def test_a_pass_without_a_write_binds_nothing(held: Rig) -> None:
    """A site that nobody has bound stays so while nothing is to be written."""
    held.run()
    _bind(held, None)

    held.run()

    assert _bound_to(held) is None


def test_bound_elsewhere(held: Rig) -> None:
    """Nothing is written to a site of another installation; the pass says whose it is and what to do."""
    held.run()
    _bind(held, OTHER)
    held.source.push(manifests()[:-1])
    writes = held.netbox.writes

    held.run()

    (failure,) = held.last.failures
    assert (failure.reason, failure.is_retryable) == ("NetBoxBoundElsewhere", False)
    assert OTHER in failure.message
    assert "reconciler init-netbox dc1 --rebind" in failure.message
    assert "Stop the other one" in failure.message
    assert (held.last.outcome, held.netbox.writes, _bound_to(held)) == (Outcome.FAILED, writes, OTHER)
    assert held.record.connections["netbox"].state is ConnectionState.OK


def test_taking_over(held: Rig) -> None:
    """With take_over the first pass that writes binds the site anew."""
    held.run()
    _bind(held, OTHER)
    policy = NetBoxPolicy("dc1", installation=OURS, take_over=True)
    held.fabric = replace(held.fabric, netbox=policy)
    held.source.push([one for one in manifests() if one.key.kind != "VPCAttachment" and one.key.name != "vpc-02"])

    held.run()

    assert held.last.outcome is Outcome.SUCCEEDED, held.last.message
    assert _bound_to(held) == OURS


def test_a_binding_that_fails(held: Rig) -> None:
    """Where the site cannot be bound, no record is written; the next pass binds and writes."""
    held.netbox.fail("write_site", NetBoxUnavailableError("NetBox is down"))
    held.run()
    assert "create" not in held.netbox.calls

    held.run()

    assert held.last.outcome is Outcome.SUCCEEDED
    assert _bound_to(held) == OURS
