"""Which changes become work, and when: against what the last pass learned, and never while one runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread
from structlog.testing import capture_logs

from reconciler.model.events import Change, Listing
from reconciler.model.known import Known
from reconciler.model.objects import ObjectKey, Resource
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.triggers.watch import trigger as module
from reconciler.triggers.watch.cache import Cache
from reconciler.triggers.watch.trigger import SLICE, WatchTrigger
from tests.unit.triggers.watch.world import VPC, manifest, settle

if TYPE_CHECKING:
    from reconciler.model.requests import Scope

DECLARED = manifest("a", mode="l2vni")
STANDS = LocalCluster(MemoryDocuments(), "dc1").apply(DECLARED.body("dc1"))
KNOWN = Known("dc1", {DECLARED.key: DECLARED})
A, THEIRS = DECLARED.key, ObjectKey("VPC", "default", "theirs")
DRIFTED = replace(STANDS, resource_version="2", spec={"mode": "x"})


def foreign(version: int, **spec: object) -> Resource:
    return Resource(THEIRS, "uid-theirs", str(version), spec)


class Fabric:
    """A trigger with the cache of one kind, and the work that it added."""

    def __init__(self, *objects: Resource) -> None:
        self.cache = Cache(VPC)
        self.added: list[Scope] = []
        self.trigger = WatchTrigger("dc1", {VPC.name: self.cache}, self.added.append)
        if objects:
            self.cache.replace(Listing(objects, "1"))

    async def idle(self, known: Known = KNOWN) -> None:
        """A pass came and went."""
        self.trigger.begin()
        self.trigger.end(known)
        await settle()

    async def hear(self, before: Resource | None, after: Resource | None) -> list[Scope]:
        """The work that a change adds."""
        self.tell(before, after)
        await settle()
        added, self.added[:] = list(self.added), []
        return added

    def tell(self, before: Resource | None, after: Resource | None, *, is_first: bool = False) -> None:
        one = after or before
        assert one is not None
        self.trigger.on_change(Change(one.key, before, after, is_first))


async def test_drift_is_added_with_its_key() -> None:
    """What leaves the object as desired adds nothing."""
    fabric = Fabric()
    await fabric.idle()

    assert await fabric.hear(STANDS, DRIFTED) == [frozenset({A})]
    assert await fabric.hear(DRIFTED, replace(STANDS, resource_version="3")) == []


async def test_what_comes_together_is_added_together() -> None:
    """One piece of work for the changes of one moment; the rest of it is left out."""
    fabric = Fabric()
    await fabric.idle()
    fabric.tell(STANDS, DRIFTED)
    fabric.tell(None, foreign(3))
    fabric.tell(foreign(3), replace(foreign(4), key=ObjectKey("VPC", "default", "same")))

    await settle()

    assert fabric.added == [frozenset({A, THEIRS})]


async def test_nothing_is_judged_before_a_pass_has_ended() -> None:
    """Then all of it is."""
    fabric = Fabric()
    assert await fabric.hear(STANDS, DRIFTED) == []

    fabric.trigger.begin()
    fabric.trigger.end(None)
    await settle()
    assert fabric.added == []

    await fabric.idle()
    assert fabric.added == [frozenset({A})]


async def test_nothing_is_judged_while_a_pass_runs() -> None:
    """Its end judges by what it learned, once."""
    fabric = Fabric()
    await fabric.idle(Known("dc1"))
    fabric.trigger.begin()
    assert await fabric.hear(None, STANDS) == []
    assert await fabric.hear(None, foreign(3)) == []

    fabric.trigger.end(KNOWN)
    await settle()
    assert fabric.added == [frozenset({THEIRS})]
    await fabric.idle()
    assert len(fabric.added) == 1


async def test_a_pass_that_learned_nothing() -> None:
    """What was known before it still holds."""
    fabric = Fabric()
    await fabric.idle()
    fabric.trigger.begin()
    fabric.tell(STANDS, DRIFTED)
    fabric.trigger.end(None)
    await settle()

    assert fabric.added == [frozenset({A})]


async def test_a_pass_that_begins_before_the_last_one_was_judged() -> None:
    """Everything waits for its end."""
    fabric = Fabric()
    await fabric.idle()
    fabric.trigger.begin()
    fabric.tell(STANDS, DRIFTED)
    fabric.trigger.end(KNOWN)
    fabric.trigger.begin()
    await settle()
    assert fabric.added == []

    fabric.trigger.end(KNOWN)
    await settle()
    assert fabric.added == [frozenset({A})]


async def test_the_whole_fabric() -> None:
    """A kind that came or went is more than some objects."""
    fabric = Fabric()
    await fabric.idle()
    fabric.tell(STANDS, DRIFTED)
    fabric.trigger.on_change(None)
    await settle()

    assert fabric.added == [None]
    fabric.added.clear()
    assert await fabric.hear(STANDS, DRIFTED) == [frozenset({A})]


async def test_own_writes_add_nothing() -> None:
    """Neither those whose events come before their answers; what others wrote after them does."""
    fabric = Fabric(STANDS)
    await fabric.idle()
    fabric.trigger.begin()
    fabric.tell(STANDS, DRIFTED)
    fabric.cache.put(DRIFTED)
    fabric.tell(foreign(1), None)
    fabric.cache.removed(foreign(1))
    fabric.trigger.end(KNOWN)
    await settle()
    assert fabric.added == []

    assert await fabric.hear(DRIFTED, replace(DRIFTED, resource_version="5", spec={"mode": "y"})) == [frozenset({A})]


async def test_what_was_written_is_forgotten_with_the_judgement() -> None:
    """A later change of the same version would not be ours; memory stays bounded."""
    fabric = Fabric(STANDS)
    fabric.tell(None, STANDS)
    await fabric.idle()
    fabric.trigger.begin()
    fabric.cache.put(DRIFTED)
    fabric.trigger.end(KNOWN)
    await settle()

    assert await fabric.hear(STANDS, DRIFTED) == [frozenset({A})]


async def test_what_was_there_at_the_start() -> None:
    """Objects of others that the first pass saw are no change; one that it did not see is."""
    fabric = Fabric()
    for change in fabric.cache.replace(Listing((STANDS, foreign(1)), "1")) or ():
        fabric.trigger.on_change(change)
    fabric.trigger.begin()
    fabric.cache.read()
    unseen = replace(foreign(2), key=ObjectKey("VPC", "default", "unseen"))
    fabric.tell(None, unseen, is_first=True)
    fabric.trigger.end(KNOWN)
    await settle()

    assert fabric.added == [frozenset({unseen.key})]


MADE_AGAIN = replace(STANDS, resource_version="3", uid="other")
TWICE = {
    "healed, though a pass may have seen the drift": ([(STANDS, DRIFTED), (DRIFTED, STANDS)], False),
    "drift, then more of it": ([(STANDS, DRIFTED), (DRIFTED, replace(DRIFTED, spec={"mode": "y"}))], True),
    "made and deleted: a pass may have shown it": ([(None, foreign(2)), (foreign(2), None)], True),
    "deleted and made again": ([(STANDS, None), (None, MADE_AGAIN)], True),
    "deleted, made again, changed": ([(STANDS, None), (None, MADE_AGAIN), (MADE_AGAIN, MADE_AGAIN)], True),
    "of others, there and back": ([(foreign(1), foreign(2, m=1)), (foreign(2, m=1), foreign(3))], True),
}


@pytest.mark.parametrize(("changes", "expected"), TWICE.values(), ids=TWICE.keys())
async def test_several_changes_of_one_object(
    changes: list[tuple[Resource | None, Resource | None]], *, expected: bool
) -> None:
    """Together they count when any state that a pass may have seen does, or the last one."""
    fabric = Fabric()
    await fabric.idle()
    fabric.trigger.begin()
    for before, after in changes:
        fabric.tell(before, after)
    fabric.trigger.end(KNOWN)
    await settle()

    assert bool(fabric.added) is expected


async def test_there_and_back_of_what_was_not_settled() -> None:
    """An object that the pass saw drifted, and that others healed meanwhile, is looked at again."""
    fabric = Fabric()
    await fabric.idle()
    fabric.trigger.begin()
    fabric.tell(STANDS, DRIFTED)
    fabric.tell(DRIFTED, replace(STANDS, resource_version="3"))
    fabric.trigger.end(replace(KNOWN, unsettled=frozenset({A})))
    await settle()

    assert fabric.added == [frozenset({A})]


async def test_too_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: beyond it the whole fabric is looked at."""
    monkeypatch.setattr(module, "MAX_CHANGES", 3)
    fabric = Fabric()
    await fabric.idle()
    fabric.trigger.begin()
    for number in range(10):
        fabric.tell(None, replace(foreign(1), key=ObjectKey("VPC", "default", f"v{number}")))
    fabric.trigger.end(KNOWN)
    await settle()

    assert fabric.added == [None]


