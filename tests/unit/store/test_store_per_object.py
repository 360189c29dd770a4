"""What is stored of every object: whose wait it is not, what is read and written of it, and that memory is the file."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from reconciler.errors import StateError
from reconciler.model.passes import SyncState
from reconciler.store import Store, open_store, per_object
from tests.unit.store.samples import SetClock, entry, key, object_state, pass_result, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry
    from reconciler.model.status import PassResult

TIMEOUT = 10.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "state.db", SetClock())) as store:
        yield store


def _result(name: str, names: str, fabric: str = "dc1", revision: str | None = None) -> PassResult:
    changes = {"revision": revision} if revision else {}
    inventory = {key(one): entry(one, **changes) for one in names}
    return replace(pass_result(name, fabric), inventory=inventory, objects=[object_state(one) for one in names])


class Statements:
    """What is asked of the file, from now on."""

    def __init__(self, store: Store) -> None:
        self.rows: dict[str, int] = {}
        event.listen(store._database._engine, "before_cursor_execute", self._note)

    def _note(self, *seen: Any) -> None:
        statement, parameters, is_many = seen[2], seen[3], seen[5]
        words = statement.split()
        for table in {"objects", "inventory"}.intersection(words):
            what = f"{words[0]} {table}"
            self.rows[what] = self.rows.get(what, 0) + (len(parameters) if is_many else 1)


class Interrupted(Mapping["ObjectKey", "InventoryEntry"]):
    """An inventory that lets a delivery arrive whenever it is looked through."""

    def __init__(self, store: Store, inventory: dict[ObjectKey, InventoryEntry]) -> None:
        self._store = store
        self._inventory = inventory
        self.accepted: list[bool] = []

    def __getitem__(self, key: ObjectKey) -> InventoryEntry:
        return self._inventory[key]

    def __len__(self) -> int:
        return len(self._inventory)

    def __iter__(self) -> Iterator[ObjectKey]:
        done = threading.Event()

        def accept() -> None:
            self._store.accept([request(f"r{len(self.accepted)}")])
            done.set()

        threading.Thread(target=accept, daemon=True).start()
        self.accepted.append(done.wait(TIMEOUT))
        return iter(self._inventory)


def test_deliveries_do_not_wait_for_a_comparison(store: Store) -> None:
    """While a pass's end is compared with what is stored, a request can be accepted."""
    inventory = Interrupted(store, {key("a"): entry("a")})

    store.record_pass(replace(pass_result(), inventory=inventory))

    assert inventory.accepted
    assert all(inventory.accepted)
    assert store.inventory("dc1") == {key("a"): entry("a")}


def test_a_pass_over_one_object(store: Store) -> None:
    """After a pass nothing is read again, and the next one writes the row that differs, removes the one that is gone,
    and touches no other.
    """
    store.record_pass(_result("p1", "abcd"))
    statements = Statements(store)

    inventory = {**store.inventory("dc1"), key("b"): entry("b", revision="main@sha1:new")}
    del inventory[key("d")]
    objects = [state for state in store.objects("dc1") if state.key != key("d")]
    objects[0] = object_state("a", SyncState.CHANGED)
    store.record_pass(replace(pass_result("p2"), inventory=inventory, objects=objects))

    assert (store.inventory("dc1"), store.objects("dc1")) == (inventory, objects)
    assert statements.rows == {
        "DELETE inventory": 1,
        "INSERT inventory": 1,
        "DELETE objects": 1,
        "INSERT objects": 1,
    }


def test_what_is_handed_out_is_the_readers_own(store: Store) -> None:
    """Whoever changes what he was given changes nothing of what is stored."""
    store.record_pass(_result("p1", "ab"))

    dict.clear(store.inventory("dc1"))  # type: ignore[arg-type]
    list.clear(store.objects("dc1"))  # type: ignore[arg-type]

    assert list(store.inventory("dc1")) == [key("a"), key("b")]
    assert [state.key for state in store.objects("dc1")] == [key("a"), key("b")]


def test_objects_come_by_key(store: Store, tmp_path: Path) -> None:
    """The order is that of the keys, whatever order they were given in, from memory as from the file."""
    names = "bZé\U0001f600￿a"
    store.record_pass(_result("p1", names))
    kept = store.objects("dc1")
    store.close()

    assert [state.key for state in kept] == sorted(key(name) for name in names)
    with closing(open_store(tmp_path / "state.db", SetClock())) as again:
        assert again.objects("dc1") == kept


def test_a_pass_that_could_not_be_stored_is_not_remembered(store: Store) -> None:
    """After an end that failed the next one writes all that differs from the file, not from what was meant to be."""
    store.record_pass(_result("p1", "ab"))
    with pytest.raises(StateError, match="UNIQUE"):
        store.record_pass(_result("p1", "bc"))
    assert list(store.inventory("dc1")) == [key("a"), key("b")]

    store.record_pass(_result("p2", "bc"))

    path = store._database.path
    store.close()
    with closing(open_store(path, SetClock())) as again:
        assert list(again.inventory("dc1")) == [key("b"), key("c")]
        assert [state.key for state in again.objects("dc1")] == [key("b"), key("c")]


def test_memory_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fabrics written longest ago are read from the file, and one that is too large for memory always is."""
    monkeypatch.setattr(per_object, "MOST_KEPT", 4)
    store.record_pass(_result("p1", "ab", "dc1"))
    store.record_pass(_result("p2", "abc", "dc2"))
    statements = Statements(store)

    assert list(store.inventory("dc2")) == [key(name) for name in "abc"]
    assert statements.rows == {}
    assert list(store.inventory("dc1")) == [key(name) for name in "ab"]
    assert statements.rows == {"SELECT inventory": 1}

    store.record_pass(_result("p3", "abcde", "dc3"))
    assert list(store.inventory("dc3")) == [key(name) for name in "abcde"]
    assert statements.rows["SELECT inventory"] == 3


def test_objects_that_are_alike_share_memory(store: Store, tmp_path: Path) -> None:
    """The paths of many entries are one set where they are the same, as they came from a pass and from the file."""
    store.record_pass(_result("p1", "abc"))
    kept = store.inventory("dc1")
    store.close()
    with closing(open_store(tmp_path / "state.db", SetClock())) as again:
        read = again.inventory("dc1")

    assert len({id(one.paths) for one in (*kept.values(), *read.values())}) == 1
    assert kept == read == {key(name): entry(name) for name in "abc"}


def test_memory_and_file_agree(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any passes of several fabrics, also ones that fail, what is remembered is what a new process reads."""
    monkeypatch.setattr(per_object, "MOST_KEPT", 12)
    chance = random.Random(7)  # noqa: S311 - examples, not secrets
    expected: dict[str, PassResult] = {}
    for number in range(60):
        fabric = chance.choice(["dc1", "dc2", "dc3"])
        names = "".join(sorted(chance.sample("abcdefgh", chance.randrange(8))))
        result = _result(f"p{number}", names, fabric, f"main@sha1:{chance.randrange(3)}")
        if chance.random() < 0.2:
            with pytest.raises(StateError):
                store.record_pass(replace(result, requests=[request(f"x{number}", "nowhere", state="failed")]))
        else:
            chance.choice([store.record_pass, store.checkpoint])(result)
            expected[fabric] = result
        assert {name: (store.inventory(name), store.objects(name)) for name in expected} == {
            name: (last.inventory, last.objects) for name, last in expected.items()
        }
    path = store._database.path
    store.close()
    with closing(open_store(path, SetClock())) as again:
        for name, last in expected.items():
            assert (again.inventory(name), again.objects(name)) == (last.inventory, last.objects)
