"""What every store keeps, through the ports PassState, Requests, Schedule, Suspensions, Approvals, History
and Documents.

There is one implementation. It needs a file and a few milliseconds, so that it is its own fake.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Ref
from reconciler.model.passes import SyncState
from reconciler.model.requests import RequestState
from reconciler.model.status import Approval, FabricRecord, Suspension, Unannounced, WebhookRecord
from reconciler.store import Store, open_store
from tests.unit.store.samples import (
    COMMITS,
    NOON,
    REVISIONS,
    SetClock,
    delivery,
    entry,
    fabric_record,
    key,
    object_state,
    pass_record,
    pass_result,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.ports import Approvals, Documents, History, PassState, Requests, Schedule, Suspensions


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[Store]:
    store = open_store(tmp_path / "state.db", clock)
    yield store
    store.close()


def test_implements_the_ports(store: Store) -> None:
    """The store is each of its seven ports; the type checker looks, at run time too little could be said."""
    working: tuple[PassState, Requests, Schedule, Suspensions, Approvals] = (store, store, store, store, store)
    keeping: tuple[History, Documents] = (store, store)

    assert all(port is store for port in [*working, *keeping])


# PassState


def test_unseen_fabric_is_fresh(store: Store) -> None:
    """A fabric that was never seen has a fresh record, an empty inventory, and is not created by being read."""
    assert store.fabric("dc1") == FabricRecord("dc1")
    assert store.inventory("dc1") == {}
    assert store.fabrics() == {}


def test_records_a_pass_whole(store: Store) -> None:
    """All that a pass ends with is read back as it was given, every field of every value."""
    store.accept([request("r1")])
    inventory = {key("a"): entry("a"), key("b"): entry("b")}
    objects = [object_state("a"), object_state("b", SyncState.CHANGED)]
    answered = replace(request("r1", state="failed"), outcome="partial", pass_id="p1", reason="Conflict", message="no")

    store.record_pass(replace(pass_result("p1"), inventory=inventory, objects=objects, requests=[answered]))

    # The row exists since the request was accepted: the times of the poll are those stored.
    assert store.fabric("dc1") == replace(
        fabric_record(), desired_revision=REVISIONS[0], next_poll=None, effective_interval=300.0
    )
    assert store.inventory("dc1") == inventory
    assert store.objects("dc1") == objects
    assert store.pass_("dc1", "p1") == pass_record("p1")
    assert store.request("r1") == answered


def test_first_pass_creates_the_fabric(store: Store) -> None:
    """A pass over a fabric without a row stores the record as it is, the poll's times included."""
    store.record_pass(pass_result())

    assert store.fabric("dc1") == fabric_record()


def test_none_leaves_inventory_and_objects(store: Store) -> None:
    """A pass that says nothing of the inventory and the objects leaves them as they are."""
    store.record_pass(replace(pass_result("p1"), inventory={key("a"): entry("a")}, objects=[object_state("a")]))
    store.record_pass(pass_result("p2"))

    assert store.inventory("dc1") == {key("a"): entry("a")}
    assert store.objects("dc1") == [object_state("a")]


def test_replaces_inventory_and_objects(store: Store) -> None:
    """An inventory is whole: what it lacks is forgotten, what differs is replaced, other fabrics are untouched."""
    other = replace(pass_result("q1", "dc2"), inventory={key("a"): entry("a")}, objects=[object_state("a")])
    first = {key("a"): entry("a"), key("b"): entry("b")}
    second = {key("b"): entry("b", revision=REVISIONS[1]), key("c"): entry("c")}

    store.record_pass(other)
    store.record_pass(replace(pass_result("p1"), inventory=first, objects=[object_state(n) for n in "ab"]))
    store.record_pass(replace(pass_result("p2"), inventory=second, objects=[object_state(n) for n in "bc"]))

    assert store.inventory("dc1") == second
    assert store.objects("dc1") == [object_state("b"), object_state("c")]
    assert store.inventory("dc2") == {key("a"): entry("a")}
    assert store.objects("dc2") == [object_state("a")]


def test_empty_inventory_forgets_all(store: Store) -> None:
    """An empty inventory is not None: nothing is owned any more."""
    store.record_pass(replace(pass_result("p1"), inventory={key("a"): entry("a")}, objects=[object_state("a")]))
    store.record_pass(replace(pass_result("p2"), inventory={}, objects=[]))

    assert store.inventory("dc1") == {}
    assert store.objects("dc1") == []


