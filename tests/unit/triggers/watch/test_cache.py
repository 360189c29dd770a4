"""The cache of one kind: what the cluster tells, what passes write, and which of the two is newer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.events import Change, EventType, Listing, WatchEvent
from reconciler.model.kinds import KINDS
from reconciler.model.objects import ObjectKey, Resource
from reconciler.triggers.watch.cache import Cache, is_ahead, is_newer

VPC = KINDS["VPC"]


def vpc(name: str, version: int | str, uid: str = "", **spec: object) -> Resource:
    return Resource(ObjectKey("VPC", "default", name), uid or f"uid-{name}", str(version), spec)


def event(kind: EventType, one: Resource, version: int | None = None) -> WatchEvent:
    told = one if version is None else replace(one, resource_version=str(version))
    return WatchEvent(kind, told.resource_version, told)


def modified(one: Resource) -> WatchEvent:
    return event(EventType.MODIFIED, one)


def listing(version: int | str, *resources: Resource) -> Listing:
    return Listing(resources, str(version))


def live(version: int, *resources: Resource) -> Cache:
    """A cache that was listed, and whose first list was judged."""
    cache = Cache(VPC)
    cache.replace(listing(version, *resources))
    cache.settle()
    return cache


def change(before: Resource | None, after: Resource | None, *, is_first: bool = False) -> Change:
    one = after or before
    assert one is not None
    return Change(one.key, before, after, is_first)


A1, A5, A9, B2 = vpc("a", 1), vpc("a", 5), vpc("a", 9), vpc("b", 2)


@pytest.mark.parametrize(
    ("version", "than", "newer", "ahead"),
    [
        ("10", "9", True, True),
        ("9", "10", False, False),
        ("9", "9", False, False),
        ("x", "9", True, False),
        ("9", "x", True, False),
        ("x", "x", False, False),
    ],
)
def test_versions(version: str, than: str, *, newer: bool, ahead: bool) -> None:
    """Versions are compared as numbers; where they are none, what comes in is newer when it differs."""
    assert is_newer(version, than) is newer
    assert is_ahead(version, than) is ahead


# Lists


def test_a_cache_is_not_live_before_a_list() -> None:
    """A pass gets nothing from it."""
    cache = Cache(VPC)

    assert not cache.is_live
    assert cache.read() is None


def test_the_first_list() -> None:
    """Every object is told as one that was there; passes get them by key."""
    cache = Cache(VPC)

    changes = cache.replace(listing(3, B2, A1))

    assert changes == (change(None, A1, is_first=True), change(None, B2, is_first=True))
    assert cache.is_live
    assert cache.read() == (A1, B2) == cache.snapshot()


def test_a_list_after_a_gap() -> None:
    """What was added, changed and deleted meanwhile is told, and nothing else."""
    new = vpc("c", 7)
    cache = live(3, A1, B2, vpc("d", 3))

    changes = cache.replace(listing(9, A5, new, vpc("d", 3)))

    assert changes == (change(A1, A5), change(B2, None), change(None, new))
    assert cache.snapshot() == (A5, new, vpc("d", 3))


def test_an_object_made_again_during_a_gap() -> None:
    """Another uid is another object, whatever its version."""
    cache = live(3, A1)
    other = vpc("a", 1, uid="other")

    assert cache.replace(listing(9, other)) == (change(A1, other),)


@pytest.mark.parametrize("own", [A9, vpc("c", 9)], ids=["changed", "created"])
def test_a_write_that_a_list_does_not_know_yet(own: Resource) -> None:
    """The answer of a write that was made while the list was on its way stays."""
    cache = live(3, A1)
    cache.put(own)

    cache.replace(listing(8, A5))

    assert own in cache.snapshot()


def test_a_write_that_a_list_does_know() -> None:
    """An object that we wrote before the list, and that is not in it, was deleted."""
    cache = live(3)
    cache.put(A5)

    assert cache.replace(listing(8)) == (change(A5, None),)


def test_a_cluster_that_was_restored() -> None:
    """When its versions went back nothing of ours counts as newer, deletions of ours neither."""
    cache = live(100, vpc("a", 90), vpc("b", 95))
    cache.removed(vpc("b", 95))

    changes = cache.replace(listing(50, A5, vpc("b", 40)))

    assert changes is None
    assert cache.snapshot() == (A5, vpc("b", 40))


def test_versions_that_are_no_numbers() -> None:
    """What a list says counts, and what differs is new."""
    cache = live(1)
    cache.replace(listing("x", vpc("a", "p"), vpc("b", "q")))

    assert cache.replace(listing("y", vpc("a", "r"))) == (
        change(vpc("a", "p"), vpc("a", "r")),
        change(vpc("b", "q"), None),
    )
    assert cache.follow(modified(vpc("a", "s"))) == change(vpc("a", "r"), vpc("a", "s"))


# Events


def test_events() -> None:
    """Additions, changes and deletions are told with what was there before."""
    cache = live(3, A1)

    assert cache.follow(event(EventType.ADDED, B2)) == change(None, B2)
    assert cache.follow(modified(A5)) == change(A1, A5)
    assert cache.follow(event(EventType.DELETED, A5, 6)) == change(A5, None)
    assert cache.snapshot() == (B2,)


def test_a_bookmark_changes_nothing() -> None:
    """But it tells how far the cache is: what a later list does not name was deleted."""
    cache = live(3, A1)

    assert cache.follow(WatchEvent(EventType.BOOKMARK, "7")) is None
    assert cache.snapshot() == (A1,)
    assert cache.replace(listing(6)) is None  # behind the bookmark: restored
    assert cache.snapshot() == ()


def test_what_is_known_already_is_no_change() -> None:
    """An event that comes twice, or late, is nothing new."""
    cache = live(9, A9)

    assert cache.follow(modified(A9)) is None
    assert cache.follow(modified(A5)) is None
    assert cache.follow(event(EventType.DELETED, A5, 6)) is None
    assert cache.follow(event(EventType.DELETED, vpc("z", 9), 10)) is None
    assert cache.snapshot() == (A9,)


def test_a_kind_that_is_not_served() -> None:
    """Nothing is there, and the list after it is a first one again."""
    cache = live(3, A1)
    cache.removed(A1)
    cache.clear()

    assert not cache.is_live
    assert cache.snapshot() == ()
    assert cache.replace(listing(1, A1)) == (change(None, A1, is_first=True),)


# Our own writes


def test_a_pass_reads_its_own_writes() -> None:
    """The answer of an apply is there at once, and its event is no change."""
    cache = live(3, A1)
    cache.put(A5)

    assert cache.read() == (A5,)
    assert cache.follow(modified(A5)) is None


def test_an_answer_that_comes_after_a_newer_event() -> None:
    """The newer one stays, and is not ours."""
    cache = live(3, A1)
    told = cache.follow(modified(A9))
    cache.put(A5)

    assert cache.snapshot() == (A9,)
    assert told is not None
    assert not cache.is_known(told)


def test_an_event_that_comes_before_its_answer() -> None:
    """The server tells everybody before it tells the writer: known to be ours only with the answer."""
    cache = live(3, A1)
    told = cache.follow(modified(A5))
    assert told is not None
    assert not cache.is_known(told)

    cache.put(A5)
    assert cache.is_known(told)
    cache.settle()
    assert not cache.is_known(told)


def test_what_a_write_of_ours_came_after() -> None:
    """Its answer shows what others wrote before it."""
    cache = live(1, A1)
    told = cache.follow(modified(A5))
    cache.put(A9)

    assert told is not None
    assert cache.is_known(told)


def test_an_own_deletion() -> None:
    """The object is gone at once; late events of it do not bring it back, and its deletion is no change."""
    cache = live(5, A5)
    cache.removed(A5)

    assert cache.read() == ()
    assert cache.follow(modified(A5)) is None
    assert cache.follow(event(EventType.DELETED, A5, 7)) is None
    assert cache.read() == ()


def test_an_own_deletion_told_before_its_answer() -> None:
    """It is a change, known to be ours once the answer is there."""
    cache = live(5, A5, B2)
    told = cache.follow(event(EventType.DELETED, A5, 7))
    assert told == change(A5, None)
    assert not cache.is_known(told)

    cache.removed(A5)
    assert cache.is_known(told)
    assert cache.replace(listing(9, B2, vpc("a", 8, uid="new"))) == (change(None, vpc("a", 8, uid="new")),)


def test_a_deleted_object_that_goes_on() -> None:
    """Somebody holds it by a finalizer: it is there, being deleted."""
    cache = live(5, A5)
    cache.removed(A5)
    going = replace(A9, is_deleting=True)

    assert cache.follow(modified(going)) == change(None, going)
    assert cache.read() == (going,)


def test_a_deleted_object_that_was_told_to_go_on() -> None:
    """The event came before the answer: it is not taken out."""
    cache = live(5, A5)
    going = replace(A9, is_deleting=True)
    cache.follow(modified(going))
    cache.removed(A5)

    assert cache.read() == (going,)


def test_a_deleted_object_made_again() -> None:
    """By us or by others: it is another one, and the old one's deletion does not touch it."""
    cache = live(5, A5)
    cache.removed(A5)
    again = vpc("a", 8, uid="new")
    cache.put(again)

    assert cache.follow(event(EventType.DELETED, A5, 7)) is None
    assert cache.read() == (again,)
    cache.removed(A5)
    assert cache.read() == (again,)


