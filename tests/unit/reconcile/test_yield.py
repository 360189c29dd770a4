"""A pass that yields: others go first, it goes on as the same pass, and nothing is said before its end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError
from reconciler.model.objects import ObjectKey, Resource
from reconciler.model.passes import Outcome, Phase
from reconciler.model.plan import ClusterPlan, Drift
from reconciler.model.requests import Request, RequestState, Trigger, Work
from reconciler.plan.fights import LIMIT
from reconciler.queue import Next, Taken
from reconciler.reconcile import Fights, Surroundings, attempt
from reconciler.reconcile.progress import Progress, Step
from reconciler.store import Store
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox
from tests.unit.reconcile.rig import Rig, manifests, with_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.netbox import Record, WriteResult
    from reconciler.model.status import PassResult

MANIFESTS = manifests()
VPC = next(manifest for manifest in MANIFESTS if manifest.key.kind == "VPC")
CHANGED = with_spec(MANIFESTS, VPC.key, {**VPC.spec, "defaultIsolated": True})
MANY = 50
"""More parts than any pass of these tests may need."""
WRITING = ("create_shared", "create", "update", "delete")


class Yielding:
    """A rig with one runner, and another fabric that waits as long as `others` says."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.others = True
        self.progress = Progress()
        self.runner = rig.runner(Surroundings(has_others=self._has_others, progress=self.progress))

    def _has_others(self, fabric: str) -> bool:
        assert fabric == "dc1"
        return self.others

    def run(self, work: Work) -> Next:
        return self.runner.run(Taken("dc1", work, 0.0))

    def steps(self) -> int:
        """Writing calls of NetBox so far."""
        return sum(self.rig.netbox.calls.count(method) for method in WRITING)

    def rest(self, work: Work, joining: Work | None = None) -> Work:
        """Run a part that yields, and return what is left, with what joined it meanwhile."""
        following = self.run(work)
        assert following.remainder is not None
        return following.remainder.union(joining) if joining else following.remainder

    def finish(self, work: Work) -> int:
        """Run until the pass ends; the number of parts it took."""
        parts, left = 1, self.run(work).remainder
        while left is not None:
            parts += 1
            assert parts < MANY
            left = self.run(left).remainder
        return parts


def _forget(rig: Rig) -> None:
    """Put an empty NetBox in place of the one that there was, so that there is much to write."""
    rig.netbox._inner = LocalNetBox(MemoryDocuments(), "dc1")


@pytest.fixture
def yielding(rig: Rig) -> Yielding:
    rig.source.push(MANIFESTS)
    return Yielding(rig)


def _work(*requests: Request) -> Work:
    return Work(tuple(request.trigger for request in requests), tuple(request.id for request in requests))


def test_it_yields_after_one_step(yielding: Yielding) -> None:
    """When another fabric waits the pass makes one write call, and hands back its triggers, requests and scope."""
    work = _work(yielding.rig.request(Trigger.POLL))

    following = yielding.run(work)

    assert yielding.steps() == 1
    assert following.remainder is not None
    assert following.remainder.remainder is not None
    assert replace(following.remainder, remainder=None) == work
    assert not following.is_retryable


def test_nothing_is_said_before_the_end(yielding: Yielding) -> None:
    """Between two parts there is no success, no error and no history; what the cluster got is known."""
    rig = yielding.rig
    request = rig.request(Trigger.POLL)

    rest = yielding.rest(_work(request))

    stored = rig.store.request(request.id)
    assert stored is not None
    assert (stored.state, stored.pass_id) == (RequestState.RUNNING, rest.remainder)
    assert rig.passes == []
    assert rig.store.passes("dc1") == []
    assert rig.record.last_pass is None
    assert rig.record.last_sync is None
    assert len(rig.store.inventory("dc1")) == len(MANIFESTS)
    assert set(rig.states()) == {str(manifest.key) for manifest in MANIFESTS}
    assert rig.running == 0


def test_a_commit_found_by_a_part_is_known(synced: Rig) -> None:
    """A newer commit that a pass found before it yielded keeps the fabric from being in sync."""
    applied = synced.record.applied_revision
    revision = synced.source.push(CHANGED)
    _forget(synced)

    Yielding(synced).rest(_work(synced.request(Trigger.POLL)))

    assert (synced.record.desired_revision, synced.record.applied_revision) == (str(revision), applied)
    assert synced.verdict.status == "out_of_sync"


