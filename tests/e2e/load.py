"""A forge in a hurry: deliveries at a steady rate over a few kept connections, timed from when each was due."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.payloads import github

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.e2e.installation import Installation

CONNECTIONS = 20
ANSWER_TIMEOUT = 30.0


@dataclass
class Load:
    """What became of the deliveries: how many ended with which status, the ids of their requests, and how long each
    took, in seconds.
    """

    codes: Counter[int] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def percentile(seconds: list[float], share: float) -> float:
    """The seconds within which this share (0 to 1) of them lies."""
    ordered = sorted(seconds)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class Processor:
    """What a process got of the processor since this was made, of what it asked for."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._before = self._times()

    def _times(self) -> dict[str, tuple[int, int]]:
        """Nanoseconds that each of its threads ran, and that it waited for a processor (schedstat of proc(5))."""
        found = {}
        for task in self._tasks.iterdir():
            try:
                ran, waited, _ = (task / "schedstat").read_text().split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread that ended since it was listed
            found[task.name] = int(ran), int(waited)
        return found

    def slowdown(self) -> float:
        """How many times slower than on an idle machine its threads ran, those that ended aside: 1.0 where they never
        waited.
        """
        spent = [
            (ran - self._before.get(task, (0, 0))[0], waited - self._before.get(task, (0, 0))[1])
            for task, (ran, waited) in self._times().items()
        ]
        return 1 + sum(waited for _, waited in spent) / max(sum(ran for ran, _ in spent), 1)


@dataclass(frozen=True)
class Deliveries:
    """One signed body, sent again and again, each time with another delivery id."""

    port: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, service: Installation, commit: str) -> Deliveries:
        """Genuine deliveries of one push to the service's repository."""
        named = github.repository() | {"clone_url": service.repository.url}
        body = json.dumps(github.push(after=commit, repository=named)).encode()
        headers = github.headers(body, secret=service.webhook_secret)
        del headers["X-GitHub-Delivery"]
        return cls(service.settings["server"]["port"], headers, body)

    def _request(self) -> bytes:
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        head = ["POST /webhooks/github HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*head, *lines, f"X-GitHub-Delivery: {uuid.uuid4()}", "", ""]).encode() + self.body

    def send(self, rate: float, seconds: float) -> Load:
        """Send `rate` deliveries a second for so long, and wait for all answers."""
        return asyncio.run(self._send_all(rate, int(rate * seconds)))

    async def _send_all(self, rate: float, count: int) -> Load:
        load = Load()
        start = time.monotonic() + 0.1
        due = (start + number / rate for number in range(count))
        async with asyncio.TaskGroup() as connections:
            for _ in range(CONNECTIONS):
                connections.create_task(self._use_connection(due, load))
        return load

    async def _use_connection(self, due: Iterator[float], load: Load) -> None:
        """Send whatever is due next, one at a time. A delivery that no connection was free for is late from the
        moment at which it was due.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for moment in due:
            await asyncio.sleep(moment - time.monotonic())
            writer.write(self._request())
            async with asyncio.timeout(ANSWER_TIMEOUT):
                code, body = await _answered(reader)
            load.seconds.append(time.monotonic() - moment)
            load.codes[code] += 1
            load.requests += [request["id"] for request in json.loads(body).get("requests", [])]
        writer.close()
        await writer.wait_closed()


async def _answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next(line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:"))
    return int(head.split(" ", 2)[1]), await reader.readexactly(int(length))
