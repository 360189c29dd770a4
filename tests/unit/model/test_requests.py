"""Triggers, requests and the work that the queue carries."""

from __future__ import annotations

import pytest

from reconciler.model.requests import Delivery, Receiver, RefUpdate, RequestState, Trigger, Work


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RequestState.QUEUED, False),
        (RequestState.RUNNING, False),
        (RequestState.SUCCEEDED, True),
        (RequestState.FAILED, True),
        (RequestState.SUPERSEDED, True),
    ],
)
def test_terminal_states(state: RequestState, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """A request has ended when nothing moves it any more."""
    assert state.is_terminal is expected


@pytest.mark.parametrize("trigger", Trigger)
def test_urgent_triggers(trigger: Trigger) -> None:
    """What a person did runs at once, also during backoff; what was merely noticed waits its turn."""
    assert trigger.is_urgent is (trigger in {Trigger.PUSH, Trigger.REQUEST, Trigger.FILE})
    assert Work((trigger,)).is_urgent is trigger.is_urgent


@pytest.mark.parametrize(
    ("triggers", "priority"),
    [
        pytest.param((Trigger.REQUEST,), 0, id="manual"),
        pytest.param((Trigger.PUSH,), 1, id="push"),
        pytest.param((Trigger.WATCH,), 1, id="watch"),
        pytest.param((Trigger.NETBOX,), 1, id="NetBox"),
        pytest.param((Trigger.FILE,), 1, id="file"),
        pytest.param((Trigger.POLL,), 2, id="poll"),
        pytest.param((Trigger.STARTUP,), 2, id="start"),
        pytest.param((Trigger.RETRY,), 2, id="retry"),
        pytest.param((Trigger.POLL, Trigger.PUSH), 1, id="the most urgent counts"),
        pytest.param((), 2, id="nothing"),
    ],
)
def test_priority(triggers: tuple[Trigger, ...], priority: int) -> None:
    """Manual before events before start and poll."""
    assert Work(triggers).priority == priority


def test_union() -> None:
    """United work keeps the order of arrival and says nothing twice."""
    first = Work((Trigger.POLL, Trigger.PUSH), ("r1", "r2"))
    second = Work((Trigger.PUSH, Trigger.REQUEST), ("r2", "r3"))

    assert first.union(second) == Work((Trigger.POLL, Trigger.PUSH, Trigger.REQUEST), ("r1", "r2", "r3"))
    assert Work().union(first) == first
    assert first.union(Work()) == first
    assert not Work().is_urgent


def test_a_receiver_does_not_show_its_secret() -> None:
    """The secret of a webhook is in no repr."""
    assert "canary" not in repr(Receiver("github", "gitops", "https://git.example.com/x", b"canary"))


def test_the_refs_of_a_push() -> None:
    """A push knows every ref that moved with it, the first one included, and where each went."""
    topic, gone = RefUpdate("refs/heads/topic", "d" * 40), RefUpdate("refs/heads/gone", is_deletion=True)
    push = Delivery("bitbucket", "1", "push", ref="refs/heads/main", commit="c" * 40, further=(topic, gone))

    assert push.updates == (RefUpdate("refs/heads/main", "c" * 40), topic, gone)
    named = [push.update_of(f"refs/heads/{name}").commit for name in ("main", "topic", "gone", "other")]
    assert named == ["c" * 40, "d" * 40, None, None]


def test_no_refs() -> None:
    """What is no push moved nothing."""
    assert Delivery("github", "1", "ping").updates == ()