def test_history_shows_one_pass(yielding: Yielding) -> None:
    """All parts are one pass: its id, its begin, and the sums of what they did and how long it took."""
    rig = yielding.rig
    request = rig.request(Trigger.POLL)
    alone = Rig(rig.folder / "alone")
    alone.source.push(MANIFESTS)
    alone.run(alone.request(Trigger.POLL))

    parts = yielding.finish(_work(request))

    assert parts > 3
    (record,) = rig.store.passes("dc1")
    assert [record] == rig.passes
    assert record.outcome is Outcome.SUCCEEDED
    # What the last step of one part would complete is an update of the next one.
    counts = {name: number for name, number in record.counts.items() if name != "netbox_updated"}
    assert counts == alone.last.counts | {"unchanged": len(MANIFESTS)}
    assert (record.finished - record.started).total_seconds() > parts
    assert record.phases.keys() == alone.last.phases.keys()
    answered = rig.answered(request)
    assert (answered.state, answered.pass_id) == (RequestState.SUCCEEDED, record.id)
    assert rig.verdict.status == "in_sync"
    alone.store.close()


def test_a_fight_is_forgiven_once(rig: Rig) -> None:
    """Whoever asks for a pass asks once: a fight that is found between two parts is still one in the next."""
    rig.source.push(MANIFESTS)
    fights = Fights(rig.clock)
    runner = rig.runner(Surroundings(has_others=lambda _: True, fights=fights))
    gone = ObjectKey("VPC", "default", "gone")
    live = Resource(gone, "u1", "1", {})
    drift = Drift(replace(VPC, key=gone), live, "m")

    def find_a_fight() -> None:
        for _ in range(LIMIT):
            fights.note("dc1", ClusterPlan("dc1", drifted=(drift,)), {gone: live})

    find_a_fight()
    following = runner.run(Taken("dc1", _work(rig.request()), 0.0))
    assert gone not in fights.contested("dc1")
    find_a_fight()
    assert following.remainder is not None

    runner.run(Taken("dc1", following.remainder, 0.0))

    assert gone in fights.contested("dc1")


def _slow(rig: Rig) -> None:
    """Each call that creates takes four seconds."""
    inner = rig.netbox.create

    def slowly(records: Sequence[Record]) -> Sequence[WriteResult]:
        rig.clock.seconds += 4
        return inner(records)

    rig.netbox.create = slowly  # type: ignore[method-assign]


def test_alone_it_yields_when_its_spell_is_over(yielding: Yielding) -> None:
    """Where nobody waits a pass still gives its turn back after ten seconds of writing."""
    yielding.others = False
    _slow(yielding.rig)

    yielding.rest(_work(yielding.rig.request()))

    assert yielding.rig.netbox.calls.count("create") == 3


def test_the_time_of_all_parts(yielding: Yielding) -> None:
    """The time that a phase took is the sum over the parts."""
    yielding.others = False
    _slow(yielding.rig)

    assert yielding.finish(_work(yielding.rig.request())) > 1

    assert yielding.rig.last.phases[Phase.NETBOX] == 4 * yielding.rig.netbox.calls.count("create")


def test_alone_and_quick_it_does_not(yielding: Yielding) -> None:
    """A pass that nobody waits for, and that is done within its spell, is made at once."""
    yielding.others = False

    assert yielding.finish(_work(yielding.rig.request())) == 1


def test_what_joins_is_served(yielding: Yielding) -> None:
    """What arrives between two parts is looked at by the next one, and answered by the same pass."""
    rig = yielding.rig
    first = rig.request(Trigger.POLL)
    rest = yielding.rest(_work(first))
    revision = rig.source.push(CHANGED)
    pushed = rig.request(Trigger.PUSH, revision.commit)

    yielding.finish(rest.union(_work(pushed)))

    assert rig.last.triggers == (Trigger.POLL, Trigger.PUSH)
    assert rig.answered(pushed).pass_id == rig.answered(first).pass_id == rig.last.id
    assert rig.record.applied_revision == str(revision)


def test_a_push_that_takes_back_what_a_part_did(synced: Rig) -> None:
    """A part that applied a commit forbids that the pass ends as "no change" when the commit is reverted."""
    changed = synced.source.push(CHANGED)
    _forget(synced)
    yielding = Yielding(synced)
    rest = yielding.rest(_work(synced.request(Trigger.PUSH, changed.commit)))
    reverted = synced.source.push(MANIFESTS)

    yielding.finish(rest.union(_work(synced.request(Trigger.PUSH, reverted.commit))))

    assert synced.last.outcome is Outcome.SUCCEEDED
    assert synced.last.counts["updated"] == 2
    assert synced.verdict.status == "in_sync"


