"""Bulk writes: batches, lanes, refusals and lost answers."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import NetBoxAccessError
from reconciler.targets.netbox import bulk
from reconciler.targets.netbox.answers import Finding, LostError, RefusedError
from reconciler.targets.netbox.bulk import BATCH, BulkWriter, Pace

if TYPE_CHECKING:
    from collections.abc import Sequence


class Store:
    """A sender whose NetBox takes all numbers of a request or none. `bad` ones are refused: named by position, by id,
    or not at all. `faults` are raised by the next requests, before (or after: `is_done`) the numbers are stored.
    """

    def __init__(self, bad: frozenset[int] = frozenset(), naming: str = "position") -> None:
        self._bad = bad
        self._naming = naming
        self._lock = threading.Lock()
        self.faults: list[tuple[Exception, bool]] = []
        self.requests: list[list[int]] = []
        self.stored: Counter[int] = Counter()
        self.size = 1

    def entry(self, item: int) -> str:
        return str(item).rjust(self.size, "0")

    def record_id(self, item: int) -> int | None:
        return 1000 + item if self._naming == "id" else None

    def send(self, items: Sequence[int]) -> Sequence[str | None]:
        with self._lock:
            self.requests.append(list(items))
            fault, is_done = self.faults.pop(0) if self.faults else (None, False)
            if fault is None or is_done:
                self._store(items)
        if fault is not None:
            raise fault
        return [None] * len(items)

    def _store(self, items: Sequence[int]) -> None:
        refused = [(position, item) for position, item in enumerate(items) if item in self._bad]
        if refused:
            raise RefusedError(400, "some are bad", tuple(self._finding(*entry) for entry in refused if self._names))
        self.stored.update(items)

    @property
    def _names(self) -> bool:
        return self._naming != "nothing"

    def _finding(self, position: int, item: int) -> Finding:
        if self._naming == "id":
            return Finding(f"{item} is bad", record_id=1000 + item)
        return Finding(f"{item} is bad", position=position)

    def settled(self, items: Sequence[int]) -> Sequence[bool]:
        return [item in self.stored for item in items]


def write(store: Store, items: Sequence[int], writers: int = 1, shards: int | None = None) -> list[str | None]:
    """Write numbers, sharded by their remainder."""
    writer = BulkWriter(store, lambda _: None, writers)
    return writer.write(items, lambda item: None if shards is None else item % shards)


@given(st.sets(st.integers(0, 120)), st.sampled_from(["position", "id", "nothing"]), st.integers(1, 3))
def test_bad_ones_are_isolated(bad: set[int], naming: str, writers: int) -> None:
    """Whichever are bad, and however they are named: exactly those have an error, and each other one is stored once."""
    store = Store(frozenset(bad), naming)
    errors = write(store, range(101), writers)

    assert {item for item, error in enumerate(errors) if error} == {item for item in bad if item <= 100}
    assert store.stored == Counter(set(range(101)) - bad)


def test_named_ones_cost_one_more_request() -> None:
    """When NetBox names the bad ones, the rest goes out in one more request; else they are searched for."""
    named, nameless = Store(frozenset({7, 30})), Store(frozenset({7}), "nothing")

    assert write(named, range(40))[7] == "7 is bad"
    assert [len(request) for request in named.requests] == [40, 38]
    assert write(nameless, range(40))[7] == "some are bad"
    assert len(nameless.requests) <= 12


def test_batches() -> None:
    """A request holds at most fifty items, in order."""
    store = Store()
    write(store, range(BATCH * 2 + 1))

    assert [len(request) for request in store.requests] == [BATCH, BATCH, 1]
    assert [item for request in store.requests for item in request] == list(range(BATCH * 2 + 1))


def test_batches_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request's body stays below the limit; an item that is larger alone goes alone."""
    monkeypatch.setattr(bulk, "BATCH_BYTES", 100)
    store = Store()
    store.size = 38
    write(store, range(5))
    store.size = 300
    write(store, range(5, 7))

    assert [len(request) for request in store.requests] == [2, 2, 1, 1, 1]


@given(st.integers(1, 4), st.integers(1, 6))
def test_shards_do_not_meet(writers: int, shards: int) -> None:
    """Items of one shard stay in one lane, in order; no lane is empty."""
    keys = [item % shards for item in range(60)]
    lanes = bulk._lanes(keys, writers)

    assert len(lanes) == min(writers, shards)
    assert all(lane for lane in lanes)
    for shard in range(shards):
        assert sum(any(keys[at] == shard for at in lane) for lane in lanes) == 1


def test_items_without_a_shard_fill_the_lanes() -> None:
    """What belongs to no shard evens the lanes out."""
    lanes = bulk._lanes([*(["a"] * 150), *([None] * 150)], 2)

    assert [len(lane) for lane in lanes] == [150, 150]


