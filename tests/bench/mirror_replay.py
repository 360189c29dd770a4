"""Plain clients that send recorded writes again to a NetBox that was reset, and have nothing to find out.

So that the recorded bodies fit to the letter, records get the ids that they had: PostgreSQL gives them by their keys,
which costs an insert less than a tenth of a millisecond.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pynetbox
import requests

from reconciler.model.netbox import KEY_FIELD
from reconciler.model.netbox_schema import MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from tests.bench.mirror_recording import Write
    from tests.lab.netbox_server import NetBoxServer

TIMEOUT = 120.0
SAMPLED = 5
"""Of so many records of each request one is made by itself, and stands for them."""

_IDS = "create table bench_ids (relation text, key text, id bigint, primary key (relation, key))"
_GIVE_ID = f"""\
create function bench_id() returns trigger language plpgsql as $$ begin
  new.id := coalesce((select bench_ids.id from bench_ids
    where relation = tg_table_name and key = new.custom_field_data->>'{KEY_FIELD}'), new.id);
  return new;
end $$"""  # noqa: S608 - our own words


@dataclass(frozen=True)
class Sample:
    """What making every record by itself would take, told from `size` of them; `milliseconds` a record by path."""

    seconds: float
    size: int
    milliseconds: Mapping[str, float]


class Replay:
    """The writes of one first mirror."""

    def __init__(self, netbox: NetBoxServer, writes: Sequence[Write]) -> None:
        self._netbox = netbox
        # prerequisites of several models are one step, and go out one model after the other
        ordered = groupby(sorted(writes, key=lambda one: one.step), lambda one: (one.step, one.path))
        self._steps = [list(step) for _, step in ordered]
        self.records = sum(len(write.body) for write in writes)
        """Records in all writes, prerequisites included; one that is written twice counts twice."""

    def bulk_seconds(self) -> float:
        """All requests as they were, those of different lanes side by side."""
        with self._sessions() as sessions:
            began = time.monotonic()
            for step in self._steps:
                self._send(sessions, step)
            return time.monotonic() - began

    def one_by_one(self) -> Sample:
        """The last records of each request by pynetbox, one after the other, once the others of its step are there."""
        api = pynetbox.api(self._netbox.url, self._netbox.token)
        seconds: defaultdict[str, float] = defaultdict(float)
        sampled: defaultdict[str, int] = defaultdict(int)
        total: defaultdict[str, int] = defaultdict(int)
        with self._sessions() as sessions:
            for step in self._steps:
                self._send(sessions, [replace(write, body=write.body[: -_share(write)]) for write in step])
                for write in step:
                    own = write.body[-_share(write) :]
                    seconds[write.path] += _alone(api, replace(write, body=own))
                    sampled[write.path] += len(own)
                    total[write.path] += len(write.body)
        api.http_session.close()
        each = {path: seconds[path] / sampled[path] for path in total}
        whole = sum(each[path] * number for path, number in total.items())
        return Sample(whole, sum(sampled.values()), {path: one * 1000 for path, one in each.items()})

    def _sessions(self) -> _Sessions:
        self._netbox.reset()
        steps = (write for step in self._steps for write in step)
        rows = {(_relation(write.path), key, id_) for write in steps for key, id_ in write.ids.items()}
        values = ", ".join(f"('{relation}', '{key}', {id_})" for relation, key, id_ in sorted(rows))
        relations = sorted({relation for relation, _, _ in rows})
        self._netbox.sql(
            *(_IDS, f"insert into bench_ids values {values}", _GIVE_ID),  # noqa: S608 - our own keys
            *(
                f"create trigger bench before insert on {one} for each row execute function bench_id()"
                for one in relations
            ),
        )
        return _Sessions(self._netbox)

    def _send(self, sessions: _Sessions, step: Sequence[Write]) -> None:
        lanes: defaultdict[int, list[Write]] = defaultdict(list)
        for write in step:
            lanes[write.lane].append(write)
        sessions.send(list(lanes.values()))


class _Sessions:
    """Kept connections, one for each lane."""

    def __init__(self, netbox: NetBoxServer) -> None:
        self._url = f"{netbox.url}/api"
        self._headers = {"Authorization": f"Bearer {netbox.token}", "Content-Type": "application/json"}
        self._stack = ExitStack()
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> Self:
        self._threads = self._stack.enter_context(ThreadPoolExecutor())
        self._request(0, "GET", "status", b"")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def send(self, lanes: Sequence[Sequence[Write]]) -> None:
        """The writes of each lane one after the other, the lanes side by side."""
        bodies = [[(one.method, one.path, json.dumps(one.body).encode()) for one in lane if one.body] for lane in lanes]
        waiting = [self._threads.submit(self._lane, number, lane) for number, lane in enumerate(bodies)]
        for one in waiting:
            one.result()

    def _lane(self, number: int, writes: Sequence[tuple[str, str, bytes]]) -> None:
        for method, path, body in writes:
            self._request(number, method, path, body)

    def _request(self, number: int, method: str, path: str, body: bytes) -> None:
        while len(self._sessions) <= number:
            self._sessions.append(self._stack.enter_context(requests.Session()))
        url = f"{self._url}/{path}/"
        answer = self._sessions[number].request(method, url, data=body, headers=self._headers, timeout=TIMEOUT)
        assert answer.ok, answer.text[:500]
        answer.json()


def _share(write: Write) -> int:
    return math.ceil(len(write.body) / SAMPLED)


def _alone(api: pynetbox.api, write: Write) -> float:
    """Seconds of these records by pynetbox, each in a request of its own."""
    endpoint: Any = getattr(getattr(api, write.path.split("/")[0]), write.path.split("/")[1].replace("-", "_"))
    began = time.monotonic()
    for body in write.body:
        if write.method == "POST":
            endpoint.create(body)
        else:
            endpoint.update([body])
    return time.monotonic() - began


def _relation(path: str) -> str:
    """The table of an owned model, as Django names it."""
    return MODELS[path].content_type.replace(".", "_")