VRF, VLAN = Ref("ipam/vrfs", "dc1/VPC/v"), Ref("ipam/vlans", "dc1/VPC/v")
PLACE = "https://netbox.example.com"


def test_keeps_lines_of_netbox(store: Store) -> None:
    """Lines are read as they were told, those not spoken of stay, and None forgets; each fabric has its own."""
    assert store.lines("dc1", PLACE) == {}

    store.keep_lines("dc1", PLACE, {VRF: "name:a", VLAN: "vid:b"})
    store.keep_lines("dc2", PLACE, {VRF: "name:z"})
    store.keep_lines("dc1", PLACE, {VRF: "name:c"})
    assert store.lines("dc1", PLACE) == {VRF: "name:c", VLAN: "vid:b"}

    store.keep_lines("dc1", PLACE, {VRF: None, Ref("ipam/vrfs", "unknown"): None})
    assert store.lines("dc1", PLACE) == {VLAN: "vid:b"}
    assert store.lines("dc2", PLACE) == {VRF: "name:z"}


def test_lines_speak_of_one_netbox(store: Store) -> None:
    """What was written to one NetBox says nothing of another, and is forgotten once something is written there."""
    store.keep_lines("dc1", PLACE, {VRF: "name:a"})
    assert store.lines("dc1", "https://other") == {}
    assert store.lines("dc1", PLACE) == {VRF: "name:a"}

    store.keep_lines("dc1", "https://other", {VLAN: "vid:b"})

    assert store.lines("dc1", "https://other") == {VLAN: "vid:b"}
    assert store.lines("dc1", PLACE) == {}


def test_keeps_many_lines(store: Store) -> None:
    """More than one transaction holds."""
    many = {Ref("ipam/vrfs", f"dc1/VPC/{number}"): f"name:{number}" for number in range(20_001)}

    store.keep_lines("dc1", PLACE, many)

    assert store.lines("dc1", PLACE) == many


def test_poll_of_a_running_pass_stays(store: Store) -> None:
    """A poll that was scheduled while a pass ran is not undone by the record that the pass ends with."""
    due = NOON + timedelta(hours=2)
    store.schedule_poll("dc1", due, 3600.0)

    store.record_pass(pass_result())

    record = store.fabric("dc1")
    assert (record.next_poll, record.effective_interval) == (due, 3600.0)
    assert record.last_sync == NOON


