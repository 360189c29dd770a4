"""Breakers: a target that is away is left alone, the rest of the pass goes on, and a probe brings it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    NetBoxAccessError,
    NetBoxUnavailableError,
    ObjectRejectedError,
    StateError,
    StoppedError,
)
from reconciler.model.passes import Outcome
from reconciler.model.requests import Trigger, Work
from reconciler.model.status import ConnectionState
from reconciler.queue import Taken
from reconciler.reconcile import PassRunner, Surroundings
from reconciler.reconcile.breaker import Breaker, TargetSkippedError
from reconciler.store import Store
from tests.unit.reconcile.rig import Rig, manifests
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.errors import ReconcilerError
    from reconciler.model.status import PassResult
    from reconciler.queue import Next

MANIFESTS = manifests()
AWAY = NetBoxUnavailableError("connection refused")


class Probed:
    """A breaker on a clock that stands, and a target that answers as told."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.changes: list[bool] = []
        self.breaker = Breaker(
            "dc1", "netbox", self.clock, lambda breaker: self.changes.append(breaker.is_open), chance=lambda: 0.0
        )
        self.error: ReconcilerError | None = None
        self.probes = 0

    def probe(self) -> str:
        self.probes += 1
        if self.error is not None:
            raise self.error
        return "4.5"

    def admit(self, *, is_asked_for: bool = False) -> None:
        self.breaker.admit(self.probe, is_asked_for=is_asked_for)


def test_a_closed_breaker_asks_nothing() -> None:
    """A target that answers is spoken to without a probe."""
    probed = Probed()

    probed.admit()

    assert probed.probes == 0
    assert not probed.breaker.is_open


def test_an_open_breaker_says_since_when_and_why() -> None:
    """Within the cool-down nothing is sent; the failure names its cause, since when, and when a probe is due."""
    probed = Probed()
    probed.breaker.trip(AWAY)
    probed.clock.advance(seconds=9.9)

    with pytest.raises(TargetSkippedError) as caught:
        probed.admit()

    assert probed.probes == 0
    assert caught.value.reason == "NetBoxUnavailable"
    assert caught.value.cause is AWAY
    assert caught.value.message == (
        "not tried: the netbox has been failing since 2026-03-01T12:00:00Z (connection refused); "
        "the first pass after 2026-03-01T12:00:10Z probes it"
    )


def test_cool_downs_double_to_their_cap() -> None:
    """Each failure in a row doubles the time without a probe, from 10 s to 120 s; a success begins anew."""
    probed = Probed()

    for seconds in (10, 20, 40, 80, 120, 120):
        probed.breaker.trip(AWAY)
        probed.clock.advance(seconds=seconds - 0.1)
        with pytest.raises(TargetSkippedError, match="since 2026-03-01T12:00:00Z"):
            probed.admit()
        probed.clock.advance(seconds=0.1)
        probed.admit()
    probed.breaker.close()
    probed.breaker.trip(AWAY)
    probed.clock.advance(seconds=10)
    probed.admit()

    assert probed.probes == 7


def test_a_probe_that_fails() -> None:
    """What the probe raises is passed on, and leaves the breaker open until it is told."""
    probed = Probed()
    probed.breaker.trip(AWAY)
    probed.clock.advance(seconds=10)
    probed.error = NetBoxUnavailableError("still away")

    with pytest.raises(NetBoxUnavailableError, match="still away"):
        probed.admit()

    assert probed.breaker.is_open


def test_a_person_need_not_wait() -> None:
    """A pass that somebody asked for probes at once."""
    probed = Probed()
    probed.breaker.trip(AWAY)

    probed.admit(is_asked_for=True)

    assert probed.probes == 1


def test_changes_are_told_once() -> None:
    """Who listens hears that a breaker opened or closed, not each failure and success."""
    probed = Probed()

    for _ in range(2):
        probed.breaker.trip(AWAY)
    for _ in range(2):
        probed.breaker.close()

    assert probed.changes == [True, False]