def test_a_list_from_before_an_own_deletion() -> None:
    """What it still names stays away until something newer is told; a list that does not name it ends the wait."""
    cache = live(5, A5)
    cache.removed(A5)

    assert cache.replace(listing(6, A5)) == ()
    assert cache.replace(listing(7, A5)) == ()
    assert cache.replace(listing(8)) == ()
    assert cache.replace(listing(9, A5)) == (change(None, A5),)


def test_a_deletion_that_no_list_knows() -> None:
    """While nothing is followed, what we deleted must not come back with a list from before."""
    cache = Cache(VPC)
    cache.removed(A5)

    assert cache.replace(listing(6, A5, B2)) == (change(None, B2, is_first=True),)


# What passes know


def test_what_a_pass_saw_before_the_first_list() -> None:
    """An object that was there, in the version that a pass saw in its own list, is known; a newer one is not."""
    cache = Cache(VPC)
    cache.note([A5])
    old, new = cache.replace(listing(9, A5, vpc("b", 8))) or ()

    assert cache.is_known(old)
    assert not cache.is_known(new)
    assert not cache.is_known(replace(old, after=A9))


def test_what_a_pass_saw_in_the_cache() -> None:
    """The same, where the list was there first; an object that came later is a change all the same."""
    cache = Cache(VPC)
    (first,) = cache.replace(listing(9, A5)) or ()
    assert not cache.is_known(first)

    cache.read()
    assert cache.is_known(first)
    later = cache.follow(modified(A9))
    cache.read()
    assert later is not None
    assert not cache.is_known(later)