@pytest.mark.parametrize(
    ("announced", "regarded", "fetched", "stored"),
    [
        pytest.param([], 0, 1, 1, id="first pass"),
        pytest.param([1], 1, 1, 1, id="announced, then fetched"),
        pytest.param([1], 1, 2, 2, id="fetched a newer one"),
        pytest.param([1, 2], 1, 1, 2, id="announced during the pass"),
        pytest.param([2], 0, None, 2, id="announced during a pass that fetched nothing"),
        pytest.param([1, 2, 1], 1, 0, 1, id="during the pass there and back again"),
        pytest.param([0, 2, 0], 1, 0, 2, id="and the last one is applied"),
        pytest.param([0, 0], 1, 0, 0, id="only what is applied"),
        pytest.param([None], 0, 1, 1, id="asked without a commit"),
    ],
)
@pytest.mark.parametrize("is_end", [True, False], ids=["end", "checkpoint"])
def test_announced_revision(
    store: Store,
    announced: list[int | None],
    regarded: int,
    fetched: int | None,
    stored: int,
    is_end: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """The end of a pass over the first requests moves the desired revision, unless a push announced another one of
    which the pass knew nothing. Revision 0 is applied.
    """
    store.accept([request("other", "dc2", COMMITS[2]), request("ended", commit=COMMITS[2])])
    store.end(["ended"], "Suspended", "not made")
    names = [f"r{number}" for number in range(len(announced))]
    for name, number in zip(names, announced, strict=True):
        store.accept([request(name, commit=None if number is None else COMMITS[number])])
    desired = None if fetched is None else REVISIONS[fetched]
    result = replace(pass_result(), fabric=fabric_record(desired=desired), regarded=names[:regarded])

    (store.record_pass if is_end else store.checkpoint)(result)

    assert store.fabric("dc1").desired_revision == REVISIONS[stored]


@pytest.mark.parametrize("is_group", [True, False], ids=["at once", "one by one"])
@pytest.mark.parametrize(
    ("announced", "stored"),
    [
        pytest.param([0], 0, id="what is applied"),
        pytest.param([1, 2], 2, id="two"),
        pytest.param([1, 0], 1, id="what is applied, late"),
        pytest.param([2, 1, 2, 0, 0], 2, id="and often"),
    ],
)
def test_what_is_applied_hides_no_announcement(
    store: Store,
    announced: list[int],
    stored: int,
    is_group: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A delivery that comes late, for what is applied, does not make a fabric in sync that waits for another commit."""
    store.record_pass(pass_result())
    requests = [request(f"r{number}", commit=COMMITS[which]) for number, which in enumerate(announced)]

    for group in [requests] if is_group else [[one] for one in requests]:
        store.accept(group)

    assert store.fabric("dc1").desired_revision == REVISIONS[stored]


def test_checkpoint(store: Store) -> None:
    """What a pass did before it yielded is kept, and neither the fabric's state nor a request says that it ended."""
    store.accept([request("r1")])
    store.record_pass(replace(pass_result("p1"), regarded=["r1"]))
    before = store.fabric("dc1")
    result = replace(
        pass_result("p2"),
        fabric=fabric_record(desired=REVISIONS[1]),
        inventory={key("a"): entry("a")},
        objects=[object_state("a")],
        requests=[request("r1", state="succeeded")],
        regarded=["r1"],
    )

    store.checkpoint(result)

    assert store.inventory("dc1") == {key("a"): entry("a")}
    assert store.objects("dc1") == [object_state("a")]
    assert store.fabric("dc1") == replace(before, desired_revision=REVISIONS[1])
    assert [record.id for record in store.passes("dc1")] == ["p1"]
    assert store.unfinished() == [request("r1")]


def test_an_inventory_is_remembered(store: Store) -> None:
    """At once and alone: neither the fabric's state nor that of its objects moves. Of a fresh fabric too."""
    result = replace(pass_result("p1"), inventory={key("a"): entry("a")}, objects=[object_state("a")])
    store.record_pass(result)
    before = store.fabric("dc1")
    doubtful = replace(entry("a"), digest=None)

    store.remember("dc1", {key("a"): doubtful})
    store.remember("dc2", {key("b"): entry("b")})

    assert store.inventory("dc1") == {key("a"): doubtful}
    assert store.inventory("dc2") == {key("b"): entry("b")}
    assert store.objects("dc1") == [object_state("a")]
    assert store.fabric("dc1") == before


def test_checkpoint_of_a_fresh_fabric(store: Store) -> None:
    """A first pass may yield too; without inventory and objects it only tells the commit."""
    store.checkpoint(replace(pass_result(), fabric=fabric_record(desired=REVISIONS[1])))

    assert store.fabric("dc1") == FabricRecord("dc1", desired_revision=REVISIONS[1])
    assert store.inventory("dc1") == {}


# Requests


def test_accepts_a_delivery(store: Store, clock: SetClock) -> None:
    """An accepted delivery leaves its requests, the announced revision, and the proof that the webhook works."""
    accepted = [request("r1", "dc1", COMMITS[1]), request("r2", "dc2", COMMITS[1])]

    assert store.accept(accepted, delivery("d1"), ["gitops"]) is None

    assert store.requests(["r1", "r2"]) == accepted
    assert store.delivered("github", "d1") == ("r1", "r2")
    assert store.fabric("dc1").desired_revision == store.fabric("dc2").desired_revision == REVISIONS[1]
    assert store.webhook("gitops") == WebhookRecord("gitops", clock.now(), clock.now())


def test_known_delivery_stores_nothing(store: Store, clock: SetClock) -> None:
    """A delivery that comes again is answered with its first requests, and nothing moves."""
    store.accept([request("r1", commit=COMMITS[0])], delivery("d1"), ["gitops"])
    clock.advance(hours=1)

    assert store.accept([request("r2", commit=COMMITS[1])], delivery("d1"), ["gitops"]) == ("r1",)

    assert store.request("r2") is None
    assert store.fabric("dc1").desired_revision == REVISIONS[0]
    assert store.webhook("gitops").last_verified == NOON


def test_delivery_ids_are_per_provider(store: Store) -> None:
    """The same id of another provider is another delivery."""
    store.accept([request("r1")], delivery("d1", "github"))

    assert store.accept([request("r2")], delivery("d1", "gitea")) is None
    assert store.delivered("gitea", "d1") == ("r2",)
    assert store.delivered("gitlab", "d1") is None


def test_delivery_without_requests(store: Store) -> None:
    """A delivery that leads to no request is remembered as such: known, with no ids."""
    assert store.accept([], delivery("ping"), ["gitops"]) is None

    assert store.delivered("github", "ping") == ()
    assert store.accept([], delivery("ping")) == ()


def test_request_without_commit_announces_nothing(store: Store) -> None:
    """A poll or a manual request leaves the desired revision alone."""
    store.accept([request("r1", commit=COMMITS[0])])
    store.accept([request("r2")])

    assert store.fabric("dc1").desired_revision == REVISIONS[0]


def test_requests_come_in_the_order_asked(store: Store) -> None:
    """Requests are returned in the order of the ids; unknown ids are left out."""
    store.accept([request("r1"), request("r2"), request("r3")])

    assert [r.id for r in store.requests(["r3", "nothing", "r1"])] == ["r3", "r1"]
    assert store.requests([]) == []
    assert store.request("nothing") is None


def test_many_ids_at_once(store: Store) -> None:
    """More ids than a database takes as parameters of one statement are read and moved all the same."""
    ids = [f"r{number}" for number in range(33_000)]
    store.accept([request(i) for i in ids])

    store.set_state(ids, RequestState.RUNNING, "p1")

    assert [r.id for r in store.requests(ids)] == ids
    assert {r.state for r in store.unfinished()} == {RequestState.RUNNING}


def test_unfinished_oldest_first(store: Store) -> None:
    """Queued and running requests are unfinished, in the order in which they were accepted."""
    store.accept([request("z")])
    store.accept([request("a"), request("m")])
    store.set_state(["z"], RequestState.RUNNING, "p1")
    store.set_state(["a"], RequestState.FAILED)

    assert [(r.id, r.state, r.pass_id) for r in store.unfinished()] == [("z", "running", "p1"), ("m", "queued", None)]


def test_state_keeps_the_pass(store: Store) -> None:
    """A state without a pass leaves the pass that is known."""
    store.accept([request("r1")])
    store.set_state(["r1"], RequestState.RUNNING, "p1")
    store.set_state(["r1"], RequestState.QUEUED)

    found = store.request("r1")
    assert found is not None
    assert (found.state, found.pass_id) == (RequestState.QUEUED, "p1")


@pytest.mark.parametrize("ending", [state for state in RequestState if state.is_terminal])
def test_terminal_is_final(store: Store, ending: RequestState) -> None:
    """A request that has ended stays as it ended: no state, no pass and no clean-up moves it again."""
    store.accept([request("r1")])
    store.set_state(["r1"], ending, "p1")
    ended = store.request("r1")

    store.set_state(["r1"], RequestState.RUNNING, "p2")
    store.record_pass(replace(pass_result("p2"), requests=[replace(request("r1", state="succeeded"), pass_id="p2")]))
    store.end(["r1"], "Removed", "gone")

    assert store.request("r1") == ended
    assert store.unfinished() == []


def test_requests_whose_pass_is_not_made(store: Store) -> None:
    """Requests can be ended as superseded by their ids; what has ended, and what is not named, stays as it is."""
    store.accept([request(name) for name in ("r1", "r2", "r3")])
    store.set_state(["r1"], RequestState.RUNNING, "p1")
    store.set_state(["r2"], RequestState.SUCCEEDED, "p1")

    store.end(["r1", "r2", "nothing"], "Suspended", "suspended before its pass")

    assert [(r.state, r.reason, r.message) for r in store.requests(["r1", "r2", "r3"])] == [
        ("superseded", "Suspended", "suspended before its pass"),
        ("succeeded", None, None),
        ("queued", None, None),
    ]


def test_pass_answers_an_unknown_request(store: Store) -> None:
    """A request that a pass answers is stored even where its acceptance is not known."""
    answered = replace(request("r1", state="succeeded"), pass_id="p1")

    store.record_pass(replace(pass_result("p1"), requests=[answered]))

    assert store.request("r1") == answered


# Schedule


def test_schedules_a_poll(store: Store) -> None:
    """The next poll is stored for a fabric that was never seen, moved for one that was, and nothing else changes."""
    store.schedule_poll("dc1", NOON, 300.0)
    assert store.fabric("dc1") == replace(FabricRecord("dc1"), next_poll=NOON, effective_interval=300.0)

    store.accept([request("r1", commit=COMMITS[0])])
    store.schedule_poll("dc1", NOON + timedelta(seconds=60), 60.0)
    assert store.fabric("dc1") == FabricRecord(
        "dc1",
        desired_revision=REVISIONS[0],
        next_poll=NOON + timedelta(seconds=60),
        effective_interval=60.0,
    )


def test_unknown_webhook(store: Store) -> None:
    """A webhook that never delivered has no times."""
    assert store.webhook("gitops") == WebhookRecord("gitops")


def test_webhook_moves(store: Store, clock: SetClock) -> None:
    """A later delivery moves the times of its repositories, of no others."""
    store.accept([], delivery("d1"), ["one", "two"])
    clock.advance(minutes=5)
    store.accept([], delivery("d2"), ["two"])

    assert store.webhook("one").last_verified == NOON
    assert store.webhook("two") == WebhookRecord("two", clock.now(), clock.now())


FOUND = Unannounced("gitops", REVISIONS[1])


def test_what_only_a_poll_found(store: Store, clock: SetClock) -> None:
    """The repository remembers since when, when last and what was found, until one of its deliveries verifies."""
    store.mark_verified(["gitops", "other"])
    verified, later = clock.now(), NOON + timedelta(hours=2)

    store.record_pass(replace(pass_result("p1"), unannounced=FOUND))
    store.record_pass(replace(pass_result("p2", finished=later), unannounced=replace(FOUND, revision=REVISIONS[2])))

    assert store.webhook("gitops") == WebhookRecord("gitops", verified, verified, NOON, later, REVISIONS[2])
    assert store.webhook("other") == WebhookRecord("other", verified, verified)
    clock.advance(hours=3)
    store.mark_verified(["gitops"])
    assert store.webhook("gitops") == WebhookRecord("gitops", clock.now(), clock.now())


def test_what_a_poll_found_before_it_yielded(store: Store) -> None:
    """A pass that has not ended yet has found what it found; what a push announced meanwhile is not that."""
    store.record_pass(pass_result("p1"))
    found = replace(pass_result("p2"), fabric=fabric_record(desired=REVISIONS[1]))

    store.checkpoint(replace(found, unannounced=FOUND))
    assert store.webhook("gitops").unannounced == REVISIONS[1]
    store.mark_verified(["gitops"])
    store.accept([request("r1", commit=COMMITS[2])])
    store.checkpoint(replace(found, unannounced=FOUND))

    assert store.webhook("gitops").unannounced is None


def test_what_a_poll_found_before_any_delivery(store: Store) -> None:
    """A repository of which no delivery ever verified is remembered too."""
    store.record_pass(replace(pass_result(), unannounced=FOUND))

    assert store.webhook("gitops") == WebhookRecord("gitops", None, None, NOON, NOON, REVISIONS[1])


def test_what_was_announced_while_a_poll_found_it(store: Store) -> None:
    """A push that was taken in during the pass of the poll did announce what the poll found."""
    store.accept([request("r1", commit=COMMITS[1])])

    result = replace(pass_result(), fabric=fabric_record(desired=REVISIONS[1]))
    store.record_pass(replace(result, unannounced=FOUND))

    assert store.webhook("gitops") == WebhookRecord("gitops")


# Suspensions


def test_suspends_and_resumes(store: Store, clock: SetClock) -> None:
    """A fabric is suspended until it is resumed; others are not, and a fabric needs no pass to be suspended."""
    assert store.suspension("dc1") is None

    assert store.suspend("dc1", "cabling", "ann") == Suspension(NOON, "cabling", "ann")

    assert store.suspension("dc1") == Suspension(NOON, "cabling", "ann")
    assert store.suspension("dc2") is None
    assert store.fabrics() == {}
    assert store.resume("dc1") is True
    assert store.suspension("dc1") is None
    assert store.resume("dc1") is False


def test_suspended_again(store: Store, clock: SetClock) -> None:
    """Whoever suspends a suspended fabric replaces reason and name, not the time."""
    store.suspend("dc1", "cabling", "ann")
    clock.advance(hours=1)

    assert store.suspend("dc1", None) == store.suspension("dc1") == Suspension(NOON, None)


# Approvals


def test_approves(store: Store, clock: SetClock) -> None:
    """One plan of a fabric is approved, the last that was named; other fabrics, and those without a pass, know none."""
    assert store.approval("dc1") is None

    assert store.approve("dc1", "a" * 64, "ann") == Approval("a" * 64, NOON, "ann")
    assert store.approval("dc1") == Approval("a" * 64, NOON, "ann")
    clock.advance(hours=1)
    store.approve("dc1", "b" * 64, None)

    assert store.approval("dc1") == Approval("b" * 64, clock.now(), None)
    assert store.approval("dc2") is None
    assert store.fabrics() == {}


@pytest.mark.parametrize(
    ("spent", "left"),
    [
        pytest.param("a" * 64, None, id="its own"),
        pytest.param("b" * 64, Approval("a" * 64, NOON, None), id="that of another plan"),
        pytest.param(None, Approval("a" * 64, NOON, None), id="none"),
    ],
)
@pytest.mark.parametrize("way", ["record_pass", "checkpoint"])
def test_a_pass_ends_an_approval(store: Store, way: str, spent: str | None, left: Approval | None) -> None:
    """In the transaction of its end, or of its part: that of the plan it names, and of no other fabric."""
    store.approve("dc1", "a" * 64, None)
    store.approve("dc2", "a" * 64, None)

    getattr(store, way)(replace(pass_result(), spent=spent))

    assert store.approval("dc1") == left
    assert store.approval("dc2") is not None


# History


def test_passes_newest_first(store: Store) -> None:
    """The history of a fabric begins with its newest pass, ends at the limit, and holds nothing of other fabrics."""
    for number in range(4):
        store.record_pass(pass_result(f"p{number}"))
    store.record_pass(pass_result("q1", "dc2"))

    assert [p.id for p in store.passes("dc1", limit=3)] == ["p3", "p2", "p1"]
    assert [p.id for p in store.passes("dc2")] == ["q1"]
    assert store.passes("dc3") == []
    assert store.pass_("dc2", "p1") is None
    assert store.pass_("dc1", "nothing") is None


def test_fabrics_outlive_the_configuration(store: Store) -> None:
    """Every fabric that was ever seen is listed, with what others than passes wrote of it."""
    store.record_pass(pass_result("p1", "dc1"))
    store.schedule_poll("dc2", NOON, 120.0)

    assert store.fabrics() == {
        "dc1": fabric_record("dc1"),
        "dc2": FabricRecord("dc2", next_poll=NOON, effective_interval=120.0),
    }


@pytest.mark.parametrize(
    ("days", "count", "left"),
    [
        pytest.param(30, 1, ["p3", "p2", "p1"], id="young ones stay, however many"),
        pytest.param(2, 1, ["p3", "p2"], id="old ones go"),
        pytest.param(2, 3, ["p3", "p2", "p1"], id="old ones stay within the count"),
        pytest.param(1, 0, ["p3"], id="exactly as old as allowed stays"),
        pytest.param(0, 0, [], id="nothing is kept"),
    ],
)
def test_prunes_passes(store: Store, days: int, count: int, left: list[str]) -> None:
    """A pass goes when it is older than the days and beyond the count of its fabric; other fabrics do not count."""
    for number, age in [(1, 3), (2, 2), (3, 1)]:
        store.record_pass(pass_result(f"p{number}", finished=NOON - timedelta(days=age)))
    store.record_pass(pass_result("q1", "dc2", finished=NOON + timedelta(days=1)))

    store.prune(timedelta(days=days), count, NOON)

    assert [p.id for p in store.passes("dc1")] == left
    assert [p.id for p in store.passes("dc2")] == ["q1"]


def test_passes_are_bounded_by_number(store: Store) -> None:
    """However young they are, passes over some objects go beyond five times the number to keep, passes over the whole
    fabric too, and neither pushes out the other.
    """
    scope = (key("a"),)
    for number in range(12):
        store.record_pass(pass_result(f"full{number}"))
        scoped = pass_result(f"scoped{number}")
        store.record_pass(replace(scoped, record=replace(scoped.record, scope=scope)))
    for number in range(100):
        scoped = pass_result(f"last{number}")
        store.record_pass(replace(scoped, record=replace(scoped.record, scope=scope)))
        store.record_pass(pass_result(f"other{number}", "dc2"))

    store.prune(timedelta(days=30), 2, NOON)

    left = [record.id for record in store.passes("dc1", 1000)]
    assert left == [*(f"last{n}" for n in range(99, 89, -1)), *(f"full{n}" for n in range(11, 1, -1))]
    assert [record.id for record in store.passes("dc2", 1000)] == [f"other{n}" for n in range(99, 89, -1)]


def test_prunes_requests_and_deliveries(store: Store, clock: SetClock) -> None:
    """Deliveries go 7 days after they came, requests 7 days after they ended; unfinished ones never."""
    store.accept([request("old"), request("late"), request("open")], delivery("d1"))
    store.set_state(["old"], RequestState.SUCCEEDED)
    clock.advance(days=1)
    store.accept([], delivery("d2"))
    store.set_state(["late"], RequestState.FAILED)

    store.prune(timedelta(days=30), 10, NOON + timedelta(days=7))
    assert len(store.requests(["old", "late", "open"])) == 3
    assert store.delivered("github", "d1") is not None

    store.prune(timedelta(days=30), 10, NOON + timedelta(days=7, seconds=1))
    assert [r.id for r in store.requests(["old", "late", "open"])] == ["late", "open"]
    assert store.delivered("github", "d1") is None
    assert store.delivered("github", "d2") == ()


def test_prune_keeps_what_is_owned(store: Store) -> None:
    """Forgetting every pass leaves the record, the inventory and the objects of the fabric."""
    store.record_pass(replace(pass_result(), inventory={key("a"): entry("a")}, objects=[object_state("a")]))

    store.prune(timedelta(0), 0, NOON + timedelta(days=400))

    assert store.passes("dc1") == []
    assert store.fabric("dc1") == fabric_record()
    assert store.inventory("dc1") == {key("a"): entry("a")}
    assert store.objects("dc1") == [object_state("a")]


# Documents


def test_documents(store: Store) -> None:
    """Documents are written, replaced and deleted by key, each collection for itself."""
    store.save("cluster/dc1", {"VPC/a": {"spec": {"vlan": 1}}, "VPC/b": {"spec": {}}})
    store.save("netbox", {"VPC/a": {"id": 7}})
    store.save("cluster/dc1", {"VPC/a": {"spec": {"vlan": 2, "text": "é\ud800"}}, "VPC/b": None, "VPC/gone": None})

    assert store.load("cluster/dc1") == {"VPC/a": {"spec": {"vlan": 2, "text": "é\ud800"}}}
    assert store.load("netbox") == {"VPC/a": {"id": 7}}
    assert store.load("nothing") == {}


def test_saving_nothing(store: Store) -> None:
    """No changes are no error."""
    store.save("cluster/dc1", {})

    assert store.load("cluster/dc1") == {}


# All of it


def test_state_outlives_the_process(tmp_path: Path, clock: SetClock) -> None:
    """What one process stored, the next one reads."""
    first = open_store(tmp_path / "state.db", clock)
    first.accept([request("r1", commit=COMMITS[2])], delivery("d1"), ["gitops"])
    first.record_pass(replace(pass_result(), inventory={key("a"): entry("a")}, objects=[object_state("a")]))
    first.save("netbox", {"a": {"id": 1}})
    first.suspend("dc1", "cabling")
    first.suspend("dc2", None)
    first.resume("dc2")
    first.close()

    second = open_store(tmp_path / "state.db", clock)

    assert second.unfinished() == [request("r1", commit=COMMITS[2])]
    assert second.delivered("github", "d1") == ("r1",)
    assert second.webhook("gitops").last_verified == NOON
    assert second.fabric("dc1").last_sync == NOON
    assert second.inventory("dc1") == {key("a"): entry("a")}
    assert second.objects("dc1") == [object_state("a")]
    assert second.load("netbox") == {"a": {"id": 1}}
    assert second.suspension("dc1") == Suspension(NOON, "cabling")
    assert second.suspension("dc2") is None
    second.close()