# in a pass


class Breaking:
    """A rig with one runner, as in a service: breakers live as long as it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.open: set[str] = set()
        self.runner: PassRunner = rig.runner(Surroundings(on_breaker=self._note))

    def _note(self, breaker: Breaker) -> None:
        assert breaker.fabric == "dc1"
        (self.open.add if breaker.is_open else self.open.discard)(breaker.target)

    def run(self, trigger: Trigger = Trigger.POLL) -> Next:
        return self.runner.run(Taken("dc1", Work((trigger,)), 0.0))

    def wait(self) -> None:
        """Until every cool-down is over."""
        self.rig.clock.seconds += 121


@pytest.fixture
def breaking(synced: Rig) -> Breaking:
    return Breaking(synced)


def test_netbox_is_skipped_and_the_rest_goes_on(breaking: Breaking) -> None:
    """After NetBox failed the next pass leaves it alone, says so, and still brings the cluster in line."""
    rig = breaking.rig
    rig.netbox.fail("observe", AWAY)
    breaking.run()
    since = rig.record.connections["netbox"]
    calls = len(rig.netbox.calls)
    rig.source.push(MANIFESTS[1:])

    following = breaking.run()

    assert breaking.open == {"netbox"}
    assert rig.netbox.calls[calls:] == []
    (failure,) = [found for found in rig.last.failures if found.phase == "netbox"]
    assert failure.message.startswith("not tried: the netbox has been failing since 2026-03-01T12:")
    assert "connection refused" in failure.message
    assert (failure.reason, failure.is_whole, failure.is_retryable) == ("NetBoxUnavailable", True, True)
    assert following.is_retryable
    assert rig.last.revision == rig.record.desired_revision
    assert rig.record.connections["netbox"] == since
    assert since.state is ConnectionState.FAILING
    assert rig.record.connections["cluster"].state is ConnectionState.OK
    assert rig.condition("NetBoxReady") == ("False", "NetBoxUnavailable")


def test_a_probe_brings_netbox_back(breaking: Breaking) -> None:
    """After the cool-down the version is asked for first; when it comes, the phase runs and the breaker closes."""
    rig = breaking.rig
    rig.netbox.fail("observe", AWAY)
    breaking.run()
    calls = len(rig.netbox.calls)
    breaking.wait()

    breaking.run()

    assert rig.netbox.calls[calls:][:2] == ["version", "observe"]
    assert rig.last.outcome is Outcome.SUCCEEDED
    assert breaking.open == set()
    assert rig.verdict.status == "in_sync"


def test_a_probe_that_fails_is_all_that_is_sent(breaking: Breaking) -> None:
    """A probe without answer costs one call, and the breaker stays open with the newer reason."""
    rig = breaking.rig
    rig.netbox.fail("observe", AWAY)
    breaking.run()
    calls = len(rig.netbox.calls)
    breaking.wait()
    rig.netbox.fail("version", NetBoxUnavailableError("timed out"))

    breaking.run()
    breaking.run()

    assert rig.netbox.calls[calls:] == ["version"]
    assert breaking.open == {"netbox"}
    assert "timed out" in rig.last.message


@pytest.mark.parametrize("trigger", [Trigger.REQUEST, Trigger.FILE])
def test_a_person_always_probes(breaking: Breaking, trigger: Trigger) -> None:
    """A manual request, or a changed configuration, does not wait for the cool-down."""
    rig = breaking.rig
    rig.netbox.fail("observe", AWAY)
    breaking.run()

    breaking.run(trigger)

    assert rig.last.outcome is Outcome.SUCCEEDED
    assert breaking.open == set()


def test_a_skipped_cluster_is_unknown(breaking: Breaking) -> None:
    """While the cluster is left alone NetBox is only asked whether it is there: nothing is deleted, nothing shown."""
    rig = breaking.rig
    rig.cluster.fail("version", ClusterUnavailableError("no route to host"))
    breaking.run()
    calls, asked, writes = len(rig.cluster.calls), len(rig.netbox.calls), rig.writes()
    rig.source.push(MANIFESTS[1:])

    breaking.run()

    assert breaking.open == {"cluster"}
    assert rig.cluster.calls[calls:] == ()
    assert rig.netbox.calls[asked:] == ["version"]
    assert rig.writes() == writes
    assert "no route to host" in rig.last.message
    assert rig.record.connections["netbox"].state is ConnectionState.OK
    assert rig.condition("ClusterReady") == ("False", "ClusterUnavailable")
    breaking.wait()
    breaking.run()
    assert rig.last.outcome is Outcome.SUCCEEDED
    assert breaking.open == set()


def _access(rig: Rig) -> None:
    rig.netbox.fail("observe", NetBoxAccessError("token refused"))


def _cluster_access(rig: Rig) -> None:
    rig.cluster.fail("version", ClusterAccessError("401"))


def _one_kind(rig: Rig) -> None:
    rig.cluster.fail("list", ClusterUnavailableError("timed out"), subject="VPCPeering")


def _one_record(rig: Rig) -> None:
    rig.netbox.refuse("dc1/Switch/leaf-01", "no")


def _one_object(rig: Rig) -> None:
    rig.cluster.fail("apply", ObjectRejectedError("no"))


@pytest.mark.parametrize("break_", [_access, _cluster_access, _one_kind, _one_record, _one_object])
def test_what_opens_no_breaker(breaking: Breaking, break_: Callable[[Rig], None]) -> None:
    """A target that refuses us, or fails with one thing, is there: the next pass speaks to it."""
    rig = breaking.rig
    break_(rig)
    asked = len(rig.netbox.calls)

    breaking.run()
    breaking.run()

    assert breaking.open == set()
    assert rig.netbox.calls[asked:].count("observe") > 0


def test_a_target_that_answers_a_probe_and_nothing_else(breaking: Breaking) -> None:
    """A probe's success alone does not shorten the next cool-down: the phase behind it has to succeed."""
    rig = breaking.rig
    for _ in range(2):
        rig.netbox.fail("observe", AWAY)
        breaking.run()
        rig.clock.seconds += 11
    asked = len(rig.netbox.calls)

    breaking.run()

    assert rig.netbox.calls[asked - 2 :] == ["version", "observe"]
    assert breaking.open == {"netbox"}


