"""Group commit: what arrives while a transaction is written shares the next one, and each caller has its own answer."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from reconciler.errors import StateError
from reconciler.model.requests import Delivery, Request, Trigger
from reconciler.store import connection, grouping, open_store
from reconciler.store.grouping import Grouped
from tests.unit.store.samples import NOON, SetClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMEOUT = 10.0


class Tape:
    """A medium that takes texts in groups. The first write lasts until it is let go; one text cannot be written."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.is_writing = threading.Event()
        self.may_go_on = threading.Event()
        self.is_locked = False

    def write(self, texts: Sequence[str]) -> list[str]:
        self.groups.append(list(texts))
        self.is_writing.set()
        assert self.may_go_on.wait(TIMEOUT)
        if "poison" in texts:
            raise StateError("this cannot be written")
        if "lock" in texts or self.is_locked:
            self.is_locked = True
            raise StateError("nothing can be written")
        return [text.upper() for text in texts]


def _is_common(error: Exception) -> bool:
    return "nothing" in str(error)


def _write_behind(tape: Tape, texts: Sequence[str]) -> dict[str, str | StateError]:
    """What each caller gets whose text arrives, in this order, while a first write goes on."""
    grouped = Grouped(tape.write, _is_common)
    found: dict[str, str | StateError] = {}

    def add(text: str) -> None:
        try:
            found[text] = grouped.add(text)
        except StateError as error:
            found[text] = error

    threads = [threading.Thread(target=add, args=[text]) for text in ["first", *texts]]
    for number, thread in enumerate(threads):
        thread.start()
        assert tape.is_writing.wait(TIMEOUT)
        while len(grouped._arrived) < number:
            thread.join(0.001)
    tape.may_go_on.set()
    for thread in threads:
        thread.join(TIMEOUT)
    return found


def test_what_arrives_meanwhile_goes_together() -> None:
    """Three texts that arrive during a write are one group, in their order, and each caller has his own answer."""
    tape = Tape()

    found = _write_behind(tape, ["a", "b", "c"])

    assert tape.groups == [["first"], ["a", "b", "c"]]
    assert found == {"first": "FIRST", "a": "A", "b": "B", "c": "C"}


def test_one_that_cannot_be_written_fails_alone() -> None:
    """The error is its caller's, and the others of its group are written all the same."""
    tape = Tape()

    found = _write_behind(tape, ["a", "poison", "c"])

    assert isinstance(found.pop("poison"), StateError)
    assert found == {"first": "FIRST", "a": "A", "c": "C"}
    assert tape.groups == [["first"], ["a", "poison", "c"], ["a"], ["poison"], ["c"]]


def test_what_stands_in_the_way_of_all_is_met_once() -> None:
    """Nobody waits again for what kept the whole group: all of it fails with that error."""
    tape = Tape()

    found = _write_behind(tape, ["a", "lock", "c"])

    assert found.pop("first") == "FIRST"
    assert {text: str(error) for text, error in found.items()} == dict.fromkeys(
        ["a", "lock", "c"], "nothing can be written"
    )
    assert tape.groups == [["first"], ["a", "lock", "c"]]


def test_what_comes_in_the_way_later_is_met_once() -> None:
    """While each of a group is tried alone, the first that meets it ends the tries: what was written stays written."""
    tape = Tape()

    found = _write_behind(tape, ["a", "poison", "lock", "d", "e"])

    assert {text: str(answer) for text, answer in found.items()} == {
        "first": "FIRST",
        "a": "A",
        "poison": "this cannot be written",
        "lock": "nothing can be written",
        "d": "nothing can be written",
        "e": "nothing can be written",
    }
    assert tape.groups[2:] == [["a"], ["poison"], ["lock"]]


def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a number of items go together, and none is left behind."""
    monkeypatch.setattr(grouping, "LARGEST_GROUP", 2)
    tape = Tape()

    found = _write_behind(tape, ["a", "b", "c", "d", "e"])

    assert tape.groups == [["first"], ["a", "b"], ["c", "d"], ["e"]]
    assert len(found) == 6


def test_an_interruption_reaches_everybody() -> None:
    """What ends the writing thread leaves no caller waiting, and nobody tries again in its name."""
    calls = 0

    def interrupt(_texts: Sequence[str]) -> list[str]:
        nonlocal calls
        calls += 1
        raise KeyboardInterrupt

    grouped = Grouped(interrupt, _is_common)

    with pytest.raises(KeyboardInterrupt):
        grouped.add("a")
    assert calls == 1


def test_redeliveries_at_once(tmp_path: Path) -> None:
    """Of deliveries with one id that arrive at the same moment exactly one is new; the others learn its requests."""
    store = open_store(tmp_path / "state.db", SetClock())
    with ThreadPoolExecutor(16) as threads:
        for number in range(20):
            barrier = threading.Barrier(16)

            def deliver(
                caller: int, number: int = number, barrier: threading.Barrier = barrier
            ) -> Sequence[str] | None:
                barrier.wait(TIMEOUT)
                request = Request(f"r{number}-{caller}", "dc1", Trigger.PUSH, NOON)
                return store.accept([request], Delivery("github", f"d{number}", "push"), ["gitops"])

            answers = list(threads.map(deliver, range(16)))

            (winner,) = [f"r{number}-{caller}" for caller, answer in enumerate(answers) if answer is None]
            assert {tuple(answer) for answer in answers if answer is not None} == {(winner,)}
            assert [r.id for r in store.unfinished() if r.id.startswith(f"r{number}-")] == [winner]
    store.close()


def test_the_last_announced_commit_of_a_group_counts(tmp_path: Path) -> None:
    """Pushes that share a transaction leave what they would have left one after another."""
    store = open_store(tmp_path / "state.db", SetClock())
    with ThreadPoolExecutor(8) as threads:
        accepted = list(threads.map(lambda number: store.accept([_push(number)]), range(50)))

    assert accepted == [None] * 50
    order = [request.revision for request in store.unfinished()]
    assert store.fabric("dc1").desired_revision == order[-1]
    store.close()


def _push(number: int) -> Request:
    commit = f"{number:040x}"
    return Request(f"r{number}", "dc1", Trigger.PUSH, NOON, commit=commit, revision=f"main@sha1:{commit}")


def test_a_locked_file_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries that share a transaction wait together for another program that holds the file, not one by one."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.2)
    store = open_store(tmp_path / "state.db", SetClock())
    tries = 0

    def count(*_: object) -> None:
        nonlocal tries
        tries += 1

    event.listen(store._database._engine, "begin", count)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(20) as threads:
            answers = [threads.submit(store.accept, [_push(number)]) for number in range(20)]
            errors = [str(answer.exception(TIMEOUT)) for answer in answers]
        backup.execute("ROLLBACK")

    assert errors == [f"{tmp_path / 'state.db'}: database is locked"] * 20
    assert tries < 10
    assert store.accept([_push(0)]) is None
    store.close()


def test_one_request_that_cannot_be_stored(tmp_path: Path) -> None:
    """An error of the database about a row is that of one caller."""
    store = open_store(tmp_path / "state.db", SetClock())
    database = store._database
    with database.writing() as rows:
        rows.exec_driver_sql(
            "CREATE TRIGGER bad BEFORE INSERT ON requests WHEN NEW.id = 'r3' BEGIN SELECT RAISE(ABORT, 'bad'); END"
        )
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(store.accept, [_push(number)]) for number in range(8)]
        errors = {number for number, answer in enumerate(answers) if answer.exception(TIMEOUT)}

    assert errors == {3}
    store.close()