def test_what_was_seen_is_forgotten_once_the_first_list_is_judged() -> None:
    """Not before it: passes may end without one."""
    cache = Cache(VPC)
    cache.note([A5])
    cache.settle()
    (first,) = cache.replace(listing(9, A5)) or ()
    assert cache.is_known(first)

    cache.settle()
    cache.read()
    assert not cache.is_known(first)


def test_a_lost_cache_keeps_its_objects() -> None:
    """Passes no longer get them, whatever events tell, until the next list."""
    cache = live(3, A1)
    cache.lose()
    assert cache.read() is None
    assert cache.snapshot() == (A1,)

    cache.follow(modified(A5))
    assert cache.read() is None
    assert cache.snapshot() == (A5,)

    cache.replace(listing(6, A5))
    assert cache.read() == (A5,)


def test_the_content_of_a_list_counts() -> None:
    """A restored cluster gives the same versions to other contents."""
    cache = live(3, A1)
    other = replace(A1, spec={"mode": "x"})

    assert cache.replace(listing(3, other)) == (change(A1, other),)
    assert cache.read() == (other,)


def test_after_a_restore_nothing_is_known_by_its_version() -> None:
    """What passes wrote, deleted and saw is of a cluster that is no more."""
    cache = Cache(VPC)
    cache.replace(listing(9, A9, B2))
    cache.read()
    cache.put(vpc("a", 12))
    cache.removed(B2)

    assert cache.replace(listing(5, A5, B2)) is None
    assert cache.read() == (A5, B2)
    assert not cache.is_known(change(A5, replace(A9, spec={"mode": "x"})))
    assert not cache.is_known(change(B2, None))
    assert not cache.is_known(change(None, A9, is_first=True))


def test_an_own_write_to_an_object_that_is_being_deleted() -> None:
    """Its answer is not how the object stays."""
    cache = live(3, A1)
    leaving = replace(A5, is_deleting=True)
    cache.put(leaving)

    assert cache.is_known(change(A1, A5))
    assert not cache.is_known(change(A1, leaving))


def test_an_own_write_tells_a_restored_cluster() -> None:
    """A list that was begun after its answer, and is behind it, is of another cluster."""
    for is_before in (True, False):
        cache = live(3, A1)
        reached = cache.reached
        cache.put(A9)

        changes = cache.replace(listing(5, A1), reached if is_before else cache.reached)

        assert (changes, cache.read()) == (((), (A9,)) if is_before else (None, (A1,)))
