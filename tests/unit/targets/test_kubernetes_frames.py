"""How a watch's bytes become events."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    KindNotServedError,
    ReconcilerError,
    VersionExpiredError,
)
from reconciler.model.events import EventType
from reconciler.model.kinds import KINDS
from reconciler.targets.kubernetes.frames import FrameSplitter, read_event
from tests.unit.targets.api_server import status

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

VPC = KINDS["VPC"]
DOING = "watch VPC"
LINES = st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line.strip()))


def _splitter(limit: int = 100) -> FrameSplitter:
    return FrameSplitter(DOING, limit)


def _feed(splitter: FrameSplitter, pieces: list[bytes]) -> list[bytes]:
    return [line for piece in pieces for line in splitter.feed(piece)]


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces that end at these places."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(places)]


class TestSplitter:
    @given(lines=LINES, cuts=st.lists(st.integers(min_value=0, max_value=200)))
    def test_lines_come_out_as_they_went_in(self, lines: list[bytes], cuts: list[int]) -> None:
        """However the network cuts them."""
        splitter = _splitter(limit=1 << 20)
        data = b"".join(line + b"\n" for line in lines)

        assert _feed(splitter, _cut(data, cuts)) == lines
        splitter.finish()

    def test_empty_lines_are_none(self) -> None:
        """Some servers keep a connection alive with them."""
        assert _splitter().feed(b"\n\r\n{}\n \n") == [b"{}"]

    @pytest.mark.parametrize("rest", [b"", b" \r"], ids=["nothing", "white space"])
    def test_an_end_between_lines_is_fine(self, rest: bytes) -> None:
        """Nothing was lost."""
        splitter = _splitter()
        splitter.feed(b"{}\n" + rest)
        splitter.finish()

    def test_an_end_within_a_line_is_an_error(self) -> None:
        """Also when the half that came is JSON by chance."""
        splitter = _splitter()

        assert splitter.feed(b"{}\n{}") == [b"{}"]
        with pytest.raises(ClusterUnavailableError, match="watch VPC: the stream ended in the middle of an event"):
            splitter.finish()

    def test_a_line_up_to_the_limit_is_fine(self) -> None:
        """Each line by itself, however many come."""
        splitter = _splitter(limit=4)

        assert splitter.feed(b"1234\n1234\n12") + splitter.feed(b"34\n") == [b"1234"] * 3

    @pytest.mark.parametrize(
        "pieces",
        [[b"12345"], [b"12345\n"], [b"123", b"45"], [b"123", b"45\n"]],
        ids=["begun", "whole", "grown", "ended"],
    )
    def test_a_line_beyond_the_limit_is_an_error(self, pieces: list[bytes]) -> None:
        """As soon as it is, without waiting for its end."""
        splitter = _splitter(limit=4)

        with pytest.raises(ClusterUnavailableError, match="larger than 4 bytes"):
            _feed(splitter, pieces)


def _frame(event_type: JSON = "ADDED", **changes: JSON) -> bytes:
    metadata = {"name": "v", "namespace": "fabric", "uid": "u", "resourceVersion": "7", **changes}
    return json.dumps({"type": event_type, "object": {"metadata": metadata, "spec": {"mode": "x"}}}).encode()


def _error(said: JSONObject) -> bytes:
    return json.dumps({"type": "ERROR", "object": said}).encode()


class TestEvent:
    @pytest.mark.parametrize("event_type", ["ADDED", "MODIFIED", "DELETED"])
    def test_a_change_has_its_object(self, event_type: str) -> None:
        """And the version to resume from, which is the object's."""
        event = read_event(_frame(event_type), VPC, DOING)

        assert (event.type, event.version) == (EventType(event_type), "7")
        assert event.resource is not None
        assert (event.resource.key.name, event.resource.resource_version, event.resource.spec) == (
            "v",
            "7",
            {"mode": "x"},
        )

    def test_a_bookmark_has_only_a_version(self) -> None:
        """Its object is a shell."""
        event = read_event(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}', VPC, DOING)

        assert (event.type, event.version, event.resource) == (EventType.BOOKMARK, "9", None)

    @pytest.mark.parametrize(
        ("said", "error"),
        [
            pytest.param(status(410, "too old resource version: 232 (235)", "Expired"), VersionExpiredError, id="410"),
            pytest.param(status(401, "Unauthorized"), ClusterAccessError, id="401"),
            pytest.param(status(403, "forbidden"), ClusterAccessError, id="403"),
            pytest.param(status(404, "no such kind"), KindNotServedError, id="404"),
            pytest.param(status(429, "storage is (re)initializing"), ClusterUnavailableError, id="429"),
            pytest.param(status(500, "etcd: leader changed"), ClusterUnavailableError, id="500"),
            pytest.param(
                status(504, "Too large resource version", causes=[{"reason": "ResourceVersionTooLarge"}]),
                VersionExpiredError,
                id="version of the future",
            ),
            pytest.param({}, ClusterUnavailableError, id="empty"),
            pytest.param({"code": "410"}, ClusterUnavailableError, id="code as text"),
        ],
    )
    def test_an_error_is_ours(self, said: JSONObject, error: type[ReconcilerError]) -> None:
        """By its code, as if the request had been answered with it, and named with the watch."""
        with pytest.raises(error, match="watch VPC") as raised:
            read_event(_error(said), VPC, DOING)

        assert type(raised.value) is error

    @pytest.mark.parametrize(
        "frame",
        [
            pytest.param(b"canary-secret", id="no JSON"),
            pytest.param(b'{"type":"ADDED","object":{"canary-secret"', id="half"),
            pytest.param(b"\xff", id="no UTF-8"),
            pytest.param(b"[" * 100_000, id="too deep"),
            pytest.param(b"[]", id="a list"),
            pytest.param(b"null", id="null"),
            pytest.param(b"{}", id="no type"),
            pytest.param(b'{"type":"ADDED"}', id="no object"),
            pytest.param(b'{"type":"ADDED","object":"canary-secret"}', id="text for an object"),
            pytest.param(b'{"type":"ERROR","object":[]}', id="an error that is a list"),
            pytest.param(b'{"type":"ERROR","object":{"code":[]}}', id="an error whose code is a list"),
            pytest.param(_frame("RENAMED"), id="unknown type"),
            pytest.param(_frame(["ADDED"]), id="odd type"),
            pytest.param(_frame(resourceVersion=None), id="no version"),
            pytest.param(_frame(resourceVersion=""), id="empty version"),
            pytest.param(_frame(resourceVersion=7), id="version as a number"),
            pytest.param(b'{"type":"BOOKMARK","object":{"metadata":{}}}', id="bookmark without version"),
            pytest.param(b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}}', id="no name"),
        ],
    )
    def test_what_is_no_event_is_an_error(self, frame: bytes) -> None:
        """Never passed over, and never quoted: it may hold secrets."""
        with pytest.raises(ClusterUnavailableError, match="watch VPC") as raised:
            read_event(frame, VPC, DOING)

        assert "canary" not in raised.value.message