def test_records_that_are_refused_end_the_pass(yielding: Yielding) -> None:
    """Parts that are refused the same records again and again go on to the others, and the pass says so once."""
    rig = yielding.rig
    switches = [str(manifest.key) for manifest in MANIFESTS if manifest.key.kind == "Switch"]
    for switch in switches:
        rig.netbox.refuse(f"dc1/{switch}", "the rack is full")

    yielding.finish(_work(rig.request(Trigger.POLL)))

    assert rig.last.outcome is Outcome.PARTIAL
    refused = [failure.subject for failure in rig.last.failures if failure.message == "the rack is full"]
    assert sorted(refused) == sorted(f"dcim/devices dc1/{switch}" for switch in switches)
    reasons = {failure.reason for failure in rig.last.failures if failure.message != "the rack is full"}
    assert reasons == {"NetBoxWaiting"}, "what needs those was not refused"


def test_somebody_who_works_against_us(yielding: Yielding) -> None:
    """A pass whose writes are undone between its parts ends all the same: each part leaves less than the last."""
    rig = yielding.rig
    parts, left = 0, _work(rig.request(Trigger.POLL))

    while left is not None:
        parts += 1
        assert parts < MANY
        rest = yielding.run(left).remainder
        if rest is None:
            break
        left = rest
        _forget(rig)

    assert parts > 1
    assert rig.last.outcome is Outcome.SUCCEEDED
    assert rig.verdict.status == "in_sync"


def test_more_to_do_than_before(yielding: Yielding) -> None:
    """A newer commit may be more work than was left: the pass still lets others go first."""
    rig = yielding.rig
    rest = _work(rig.request(Trigger.POLL))
    for _ in range(5):
        rest = yielding.rest(rest)
    steps = yielding.steps()
    _forget(rig)
    pushed = rig.request(Trigger.PUSH, rig.source.push(CHANGED).commit)

    yielding.rest(rest.union(_work(pushed)))

    assert yielding.steps() == steps + 1


