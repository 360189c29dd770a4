"""Fabrics of which no pass is made: whom their sites are told of, and when again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.model.status import Suspension
from reconciler.status.left_alone import AGAIN, IDLE, LeftAlone
from reconciler.status.site_status import SiteStatus
from tests.unit.status.test_site_status import NOON, OTHER, OURS, SITE, Scene

FABRIC = Fabric("dc1", "gitops", "main", "dc1", cluster=ClusterPolicy(), netbox=NetBoxPolicy("dc1", installation=OURS))
SUSPENDED = Suspension(NOON, "cabling", "ada")


@dataclass
class Halt(Scene):
    """A fabric that is suspended once its last pass was told."""

    fabrics: list[Fabric] = field(default_factory=lambda: [FABRIC])
    held: Suspension | None = None
    active: bool = False
    iterations: int = 0
    troubles: list[str] = field(default_factory=list)
    iterated: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task = LeftAlone(
            lambda: [(fabric, self.netbox) for fabric in self.fabrics],
            self.suspension,
            lambda _: self.active,
            self.status,
            self._iterated,
            self.troubles.append,
        )

    def suspension(self, _fabric: str) -> Suspension | None:
        return self.held

    def _iterated(self) -> None:
        self.iterations += 1
        self.iterated.set()

    async def look(self) -> tuple[list[str], float]:
        """Which methods of NetBox are called, and when it looks again."""
        self.netbox.calls.clear()
        again = await self.task.run_once()
        return list(self.netbox.calls), again


@pytest.fixture
def halt() -> Halt:
    halt = Halt()
    halt.netbox.create_shared([SITE])
    halt.netbox.prepare_sites()
    halt.end_pass()
    halt.held = SUSPENDED
    return halt


async def test_a_suspension_is_told_once(halt: Halt) -> None:
    """Status and journal say it, with the reason; that holds without a term, and is not asked for again."""
    assert await halt.look() == (["site", "write_site", "note"], IDLE)
    assert await halt.look() == ([], IDLE)

    assert (halt.said()["hh_sync_status"], halt.said()["hh_valid_until"]) == ("disabled", None)
    assert halt.said()["hh_revision"] == "main@sha1:1"
    kind, text = halt.journal()[-1]
    assert (kind, text.partition(". ")[0]) == ("info", "Sync status is disabled (was in_sync)")
    assert text.endswith("Suspended: the fabric is suspended since 2026-03-01T12:00:00.000Z by ada: cabling")
    assert halt.iterations == 2


async def test_the_pass_after_it_tells_the_end(halt: Halt) -> None:
    """Resuming makes a pass, whose end says how the fabric stands; a further suspension is told anew."""
    await halt.look()
    halt.held = None

    assert halt.end_pass() == ["site", "write_site", "note"]
    assert (halt.said()["hh_sync_status"], halt.said()["hh_valid_until"]) == ("in_sync", "2026-03-01T14:00:00.000Z")
    halt.held = replace(SUSPENDED, since=NOON + timedelta(hours=1))
    assert (await halt.look())[0] == ["site", "write_site", "note"]
    assert halt.said()["hh_sync_status"] == "disabled"


async def test_a_fabric_that_is_disabled(halt: Halt) -> None:
    """So does one that the configuration disables; one that goes on is none of this."""
    halt.held, halt.fabrics = None, [replace(FABRIC, is_enabled=False)]

    await halt.look()

    assert halt.journal()[-1][1].endswith("Disabled: the fabric is disabled in the configuration")
    halt.fabrics = []
    assert await halt.look() == ([], IDLE)


async def test_a_restart_writes_nothing(halt: Halt) -> None:
    """What the site says already is not written again."""
    await halt.look()
    halt.status = SiteStatus(halt, halt)
    again = Halt(documents=halt.documents, held=SUSPENDED)

    assert await again.look() == (["site"], IDLE)


async def test_a_pass_that_goes_on(halt: Halt) -> None:
    """While a pass of the fabric goes on nothing is said beside it."""
    halt.active = True
    assert await halt.look() == ([], AGAIN)

    halt.active = False
    assert (await halt.look())[0] == ["site", "write_site", "note"]


async def test_a_netbox_that_is_down(halt: Halt) -> None:
    """It is tried again, until it is told. That it could not be is trouble, also where another one was told."""
    other = replace(FABRIC, name="dc2", netbox=None)
    halt.fabrics = [FABRIC, other]
    halt.netbox.fail("site")
    with capture_logs() as logs:
        assert await halt.look() == (["site"], AGAIN)

    assert [line["reason"] for line in logs] == ["NetBoxUnavailable"]
    assert (halt.iterations, halt.troubles) == (0, ["NetBox could not be told of dc1; the log says why"])
    assert await halt.look() == (["site", "write_site", "note"], IDLE)
    assert (halt.iterations, len(halt.troubles)) == (1, 1)


@pytest.mark.parametrize("bound", [None, OTHER])
async def test_a_site_that_is_not_ours(halt: Halt, bound: str | None) -> None:
    """Only a pass binds a site, and what others say of theirs stays."""
    site = halt.netbox.site("dc1")
    assert site is not None
    halt.netbox.write_site(site, {"hh_installation": bound})
    halt.status.forget("dc1")

    assert await halt.look() == (["site"], IDLE)
    assert await halt.look() == ([], IDLE)


async def test_fabrics_without_a_netbox(halt: Halt) -> None:
    """They have nobody to tell."""
    halt.fabrics = [replace(FABRIC, netbox=None)]

    assert await halt.look() == ([], IDLE)


async def test_the_task_wakes_up(halt: Halt) -> None:
    """A suspension is told at once and not in an hour; that a webhook works is nothing to it."""
    halt.fabrics = []
    task = asyncio.ensure_future(halt.task.run())
    await halt.iterated.wait()
    halt.iterated.clear()
    halt.fabrics = [FABRIC]
    halt.task.verified(["gitops"])
    halt.task.wake()
    await halt.iterated.wait()
    task.cancel()

    assert (halt.iterations, halt.said()["hh_sync_status"]) == (2, "disabled")
