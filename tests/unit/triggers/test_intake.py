"""The intake: a trigger is durable before it is queued, and queued before it is answered."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    FabricDisabledError,
    FabricNotSuspendedError,
    FabricSuspendedError,
    StateError,
    UnknownFabricError,
)
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.requests import (
    AcceptedRequest,
    Delivery,
    Receiver,
    RefUpdate,
    Request,
    RequestState,
    Trigger,
    Work,
)
from reconciler.model.status import Approval, Suspension
from reconciler.plan.projection.context import UNDERLAY
from reconciler.queue import WorkQueue
from reconciler.store import Store, open_store
from reconciler.store.connection import Database
from reconciler.triggers.intake import Configured, TriggerIntake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from reconciler.model.objects import ObjectKey

COMMIT = "c" * 40
OWN = "request-of-ours"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FixedClock:
    """A clock that stands, apart from the loop's."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def _fabric(name: str, *, branch: str = "main", repository: str = "gitops", is_enabled: bool = True) -> Fabric:
    return Fabric(name, repository, branch, f"fabrics/{name}", is_enabled=is_enabled, cluster=ClusterPolicy())


FABRICS = {
    fabric.name: fabric
    for fabric in (
        _fabric("dc1"),
        _fabric("dc2"),
        _fabric("staging", branch="next"),
        _fabric("elsewhere", repository="other"),
        _fabric("off", branch="frozen", is_enabled=False),
    )
}
RECEIVERS = (Receiver("github", "gitops", "https://git.example.com/gitops.git", b"secret"),)


class FullDisk(Store):
    """A store that takes no request any more."""

    def accept(
        self, requests: Sequence[Request], delivery: Delivery | None = None, seen: Sequence[str] = ()
    ) -> Sequence[str] | None:
        raise StateError("disk full")


class Stubborn(Store):
    """A store that ends no request."""

    def end(self, ids: Sequence[str], reason: str, message: str) -> None:
        raise StateError("disk full")


class Overtaken(Store):
    """A store in which something happens while requests are being stored."""

    meanwhile: Callable[[], object]

    def accept(
        self, requests: Sequence[Request], delivery: Delivery | None = None, seen: Sequence[str] = ()
    ) -> Sequence[str] | None:
        known = super().accept(requests, delivery, seen)
        self.meanwhile()
        return known


class Told:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.proven: list[str] = []
        self.wakes = 0

    def verified(self, repositories: Sequence[str]) -> None:
        self.proven += repositories

    def wake(self) -> None:
        self.wakes += 1


