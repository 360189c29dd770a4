"""Group commit: what arrives while a transaction is being written shares the next one."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_Waiting: TypeAlias = "tuple[Item, Future[Answer]]"

LARGEST_GROUP = 500
"""Items in one transaction: beyond it the first of them would wait too long for the last."""


class Grouped(Generic[Item, Answer]):
    """Writes items of many threads in as few transactions as there can be without any of them waiting for company.

    `write` takes items in the order of their arrival, makes them durable together or not at all, and gives an answer
    for each. It is never called by two threads at once. `is_common` tells of an error of `write` whether it would meet
    any item, whatever it holds.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Answer]], is_common: Callable[[Exception], bool]
    ) -> None:
        self._write = write
        self._is_common = is_common
        self._arrived: deque[_Waiting[Item, Answer]] = deque()
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

    def _write_group(self, group: Sequence[_Waiting[Item, Answer]]) -> None:
        """One that cannot be written must not take the others with it: each of several is tried alone. But not when
        something else stands in the way: each of them would have to wait for that again.
        """
        error = self._try(group)
        if error is None:
            return
        if len(group) == 1 or self._meets_all(error):
            _fail(group, error)
            return
        for number, one in enumerate(group):
            error = self._try([one])
            if error is not None and self._meets_all(error):
                _fail(group[number:], error)
                return
            if error is not None:
                _fail([one], error)

    def _try(self, group: Sequence[_Waiting[Item, Answer]]) -> BaseException | None:
        try:
            answers = self._write([item for item, _ in group])
        except BaseException as error:  # noqa: BLE001 - raised again in the threads that wait for it
            return error
        for (_, answer), written in zip(group, answers, strict=True):
            answer.set_result(written)
        return None

    def _meets_all(self, error: BaseException) -> bool:
        return not isinstance(error, Exception) or self._is_common(error)


def _fail(group: Sequence[_Waiting[Item, Answer]], error: BaseException) -> None:
    for _, answer in group:
        answer.set_exception(error)