def test_breakers_are_apart(breaking: Breaking) -> None:
    """One target that is away says nothing of another."""
    breaking.rig.netbox.fail("observe", AWAY)
    breaking.run()
    calls = len(breaking.rig.cluster.calls)

    breaking.run()

    assert len(breaking.rig.cluster.calls) > calls


class FullDisk(Store):
    """A store whose passes cannot be written."""

    def record_pass(self, result: PassResult) -> None:
        raise StateError("disk full")


def test_a_failure_that_was_not_stored(breaking: Breaking) -> None:
    """A skipped target counts as failing also where the pass that saw it fail left no record."""
    rig = breaking.rig
    rig.netbox.fail("observe", AWAY)
    rig.store.__class__ = FullDisk
    breaking.run()
    rig.store.__class__ = Store
    assert rig.record.connections["netbox"].last_error is None

    breaking.run()

    assert rig.record.connections["netbox"].state is ConnectionState.FAILING
    assert rig.record.connections["netbox"].last_error == "connection refused"


def test_a_stop_during_a_phase_proves_nothing(synced: Rig) -> None:
    """A pass that the stop cuts off in a phase neither opens nor closes a breaker."""
    breaking = Breaking(synced)
    synced.netbox.fail("observe", AWAY)
    breaking.run()
    breaking.wait()
    synced.netbox.fail("observe", StoppedError("the service is stopping"))

    breaking.run()

    assert breaking.open == {"netbox"}