class Taking:
    """An intake with its queue, a real store, and somebody who listens."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FixedClock()
        self.queue = WorkQueue(self.clock.monotonic)
        self.told = Told()
        self.intake = self.intake_of(store)

    def intake_of(self, store: Store) -> TriggerIntake:
        configured = Configured(FABRICS, RECEIVERS, is_own_write=lambda request: request == OWN)
        intake = TriggerIntake(lambda: configured, store, self.queue, self.clock)
        intake.tell(self.told)
        return intake

    def states(self, *ids: str) -> list[tuple[str, str | None]]:
        """State and reason of stored requests."""
        return [(request.state.value, request.reason) for request in self.store.requests(ids)]

    def ended(self, request_id: str) -> None:
        self.store.set_state([request_id], RequestState.SUCCEEDED)
        self.intake.finished([request_id])


@pytest.fixture
async def taking(tmp_path: Path) -> AsyncIterator[Taking]:
    store = open_store(tmp_path / "state.db", FixedClock())
    yield Taking(store)
    store.close()


def _push(*, ref: str | None = "refs/heads/main", commit: str | None = COMMIT, deleted: bool = False) -> Delivery:
    return Delivery("github", "delivery-1", "push", ref=ref, commit=commit, is_deletion=deleted)


async def test_a_push_reaches_every_fabric_of_the_branch(taking: Taking) -> None:
    """One push queues each enabled fabric of that repository and branch, with what it announced."""
    accepted = await taking.intake.deliver(_push(), ["gitops"])

    assert accepted.result == "accepted"
    assert [(request.fabric, request.state) for request in accepted.requests] == [("dc1", "queued"), ("dc2", "queued")]
    stored = taking.store.request(accepted.requests[0].id)
    assert stored is not None
    assert (stored.trigger, stored.commit, stored.state) == (Trigger.PUSH, COMMIT, RequestState.QUEUED)
    assert taking.store.fabric("dc1").desired_revision == f"main@sha1:{COMMIT}"
    assert taking.store.webhook("gitops").last_verified == NOW
    assert taking.queue.is_active("dc2")


@pytest.mark.parametrize(
    ("delivery", "repositories", "reason"),
    [
        pytest.param(_push(ref="refs/heads/other"), ["gitops"], "no fabric follows branch 'other'", id="branch"),
        pytest.param(_push(), ["unused"], "no fabric follows branch 'main'", id="repository without fabrics"),
        pytest.param(_push(ref="refs/tags/v1"), ["gitops"], "not a push to a branch: push refs/tags/v1", id="tag"),
        pytest.param(_push(ref=None), ["gitops"], "not a push to a branch: push", id="no ref"),
        pytest.param(_push(deleted=True), ["gitops"], "the branch was deleted", id="deleted branch"),
        pytest.param(_push(commit=None), ["gitops"], "the push names no commit", id="no commit"),
        pytest.param(_push(commit="c0ffee"), ["gitops"], "the push names no commit", id="abbreviated commit"),
        pytest.param(
            _push(ref="refs/heads/frozen"), ["gitops"], "every fabric of this branch is disabled", id="disabled"
        ),
    ],
)
async def test_what_is_ignored(taking: Taking, delivery: Delivery, repositories: list[str], reason: str) -> None:
    """A verified delivery that concerns no fabric stores and queues nothing, and says why."""
    accepted = await taking.intake.deliver(delivery, repositories)

    assert accepted.result == "ignored"
    assert (accepted.reason or "").startswith(reason)
    assert taking.store.unfinished() == []
    assert taking.queue.depth() == 0


TOPIC = RefUpdate("refs/heads/topic", "d" * 40)
GONE = RefUpdate("refs/heads/main", is_deletion=True)


async def test_one_push_that_moves_several_refs(taking: Taking) -> None:
    """A branch that is followed is found wherever it stands among the refs of a push, with its own commit."""
    push = replace(_push(ref="refs/tags/v1", commit="e" * 40), further=(TOPIC, RefUpdate("refs/heads/main", COMMIT)))

    accepted = await taking.intake.deliver(push, ["gitops"])

    stored = [taking.store.request(one.id) for one in accepted.requests]
    assert [(one.fabric, one.commit) for one in stored if one] == [("dc1", COMMIT), ("dc2", COMMIT)]


@pytest.mark.parametrize(
    ("further", "reason"),
    [
        pytest.param((GONE,), "not a push to a branch: push refs/tags/v1", id="nothing moved"),
        pytest.param((GONE, TOPIC), "no fabric follows branch 'topic' of", id="another branch moved"),
        pytest.param(
            (TOPIC, replace(TOPIC, ref="refs/heads/x")), "no fabric follows branch 'topic' or 'x' of", id="others"
        ),
    ],
)
async def test_several_refs_that_no_fabric_follows(taking: Taking, further: tuple[RefUpdate, ...], reason: str) -> None:
    """A push of several refs of which none counts is ignored, with a reason."""
    accepted = await taking.intake.deliver(replace(_push(ref="refs/tags/v1"), further=further), ["gitops"])

    assert (accepted.result, taking.queue.depth()) == ("ignored", 0)
    assert (accepted.reason or "").startswith(reason)


async def test_a_redelivery_is_a_duplicate(taking: Taking) -> None:
    """The same delivery id queues nothing and is answered with the first requests, also after they ended."""
    first = await taking.intake.deliver(_push(), ["gitops"])
    taken = await taking.queue.get()
    assert taken is not None

    again = await taking.intake.deliver(_push(), ["gitops"])
    taking.ended(first.requests[0].id)
    known = await taking.intake.known("github", "delivery-1")

    assert again.result == "duplicate"
    assert [request.id for request in again.requests] == [request.id for request in first.requests]
    assert not taking.queue.is_waiting(taken.key)
    assert known is not None
    assert known.requests[0] == AcceptedRequest(first.requests[0].id, "dc1", "succeeded")
    assert await taking.intake.known("github", "delivery-2") is None


async def test_a_manual_request_joins_what_waits(taking: Taking) -> None:
    """A second request for a fabric that waits joins it, and both keep an id of their own."""
    first = await taking.intake.reconcile("dc1")
    second = await taking.intake.reconcile("dc1")

    assert [first.requests[0].state, second.requests[0].state] == ["queued", "joined"]
    taken = await taking.queue.get()
    assert taken is not None
    assert taken.work.requests == (first.requests[0].id, second.requests[0].id)


async def test_all_fabrics(taking: Taking) -> None:
    """Without a name every enabled fabric is reconciled, and the others are named."""
    accepted = await taking.intake.reconcile(None)

    assert [request.fabric for request in accepted.requests] == ["dc1", "dc2", "staging", "elsewhere"]
    assert accepted.skipped == ("off",)


async def test_a_named_fabric_must_exist_and_be_enabled(taking: Taking) -> None:
    """A name that is unknown, or disabled, is an error and not a silent nothing."""
    with pytest.raises(UnknownFabricError, match="no fabric 'dc9'"):
        await taking.intake.reconcile("dc9")
    with pytest.raises(FabricDisabledError, match="'off' is disabled"):
        await taking.intake.reconcile("off")


async def test_triggers_of_the_process(taking: Taking) -> None:
    """Start and poll make requests as everyone does, for enabled fabrics only."""
    accepted = await taking.intake.trigger([FABRICS["dc1"], FABRICS["off"]], Trigger.POLL)

    assert [request.fabric for request in accepted.requests] == ["dc1"]


async def test_nothing_is_queued_that_is_not_stored(taking: Taking, tmp_path: Path) -> None:
    """When the store fails, the trigger is refused and the queue stays as it was."""
    with closing(FullDisk(Database(tmp_path / "full.db"), FixedClock())) as store, pytest.raises(StateError):
        await taking.intake_of(store).reconcile("dc1")

    assert taking.queue.depth() == 0


async def test_resume_queues_what_a_crash_left(taking: Taking) -> None:
    """Requests that were queued or running are queued again; those of fabrics that are gone are superseded."""
    left = [
        Request("r1", "dc1", Trigger.PUSH, NOW),
        Request("r2", "dc1", Trigger.REQUEST, NOW),
        Request("r3", "gone", Trigger.REQUEST, NOW),
        Request("r4", "off", Trigger.REQUEST, NOW),
    ]
    taking.store.accept(left)
    taking.store.set_state(["r2"], RequestState.RUNNING, "p1")

    await taking.intake.resume()

    taken = await taking.queue.get()
    assert taken is not None
    assert (taken.key, set(taken.work.requests)) == ("dc1", {"r1", "r2"})
    assert taking.queue.depth() == 0
    assert taking.states("r3", "r4") == [("superseded", "Removed"), ("superseded", "Disabled")]


async def test_wait_ends_when_all_are_terminal(taking: Taking) -> None:
    """Waiting ends as soon as the last request is terminal."""
    ids = [(await taking.intake.reconcile(name)).requests[0].id for name in ("dc1", "dc2")]
    waiting = asyncio.ensure_future(taking.intake.wait(ids, 600))
    await asyncio.sleep(5)
    taking.ended(ids[0])
    await asyncio.sleep(5)
    assert not waiting.done()
    taking.ended(ids[1])

    assert await waiting is True
    assert asyncio.get_running_loop().time() < 60


async def test_wait_gives_up(taking: Taking) -> None:
    """Waiting for longer than was asked answers that it is not finished."""
    accepted = await taking.intake.reconcile("dc1")

    assert await taking.intake.wait([accepted.requests[0].id], 30) is False
    assert asyncio.get_running_loop().time() == pytest.approx(30, abs=1)


async def test_receivers_and_stopping(taking: Taking) -> None:
    """Receivers are those of the provider; a draining queue means that the service is stopping."""
    assert list(taking.intake.receivers("github")) == list(RECEIVERS)
    assert list(taking.intake.receivers("gitlab")) == []
    assert taking.intake.is_stopping() is False
    taking.queue.drain()
    assert taking.intake.is_stopping() is True


# Edits of NetBox


def _edit(*keys: str, origin: str | None = "request-of-somebody") -> Delivery:
    return Delivery("netbox", "edit-1", "edit", keys=keys, origin=origin)


async def test_an_edit_of_our_records(taking: Taking) -> None:
    """An edited record leads to a pass over the object that it stands for, of a fabric that the secret speaks for."""
    accepted = await taking.intake.edited(_edit("dc1/Switch/leaf-1", "dc2/Switch/leaf-9"), ["dc1"])

    assert [(one.fabric, one.state) for one in accepted.requests] == [("dc1", "queued")]
    taken = await taking.queue.get()
    assert taken is not None
    assert (taken.key, taken.work.triggers) == ("dc1", (Trigger.NETBOX,))
    assert [str(key) for key in taken.work.scope or ()] == ["Switch/leaf-1"]
    assert taking.states(accepted.requests[0].id) == [("queued", None)]


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        pytest.param("dc1/Fabric/underlay", {UNDERLAY}, id="the fabric's own VRF"),
        pytest.param("dc1/Pod/web", None, id="no object"),
    ],
)
async def test_an_edit_of_what_belongs_to_no_object(taking: Taking, key: str, scope: set[ObjectKey] | None) -> None:
    """It leads to a pass as well: over that record where it is known, else over the whole fabric."""
    accepted = await taking.intake.edited(_edit(key), ["dc1"])

    taken = await taking.queue.get()
    assert taken is not None
    assert (accepted.result, taken.work.triggers, taken.work.scope) == ("accepted", (Trigger.NETBOX,), scope)


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        pytest.param(_edit("dc1/Switch/leaf-1", origin=OWN), "it is what the reconciler wrote", id="our own write"),
        pytest.param(_edit(), "the record belongs to no fabric that", id="no key"),
        pytest.param(_edit("dc2/Switch/leaf-1"), "the record belongs to no fabric that", id="of another fabric"),
        pytest.param(_edit("gone/Switch/leaf-1"), "the record belongs to no fabric that", id="of no fabric"),
        pytest.param(_edit("off/Switch/leaf-1"), "every fabric of this record is disabled", id="disabled"),
        pytest.param(_edit("staging/Switch/leaf-1"), "every fabric of this record is suspended", id="suspended"),
    ],
)
async def test_edits_that_are_ignored(taking: Taking, delivery: Delivery, reason: str) -> None:
    """An edit that concerns nothing of ours stores and queues nothing, and says why."""
    taking.store.suspend("staging", None)

    accepted = await taking.intake.edited(delivery, ["dc1", "off", "staging", "gone"])

    assert (accepted.result, taking.queue.depth()) == ("ignored", 0)
    assert (accepted.reason or "").startswith(reason)
    assert taking.store.unfinished() == []


# Suspension


async def test_a_suspended_fabric_is_left_alone(taking: Taking) -> None:
    """A push is for the others of its branch, a request for all names it as skipped, and time does nothing to it."""
    await taking.intake.suspend_fabric("dc1", "cabling")

    pushed = await taking.intake.deliver(_push(), ["gitops"])
    requested = await taking.intake.reconcile(None)
    polled = await taking.intake.trigger([FABRICS["dc1"]], Trigger.POLL)

    assert [one.fabric for one in pushed.requests] == ["dc2"]
    assert [one.fabric for one in requested.requests] == ["dc2", "staging", "elsewhere"]
    assert requested.skipped == ("dc1", "off")
    assert polled.requests == ()
    assert [fabric.name for fabric in taking.intake.active()] == ["dc2", "staging", "elsewhere"]
    assert not taking.queue.is_waiting("dc1")
    assert taking.store.fabric("dc1").desired_revision is None


async def test_a_push_for_suspended_fabrics_only(taking: Taking) -> None:
    """When every fabric of the branch is suspended the push is ignored and not remembered: it may be sent again."""
    for name in ("dc1", "dc2"):
        await taking.intake.suspend_fabric(name, None)
    ignored = await taking.intake.deliver(_push(), ["gitops"])
    await taking.intake.resume_fabric("dc2")

    again = await taking.intake.deliver(_push(), ["gitops"])

    assert (ignored.result, ignored.reason) == ("ignored", "every fabric of this branch is suspended")
    assert (again.result, [one.fabric for one in again.requests]) == ("accepted", ["dc2"])


async def test_a_named_suspended_fabric(taking: Taking) -> None:
    """Who asks for a pass of a suspended fabric is told that it is suspended."""
    await taking.intake.suspend_fabric("dc1", "cabling")

    with pytest.raises(FabricSuspendedError, match="'dc1' is suspended"):
        await taking.intake.reconcile("dc1")


async def test_suspending_discards_what_waits(taking: Taking) -> None:
    """Requests that wait end as superseded, and whoever waits for them learns it; other fabrics' stay."""
    mine, other = [(await taking.intake.reconcile(name)).requests[0].id for name in ("dc1", "dc2")]
    waiting = asyncio.ensure_future(taking.intake.wait([mine], 600))
    await asyncio.sleep(5)

    await taking.intake.suspend_fabric("dc1", "cabling")

    assert await waiting is True
    assert taking.states(mine, other) == [("superseded", "Suspended"), ("queued", None)]
    ended = taking.store.request(mine)
    assert ended is not None
    assert ended.message == "the fabric was suspended before its pass ended"
    assert not taking.queue.is_waiting("dc1")
    assert taking.queue.is_waiting("dc2")