async def test_passes_in_other_threads() -> None:
    """Work is added in the event loop, whoever ends a pass."""
    loops: list[asyncio.AbstractEventLoop] = []
    trigger = WatchTrigger("dc1", {VPC.name: Cache(VPC)}, lambda _: loops.append(asyncio.get_running_loop()))
    await to_thread.run_sync(trigger.begin)
    trigger.on_change(Change(A, STANDS, DRIFTED))
    await to_thread.run_sync(trigger.end, KNOWN)
    await settle()

    assert loops == [asyncio.get_running_loop()]


def test_a_pass_that_outlives_the_loop() -> None:
    """The stop did not wait for it: there is nobody to tell any more."""
    added: list[Scope] = []
    trigger = WatchTrigger("dc1", {VPC.name: Cache(VPC)}, added.append)

    async def hear() -> None:
        trigger.on_change(Change(A, STANDS, DRIFTED))

    trigger.begin()
    asyncio.run(hear())
    trigger.end(KNOWN)

    assert added == []


def many(fabric: Fabric, count: int) -> frozenset[ObjectKey]:
    """The keys of so many new objects of others, of which the trigger hears at once."""
    keys = [ObjectKey("VPC", "default", f"v{number}") for number in range(count)]
    for key in keys:
        fabric.tell(None, replace(foreign(1), key=key))
    return frozenset(keys)


