"""The sender of commit statuses: what it sends when, on simulated time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.errors import ConfigurationError, StateError
from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.model.commit_status import CommitStatus, OwedStatus, StatusState
from reconciler.model.fabric import Fabric
from reconciler.status.commit_status import MOST_REFUSALS, STALLED_FOR, CommitStatuses, Told
from reconciler.status.lanes import LOOK_EVERY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from reconciler.model.commit_status import ForgePost

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENT = ServerAnswer(AnswerKind.SENT)
DOWN = ServerAnswer(AnswerKind.RETRIED, "it answered 502")
REFUSED = ServerAnswer(AnswerKind.REFUSED, "it answered 422: no commit found")
STALLED = ServerAnswer(AnswerKind.STALLED, "it answered 401")


class LoopClock:
    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())


class MemoryOutbox:
    """As the store: the newest state of each commit, in the order of changes."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], OwedStatus] = {}
        self.kept: list[tuple[set[str], set[str]]] = []
        self.sequence = 0
        self.failures = 0

    def put(self, commit: str, state: StatusState = StatusState.QUEUED, repository: str = "gitops") -> None:
        self.sequence += 1
        status = CommitStatus("dc1", commit, state)
        self.rows.pop((repository, commit), None)
        self.rows[repository, commit] = OwedStatus(repository, self.sequence, status)

    def owing_repositories(self) -> set[str]:
        return {repository for repository, _ in self.rows}

    def owed_statuses(self, repository: str, limit: int) -> Sequence[OwedStatus]:
        if self.failures:
            self.failures -= 1
            raise StateError("disk full")
        return [row for row in self.rows.values() if row.repository == repository][:limit]

    def settle_status(self, sequence: int) -> None:
        self.rows = {key: row for key, row in self.rows.items() if row.sequence != sequence}

    def keep_statuses(self, repositories: Iterable[str], fabrics: Iterable[str]) -> None:
        self.kept.append((set(repositories), set(fabrics)))


class ToldForge:
    """A forge that answers as it is told, the last answer for ever, and remembers what it was told when."""

    kind = "github"

    def __init__(self) -> None:
        self.access: object = "access"
        self.secret: bytes | None = b"token"
        self.answers: list[ServerAnswer] = [SENT]
        self.told: list[tuple[float, str, str]] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        self.on_send: Callable[[str], object] = lambda _: None

    def token(self) -> bytes:
        if self.secret is None:
            raise ConfigurationError("no token")
        return self.secret

    def send(self, post: ForgePost) -> ServerAnswer:
        assert self.loop is not None
        self.on_send(post.commit)
        self.told.append((self.loop.time(), post.commit, post.state.value))
        return self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)


