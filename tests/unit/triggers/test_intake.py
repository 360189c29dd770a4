"""The intake: a trigger is durable before it is queued, and queued before it is answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import FabricDisabledError, StateError, UnknownFabricError
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.requests import AcceptedRequest, Delivery, Receiver, RefUpdate, Request, RequestState, Trigger
from reconciler.queue import WorkQueue
from reconciler.store import Store, open_store
from reconciler.triggers.intake import Configured, TriggerIntake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

COMMIT = "c" * 40
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
    """A store that can write nothing more."""

    def __init__(self) -> None:
        """No file is needed to fail."""

    def accept(
        self, requests: Sequence[Request], delivery: Delivery | None = None, seen: Sequence[str] = ()
    ) -> Sequence[str] | None:
        raise StateError("disk full")


class Taking:
    """An intake with its queue and a real store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FixedClock()
        self.queue = WorkQueue(self.clock.monotonic)
        self.intake = TriggerIntake(lambda: Configured(FABRICS, RECEIVERS), store, self.queue, self.clock)

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


async def test_nothing_is_queued_that_is_not_stored(taking: Taking) -> None:
    """When the store fails, the trigger is refused and the queue stays as it was."""
    intake = TriggerIntake(lambda: Configured(FABRICS), FullDisk(), taking.queue, taking.clock)

    with pytest.raises(StateError):
        await intake.reconcile("dc1")

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
    for request_id in ("r3", "r4"):
        request = taking.store.request(request_id)
        assert request is not None
        assert request.state is RequestState.SUPERSEDED


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
