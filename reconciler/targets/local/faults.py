"""A cluster that fails when it is told to: to prove what happens then."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.errors import ReconcilerError
    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind
    from reconciler.model.objects import Resource
    from reconciler.model.served import Served
    from reconciler.ports import Cluster

T = TypeVar("T")


class Call(NamedTuple):
    """A call as it came in: `subject` is a kind's name (list), `Kind/name` (apply, dry_run, delete), or empty."""

    verb: str
    subject: str


@dataclass(slots=True)
class _Fault:
    verb: str
    subject: str | None
    error: ReconcilerError
    times: int
    is_late: bool


class FaultyCluster:
    """Passes calls to another cluster, remembers them, and fails those that `fail` names."""

    def __init__(self, inner: Cluster) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []
        self._calls: list[Call] = []

    def fail(
        self, verb: str, error: ReconcilerError, *, subject: str | None = None, times: int = 1, is_late: bool = False
    ) -> None:
        """Let the next `times` calls of `verb` (`list`, `apply`, `dry_run`, `delete`, `version`, `denied`, `served`)
        raise `error`; only those about `subject`, when it is given. `is_late`: the call is done, and only its answer is
        lost.
        """
        with self._lock:
            self._faults.append(_Fault(verb, subject, error, times, is_late))

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls so far, failed ones too."""
        with self._lock:
            return tuple(self._calls)

    @property
    def writes(self) -> tuple[Call, ...]:
        """The calls that ask for a change."""
        return tuple(call for call in self.calls if call.verb in {"apply", "delete"})

    @property
    def address(self) -> str:
        return self._inner.address

    def version(self) -> str:
        return self._do(Call("version", ""), self._inner.version)

    def denied(self, kinds: Sequence[Kind], verbs: Sequence[str]) -> tuple[str, ...]:
        return self._do(Call("denied", ""), lambda: self._inner.denied(kinds, verbs))

    def served(self) -> Served:
        return self._do(Call("served", ""), self._inner.served)

    def list(self, kind: Kind) -> tuple[Resource, ...]:
        return self._do(Call("list", kind.name), lambda: self._inner.list(kind))

    def apply(self, body: JSONObject, *, force: bool = False) -> Resource:
        call = Call("apply", f"{body['kind']}/{body['metadata']['name']}")
        return self._do(call, lambda: self._inner.apply(body, force=force))

    def dry_run(self, body: JSONObject) -> Resource:
        call = Call("dry_run", f"{body['kind']}/{body['metadata']['name']}")
        return self._do(call, lambda: self._inner.dry_run(body))

    def delete(self, resource: Resource) -> None:
        self._do(Call("delete", str(resource.key)), lambda: self._inner.delete(resource))

    def _do(self, call: Call, act: Callable[[], T]) -> T:
        fault = self._next_fault(call)
        if fault is None:
            return act()
        if fault.is_late:
            act()
        raise fault.error

    def _next_fault(self, call: Call) -> _Fault | None:
        with self._lock:
            self._calls.append(call)
            for fault in self._faults:
                if fault.times > 0 and fault.verb == call.verb and fault.subject in {None, call.subject}:
                    fault.times -= 1
                    return fault
        return None
