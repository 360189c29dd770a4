"""What a watch says, frame by frame: a line of JSON for each event. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.errors import ClusterUnavailableError
from reconciler.model.events import EventType, WatchEvent
from reconciler.model.objects import Resource
from reconciler.targets.kubernetes.answers import watch_error
from reconciler.targets.kubernetes.transport import Answer

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.kinds import Kind

MAX_FRAME = 16 << 20
"""Bytes. An API server stores objects of up to 1.5 MiB, and etcd may be told to take several times that."""

_ERROR = "ERROR"


class FrameSplitter:
    """Cuts a stream of bytes, as it arrives, into its lines. `doing` names the watch in errors: `watch VPC`."""

    def __init__(self, doing: str, limit: int = MAX_FRAME) -> None:
        self._doing = doing
        self._limit = limit
        self._begun: list[bytes] = []
        self._size = 0
        """Bytes in `_begun`."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that this piece completes, without their ends and without empty ones.

        Raises ClusterUnavailableError for a line beyond the limit, complete or not.
        """
        *ends, begun = piece.split(b"\n")
        lines = [self._line(end) for end in ends]
        self._grow(begun)
        return [line for line in lines if line.strip()]

    def finish(self) -> None:
        """The stream has ended. Raises ClusterUnavailableError when it did so within a line."""
        if b"".join(self._begun).strip():
            raise ClusterUnavailableError(f"{self._doing}: the stream ended in the middle of an event")

    def _line(self, end: bytes) -> bytes:
        self._grow(end)
        line = b"".join(self._begun)
        self._begun, self._size = [], 0
        return line

    def _grow(self, part: bytes) -> None:
        self._begun.append(part)
        self._size += len(part)
        if self._size > self._limit:
            raise ClusterUnavailableError(f"{self._doing}: an event is larger than {self._limit} bytes")


def read_event(frame: bytes, kind: Kind, doing: str) -> WatchEvent:
    """The event in a frame, its object reduced at once to what is kept.

    Raises what `watch_error` makes of an ERROR, and ClusterUnavailableError for what is no event; the frame is not
    quoted.
    """
    said = _decoded(frame, doing)
    try:
        if said["type"] == _ERROR:
            raise watch_error(_answer(said["object"]), doing)
        return _event(EventType(said["type"]), said["object"], kind)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ClusterUnavailableError(f"{doing}: the server said something that is no event") from None


def _decoded(frame: bytes, doing: str) -> JSON:
    try:
        return json.loads(frame)
    except (ValueError, RecursionError):
        raise ClusterUnavailableError(f"{doing}: the server said something that is no JSON") from None


def _event(event_type: EventType, body: JSONObject, kind: Kind) -> WatchEvent:
    version = body["metadata"]["resourceVersion"]
    if not isinstance(version, str) or not version:
        raise ValueError(version)
    if event_type is EventType.BOOKMARK:
        return WatchEvent(event_type, version)
    return WatchEvent(event_type, version, Resource.from_body(body, kind))


def _answer(status: JSONObject) -> Answer:
    """An ERROR's Status, as the answer that it would have been before the stream began."""
    return Answer(status.get("code") or 0, status)