async def test_a_pass_that_runs_goes_on(taking: Taking) -> None:
    """The requests of a running pass are answered by it; what arrived during it is superseded."""
    running = (await taking.intake.reconcile("dc1")).requests[0].id
    taken = await taking.queue.get()
    assert taken is not None
    later = (await taking.intake.reconcile("dc1")).requests[0].id
    taking.queue.add("dc1", Work((Trigger.WATCH,)))

    await taking.intake.suspend_fabric("dc1", None)
    taking.ended(running)
    taking.queue.done("dc1")

    assert taking.states(running, later) == [("succeeded", None), ("superseded", "Suspended")]
    assert not taking.queue.is_active("dc1")


async def test_suspended_while_its_request_is_stored(taking: Taking, tmp_path: Path) -> None:
    """A request that was stored, and not queued yet, when its fabric was suspended, ends at once."""
    with closing(Overtaken(Database(tmp_path / "overtaken.db"), FixedClock())) as store:
        store.meanwhile = lambda: store.suspend("dc1", None)

        accepted = await taking.intake_of(store).deliver(_push(), ["gitops"])

        assert [(one.fabric, one.state) for one in accepted.requests] == [("dc1", "superseded"), ("dc2", "queued")]
        mine, other = store.requests([one.id for one in accepted.requests])
    assert (mine.state, mine.reason) == (RequestState.SUPERSEDED, "Suspended")
    assert other.state is RequestState.QUEUED
    assert not taking.queue.is_waiting("dc1")


