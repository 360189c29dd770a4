"""Triggers, the requests they become, and the work that the queue carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - resolved at run time when requests are read back
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey

Scope: TypeAlias = "frozenset[ObjectKey] | None"
"""What a pass looks at: these objects and what depends on them, or the whole fabric (None)."""


class Trigger(StrEnum):
    """Why a fabric is looked at."""

    PUSH = "push"
    WATCH = "watch"
    NETBOX = "netbox"
    REQUEST = "request"
    POLL = "poll"
    FILE = "file"
    STARTUP = "startup"
    RETRY = "retry"
    """A failed pass is due again. Not a request of its own: it belongs to those that are still unfinished."""

    @property
    def is_urgent(self) -> bool:
        """Whether it runs at once, also while the fabric backs off."""
        return self in {Trigger.PUSH, Trigger.REQUEST, Trigger.FILE}


class RequestState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"

    @property
    def is_terminal(self) -> bool:
        return self not in {RequestState.QUEUED, RequestState.RUNNING}


@dataclass(frozen=True, slots=True)
class Request:
    """An accepted trigger, which can be followed to its end.

    `commit` (40 hex) and `revision` are what a push announced, `replaces` is the commit that the branch had before it,
    where the push said so; once a pass has answered the request, `revision` is
    that of the pass, and `outcome`, `pass_id`, `reason` and `message` speak of it too.
    """

    id: str
    fabric: str
    trigger: Trigger
    accepted: datetime
    state: RequestState = RequestState.QUEUED
    commit: str | None = None
    outcome: str | None = None
    pass_id: str | None = None
    revision: str | None = None
    reason: str | None = None
    message: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What waits in the queue for one fabric: the union of everything that was added since the last pass began.

    `remainder` is the id of a pass that yielded to other fabrics: the next one continues it. None: it begins anew.
    `retries` counts the tries in a row, this one included, that were due because the one before had failed.
    """

    triggers: tuple[Trigger, ...] = ()
    requests: tuple[str, ...] = ()
    scope: Scope = None
    remainder: str | None = None
    retries: int = 0

    def union(self, other: Work) -> Work:
        """Both, in order of arrival, nothing twice. The whole fabric and some of its objects are the whole fabric."""
        collected = Collected(self)
        collected.add(other)
        return collected.work()

    @property
    def is_urgent(self) -> bool:
        return any(trigger.is_urgent for trigger in self.triggers)

    @property
    def priority(self) -> int:
        """0 manual, 1 events, 2 start and poll: the lower goes first."""
        return min((_PRIORITY.get(trigger, 1) for trigger in self.triggers), default=2)


class Collected:
    """Work that more and more is added to: the union of all of it, at a cost for each that does not grow with them."""

    def __init__(self, first: Work) -> None:
        self._triggers = dict.fromkeys(first.triggers)
        self._requests = dict.fromkeys(first.requests)
        self._scope = None if first.scope is None else set(first.scope)
        self._remainder = first.remainder
        self._retries = first.retries

    def add(self, work: Work) -> None:
        self._triggers.update(dict.fromkeys(work.triggers))
        self._requests.update(dict.fromkeys(work.requests))
        if self._scope is None or work.scope is None:
            self._scope = None
        else:
            self._scope.update(work.scope)
        self._remainder = self._remainder or work.remainder
        self._retries = max(self._retries, work.retries)

    def work(self) -> Work:
        """All that was added by now."""
        scope = None if self._scope is None else frozenset(self._scope)
        return Work(tuple(self._triggers), tuple(self._requests), scope, self._remainder, self._retries)

    def why(self) -> Work:
        """The same without the requests and the scope, which may be many: enough to decide when it is due."""
        return Work(tuple(self._triggers), remainder=self._remainder)


_PRIORITY = {Trigger.REQUEST: 0, Trigger.STARTUP: 2, Trigger.POLL: 2, Trigger.RETRY: 2}


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """A full ref (`refs/heads/main`) that was moved to a commit, or deleted. `replaces` is the commit that it had
    before; None: it had none, or the sender does not say.
    """

    ref: str
    commit: str | None = None
    is_deletion: bool = False
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified webhook request, reduced to hints: what was pushed where. `id` is unique per provider:
    that of the sender, with a mark of the repositories or fabrics that his secret speaks for.

    `event` is `push`, `ping`, `edit` (of a record of NetBox), or another event's name as the provider spells it. Of a
    push, `ref` is the full ref (`refs/heads/main`), `commit` its new commit and `replaces` the one before it, `further`
    are other refs that moved with it; `urls` are the addresses under which the provider knows the repository. Of an
    edit, `keys` are the `hh_key`s of the record, before and after it, and `origin` is the id of the HTTP request by
    which NetBox was changed (its `X-Request-ID`).
    """

    provider: str
    id: str
    event: str
    ref: str | None = None
    commit: str | None = None
    is_deletion: bool = False
    further: tuple[RefUpdate, ...] = ()
    urls: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    origin: str | None = None
    details: dict[str, str] = field(default_factory=dict)
    replaces: str | None = None

    @property
    def updates(self) -> tuple[RefUpdate, ...]:
        """Every ref that was moved or deleted."""
        first = () if self.ref is None else (RefUpdate(self.ref, self.commit, self.is_deletion, self.replaces),)
        return first + self.further

    def update_of(self, ref: str) -> RefUpdate:
        """What became of a ref; without a commit when it was not moved, or was deleted."""
        return next((update for update in self.updates if update.ref == ref), RefUpdate(ref))


@dataclass(frozen=True, slots=True)
class Receiver:
    """A configured webhook: deliveries signed with `secret` may speak for `repository` (its name), known to the
    provider under `url`; for the provider `netbox`, for the fabric of the name `repository`, and `url` is NetBox's. The
    secret never shows in a repr.
    """

    provider: str
    repository: str
    url: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """A request as it is answered: `state` is `queued`, or `joined` when a pass that has not begun serves it too."""

    id: str
    fabric: str
    state: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a trigger. `result` is accepted, duplicate or ignored; `reason` says why it was ignored;
    `skipped` names fabrics that are disabled.
    """

    result: str
    requests: tuple[AcceptedRequest, ...] = ()
    reason: str | None = None
    skipped: tuple[str, ...] = ()
