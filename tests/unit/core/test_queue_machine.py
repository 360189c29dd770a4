"""Any history of triggers, passes and crashes: the queue and the worker lose nothing, and let nobody starve."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reconciler.model.objects import ObjectKey
from reconciler.model.requests import RequestState, Trigger, Work
from reconciler.queue import BUDGETS, REMAINDER_BUDGET, Allowance, Next, Taken, WorkQueue
from reconciler.worker import Worker

if TYPE_CHECKING:
    from reconciler.model.requests import Scope

FABRICS = ("dc1", "dc2", "dc3")
WORKERS = 2
OBJECTS = tuple(ObjectKey("VPC", "default", f"vpc-{number}") for number in range(3))
BURST, REFILL = 2, 16.0
"""Passes for pushes at once, and seconds until there is one more: powers of two, so that sums are exact."""
LATER = 10_000.0
"""Seconds after which every backoff is over."""

fabrics = st.sampled_from(FABRICS)
scopes = st.sets(st.sampled_from(OBJECTS), min_size=1)


@dataclass
class Claim:
    """Something that was added: from when on it may be served, and for how long others may go before it."""

    at: float
    budget: float
    is_urgent: bool


@dataclass
class Owed:
    """What the next pass over a fabric has to look at, by the rules of the design and not by those of the queue."""

    triggers: set[Trigger] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    scope: Scope = frozenset()
    remainder: str | None = None
    claims: list[Claim] = field(default_factory=list)

    def include(self, work: Work, claim: Claim) -> None:
        self.triggers |= set(work.triggers)
        self.requests |= set(work.requests)
        self.scope = None if self.scope is None or work.scope is None else self.scope | work.scope
        self.remainder = self.remainder or work.remainder
        self.claims.append(claim)


@dataclass
class Pass:
    """A pass that runs: what it was taken for, and what Git and the cluster held when it began."""

    taken: Taken
    revision: int
    changed: frozenset[ObjectKey]
    is_full: bool


@dataclass
class Place:
    """A fabric as it is. `revision` is Git's, `changed` are objects that nobody has looked at since they changed."""

    revision: int = 0
    applied: int = 0
    changed: set[ObjectKey] = field(default_factory=set)
    failures: int = 0
    free_since: float = 0.0
    owed: Owed | None = None
    running: Pass | None = None
    is_idle: bool = False
    """Stalled by its last pass: nothing has to happen until something arrives."""
    is_suspended: bool = False
    """Nothing is let in until it is resumed, which asks for a full pass."""
    tokens: float = BURST
    tokens_at: float = 0.0
    """Passes for pushes that were left when the last one began, and when that was."""
    held_until: float = 0.0
    """From when on what is owed may be served, where only pushes ask for it."""
    is_settled: bool = True
    """Whether nothing was left undone. Otherwise a pass looks at everything, whatever it was taken for."""


class NoRunner:
    """The machine makes the passes itself."""

    def run(self, taken: Taken) -> Next:
        raise AssertionError(f"nobody asked for a pass over {taken.key}")


