"""What a server serves, asked of it again and again at the cost of one small request."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import ClusterUnavailableError, KindNotServedError
from reconciler.model.served import Served
from reconciler.targets.kubernetes.answers import read_error
from reconciler.targets.kubernetes.openapi import documents_of, kinds_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.served import ServedKind
    from reconciler.targets.kubernetes.transport import Answer, Transport

INDEX = "/openapi/v3"
WHOLE = "/openapi/v2"
"""The one document of all groups: some megabytes, and the only one of servers before 1.24."""

_DOING = "read the schemas"
_NOT_MODIFIED = 304
_NOT_FOUND = 404


class SchemaReader:
    """Reads the OpenAPI documents of one server, and keeps what they said. Safe to use from several threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._etags: dict[str, str] = {}
        """By path, the version of what was read from there and is part of `_served`."""
        self._groups: dict[str, tuple[str, tuple[ServedKind, ...]]] = {}
        """By the path of its document, what the index said of a group's version, and the kinds in it."""
        self._served = Served()

    def read(self) -> Served:
        """Raises ClusterUnavailableError, ClusterAccessError, KindNotServedError (the server has no documents)."""
        with self._lock:
            index = self._ask(INDEX)
            if index.status == _NOT_FOUND:
                return self._read_whole()
            if index.status != _NOT_MODIFIED:
                self._read_groups(index)
            return self._served

    def _read_groups(self, index: Answer) -> None:
        """Only what the index says has changed is read again."""
        try:
            named = documents_of(index.body)
        except ValueError:
            raise ClusterUnavailableError(f"{_DOING}: {self._transport.address}{INDEX} is no index") from None
        self._groups = {path: known for path, known in self._groups.items() if named.get(path) == known[0]}
        for path in [path for path in named if path not in self._groups]:
            # Without the hash that the index gives, which is redirected once it is old; the content is the newest.
            answer = self._transport.read(f"{INDEX}/{path}")
            if answer.status != _NOT_FOUND:  # else its last kind went after the index was made
                self._groups[path] = named[path], self._same(kinds_of(self._checked(answer).body))
        self._keep(INDEX, index, (kind for _, kinds in self._groups.values() for kind in kinds))

    def _read_whole(self) -> Served:
        answer = self._ask(WHOLE)
        if answer.status == _NOT_FOUND:
            raise KindNotServedError(f"{_DOING}: {self._transport.address} serves no OpenAPI document")
        if answer.status != _NOT_MODIFIED:
            self._keep(WHOLE, answer, self._same(kinds_of(answer.body)))
        return self._served

    def _ask(self, path: str) -> Answer:
        answer = self._transport.read(path, self._etags.get(path))
        return answer if answer.status in {_NOT_MODIFIED, _NOT_FOUND} else self._checked(answer)

    def _checked(self, answer: Answer) -> Answer:
        if not answer.is_ok:
            raise read_error(answer, _DOING)
        if not isinstance(answer.body, dict):
            raise ClusterUnavailableError(f"{_DOING}: {self._transport.address} answered something that is no document")
        return answer

    def _same(self, found: Iterable[ServedKind]) -> tuple[ServedKind, ...]:
        """What was found, with the schemas that were known already where they are the same: what was made of them, and
        what was found by them, still holds.
        """
        known = {(one.name, one.version): one for kinds in self._served.kinds.values() for one in kinds}
        return tuple(_with_schema_of(known.get((one.name, one.version)), one) for one in found)

    def _keep(self, path: str, answer: Answer, kinds: Iterable[ServedKind]) -> None:
        self._served = Served.of(kinds)
        self._etags = {path: answer.etag} if answer.etag else {}


def _with_schema_of(known: ServedKind | None, one: ServedKind) -> ServedKind:
    if known is None or known.schema is None or one.schema is None or known.schema.body != one.schema.body:
        return one
    return replace(one, schema=known.schema)