def test_an_aim_that_moves_for_ever(yielding: Yielding, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass whose commit is replaced during each of its parts, and whose writes are undone, ends all the same."""
    rig, most = yielding.rig, 10
    monkeypatch.setattr(attempt, "MAX_PARTS", most)
    rest: Work | None = _work(rig.request(Trigger.POLL))
    parts = 0

    while rest is not None:
        parts += 1
        assert parts < MANY
        _forget(rig)
        rig.source.push(CHANGED if parts % 2 else MANIFESTS)
        rest = yielding.run(rest).remainder

    assert parts > most
    assert rig.last.outcome is Outcome.SUCCEEDED


def test_a_part_writes_something(yielding: Yielding) -> None:
    """A part of which every write is refused goes on instead of yielding."""
    rig = yielding.rig
    rest = yielding.rest(_work(rig.request(Trigger.POLL)))
    refused = [manifest.key for manifest in MANIFESTS if manifest.key.kind in {"Switch", "Server"}]
    for key in refused:
        rig.netbox.refuse(f"dc1/{key}", "the rack is full")
    written = [rig.netbox.writes]

    while (following := yielding.run(rest).remainder) is not None:
        rest = following
        written.append(rig.netbox.writes)

    assert len(written) > 2
    assert all(later > earlier for earlier, later in itertools.pairwise(written))


def test_a_scoped_pass_yields(synced: Rig) -> None:
    """A scoped pass keeps its scope over its parts, and what is known of the other objects stays."""
    switch = next(manifest.key for manifest in MANIFESTS if manifest.key.kind == "Switch")
    states, synced_at = synced.states(), synced.record.last_sync
    yielding = Yielding(synced)
    _forget(synced)
    work = Work((Trigger.WATCH,), (), frozenset({switch}))

    rest = yielding.rest(work)

    assert rest.scope == work.scope
    assert synced.states() == states
    yielding.finish(rest)
    assert synced.last.scope is not None
    assert synced.last.counts["netbox_created"] > 0
    assert synced.record.last_sync == synced_at


def test_a_lost_rest_is_a_new_pass(yielding: Yielding) -> None:
    """After a restart nothing is left of a pass that yielded but its requests: the next pass answers them."""
    rig = yielding.rig
    request = rig.request(Trigger.POLL)
    rest = yielding.rest(_work(request))
    assert [one.id for one in rig.store.unfinished()] == [request.id]
    yielding = Yielding(rig)
    yielding.others = False

    yielding.run(Work((request.trigger,), (request.id,)))

    assert rig.last.id != rest.remainder
    assert rig.answered(request).pass_id == rig.last.id
    assert rig.last.outcome is Outcome.SUCCEEDED


def test_work_that_was_discarded_is_not_continued(yielding: Yielding) -> None:
    """Where the rest of a pass was thrown away, later work begins a pass of its own."""
    rest = yielding.rest(_work(yielding.rig.request(Trigger.POLL)))
    yielding.others = False

    yielding.run(_work(yielding.rig.request()))

    assert yielding.rig.last.id != rest.remainder
    assert yielding.rig.last.triggers == (Trigger.REQUEST,)
    last, given_up = yielding.rig.store.passes("dc1")
    assert last == yielding.rig.last
    assert (given_up.id, given_up.outcome, given_up.reason) == (rest.remainder, Outcome.PARTIAL, "Superseded")
    assert given_up.counts["created"] == len(MANIFESTS)
    assert given_up.triggers == (Trigger.POLL,)
    assert yielding.rig.verdict.status == "in_sync"


@dataclass(frozen=True)
class Forbidden:
    reason: str
    message: str


def test_a_rest_that_may_not_be_made(yielding: Yielding) -> None:
    """A pass that wrote before its fabric was suspended is in the history, once, and its requests have their answer."""
    rig, obstacles = yielding.rig, [None, Forbidden("Suspended", "it was suspended")]
    request = rig.request(Trigger.POLL)
    runner = rig.runner(Surroundings(has_others=lambda _: True, obstacle=lambda _: obstacles[0]))
    rest = runner.run(Taken("dc1", _work(request), 0.0)).remainder
    assert rest is not None
    obstacles.pop(0)

    for _ in range(2):
        assert runner.run(Taken("dc1", rest, 0.0)) == Next()

    (record,) = rig.store.passes("dc1")
    assert (record.id, record.outcome, record.reason) == (rest.remainder, Outcome.PARTIAL, "Suspended")
    assert rig.answered(request).state is RequestState.SUPERSEDED
    assert len(rig.store.inventory("dc1")) == len(MANIFESTS)


def test_a_stop_between_parts(yielding: Yielding) -> None:
    """A part that the stop cuts off leaves the requests to the next start."""
    rig = yielding.rig
    request = rig.request(Trigger.POLL)
    rest = yielding.rest(_work(request))
    rig.stop.set()

    assert yielding.run(rest) == Next()
    assert [one.id for one in rig.store.unfinished()] == [request.id]


class FullDisk(Store):
    """A store that keeps nothing of passes that yield."""

    def checkpoint(self, result: PassResult) -> None:
        raise StateError("disk full")


def test_a_checkpoint_that_cannot_be_stored(yielding: Yielding) -> None:
    """A part whose work cannot be stored is a pass without an end: made again, with backoff, for the same requests."""
    rig = yielding.rig
    request = rig.request(Trigger.POLL)
    rig.store.__class__ = FullDisk

    following = yielding.run(_work(request))

    assert following == Next(is_retryable=True, unanswered=(request.id,))
    rig.store.__class__ = Store


def test_without_a_cluster(yielding: Yielding) -> None:
    """Where only NetBox is configured there is no inventory to keep, and the pass yields as well."""
    rig = yielding.rig
    rig.fabric = replace(rig.fabric, cluster=None)

    assert Yielding(rig).finish(_work(rig.request(Trigger.POLL))) > 1
    assert rig.last.outcome is Outcome.SUCCEEDED


def test_how_far_a_mirror_came_is_shown(yielding: Yielding) -> None:
    """Until a pass ends it tells how many writes to NetBox are made, by all its parts, and of how many."""
    shown: list[Step] = []
    left: Work | None = _work(yielding.rig.request(Trigger.POLL))
    while left is not None:
        left = yielding.run(left).remainder
        if step := yielding.progress.of("dc1"):
            shown.append(step)

    assert len(shown) > 3
    assert shown == sorted(shown)
    assert all(0 < step.done < step.total for step in shown)
    assert yielding.progress.of("dc1") is None


def test_the_pass_that_goes_on_is_shown(yielding: Yielding) -> None:
    """Which one it is, why it is made and since when, also between its parts; and nothing once it has ended."""
    rest = yielding.rest(_work(yielding.rig.request(Trigger.POLL)))

    between = yielding.progress.running("dc1")
    assert between is not None
    assert (between.id, between.triggers, between.phase) == (rest.remainder, (Trigger.POLL,), Phase.NETBOX)
    yielding.finish(rest)
    assert yielding.rig.last.started == between.started
    assert yielding.progress.running("dc1") is None