async def test_the_loop_gets_its_turn_between_slices() -> None:
    """However many changes come together: they are judged in slices, and added together."""
    fabric = Fabric()
    await fabric.idle()
    keys = many(fabric, 5 * SLICE)
    turns = 0
    while not fabric.added:
        await asyncio.sleep(0)
        turns += 1

    assert turns >= 5
    assert fabric.added == [keys]


async def test_a_pass_that_begins_between_slices() -> None:
    """What was judged before it waits for what it learns, together with what came later."""
    fabric = Fabric()
    await fabric.idle()
    keys = many(fabric, 3 * SLICE)
    await asyncio.sleep(0)
    fabric.trigger.begin()
    fabric.tell(replace(foreign(1), key=min(keys)), None)
    fabric.tell(STANDS, DRIFTED)
    await settle()
    assert fabric.added == []

    fabric.trigger.end(KNOWN)
    await settle()
    assert fabric.added == [keys | {A}]


async def test_too_many_changes_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged already counts, too."""
    monkeypatch.setattr(module, "MAX_CHANGES", 2 * SLICE)
    fabric = Fabric()
    await fabric.idle()
    many(fabric, 2 * SLICE)
    await asyncio.sleep(0)
    fabric.tell(None, STANDS)
    await settle()

    assert fabric.added == [None]


async def test_a_change_that_cannot_be_judged() -> None:
    """Nothing is lost by it, and the log tells: the whole fabric is looked at."""
    fabric = Fabric()
    await fabric.idle()
    fabric.tell(None, foreign(1))
    odd = replace(STANDS, spec={"mode": {1, 2}})
    fabric.tell(STANDS, replace(odd, managed_fields=("odd",)))  # type: ignore[arg-type]

    with capture_logs() as logs:
        await settle()

    assert fabric.added == [None]
    assert [one["event"] for one in logs if one.get("exc_info")] == [
        "changes not judged: the whole fabric is looked at"
    ]
    fabric.added.clear()
    assert await fabric.hear(STANDS, DRIFTED) == [frozenset({A})]


async def test_work_that_is_not_taken() -> None:
    """It is added with the next."""
    added: list[Scope] = []
    errors: list[object] = []

    def add(scope: Scope) -> None:
        if not errors:
            raise ZeroDivisionError
        added.append(scope)

    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    trigger = WatchTrigger("dc1", {VPC.name: Cache(VPC)}, add)
    trigger.end(KNOWN)
    trigger.on_change(Change(A, STANDS, DRIFTED))
    await settle()
    assert [type(one) for one in errors] == [ZeroDivisionError]

    trigger.on_change(Change(THEIRS, None, foreign(1)))
    await settle()
    assert added == [frozenset({A, THEIRS})]


async def test_what_says_nothing_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of status, of which there are many, cost no memory and no judgement; `true` is not 1."""
    monkeypatch.setattr(module, "MAX_CHANGES", 2)
    fabric = Fabric()
    await fabric.idle()
    fabric.trigger.begin()
    for number in range(10):
        fabric.tell(replace(foreign(1), key=ObjectKey("VPC", "default", f"v{number}")), foreign(2))
    fabric.tell(foreign(1, m=True), foreign(2, m=1))
    fabric.trigger.end(KNOWN)
    await settle()

    assert fabric.added == [frozenset({THEIRS})]