def test_lanes_run_in_parallel() -> None:
    """Two writers send at the same time: each waits for the other's request."""
    meeting = threading.Barrier(2, timeout=10)

    class Meeting(Store):
        def send(self, items: Sequence[int]) -> Sequence[str | None]:
            meeting.wait()
            return super().send(items)

    assert write(Meeting(), range(20), writers=2, shards=2) == [None] * 20


def test_an_error_ends_all_lanes() -> None:
    """An error that concerns everything is raised, and the other lanes end after their request."""
    store = Store()
    store.faults = [(NetBoxAccessError("no right"), False)] * 2
    with pytest.raises(NetBoxAccessError, match="no right"):
        write(store, range(1000), writers=2)

    assert len(store.requests) <= 2 + 2


@pytest.mark.parametrize("is_done", [pytest.param(True, id="carried out"), pytest.param(False, id="not carried out")])
@pytest.mark.parametrize(
    "fault", [pytest.param(LostError("lost"), id="lost"), pytest.param(RefusedError(500, "duplicate key"), id="500")]
)
def test_a_lost_answer(fault: Exception, *, is_done: bool) -> None:
    """Whether or not a request was carried out, each item is stored exactly once in the end."""
    store = Store()
    store.faults = [(fault, is_done)]

    assert write(store, range(30)) == [None] * 30
    assert store.stored == Counter(range(30))


def test_a_server_error_for_one_item() -> None:
    """An item with which NetBox cannot cope is found, and has NetBox's words for an error."""

    class Choking(Store):
        def send(self, items: Sequence[int]) -> Sequence[str | None]:
            if 13 in items:
                raise RefusedError(500, "duplicate key")
            return super().send(items)

    store = Choking()
    errors = write(store, range(40))

    assert [at for at, error in enumerate(errors) if error] == [13]
    assert errors[13] == "duplicate key"
    assert len(store.stored) == 39


def test_answers_that_stay_lost() -> None:
    """After a few repetitions the loss is an error of the whole; each repetition is waited for, longer each time."""
    store, waits = Store(), list[int]()
    store.faults = [(LostError("lost"), False)] * 10
    with pytest.raises(LostError):
        BulkWriter(store, waits.append, 1).write([1, 2], lambda _: None)

    assert waits == [1, 2, 3]
    assert len(store.requests) == 4


def test_what_may_still_run_is_not_repeated() -> None:
    """A request that NetBox may still be working on is not sent again: it could be written twice."""
    store = Store()
    store.faults = [(LostError("timed out", may_run=True), False)]
    with pytest.raises(LostError):
        write(store, [1, 2])

    assert len(store.requests) == 1


def test_findings_that_name_nobody() -> None:
    """Positions and ids that are not in the request are passed over, and the bad one is searched for."""

    class Confused(Store):
        def send(self, items: Sequence[int]) -> Sequence[str | None]:
            if 3 in items:
                raise RefusedError(400, "bad", (Finding("?", position=99), Finding("?", record_id=7), Finding("?")))
            return super().send(items)

    errors = write(Confused(naming="id"), range(6))

    assert [at for at, error in enumerate(errors) if error] == [3]


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        pytest.param(1.0, 50, id="quick"),
        pytest.param(10.0, 5, id="slow"),
        pytest.param(0.2, 50, id="never more than a batch"),
        pytest.param(60.0, 5, id="never hardly any"),
        pytest.param(2.5, 20, id="as many as fit"),
    ],
)
def test_pace(seconds: float, size: int) -> None:
    """A request holds as many records as NetBox writes in five seconds, by how long it took for the last ones."""
    times = iter([0.0, seconds])
    pace = Pace(lambda: next(times))
    assert pace.size == 50
    with pace.timing(10):
        pass

    assert pace.size == size


def test_a_slow_netbox_gets_smaller_batches() -> None:
    """What one batch took tells the size of the next."""
    store = Store()
    times = iter(float(10 * number) for number in range(40))
    writer = BulkWriter(store, lambda _: None, 1, Pace(lambda: next(times)))
    writer.write(list(range(80)), lambda _: None)

    assert [len(batch) for batch in store.requests] == [50, 25, 5]


def test_a_request_that_failed_tells_that_it_is_slow() -> None:
    """What was given up after ten seconds is not sent in the same size again; what fails at once says nothing."""
    times = iter([0.0, 10.0, 10.0, 10.1])
    pace = Pace(lambda: next(times))
    for _ in range(2):
        with pytest.raises(OSError, match="lost"), pace.timing(50):
            raise OSError("lost")

    assert pace.size == 25
