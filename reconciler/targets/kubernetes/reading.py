"""Where the objects of a kind are in the Kubernetes API, and how its answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote

from reconciler.errors import ClusterUnavailableError
from reconciler.model.objects import Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSON
    from reconciler.model.kinds import Kind
    from reconciler.targets.kubernetes.transport import Answer, AnswerTooLargeError

One = TypeVar("One")


def collection(kind: Kind, namespace: str) -> str:
    """The path of all objects of a kind in a namespace."""
    return f"/apis/{kind.group}/{kind.version}/namespaces/{quote(namespace, safe='')}/{kind.plural}"


class Pages(Generic[One]):
    """A list that is read page by page: ask with `query`, hand over the answer with `take`, until `is_complete`.

    `read` makes of an item what is kept. There are `limit` objects in a page, and fewer from the next one on when an
    answer had more than `easy` bytes.
    """

    def __init__(
        self, kind: Kind, address: str, read: Callable[[JSON, Kind, str], One], limit: int, easy: int | None = None
    ) -> None:
        self.found: list[One] = []
        self.limit = limit
        self.is_complete = False
        self.version: JSON = None
        """The resourceVersion that the last page told, of whatever type."""
        self._kind = kind
        self._address = address
        self._read = read
        self._easy = easy
        self._token = ""

    def query(self) -> list[tuple[str, str]]:
        return [("limit", str(self.limit)), *([("continue", self._token)] if self._token else [])]

    def take(self, answer: Answer) -> None:
        """Raises ClusterUnavailableError for an answer that is no page of a list."""
        body, doing = answer.body, f"list {self._kind.name}"
        items = body.get("items") if isinstance(body, dict) else None
        if not isinstance(items, list):
            raise ClusterUnavailableError(f"{doing}: {self._address} answered something that is not a list")
        metadata = body.get("metadata") or {}
        token = (metadata.get("continue") or "") if isinstance(metadata, dict) else None
        if not isinstance(token, str):
            raise ClusterUnavailableError(f"{doing}: {self._address} answered a list with odd metadata")
        self.found.extend(self._read(item, self._kind, self._address) for item in items)
        self.version = metadata.get("resourceVersion")
        self._token = token
        self.is_complete = not token
        if self._easy is not None and answer.size > self._easy:
            self.limit = max(1, min(self.limit, len(items)) * self._easy // answer.size)

    def shrink(self, error: AnswerTooLargeError) -> None:
        """A page was too large: ask for half of it. Raises the error when it had one object."""
        if self.limit == 1:
            raise error
        self.limit //= 2


def read_resource(body: JSON, kind: Kind, address: str) -> Resource:
    """An object as we keep it. Raises ClusterUnavailableError for what is none."""
    try:
        return Resource.from_body(body, kind)
    except (TypeError, ValueError):
        raise ClusterUnavailableError(f"{address} answered something that is no {kind.name}") from None