async def test_suspended_while_its_request_is_stored_by_a_store_that_fails(taking: Taking, tmp_path: Path) -> None:
    """A stored request that cannot be ended then waits in the queue, for whoever ends it later; nothing is lost."""

    class Failing(Stubborn, Overtaken):
        pass

    with closing(Failing(Database(tmp_path / "failing.db"), FixedClock())) as store:
        store.meanwhile = lambda: store.suspend("dc1", None)

        accepted = await taking.intake_of(store).deliver(_push(), ["gitops"])

        unfinished = [request.id for request in store.unfinished()]
    assert [(one.fabric, one.state) for one in accepted.requests] == [("dc1", "queued"), ("dc2", "queued")]
    assert unfinished == [one.id for one in accepted.requests]
    for one in reversed(accepted.requests):
        taken = await taking.queue.get()
        assert taken is not None
        assert (taken.key, taken.work) == (one.fabric, Work((Trigger.PUSH,), (one.id,)))


async def test_resuming_makes_a_full_pass(taking: Taking) -> None:
    """A fabric that is resumed is queued as a manual request does it, and is reconciled as before."""
    await taking.intake.suspend_fabric("dc1", "cabling")

    accepted = await taking.intake.resume_fabric("dc1")

    assert [(one.fabric, one.state) for one in accepted.requests] == [("dc1", "queued")]
    taken = await taking.queue.get()
    assert taken is not None
    assert taken.work == Work((Trigger.REQUEST,), (accepted.requests[0].id,))
    assert (await taking.intake.reconcile("dc1")).result == "accepted"


