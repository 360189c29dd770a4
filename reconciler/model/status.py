"""The state of a fabric as it is stored, and the parts of its status."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - resolved at run time when records are read back
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.passes import Outcome, SyncState
from reconciler.model.problems import Problem  # noqa: TC001 - see datetime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry, ObjectState, PassRecord
    from reconciler.model.requests import Request


class SyncStatus(StrEnum):
    NOT_CONFIGURED = "not_configured"
    DISABLED = "disabled"
    NEVER_SYNCED = "never_synced"
    ERROR = "error"
    OUT_OF_SYNC = "out_of_sync"
    IN_SYNC = "in_sync"


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """As Kubernetes spells it. `last_transition_time` moves only when `status` does."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
    last_transition_time: datetime


class ConnectionState(StrEnum):
    OK = "ok"
    FAILING = "failing"
    UNKNOWN = "unknown"
    NOT_CONFIGURED = "not_configured"


@dataclass(frozen=True, slots=True)
class Connection:
    """What is known of Git, the cluster or NetBox of a fabric, and since when."""

    state: ConnectionState = ConnectionState.UNKNOWN
    since: datetime | None = None
    last_ok: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class LastPass:
    """The last full pass that ended."""

    id: str
    outcome: Outcome
    triggers: tuple[str, ...]
    started: datetime
    finished: datetime
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FabricRecord:
    """All that is remembered of a fabric. Written by passes, except `desired_revision` (also moved by a verified
    push, which announces a commit) and `next_poll`, `effective_interval` (written when the poll is scheduled).

    `states` counts objects per kind and state; `observed` objects per kind that the cluster holds; revisions are
    in the form of `Revision`. `tree` is the Git tree of the fabric's directory at the applied revision;
    `failures` counts failed passes in a row; `netbox_retained` our records in NetBox that nothing declares any more and
    that may not be deleted; `netbox_drift` those that others edited or deleted and that are left so, `netbox_drifted`
    a line for people about each of the first of them. `not_applied` are the objects that differ only because what Git
    declares of them is not applied yet, of those that `states` counts as changed or absent.
    """

    name: str
    desired_revision: str | None = None
    last_attempted_revision: str | None = None
    applied_revision: str | None = None
    tree: str | None = None
    last_sync: datetime | None = None
    last_pass: LastPass | None = None
    next_poll: datetime | None = None
    effective_interval: float = 300.0
    failures: int = 0
    conditions: tuple[Condition, ...] = ()
    connections: dict[str, Connection] = field(default_factory=dict)
    states: dict[str, dict[SyncState, int]] = field(default_factory=dict)
    observed: dict[str, int] = field(default_factory=dict)
    drift_since: datetime | None = None
    not_applied: int = 0
    waiting_in_raw: int = 0
    netbox_retained: int = 0
    netbox_drift: int = 0
    netbox_drifted: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    problems_total: int = 0

    def drift(self) -> int:
        """Objects and records in NetBox that others made differ from what Git declares: changed, or absent."""
        return self.differing() - self.not_applied + self.netbox_drift

    def differing(self) -> int:
        """Objects that are not as Git declares them, whoever made it so."""
        return self.count(SyncState.CHANGED) + self.count(SyncState.DESIRED_ONLY)

    def count(self, state: SyncState) -> int:
        """Objects of all kinds in this state."""
        return sum(states.get(state, 0) for states in self.states.values())


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """What is known of a repository's webhook. `last_received` counts any delivery that named the repository after
    its signature was verified or not; `last_verified` only verified ones.

    `silent_since` is when a poll first found a commit that no delivery had announced, and none has verified since (None
    otherwise); `last_unannounced` is when one was found last, and `unannounced` its revision.
    """

    repository: str
    last_received: datetime | None = None
    last_verified: datetime | None = None
    silent_since: datetime | None = None
    last_unannounced: datetime | None = None
    unannounced: str | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """Since when a fabric is left alone, and why and by whom, in the words of whoever suspended it."""

    since: datetime
    reason: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """The plan (its hash, 64 hex) that may be carried out, since when, and by whose word."""

    hash: str
    since: datetime
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Unannounced:
    """A tip of a repository's branch (`revision`) that a poll found, and that no delivery had announced by then."""

    repository: str
    revision: str


@dataclass(frozen=True, slots=True)
class PassResult:
    """All that a pass ends with, stored in one transaction. `inventory` and `objects` are whole; None leaves what is
    stored as it is. `requests` are those that the pass answered, in their terminal state.

    `regarded` are the ids of all requests that the pass was made for, also those that it leaves open. Where another
    push is open by now, what it announced is the fabric's `desired_revision`; else the one in `fabric` is, and what the
    pass found `unannounced` was so. `spent` is the hash whose approval is over: its plan was carried out, or is no
    longer the plan. `found` is the branch's tip as others left it, where the pass went on with a commit of its own.
    """

    record: PassRecord
    fabric: FabricRecord
    inventory: Mapping[ObjectKey, InventoryEntry] | None = None
    objects: Sequence[ObjectState] | None = None
    requests: Sequence[Request] = ()
    regarded: Sequence[str] = ()
    unannounced: Unannounced | None = None
    spent: str | None = None
    found: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of a health route: `body` is JSON."""

    is_ok: bool
    body: JSONObject
