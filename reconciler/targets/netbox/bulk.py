"""Bulk writes: batches of a size that NetBox takes, in parallel lanes that do not meet, each bad record by itself.

A bulk request of NetBox writes all of its records or none.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from reconciler.targets.netbox.answers import LostError, RefusedError
from reconciler.threads import ContextPool

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from reconciler.model.json import JSON

BATCH = 50
"""Records in a request. From here on larger ones are not faster, and a smaller one loses less when it is refused."""

BATCH_BYTES = 1_000_000
"""NetBox answers 500 to bodies beyond 2.6 MB."""

BUDGET = 5.0
"""Seconds that NetBox may take for a request: a stop waits for it, a time-out is far off, and progress shows."""

_FEWEST = 5
_RESENDS = 3

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Sender(Protocol[T_contra]):
    """How items of one kind go to NetBox."""

    def send(self, items: Sequence[T_contra]) -> Sequence[str | None]:
        """Write all or none; what is wrong with each of those that were written. Raises RefusedError, LostError."""

    def entry(self, item: T_contra) -> JSON:
        """The item's part of the request's body."""

    def record_id(self, item: T_contra) -> int | None:
        """The id by which NetBox names the item in an error; None: it goes by position."""

    def settled(self, items: Sequence[T_contra]) -> Sequence[bool]:
        """Which of the items NetBox holds as they were sent, after an answer that was lost or made no sense."""


class Pace:
    """How long NetBox takes for a record of one kind, and how many of them go into a request by that."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seconds = 0.0

    @property
    def size(self) -> int:
        """At most `BATCH`; fewer where NetBox is slow."""
        return BATCH if not self._seconds else max(_FEWEST, min(BATCH, int(BUDGET / self._seconds)))

    @contextmanager
    def timing(self, records: int) -> Iterator[None]:
        """A request for so many records; one that failed tells that it takes at least as long."""
        begun, before = self._monotonic(), self._seconds
        try:
            yield
            before = 0.0
        finally:
            self._seconds = max(before, (self._monotonic() - begun) / records)


class BulkWriter(Generic[T]):
    """Writes items of one model. Raises what the sender raises beside RefusedError, and a LostError that lasts."""

    def __init__(self, sender: Sender[T], wait: Callable[[int], None], writers: int, pace: Pace | None = None) -> None:
        """`wait` waits before attempt number n (from 1) to send again what may have been lost. `pace` is what earlier
        writes told.
        """
        self._pace = pace or Pace()
        self._sender = sender
        self._wait = wait
        self._writers = writers

    def write(self, items: Sequence[T], shard: Callable[[T], Hashable]) -> list[str | None]:
        """For each item None, or why it was not written. Items of one shard (None: of no shard) never go out in
        parallel.
        """
        errors: list[str | None] = [None] * len(items)
        lanes = _lanes([shard(item) for item in items], self._writers)
        stop = threading.Event()

        def run(lane: Sequence[int]) -> None:
            for batch in self._batches(items, lane):
                if stop.is_set():
                    return
                for position, error in zip(batch, self._write_batch([items[at] for at in batch]), strict=True):
                    errors[position] = error

        if len(lanes) == 1:
            run(lanes[0])
        elif lanes:
            _in_parallel(run, lanes, stop)
        return errors

    def _batches(self, items: Sequence[T], lane: Sequence[int]) -> Iterator[list[int]]:
        batch: list[int] = []
        size = 0
        for position in lane:
            length = len(json.dumps(self._sender.entry(items[position])))
            if batch and (len(batch) >= self._pace.size or size + length > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(position)
            size += length
        if batch:
            yield batch

    def _write_batch(self, items: Sequence[T]) -> list[str | None]:
        """Send a batch, and what is left of it, until each item is written or known to be bad."""
        errors: list[str | None] = [None] * len(items)
        waiting = deque([list(range(len(items)))])
        lost = 0
        while waiting:
            batch = waiting.popleft()
            try:
                with self._pace.timing(len(batch)):
                    sent = self._sender.send([items[at] for at in batch])
            except RefusedError as refusal:
                waiting.extendleft(self._sort_out(items, batch, refusal, errors))
            except LostError as error:
                lost += 1
                if error.may_run or lost > _RESENDS:
                    raise
                self._wait(lost)
                if rest := self._unsettled(items, batch):
                    waiting.appendleft(rest)
            else:
                for position, finding in zip(batch, sent, strict=True):
                    errors[position] = finding
        return errors

    def _unsettled(self, items: Sequence[T], batch: list[int]) -> list[int]:
        settled = self._sender.settled([items[at] for at in batch])
        return [at for at, is_settled in zip(batch, settled, strict=True) if not is_settled]

    def _sort_out(
        self, items: Sequence[T], batch: list[int], refusal: RefusedError, errors: list[str | None]
    ) -> list[list[int]]:
        """Note who is to blame for a refusal, and return the batches that are left to send. A server error (a lost
        race, for one) may concern any of them, and some may be there all the same.
        """
        if refusal.status >= 500:  # noqa: PLR2004 - the class of server errors
            batch = self._unsettled(items, batch)
        named = self._named(items, batch, refusal)
        if named:
            for position, message in named.items():
                errors[position] = message
            rest = [at for at in batch if at not in named]
            return [rest] if rest else []
        if len(batch) == 1:
            errors[batch[0]] = refusal.message
            return []
        middle = len(batch) // 2
        return [part for part in (batch[middle:], batch[:middle]) if part]

    def _named(self, items: Sequence[T], batch: list[int], refusal: RefusedError) -> dict[int, str]:
        by_id = {self._sender.record_id(items[at]): at for at in batch}
        named: dict[int, str] = {}
        for finding in refusal.findings:
            if finding.record_id in by_id and finding.record_id is not None:
                named[by_id[finding.record_id]] = finding.message
            elif finding.position is not None and finding.position < len(batch):
                named[batch[finding.position]] = finding.message
        return named


def _in_parallel(run: Callable[[Sequence[int]], None], lanes: Iterable[Sequence[int]], stop: threading.Event) -> None:
    """Run all lanes; when one fails the others end after their batch, and the first error is raised."""

    def guarded(lane: Sequence[int]) -> None:
        try:
            run(lane)
        except BaseException:
            stop.set()
            raise

    lanes = list(lanes)
    with ContextPool(len(lanes), "netbox-writer") as pool:
        futures = [pool.submit(guarded, lane) for lane in lanes]
    for future in futures:
        future.result()


def _lanes(shards: Sequence[Hashable], count: int) -> list[list[int]]:
    """Positions in up to `count` lanes of about the same length: a shard stays in one, the rest fills them up."""
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for position, shard in enumerate(shards):
        groups[shard].append(position)
    free = groups.pop(None, [])
    lanes: list[list[int]] = [[] for _ in range(max(1, count))]
    for group in sorted(groups.values(), key=len, reverse=True):
        min(lanes, key=len).extend(group)
    for start in range(0, len(free), BATCH):
        min(lanes, key=len).extend(free[start : start + BATCH])
    return [lane for lane in lanes if lane]