async def test_what_cannot_be_suspended_or_resumed(taking: Taking) -> None:
    """A fabric that is not configured, or not suspended, is named."""
    with pytest.raises(UnknownFabricError, match="'dc9'"):
        await taking.intake.suspend_fabric("dc9", None)
    with pytest.raises(UnknownFabricError, match="'dc9'"):
        await taking.intake.resume_fabric("dc9")
    with pytest.raises(FabricNotSuspendedError, match="'dc1' is not suspended"):
        await taking.intake.resume_fabric("dc1")

    assert taking.store.suspension("dc9") is None


async def test_a_disabled_fabric_that_is_resumed(taking: Taking) -> None:
    """Resuming a fabric that is disabled makes no pass: it stays disabled."""
    await taking.intake.suspend_fabric("off", None)

    assert (await taking.intake.resume_fabric("off")).requests == ()
    assert taking.store.suspension("off") is None


async def test_a_resumption_whose_request_cannot_be_stored(taking: Taking, tmp_path: Path) -> None:
    """The fabric is resumed all the same, and the poll hears of it."""
    with closing(FullDisk(Database(tmp_path / "full.db"), FixedClock())) as store:
        intake = taking.intake_of(store)
        await intake.suspend_fabric("dc1", None)
        wakes = taking.told.wakes

        with pytest.raises(StateError):
            await intake.resume_fabric("dc1")

        assert "dc1" in [fabric.name for fabric in intake.active()]
    assert taking.told.wakes > wakes


