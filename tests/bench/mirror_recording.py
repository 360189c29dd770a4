"""What our client sends to NetBox in a first mirror, to be sent again by a client that has nothing else to do."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlsplit

from reconciler.model.netbox import KEY_FIELD
from reconciler.targets.netbox.session import BoundedSession

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import requests

    from reconciler.model.json import JSONObject


@dataclass(frozen=True)
class Write:
    """A bulk request. Those of one step and different lanes went out side by side; `ids` are the ids that NetBox gave
    or knew, by key, and `path` is the list's (`dcim/devices`).
    """

    step: int
    lane: int
    method: str
    path: str
    body: Sequence[JSONObject]
    ids: Mapping[str, int]


@dataclass
class Recorder:
    """Notes the writes of all our sessions while it listens. What it notes is decoded afterwards, not meanwhile."""

    _step: int = 0
    _raw: list[tuple[int, int, str, str, bytes, bytes]] = field(default_factory=list)

    def begin_step(self) -> None:
        """What follows waits for what was before."""
        self._step += 1

    @contextmanager
    def listening(self) -> Iterator[None]:
        send = BoundedSession.send

        def listen(session: BoundedSession, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            step, response = self._step, send(session, request, **options)
            if request.method != "GET":
                assert response.ok, response.text
                method, path = str(request.method), urlsplit(str(request.url)).path
                body = bytes(request.body or b"")  # type: ignore[arg-type]  # our client sends bytes
                self._raw.append((step, threading.get_ident(), method, path, body, response.content))
            return response

        with patch.object(BoundedSession, "send", listen):
            yield

    def writes(self) -> list[Write]:
        """In the order in which they were answered."""
        return [
            Write(step, lane, method, path.removeprefix("/api/").strip("/"), json.loads(body), _ids(json.loads(answer)))
            for step, lane, method, path, body, answer in self._raw
        ]


def _ids(answer: Sequence[JSONObject]) -> dict[str, int]:
    keys = ((row.get("custom_fields") or {}).get(KEY_FIELD) for row in answer)
    return {key: row["id"] for key, row in zip(keys, answer, strict=True) if key}