class QueueMachine(RuleBasedStateMachine):
    """Three fabrics, two workers, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.serial = 0
        self.places = {name: Place() for name in FABRICS}
        self.requests: dict[str, RequestState] = {}
        self.owners: dict[str, tuple[str, Trigger]] = {}
        self._start()

    def _start(self) -> None:
        self.queue = WorkQueue(lambda: self.now, allowance=Allowance(BURST, REFILL))
        self.worker = Worker(self.queue, NoRunner(), lambda _: None, chance=lambda: 0.0)

    def _next(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    # what arrives

    def _accept(self, fabric: str, trigger: Trigger) -> None:
        if self.places[fabric].is_suspended:
            return
        request = self._next("r")
        self.requests[request], self.owners[request] = RequestState.QUEUED, (fabric, trigger)
        self._add(fabric, Work((trigger,), (request,)))

    def _add(self, fabric: str, work: Work) -> None:
        place = self.places[fabric]
        place.is_idle = False
        assert self.queue.add(fabric, work) is (place.owed is not None)
        self._hold(place, work)
        self._owe(fabric, work, self._claim(place, work))

    def _hold(self, place: Place, work: Work) -> None:
        """Pushes alone wait until there is a pass for them; what else is asked for lets them go with it."""
        if set(work.triggers) != {Trigger.PUSH} or work.remainder:
            place.held_until = min(place.held_until, self.now)
        elif place.owed is None or not self._is_due(place):
            tokens = min(BURST, place.tokens + (self.now - place.tokens_at) / REFILL)
            place.held_until = max(place.held_until, self.now + max(0.0, (1 - tokens) * REFILL))

    def _is_due(self, place: Place) -> bool:
        """Whether what is owed may be served, as soon as nobody works on the fabric."""
        claims = place.owed.claims if place.owed else ()
        return place.held_until <= self.now and any(claim.at <= self.now for claim in claims)

    def _claim(self, place: Place, work: Work) -> Claim:
        """During a backoff only what is urgent may be served at once."""
        ready_at = min((claim.at for claim in place.owed.claims), default=self.now) if place.owed else self.now
        at = self.now if work.is_urgent else max(self.now, ready_at)
        return Claim(at, BUDGETS[work.priority] if work.remainder is None else REMAINDER_BUDGET, work.is_urgent)

    def _owe(self, fabric: str, work: Work, claim: Claim) -> None:
        place = self.places[fabric]
        place.owed = place.owed or Owed()
        place.owed.include(work, claim)

    @rule(fabric=fabrics)
    def push(self, fabric: str) -> None:
        self.places[fabric].revision += 1
        self._accept(fabric, Trigger.PUSH)

    @rule(fabric=fabrics, trigger=st.sampled_from([Trigger.REQUEST, Trigger.POLL, Trigger.FILE]))
    def ask(self, fabric: str, trigger: Trigger) -> None:
        self._accept(fabric, trigger)

    @rule(fabric=fabrics, scope=scopes)
    def change(self, fabric: str, scope: set[ObjectKey]) -> None:
        self.places[fabric].changed |= scope
        if not self.places[fabric].is_suspended:
            self._add(fabric, Work((Trigger.WATCH,), (), frozenset(scope)))

    @rule(seconds=st.one_of(st.integers(0, 4), st.integers(0, 90)))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    # what is done

    def _ready(self) -> dict[str, Owed]:
        """What may be taken now."""
        return {
            name: place.owed
            for name, place in self.places.items()
            if place.owed and not place.running and self._is_due(place)
        }

    def _may_take(self) -> bool:
        return bool(self._ready()) and sum(place.running is not None for place in self.places.values()) < WORKERS

    @precondition(_may_take)
    @rule()
    def take(self) -> None:
        """A worker is free: it gets all that a fabric is owed, over a fabric that nobody works on."""
        ready = self._ready()
        taken = self._get()
        assert taken is not None
        place, owed = self.places[taken.key], ready[taken.key]
        self._check_order(taken.key, ready)
        assert place.running is None
        assert set(taken.work.triggers) == owed.triggers
        assert set(taken.work.requests) == owed.requests
        assert (taken.work.scope, taken.work.remainder) == (owed.scope, owed.remainder)
        place.owed, place.running, place.held_until = None, self._begin(place, taken), 0.0
        if Trigger.PUSH in taken.work.triggers:
            tokens = min(BURST, place.tokens + (self.now - place.tokens_at) / REFILL)
            place.tokens, place.tokens_at = max(tokens - 1, 0.0), self.now
        for request in taken.work.requests:
            self.requests[request] = RequestState.RUNNING
        if place.is_suspended:
            self._refuse(place, taken)

    def _refuse(self, place: Place, taken: Taken) -> None:
        """What the end of a pass queued after its fabric was suspended is no reason for another."""
        self._answer(taken.work.requests, RequestState.SUPERSEDED)
        place.running = None
        self.worker.settle(taken, Next())
        place.free_since = self.now

    def _begin(self, place: Place, taken: Taken) -> Pass:
        scope = taken.work.scope
        if scope is None or not place.is_settled or place.applied != place.revision:
            return Pass(taken, place.revision, frozenset(place.changed), is_full=True)
        return Pass(taken, place.revision, frozenset(place.changed & scope), is_full=False)

    def _get(self) -> Taken | None:
        """What the queue hands out without waiting."""
        getting = self.queue.get()
        try:
            getting.send(None)
        except StopIteration as done:
            found: Taken | None = done.value
            return found
        getting.close()
        return None

    def _check_order(self, first: str, ready: dict[str, Owed]) -> None:
        """What came after another fabric's budget ran out does not go before it."""
        came = min(self._since(first, claim) for claim in ready[first].claims if claim.at <= self.now)
        for name, owed in ready.items():
            for claim in owed.claims:
                if name != first and claim.at <= self.now:
                    assert came <= self._since(name, claim) + claim.budget, f"{first} overtook {name}"

    def _since(self, fabric: str, claim: Claim) -> float:
        """From when on a claim could be served: a fabric has to be free for it, and pushes have to be allowed."""
        place = self.places[fabric]
        return max(claim.at, place.free_since, place.held_until)

    @rule(fabric=fabrics, how=st.sampled_from(["succeeds", "yields", "fails", "awaits", "stalls", "breaks"]))
    def end(self, fabric: str, how: str) -> None:
        """A pass ends, or a part of it, in one of the ways in which a runner says that it does."""
        place = self.places[fabric]
        if place.running is not None:
            self._end(fabric, place, place.running, how)

    def _end(self, fabric: str, place: Place, ending: Pass, how: str) -> None:
        work = ending.taken.work
        following = Next()
        place.is_settled = how == "succeeds" or (how == "yields" and place.is_settled)
        if how == "succeeds":
            self._succeed(place, ending)
        elif how == "yields":
            following = Next(remainder=replace(work, remainder=work.remainder or self._next("p")))
        elif how == "stalls":
            self._answer(work.requests, RequestState.FAILED)
            place.is_idle = place.owed is None
        else:
            following = self._fail(place, work, how)
        place.running = None
        self.worker.settle(ending.taken, following)
        place.free_since = self.now
        self._follow(fabric, place, following)

    def _succeed(self, place: Place, ending: Pass) -> None:
        if ending.is_full:
            place.applied, place.failures = ending.revision, 0
        place.changed -= ending.changed
        self._answer(ending.taken.work.requests, RequestState.SUCCEEDED)

    def _fail(self, place: Place, work: Work, how: str) -> Next:
        """An awaited commit keeps its requests open, and a defect all of them."""
        place.failures = 1 if work.is_urgent else place.failures + 1
        pushes = tuple(request for request in work.requests if self.owners[request][1] is Trigger.PUSH)
        unanswered = {"fails": (), "awaits": pushes, "breaks": work.requests}[how]
        self._answer(set(work.requests) - set(unanswered), RequestState.FAILED)
        return Next(is_retryable=True, unanswered=unanswered)

    def _follow(self, fabric: str, place: Place, following: Next) -> None:
        """What the worker has to queue after a pass."""
        if following.remainder is not None:
            self._owe(fabric, following.remainder, Claim(self.now, REMAINDER_BUDGET, is_urgent=True))
        elif following.is_retryable:
            ready_at = self.now + min(5.0 * 2 ** (place.failures - 1), 300.0)
            if place.owed and not any(claim.is_urgent for claim in place.owed.claims):
                for claim in place.owed.claims:
                    claim.at = ready_at
            retry = Work((Trigger.RETRY,), following.unanswered)
            self._owe(fabric, retry, Claim(ready_at, BUDGETS[2], is_urgent=False))

    def _answer(self, requests: set[str] | tuple[str, ...], state: RequestState) -> None:
        for request in requests:
            assert self.requests[request] is RequestState.RUNNING, "it is answered once, by a pass that it is part of"
            self.requests[request] = state

    @rule(fabric=fabrics)
    def suspend(self, fabric: str) -> None:
        """What waits is taken out, and whoever asked for it is told."""
        place = self.places[fabric]
        discarded = self.queue.discard(fabric)
        assert set(discarded.requests) == (place.owed.requests if place.owed else set())
        for request in discarded.requests:
            self.requests[request] = RequestState.SUPERSEDED
        place.owed, place.is_suspended, place.held_until = None, True, 0.0

    @rule(fabric=fabrics)
    def resume(self, fabric: str) -> None:
        """What was not let in meanwhile is made good by one full pass."""
        if self.places[fabric].is_suspended:
            self.places[fabric].is_suspended = False
            self._accept(fabric, Trigger.REQUEST)

    @rule()
    def crash(self) -> None:
        """The process dies; the next one queues what is not finished, and looks at every fabric."""
        self._start()
        for place in self.places.values():
            place.owed = place.running = None
            place.free_since, place.failures = self.now, 0
            place.tokens, place.tokens_at, place.held_until = BURST, self.now, 0.0
        for request, state in self.requests.items():
            if not state.is_terminal:
                fabric, trigger = self.owners[request]
                if self.places[fabric].is_suspended:
                    self.requests[request] = RequestState.SUPERSEDED
                else:
                    self._add(fabric, Work((trigger,), (request,)))
        for fabric in FABRICS:
            self._accept(fabric, Trigger.STARTUP)

    # what holds

    @invariant()
    def what_is_owed_waits(self) -> None:
        """Neither more nor less than what was asked for waits, and the queue says what of it is ready."""
        ready = self._ready()
        due = {name: place.owed for name, place in self.places.items() if place.owed and self._is_due(place)}
        active = {
            name
            for name, place in self.places.items()
            if place.owed and any(claim.at <= self.now for claim in place.owed.claims)
        }
        assert self.queue.depth() == len(due)
        for name, place in self.places.items():
            assert self.queue.is_waiting(name) is (place.owed is not None)
            assert self.queue.is_active(name) is (place.running is not None or name in active)
            fresh = [o for o in ready if o != name and any(c.budget < REMAINDER_BUDGET for c in ready[o].claims)]
            assert self.queue.has_others(name) is bool(fresh)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """A fabric that is behind Git, or has a request without answer, waits, is worked on, or may be idle."""
        for name, place in self.places.items():
            open_requests = {
                request
                for request, (owner, _) in self.owners.items()
                if owner == name and not self.requests[request].is_terminal
            }
            running = set(place.running.taken.work.requests) if place.running else set()
            assert open_requests == running | (place.owed.requests if place.owed else set())
            if (place.applied != place.revision or place.changed) and not (place.is_idle or place.is_suspended):
                assert place.owed or place.running

    def teardown(self) -> None:
        """Left alone, with everything well again, each fabric is soon in line, and every request has an answer."""
        for fabric, place in self.places.items():
            self.resume(fabric)
            if place.is_idle:
                self._accept(fabric, Trigger.REQUEST)
        for _ in range(2 * len(FABRICS)):
            self.now += LATER
            while self._may_take():
                self.take()
            for fabric, place in self.places.items():
                if place.running:
                    self._end(fabric, place, place.running, "succeeds")
        assert all(state.is_terminal for state in self.requests.values())
        for place in self.places.values():
            assert (place.applied, place.changed, place.owed) == (place.revision, set(), None)


TestQueueMachine = QueueMachine.TestCase
# Its steps are cheap, and what goes wrong in an order takes a while to be found.
TestQueueMachine.settings = settings(max_examples=max(100, settings().max_examples))
