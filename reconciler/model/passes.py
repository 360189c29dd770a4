"""What a pass found and did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - resolved at run time when records are read back
from enum import StrEnum

from reconciler.model.json import JSON  # noqa: TC001 - see datetime
from reconciler.model.objects import ObjectKey  # noqa: TC001 - see datetime
from reconciler.model.requests import Trigger  # noqa: TC001 - see datetime


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    NO_CHANGE = "no_change"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    FAILED = "failed"

    @property
    def is_success(self) -> bool:
        """Whether `last_sync` and the applied revision move."""
        return self in {Outcome.SUCCEEDED, Outcome.NO_CHANGE}


class Phase(StrEnum):
    FETCH = "fetch"
    STRUCTURE = "structure"
    READ = "read"
    OBSERVE = "observe"
    PLAN = "plan"
    APPLY = "apply"
    PROJECT = "project"
    NETBOX = "netbox"


class SyncState(StrEnum):
    """The state of one object."""

    IN_SYNC = "in_sync"
    CHANGED = "changed"
    DESIRED_ONLY = "desired_only"
    CLUSTER_ONLY = "cluster_only"
    PRUNE_PENDING = "prune_pending"
    FAILED = "failed"
    WAITING = "waiting"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field whose observed value is not the desired one. `path` as the Kubernetes API spells it
    (`.spec.subnets.a.vlan`); a missing value is None; `manager` owns the field now, where known.
    """

    path: str
    desired: JSON
    observed: JSON
    manager: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectState:
    """One object after a pass: its state and since when it has been in it for this reason, the file that declares it
    (None: none does), and why it is not in sync.
    """

    key: ObjectKey
    state: SyncState
    file: str | None = None
    reason: str | None = None
    message: str | None = None
    differences: tuple[FieldDifference, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredForm:
    """What the server makes of a body that we apply, by its own word, given about an object in this `generation`.

    `marks` stand for the fields that it stores otherwise than the body has them, each with the value that it stores.
    """

    generation: int
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """An object that we applied and therefore own.

    `digest` is that of the body as last applied (None: known by its marks only); `paths` are the field paths of
    that body, kept because a manager that overwrites a field takes it out of our managedFields. `stored` is what the
    server makes of that body (None: nobody had to ask). `is_replaced`: we deleted it, or were about to, to make it
    anew; that it is missing is by our own hand, until it is there again.
    """

    key: ObjectKey
    uid: str
    digest: str | None = None
    paths: frozenset[str] = frozenset()
    revision: str | None = None
    applied: datetime | None = None
    stored: StoredForm | None = None
    is_replaced: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that a pass could not do.

    `subject` names it (`VPC/vpc-1`, `dcim/devices leaf-01`, `git`); `is_whole` tells that the phase as a whole did
    not happen, not just one object of it.
    """

    phase: Phase
    subject: str
    reason: str
    message: str
    is_retryable: bool = False
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class PassRecord:
    """A pass, as the history keeps it. `phases` are durations in seconds; `counts` are numbers of objects and
    records by what was done with them (`applied`, `deleted`, `netbox_created`, …). `scope` holds the objects that a
    pass with a scope was asked to look at, at most a hundred; None: it looked at the whole fabric.
    """

    id: str
    fabric: str
    triggers: tuple[Trigger, ...]
    started: datetime
    finished: datetime
    outcome: Outcome
    reason: str
    message: str
    revision: str | None = None
    plan_hash: str | None = None
    phases: dict[Phase, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    scope: tuple[ObjectKey, ...] | None = None
