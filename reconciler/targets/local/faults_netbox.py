"""A NetBox that fails on demand, for tests and rehearsals."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

from reconciler.errors import NetBoxUnavailableError
from reconciler.model.netbox import WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.errors import ReconcilerError
    from reconciler.model.netbox import (
        ExistingRecord,
        Observation,
        Projection,
        Record,
        RecordChange,
        Ref,
        SharedRecord,
    )
    from reconciler.model.netbox_site import Site, SiteValue
    from reconciler.ports import NetBox

T = TypeVar("T")


class FaultyNetBox:
    """Implements `ports.NetBox` by another one. `calls` are the names of the methods called, in order; `writes` counts
    the items of the writing ones that were passed on.
    """

    def __init__(self, inner: NetBox) -> None:
        self._inner = inner
        self._failures: deque[tuple[str, ReconcilerError, bool]] = deque()
        self._refused: dict[str, str] = {}
        self.calls: list[str] = []
        self.writes = 0

    def fail(self, method: str, error: ReconcilerError | None = None) -> None:
        """The next call of `method` raises `error` (by default: unreachable) and does nothing."""
        self._failures.append((method, error or NetBoxUnavailableError("NetBox is unreachable"), False))

    def lose_answer(self, method: str) -> None:
        """The next call of `method` does its work, and then the connection is lost."""
        self._failures.append((method, NetBoxUnavailableError("the connection was lost"), True))

    def refuse(self, key: str, message: str) -> None:
        """From now on each write of the record with this key has an error; the others go in."""
        self._refused[key] = message

    @property
    def address(self) -> str:
        return self._inner.address

    def version(self) -> str:
        return self._call("version", self._inner.version)

    def observe(self, fabric: str, projection: Projection, *, is_full: bool = True, cause: str = "") -> Observation:
        return self._call("observe", lambda: self._inner.observe(fabric, projection, is_full=is_full, cause=cause))

    def create_shared(self, records: Sequence[SharedRecord]) -> Sequence[WriteResult]:
        return self._write("create_shared", records, lambda record: record.ref, self._inner.create_shared)

    def create(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        return self._write("create", records, lambda record: record.ref, self._inner.create)

    def update(self, changes: Sequence[RecordChange]) -> Sequence[WriteResult]:
        return self._write("update", changes, lambda change: change.ref, self._inner.update)

    def complete(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        return self._write("complete", records, lambda record: record.ref, self._inner.complete)

    def delete(self, records: Sequence[ExistingRecord]) -> Sequence[WriteResult]:
        return self._write("delete", records, lambda existing: existing.ref, self._inner.delete)

    def site(self, slug: str) -> Site | None:
        return self._call("site", lambda: self._inner.site(slug))

    def prepare_sites(self) -> None:
        self._call("prepare_sites", self._inner.prepare_sites)

    def write_site(self, site: Site, fields: Mapping[str, SiteValue]) -> None:
        self._call("write_site", lambda: self._inner.write_site(site, fields))

    def note(self, site: Site, text: str, *, is_trouble: bool = False) -> None:
        self._call("note", lambda: self._inner.note(site, text, is_trouble=is_trouble))

    def _write(
        self,
        method: str,
        items: Sequence[T],
        ref_of: Callable[[T], Ref],
        write: Callable[[Sequence[T]], Sequence[WriteResult]],
    ) -> Sequence[WriteResult]:
        accepted = [item for item in items if ref_of(item).key not in self._refused]
        results = iter(self._call(method, lambda: write(accepted)))
        self.writes += len(accepted)
        return [
            WriteResult(ref, self._refused[ref.key]) if ref.key in self._refused else next(results)
            for ref in map(ref_of, items)
        ]

    def _call(self, method: str, work: Callable[[], T]) -> T:
        self.calls.append(method)
        failure = next((entry for entry in self._failures if entry[0] == method), None)
        if failure is None:
            return work()
        self._failures.remove(failure)
        _, error, is_done_first = failure
        if is_done_first:
            work()
        raise error
