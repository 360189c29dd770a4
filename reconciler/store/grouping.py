"""Group commit: what arrives while a transaction is being written shares the next one."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Answer = TypeVar("Answer")

LARGEST_GROUP = 500
"""Items in one transaction: beyond it the first of them would wait too long for the last."""


class Grouped(Generic[Item, Answer]):
    """Writes items of many threads in as few transactions as there can be without any of them waiting for company.

    `write` takes items in the order of their arrival, makes them durable together or not at all, and gives an answer
    for each. It is never called by two threads at once.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Answer]]) -> None:
        self._write = write
        self._arrived: deque[tuple[Item, Future[Answer]]] = deque()
        self._turn = Lock()

    def add(self, item: Item) -> Answer:
        """Write an item; durable when it returns. Raises what `write` raises of it."""
        answer: Future[Answer] = Future()
        self._arrived.append((item, answer))
        with self._turn:
            # Whoever had the turn before may have written it.
            while not answer.done():
                self._write_group([self._arrived.popleft() for _ in range(min(len(self._arrived), LARGEST_GROUP))])
        return answer.result()

    def _write_group(self, group: Sequence[tuple[Item, Future[Answer]]]) -> None:
        try:
            answers = self._write([item for item, _ in group])
        except BaseException as error:  # noqa: BLE001 - raised again in the threads that wait for it
            self._fail(group, error)
        else:
            for (_, answer), written in zip(group, answers, strict=True):
                answer.set_result(written)

    def _fail(self, group: Sequence[tuple[Item, Future[Answer]]], error: BaseException) -> None:
        """One that cannot be written must not take the others with it: each of several is tried alone."""
        if len(group) == 1 or not isinstance(error, Exception):
            for _, answer in group:
                answer.set_exception(error)
        else:
            for one in group:
                self._write_group([one])
