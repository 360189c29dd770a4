"""Lists of agents: in pages, and without a trace of what their specs hold."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, KindNotServedError
from reconciler.model.kinds import AGENTS
from reconciler.targets.kubernetes import ClusterAccess, agents
from reconciler.targets.kubernetes.events import KubernetesEvents
from reconciler.triggers.watch.fabric import FabricWatch
from tests.unit.targets.api_server import ApiServer, Scripted, status
from tests.unit.triggers.watch.world import Told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reconciler.model.json import JSON, JSONObject

AGENT, GATEWAY_AGENT = AGENTS
CANARY = "canary-of-an-agent"
COLLECTION = "/apis/agent.githedgehog.com/v1beta1/namespaces/fabric/agents"


@pytest.fixture
def anyio_backend() -> str:
    """Real time: sockets know no other."""
    return "asyncio"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    server = ApiServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def events(server: ApiServer) -> AsyncIterator[KubernetesEvents]:
    made = KubernetesEvents(ClusterAccess(server=server.url, token=b"token".strip), "fabric")
    yield made
    await made.close()


def _agent(name: str, generation: int = 3) -> JSONObject:
    spec = {"users": [{"name": "admin", "password": CANARY}], "config": {"registry": CANARY}}
    metadata = {"name": name, "generation": generation, "annotations": {"last-applied": CANARY}}
    return {"metadata": metadata, "spec": spec, "status": {"lastAppliedGen": 2, "state": {"nos": {"note": CANARY}}}}


def _page(*items: JSON, more: str = "") -> Scripted:
    return Scripted(200, {"items": list(items), "metadata": {"continue": more} if more else {}})


async def test_agents_come_in_pages(events: KubernetesEvents, server: ApiServer) -> None:
    """Few at a time, because each is large."""
    server.then = [_page(_agent("leaf-01"), more="next"), _page(_agent("leaf-02", 5))]

    found = await events.agents(AGENT)

    assert [(one.name, one.generation, one.last_applied) for one in found] == [("leaf-01", 3, 2), ("leaf-02", 5, 2)]
    assert [(one.path, one.query) for one in server.asked] == [
        (COLLECTION, {"limit": "5"}),
        (COLLECTION, {"limit": "5", "continue": "next"}),
    ]


async def test_gateway_agents_have_a_group_of_their_own(events: KubernetesEvents, server: ApiServer) -> None:
    """And the same fields."""
    server.then = [_page(_agent("gw-01"))]

    assert [one.kind for one in await events.agents(GATEWAY_AGENT)] == ["GatewayAgent"]
    assert server.asked[0].path == "/apis/gwint.githedgehog.com/v1alpha1/namespaces/fabric/gatewayagents"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        pytest.param(Scripted(404, b"404 page not found"), KindNotServedError, "Agent", id="not served"),
        pytest.param(Scripted(403, status(403, "no")), ClusterAccessError, "list Agent", id="forbidden"),
        pytest.param(Scripted(410, status(410, "too old")), ClusterUnavailableError, "list Agent", id="forgotten"),
        pytest.param(Scripted(200, {"items": {"a": CANARY}}), ClusterUnavailableError, "not a list", id="no list"),
        pytest.param(Scripted(200, CANARY.encode()), ClusterUnavailableError, "not a list", id="no JSON"),
        pytest.param(_page({"spec": CANARY}), ClusterUnavailableError, "no Agent", id="no metadata"),
        pytest.param(_page({"metadata": CANARY}), ClusterUnavailableError, "no Agent", id="odd metadata"),
        pytest.param(_page(CANARY), ClusterUnavailableError, "no Agent", id="no object"),
        pytest.param(
            _page({"metadata": {"name": "a"}, "status": CANARY}), ClusterUnavailableError, "no Agent", id="odd status"
        ),
    ],
)
async def test_errors(
    events: KubernetesEvents, server: ApiServer, answer: Scripted, error: type[Exception], message: str
) -> None:
    """Each says what it was about, and quotes nothing of an answer, not even in its causes."""
    server.then = [answer]

    with pytest.raises(error, match=message) as failed:
        await events.agents(AGENT)
    assert CANARY not in repr(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__ or failed.value.__context__ is None


async def test_a_list_without_an_end(
    events: KubernetesEvents, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading is bounded."""
    monkeypatch.setattr(agents, "MAX_PAGES", 2)
    server.then = [_page(more="on"), _page(more="on")]

    with pytest.raises(ClusterUnavailableError, match="list Agent: more than 10 objects"):
        await events.agents(AGENT)


async def test_nothing_of_a_spec_stays(
    events: KubernetesEvents, server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in anything that the watch of the fabric can reach, not in what it prints, not in the log."""
    watch = FabricWatch("dc1", events, lambda _: None, Told(), kinds=())
    for run in watch.tasks().values():
        server.then = [_page(_agent("one")), _page({"metadata": {}, "spec": CANARY})]
        server.then.append(_page({"metadata": {"name": "odd"}, "status": CANARY}))
        reader = run.__self__  # type: ignore[attr-defined]  # the task is a method of the part that reads
        for _ in range(3):
            await reader.run_once()
            assert not list(_texts_with(CANARY, reader))
    assert watch.agents is None
    assert CANARY not in repr(vars(watch))
    printed = capsys.readouterr()
    assert "no Agent" in printed.out + printed.err
    assert CANARY not in printed.out + printed.err


def _texts_with(canary: str, root: object) -> Iterator[object]:
    """Texts and bytes that hold the canary, in anything that can be reached from an object, code aside."""
    gc.collect()
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type) or type(one).__name__ in {"module", "function", "frame", "code"}:
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes | bytearray):
            text = one if isinstance(one, str) else bytes(one).decode("utf-8", "replace")
            if canary in text:
                yield one
        else:
            waiting.extend(gc.get_referents(one))


def test_the_search_finds_what_is_hidden() -> None:
    """A look that sees nothing would prove anything."""

    class Box:
        def __init__(self, held: object) -> None:
            self._held = held

    assert list(_texts_with(CANARY, Box([{"a": (Box(f"x{CANARY}".encode()),)}]))) == [f"x{CANARY}".encode()]
    assert list(_texts_with(CANARY, Box(["other"]))) == []