class Sending:
    """A sender with two forges, and all that it is connected to."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.outbox = MemoryOutbox()
        self.forge, self.other = ToldForge(), ToldForge()
        self.forges = {"gitops": self.forge, "other": self.other}
        self.counted: list[tuple[str, str]] = []
        self.fabrics = {
            "dc1": Fabric("dc1", "gitops", "main", "dc1"),
            "off": Fabric("off", "gitops", "main", "off", is_enabled=False),
        }
        self.statuses = CommitStatuses(
            lambda: Told(self.forges, self.fabrics, "https://r"),
            self.outbox,
            self.clock,
            lambda *counted: self.counted.append(counted),
            chance=lambda: 0.0,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        for forge in (self.forge, self.other):
            forge.loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(self.statuses.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()

    def times(self) -> list[float]:
        return [when for when, _, _ in self.forge.told]


async def _pass(seconds: float) -> None:
    """Let simulated time pass."""
    await asyncio.sleep(seconds)


@pytest.fixture
def sending() -> Sending:
    return Sending()


async def test_what_is_owed_is_sent(sending: Sending) -> None:
    """What waited at the start goes out at once, and what comes later when the sender is woken, in its order."""
    sending.outbox.put("a")
    async with sending.running():
        await _pass(1)
        sending.outbox.put("b")
        sending.outbox.put("c", StatusState.SUCCEEDED)
        sending.statuses.wake()
        await _pass(1)

    assert sending.forge.told == [(0, "a", "queued"), (1, "b", "queued"), (1, "c", "succeeded")]
    assert sending.outbox.rows == {}
    assert sending.counted == [("github", "sent")] * 3
    assert sending.outbox.kept == [({"gitops", "other"}, {"dc1"})]


async def test_many_are_sent_in_one_go(sending: Sending) -> None:
    """However many there are, no time passes between them."""
    for number in range(100):
        sending.outbox.put(f"{number}")
    async with sending.running():
        await _pass(1)

    assert [commit for _, commit, _ in sending.forge.told] == [f"{number}" for number in range(100)]
    assert set(sending.times()) == {0}


async def test_much_that_is_owed_keeps_no_other_waiting(sending: Sending) -> None:
    """What another forge is owed meanwhile goes out between two batches."""
    for number in range(100):
        sending.outbox.put(f"{number}")
    order: list[str] = []

    def on_send(commit: str) -> None:
        order.append(commit)
        if commit == "5":
            sending.outbox.put("b", repository="other")

    sending.forge.on_send, sending.other.on_send = on_send, order.append
    async with sending.running():
        await _pass(1)

    assert len(order) == 101
    assert order.index("b") < 60


async def test_a_forge_that_is_down(sending: Sending) -> None:
    """It is tried again ever more slowly; meanwhile only the newest state waits, and that is what arrives."""
    sending.forge.answers = [DOWN, DOWN, DOWN, SENT]
    sending.outbox.put("a")
    async with sending.running():
        await _pass(10)
        assert sending.statuses.warnings() == {"gitops": "commit statuses are not told: it answered 502"}
        sending.outbox.put("a", StatusState.SUCCEEDED)
        sending.statuses.wake()
        await _pass(100)
        assert sending.statuses.warnings() == {}

    assert sending.forge.told == [
        (0, "a", "queued"),
        (5, "a", "queued"),
        (15, "a", "succeeded"),
        (35, "a", "succeeded"),
    ]


async def test_a_forge_that_is_down_stops_no_other(sending: Sending) -> None:
    """Each has its own pace."""
    sending.forge.answers = [DOWN]
    sending.outbox.put("a")
    async with sending.running():
        await _pass(1)
        sending.outbox.put("b", repository="other")
        sending.statuses.wake()
        await _pass(1)

    assert sending.other.told == [(1, "b", "queued")]
    assert sending.times() == [0]


async def test_a_forge_that_asks_to_be_slower(sending: Sending) -> None:
    """It is left alone for as long as it says, whatever comes meanwhile."""
    sending.forge.answers = [ServerAnswer(AnswerKind.RETRIED, "it answered 429", 77.0), SENT]
    sending.outbox.put("a")
    async with sending.running():
        await _pass(50)
        sending.outbox.put("b")
        sending.statuses.wake()
        await _pass(50)

    assert sending.forge.told == [(0, "a", "queued"), (77, "a", "queued"), (77, "b", "queued")]


async def test_a_forge_that_refuses_us(sending: Sending) -> None:
    """It is not asked in a loop, but said; once an hour it is, for a right may have been granted."""
    sending.forge.answers = [STALLED]
    sending.outbox.put("a")
    async with sending.running():
        await _pass(1)
        for number in range(50):
            sending.outbox.put(f"{number}")
            sending.statuses.wake()
            await _pass(1)
        assert sending.statuses.warnings() == {"gitops": "commit statuses are not told: it answered 401"}
        await _pass(STALLED_FOR)

    assert sending.times() == [0, STALLED_FOR]


@pytest.mark.parametrize("change", ["token", "no token", "address"])
async def test_a_change_ends_a_refusal(sending: Sending, change: str) -> None:
    """A rotated token is found soon, without being told; a changed configuration as soon as it is."""
    sending.forge.answers = [STALLED, SENT]
    sending.forge.secret = None if change == "no token" else b"token"
    sending.outbox.put("a")
    async with sending.running():
        await _pass(1)
        if change == "address":
            sending.forge.access = "elsewhere"
        else:
            sending.forge.secret = b"rotated"
        await _pass(LOOK_EVERY)
        assert sending.statuses.warnings() == {}

    assert sending.times() == [0, LOOK_EVERY]


async def test_a_status_that_is_not_taken(sending: Sending) -> None:
    """It is offered a few times, since hosts show commits late, and given up; it holds nothing else up."""
    sending.forge.answers = [REFUSED, SENT, REFUSED, REFUSED, SENT]
    sending.outbox.put("a")
    sending.outbox.put("b")
    async with sending.running():
        await _pass(1)
        assert list(sending.outbox.rows) == [("gitops", "a")]
        await _pass(100)

    assert [(when, commit) for when, commit, _ in sending.forge.told] == [(0, "a"), (0, "b"), (5, "a"), (15, "a")]
    assert len([one for one in sending.counted if one[1] == "refused"]) == MOST_REFUSALS
    assert sending.outbox.rows == {}
    assert sending.statuses.warnings() == {}


async def test_a_store_that_cannot_be_read(sending: Sending) -> None:
    """It is tried again, and nothing is lost."""
    sending.outbox.failures = 1
    sending.outbox.put("a")
    sending.outbox.put("b", repository="other")
    async with sending.running():
        await _pass(20)

    assert len(sending.forge.told + sending.other.told) == 2


async def test_an_unexpected_error_of_one_forge(sending: Sending) -> None:
    """It is tried again, and others are told meanwhile."""

    def fail(_commit: str) -> None:
        raise RuntimeError("nobody foresaw it")

    sending.forge.on_send = fail
    sending.outbox.put("a")
    sending.outbox.put("b", repository="other")
    with capture_logs():
        async with sending.running():
            await _pass(1)
            assert sending.statuses.warnings() == {
                "gitops": "commit statuses are not told: unexpected error: RuntimeError"
            }
            sending.forge.on_send = lambda _: None
            await _pass(10)

    assert sending.other.told == [(0, "b", "queued")]
    assert sending.forge.told == [(5, "a", "queued")]


async def test_another_configuration(sending: Sending) -> None:
    """A forge that goes is forgotten with what it was owed; one that comes is told."""
    sending.forge.answers = [STALLED]
    sending.outbox.put("a")
    async with sending.running():
        await _pass(1)
        del sending.forges["gitops"]
        sending.statuses.wake()
        await _pass(1)
        assert sending.statuses.warnings() == {}

    assert sending.outbox.kept == [({"gitops", "other"}, {"dc1"}), ({"other"}, {"dc1"})]


async def test_waking_what_does_not_run(sending: Sending) -> None:
    """Before the start and after the end it is of no use, and does no harm."""
    sending.statuses.wake()
    async with sending.running():
        await _pass(1)
    sending.statuses.wake()

    assert sending.forge.told == []


def test_whose_forge_it_is() -> None:
    """A fabric's is that of its repository; links lead to the fabric where people can reach the server."""
    fabric = Fabric("dc1", "gitops", "main", "dc1", simulated=("cluster",))
    owed = OwedStatus("gitops", 1, CommitStatus("dc1", "a" * 40, StatusState.SUCCEEDED, message="applied x"))
    forges = {"gitops": ToldForge()}
    told = Told(forges, {"dc1": fabric, "dc2": Fabric("dc2", "other", "main", "x")}, "https://r")

    assert [told.repository_of(name) for name in ("dc1", "dc2", "dc3")] == ["gitops", None, None]
    assert told.post(owed).link == "https://r/fabrics/dc1"
    assert told.post(owed).description == "simulated: applied x"
    assert Told(forges, {}).post(owed).link is None