async def test_suspended_and_resumed_at_once(taking: Taking) -> None:
    """Whoever comes last counts: a request of a resumption is not discarded by the suspension before it."""
    await asyncio.gather(taking.intake.suspend_fabric("dc1", None), taking.intake.resume_fabric("dc1"))

    assert taking.queue.is_waiting("dc1")
    assert [request.state for request in taking.store.unfinished()] == [RequestState.QUEUED]


async def test_a_start_with_a_suspended_fabric(taking: Taking) -> None:
    """What a crash left of a fabric that is suspended is not made up for: it ends as superseded."""
    taking.store.accept([Request("r1", "dc1", Trigger.PUSH, NOW), Request("r2", "dc2", Trigger.PUSH, NOW)])
    taking.store.suspend("dc1", None)

    await taking.intake.resume()

    assert taking.states("r1", "r2") == [("superseded", "Suspended"), ("queued", None)]
    assert not taking.queue.is_waiting("dc1")


async def test_fabrics_that_are_no_longer_reconciled(taking: Taking) -> None:
    """What waits for a fabric that left the configuration ends as superseded, with what is said of it."""
    request_id = (await taking.intake.reconcile("dc1")).requests[0].id

    await taking.intake.supersede(["dc1", "never seen"], "the fabric was removed")

    ended = taking.store.request(request_id)
    assert ended is not None
    assert (ended.state, ended.message) == (RequestState.SUPERSEDED, "the fabric was removed")
    assert taking.queue.depth() == 0


async def test_requests_that_cannot_be_ended(taking: Taking) -> None:
    """What waits is still there when its requests could not be ended, so that the next try ends them."""
    request_id = (await taking.intake.reconcile("dc1")).requests[0].id
    failing = taking.intake_of(Stubborn(taking.store._database, taking.clock))

    with pytest.raises(StateError):
        await failing.supersede(["dc1"], "removed")
    assert taking.queue.is_waiting("dc1")

    await taking.intake.supersede(["dc1"], "removed")
    assert taking.states(request_id) == [("superseded", "Superseded")]


async def test_who_listens_is_told(taking: Taking) -> None:
    """Verified deliveries are told with their repositories, a redelivery is not; ends and switches wake."""
    await taking.intake.verified(["other"])
    await taking.intake.deliver(_push(), ["gitops"])
    await taking.intake.deliver(_push(), ["gitops"])
    assert taking.told.proven == ["other", "gitops"]
    assert taking.told.wakes == 0

    await taking.intake.suspend_fabric("staging", None)
    assert taking.told.wakes == 1
    await taking.intake.resume_fabric("staging")
    assert taking.told.wakes == 2
    await taking.intake.supersede(["elsewhere"], "removed")
    assert taking.told.wakes == 3
    taking.intake.finished([])
    assert taking.told.wakes == 4


# Approval


async def test_approval_is_stored_and_queued(taking: Taking) -> None:
    """The plan is approved by the time of the answer, in somebody's name, and a full pass is queued for it."""
    accepted = await taking.intake.approve_plan("dc1", "a" * 64, "ann")

    (request,) = accepted.requests
    assert (request.fabric, request.state) == ("dc1", "queued")
    assert taking.store.approval("dc1") == Approval("a" * 64, NOW, "ann")
    taken = await taking.queue.get()
    assert taken is not None
    assert taken.work == Work((Trigger.REQUEST,), (request.id,))


@pytest.mark.parametrize(
    ("fabric", "error"),
    [("dc9", UnknownFabricError), ("off", FabricDisabledError), ("dc2", FabricSuspendedError)],
)
async def test_nothing_is_approved(taking: Taking, fabric: str, error: type[Exception]) -> None:
    """Of a fabric that no pass may be made of."""
    await taking.intake.suspend_fabric("dc2", None)

    with pytest.raises(error):
        await taking.intake.approve_plan(fabric, "a" * 64, None)

    assert taking.store.approval(fabric) is None
    assert taking.queue.depth() == 0


async def test_who_suspended(taking: Taking) -> None:
    """The name is kept as long as the suspension is."""
    await taking.intake.suspend_fabric("dc1", "cabling", "ann")
    assert taking.store.suspension("dc1") == Suspension(NOW, "cabling", "ann")

    await taking.intake.resume_fabric("dc1", "bob")
    assert taking.store.suspension("dc1") is None
