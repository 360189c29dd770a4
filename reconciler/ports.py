"""What the reconciler needs from the world, as protocols. Adapters live in `desired`, `targets` and `store`.

All methods block (a pass runs in a worker thread) unless they are `async`; every implementation bounds its calls
in time, and raises only errors of `reconciler.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from reconciler.model.agents import AgentStatus
    from reconciler.model.desired import Desired
    from reconciler.model.events import Listing, WatchEvent
    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind
    from reconciler.model.netbox import (
        ExistingRecord,
        Observation,
        Projection,
        Record,
        RecordChange,
        Ref,
        SharedRecord,
        WriteResult,
    )
    from reconciler.model.netbox_site import Site, SiteValue
    from reconciler.model.news import Following
    from reconciler.model.objects import Manifest, ObjectKey, Resource, Source
    from reconciler.model.passes import InventoryEntry, ObjectState, PassRecord
    from reconciler.model.problems import Fault, Path
    from reconciler.model.publishing import Proposal, Published
    from reconciler.model.requests import Accepted, Delivery, Receiver, Request, RequestState
    from reconciler.model.revision import Revision
    from reconciler.model.served import Served
    from reconciler.model.status import Approval, FabricRecord, Health, PassResult, Suspension, WebhookRecord
    from reconciler.model.structure import UpkeepPlan


class Clock(Protocol):
    """Time as an input."""

    def now(self) -> datetime:
        """The wall-clock time, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""


class StopFlag(Protocol):
    """Whether the service is stopping; asked between actions."""

    def is_set(self) -> bool: ...


class DesiredSource(Protocol):
    """The directory of one fabric in its Git repository."""

    def fetch(self) -> Revision:
        """Bring the mirror up to date and return the branch's tip.

        Raises GitUnavailableError, GitAccessError, BranchNotFoundError.
        """

    def last_fetched(self) -> Revision | None:
        """The tip that the last successful fetch brought, also from before a restart. No network."""

    def read(self, revision: Revision) -> Desired:
        """The desired state at a fetched revision. Documents that are wrong become problems, never errors."""

    def lines(self, revision: Revision, places: Sequence[tuple[Source, Path]]) -> Sequence[int]:
        """The line of each of these fields of documents that `read` found at this revision, in order; that of the
        nearest parent for one that is not there. Each file is looked at once, so ask for all together.
        """

    def tree(self, revision: Revision) -> str | None:
        """The id of the Git tree of the fabric's directory, None where the directory is absent."""

    def ancestry(self, commits: Iterable[str], revision: Revision) -> Mapping[str, bool]:
        """Of the commits (40 hex) that are known here: whether each is `revision` or one of its ancestors. In one look,
        however many there are.
        """


Check: TypeAlias = "Callable[[Manifest], Sequence[Fault]]"
"""What is wrong with one object, beyond what its document tells: by the schema of its kind, where that is known."""


class Publisher(Protocol):
    """The branch of a repository, for commits of ours."""

    def publish(
        self, propose: Callable[[Revision], Proposal | None], found: Callable[[], Proposal | None] | None = None
    ) -> Published | None:
        """Fetch, and commit what `propose` has for the branch's tip, as one commit on top of that; None where there is
        nothing to do, or the tip holds all of it already. Where others push meanwhile, `propose` is asked anew, for the
        new tip. Whatever fails, no commit of others is lost, and the branch has ours whole or not at all. Where there
        is no such branch, what `found` has is its first commit; without that, it is an error.

        Raises PushRefusedError, PushRacesError, PathRefusedError, SigningError, StoppedError, and as
        `DesiredSource.fetch`; what `propose` raises; ValueError for paths and messages that no commit may have.
        """


class Upkeep(Protocol):
    """The directory of one fabric, which commits of ours keep in order."""

    def look(self, revision: Revision, check: Check, *, is_first: bool = False) -> UpkeepPlan:
        """What it takes at a fetched revision. Nothing is written. `is_first`: an absent directory is made, and what
        lies in it in another order is taken in. Raises GitUnavailableError.
        """

    def keep(self, check: Check, requests: Sequence[str] = (), *, is_first: bool = False) -> UpkeepPlan:
        """Do what it takes at the branch's tip, in one commit that names the `requests`; nothing where nothing is to be
        done. Raises as `Publisher.publish`.
        """


class Cluster(Protocol):
    """The Kubernetes API of one fabric, within its namespace."""

    @property
    def address(self) -> str:
        """The server's URL without credentials; two fabrics with the same address and namespace clash."""

    def list(self, kind: Kind) -> tuple[Resource, ...]:
        """All objects of a kind in the namespace.

        Raises KindNotServedError, ClusterUnavailableError, ClusterAccessError.
        """

    def apply(self, body: JSONObject, *, force: bool = False) -> Resource:
        """Server-side apply under our field manager; the answer is the object as it now stands.

        Raises ApplyConflictError, ObjectRejectedError, DependencyNotReadyError, StaleObjectError (a lost race),
        KindNotServedError, ClusterUnavailableError, ClusterAccessError.
        """

    def dry_run(self, body: JSONObject) -> Resource:
        """The object as a forced `apply` would leave it, admission included. Nothing is written. Raises as `apply`,
        but for ApplyConflictError.
        """

    def delete(self, resource: Resource) -> None:
        """Delete exactly this object, with its uid and resourceVersion as preconditions. Absent is fine.

        Raises StaleObjectError, ObjectRejectedError (for example: others refer to it), DependencyNotReadyError,
        KindNotServedError, ClusterUnavailableError, ClusterAccessError.
        """

    def version(self) -> str:
        """The server's version, as proof that it can be reached. Raises as `list`."""

    def denied(self, kinds: Sequence[Kind], verbs: Sequence[str]) -> tuple[str, ...]:
        """Those of the rights `<verb> <plural>.<group>` that we lack in the namespace, by SelfSubjectAccessReview.
        Raises as `list`.
        """

    def served(self) -> Served:
        """The kinds that it serves, with their schemas: the same value, or at least the same schemas, for as long as
        they stay as they are.

        Raises ClusterUnavailableError, ClusterAccessError; KindNotServedError where a server tells of no schemas.
        """


class ClusterEvents(Protocol):
    """The changes of one fabric's cluster, within its namespace. Lives in the event loop."""

    @property
    def address(self) -> str:
        """The server's URL without credentials."""

    async def list(self, kind: Kind) -> Listing:
        """All objects of a kind, and the version to watch from.

        Raises KindNotServedError, ClusterUnavailableError, ClusterAccessError, ConfigurationError.
        """

    def watch(self, kind: Kind, version: str) -> AsyncIterator[WatchEvent]:
        """What happened to objects of a kind after `version`, until the server ends the stream, which it does after a
        few minutes, and for a quiet kind within one: watch again from the last version, at once. Nothing is said twice,
        and no event that the server sent is left out silently.

        Raises VersionExpiredError, KindNotServedError, ClusterUnavailableError (also: the connection broke off,
        was silent for more than a minute, or said something that is no event), ClusterAccessError, ConfigurationError.
        """

    async def agents(self, kind: Kind) -> tuple[AgentStatus, ...]:
        """All objects of a kind of `AGENTS`, by name, without their specs, which hold passwords.

        Raises as `list`.
        """

    async def close(self) -> None:
        """Close every connection."""


class NetBox(Protocol):
    """One NetBox, seen from one fabric."""

    @property
    def address(self) -> str:
        """The URL without credentials; two fabrics with the same address and site clash."""

    def observe(self, fabric: str, projection: Projection, *, is_full: bool = True, cause: str = "") -> Observation:
        """Everything of ours for `fabric`, everything that could clash with the projection's records by natural
        key, and which of its prerequisites exist: in few large reads. Unless `is_full`, what was read before and is
        known not to have been written since need not be read again. `cause` says in NetBox's changelog what the writes
        that follow are for.

        Raises NetBoxUnavailableError, NetBoxAccessError.
        """

    def create_shared(self, records: Sequence[SharedRecord]) -> Sequence[WriteResult]:
        """Create prerequisites, in order; one that exists by now is fine. Raises as `observe`."""

    def create(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        """Create records of one model in bulk, with tag and key; one bad record does not hold back the others, and one
        that refers to a record that is not there is not sent. A result for each record, in order. Raises as `observe`.
        """

    def update(self, changes: Sequence[RecordChange]) -> Sequence[WriteResult]:
        """Update records of one model in bulk, only the fields named; one that somebody else changed since it was
        observed is left alone and has an error. Results and errors as `create`.
        """

    def complete(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        """Set fields of records of one model that `create` made: those named, once what they refer to exists. Results
        and errors as `create`.
        """

    def delete(self, records: Sequence[ExistingRecord]) -> Sequence[WriteResult]:
        """Delete records of one model in bulk. A record that no longer carries our marks, or on which records of
        others depend, is left alone and has an error; one that is gone is fine. Results and errors as `create`.
        """

    def version(self) -> str:
        """NetBox's version, as proof that it can be reached with our token. Raises as `observe`."""

    def site(self, slug: str) -> Site | None:
        """The site of this slug as it is now, None where it does not exist. Raises as `observe`."""

    def prepare_sites(self) -> None:
        """Create those of the custom fields of sites that do not exist. Raises as `write_site`."""

    def write_site(self, site: Site, fields: Mapping[str, SiteValue]) -> None:
        """Set custom fields of a site, and leave the others. Raises as `observe`, and StalledError where NetBox refuses
        the values.
        """

    def note(self, site: Site, text: str, *, is_trouble: bool = False) -> None:
        """Add an entry to a site's journal. Raises as `write_site`."""


class Documents(Protocol):
    """Persistence of the embedded stores: JSON documents by collection and key."""

    def load(self, collection: str) -> Mapping[str, JSONObject]: ...

    def save(self, collection: str, changes: Mapping[str, JSONObject | None]) -> None:
        """Write documents in one transaction; None deletes."""


class PassState(Protocol):
    """What a pass reads of the past, and where it ends. Raises StateError."""

    def fabric(self, name: str) -> FabricRecord:
        """The fabric's record; a fresh one for a fabric that was never seen."""

    def inventory(self, fabric: str) -> Mapping[ObjectKey, InventoryEntry]: ...

    def objects(self, fabric: str) -> Sequence[ObjectState]:
        """The state of every object after the last pass, by key."""

    def approval(self, fabric: str) -> Approval | None:
        """As `Approvals.approval`."""

    def remember(self, fabric: str, inventory: Mapping[ObjectKey, InventoryEntry]) -> None:
        """Write what is owned, and nothing else: before a pass does what must not be forgotten should it break off."""

    def lines(self, fabric: str, place: str) -> Mapping[Ref, str]:
        """What is kept of the fabric's records in this NetBox, by record, as `keep_lines` was told."""

    def keep_lines(self, fabric: str, place: str, changes: Mapping[Ref, str | None]) -> None:
        """Keep these lines instead of those of the same records; None: none. The others stay, unless they are of
        another place: those go, since records of one NetBox say nothing of another.
        """

    def begin(self, fabric: str, revision: str) -> None:
        """Note that a pass over the whole fabric goes on at this revision, for whoever is told of its commit."""

    def checkpoint(self, result: PassResult) -> None:
        """Write what a pass that yielded knows so far, in one transaction: inventory and objects, as `record_pass`, the
        newest commit, and that an approval is spent. Nothing of how the fabric stands, and no request, moves: the pass
        has not ended.
        """

    def record_pass(self, result: PassResult) -> None:
        """Write all that a pass ends with, in one transaction. The only writer of `last_sync`.

        What others wrote meanwhile stays: `next_poll` and `effective_interval`, a `desired_revision` that a push
        announced of which the pass knew nothing (see `PassResult`), and the state of requests that had ended already.
        What a poll found unannounced is noted with the repository's webhook.
        """


class Requests(Protocol):
    """Durable requests and deliveries. Raises StateError."""

    def accept(
        self,
        requests: Sequence[Request],
        delivery: Delivery | None = None,
        seen: Sequence[str] = (),
    ) -> Sequence[str] | None:
        """Store requests, and with them the delivery, that its repositories (`seen`: names) have a working webhook,
        and the announced commits as desired revisions: one transaction. None when stored; when the delivery's id is
        known already nothing is stored, and the ids of the requests of its first arrival are returned.
        """

    def delivered(self, provider: str, delivery_id: str) -> Sequence[str] | None:
        """The ids of the requests of a delivery that was accepted before, None for a new one."""

    def mark_verified(self, repositories: Sequence[str]) -> None:
        """Store that a delivery for these repositories verified now."""

    def request(self, request_id: str) -> Request | None: ...

    def requests(self, ids: Iterable[str]) -> Sequence[Request]: ...

    def unfinished(self) -> Sequence[Request]:
        """All requests that are not terminal, oldest first."""

    def set_state(self, ids: Sequence[str], state: RequestState, pass_id: str | None = None) -> None:
        """Move requests that have not ended; a terminal state is final. None leaves the pass as it is."""

    def end(self, ids: Sequence[str], reason: str, message: str) -> None:
        """End those of these requests that have not ended as superseded: their pass is not made."""


class Suspensions(Protocol):
    """Which fabrics are left alone until somebody resumes them. Durable; the configuration does not know of it."""

    def suspension(self, fabric: str) -> Suspension | None:
        """None: the fabric is not suspended. From memory: does not block, never fails."""

    def suspend(self, fabric: str, reason: str | None, by: str | None = None) -> Suspension:
        """Suspend a fabric, for a reason and in the name of somebody. One that is suspended stays so since when it was,
        with the new words. Raises StateError.
        """

    def resume(self, fabric: str) -> bool:
        """End a suspension; whether there was one. Raises StateError."""


class Approvals(Protocol):
    """Which plan of a fabric may be carried out. Durable, until a pass says that it is spent. Raises StateError."""

    def approval(self, fabric: str) -> Approval | None:
        """None: no plan of the fabric is approved, or it was carried out."""

    def approve(self, fabric: str, plan_hash: str, by: str | None) -> Approval:
        """Approve the plan of this hash (64 hex), and no other of the fabric any more."""


class Schedule(Protocol):
    """The poll's memory. Raises StateError."""

    def schedule_poll(self, fabric: str, due: datetime, interval: float) -> None:
        """Store when the fabric is polled next, and the effective interval in seconds."""

    def webhook(self, repository: str) -> WebhookRecord: ...


class History(Protocol):
    """What the API and the command line read. Raises StateError."""

    def fabrics(self) -> Mapping[str, FabricRecord]: ...

    def passes(self, fabric: str, limit: int = 100) -> Sequence[PassRecord]:
        """The newest first."""

    def pass_(self, fabric: str, pass_id: str) -> PassRecord | None: ...

    def objects(self, fabric: str) -> Sequence[ObjectState]: ...

    def prune(self, keep_for: timedelta, keep_passes: int, now: datetime) -> None:
        """Forget passes older than `keep_for` beyond the last `keep_passes` of each fabric, and of any age those over
        the whole fabric beyond five times that many, and those over some objects too; requests that ended, and
        deliveries older than 7 days.
        """


class Intake(Protocol):
    """The one way in for every trigger that comes over HTTP. Lives in the event loop."""

    def receivers(self, provider: str) -> Sequence[Receiver]:
        """The webhooks configured for a provider; empty: no repository uses it."""

    def is_stopping(self) -> bool:
        """Whether new work is no longer accepted."""

    async def known(self, provider: str, delivery_id: str) -> Accepted | None:
        """The answer to a delivery that was accepted before (result `duplicate`), None for a new one."""

    async def deliver(self, delivery: Delivery, repositories: Sequence[str]) -> Accepted:
        """Take in a verified push for these repositories (names). Durable when it returns.

        The result is `accepted`, `duplicate`, or `ignored` with the reason (other branch, deleted branch, disabled
        fabrics). Raises StateError.
        """

    async def edited(self, delivery: Delivery, fabrics: Sequence[str]) -> Accepted:
        """Take in a verified edit of NetBox that names records of these fabrics. Durable when it returns.

        The result is `accepted`, `duplicate`, or `ignored` with the reason (our own write, disabled fabrics). Raises
        StateError.
        """

    async def verified(self, repositories: Sequence[str]) -> None:
        """Note that the webhooks of these repositories work, for a delivery that causes nothing. Raises StateError."""

    async def reconcile(self, fabric: str | None) -> Accepted:
        """Take in a manual request for one fabric, or all that passes may be made of. Raises UnknownFabricError,
        FabricDisabledError, FabricSuspendedError for a named one, StateError.
        """

    async def approve_plan(self, fabric: str, plan_hash: str, by: str | None) -> Accepted:
        """Approve the plan of this hash (64 hex), and take in a request for the full pass that carries it out. Durable
        when it returns. Raises UnknownFabricError, FabricDisabledError, FabricSuspendedError, StateError.
        """

    async def suspend_fabric(self, fabric: str, reason: str | None, by: str | None = None) -> None:
        """Leave a fabric alone until it is resumed: what waits is discarded, a pass that runs goes on to its end. One
        that is suspended already only gets the new words. Durable when it returns. Raises UnknownFabricError,
        StateError.
        """

    async def resume_fabric(self, fabric: str, by: str | None = None) -> Accepted:
        """End a suspension, and take in a request for a full pass (none while the fabric is disabled). Durable when it
        returns. Raises UnknownFabricError, FabricNotSuspendedError, StateError.
        """

    async def wait(self, requests: Sequence[str], seconds: float) -> bool:
        """Wait up to `seconds` until these requests are terminal; whether they are."""


class Plans(Protocol):
    """What a pass would do now: found out by looking, written nowhere, beside any pass that runs. Blocking, for as long
    as Git, the cluster and NetBox take to answer; of one fabric one at a time.

    Raises UnknownFabricError, FabricDisabledError, PreviewBusyError, StateError, StoppedError.
    """

    def plan(self, fabric: str, *, is_fetching: bool = False) -> JSONObject:
        """The plan as the API gives it: at the revision that was fetched last, or after a fetch."""

    def named(self, fabric: str, beginning: str) -> str:
        """The whole hash of the present plan, which begins so (at least 12 hex). Raises PlanChangedError too."""


class Status(Protocol):
    """The one view of the state of everything, as the JSON that the API promises. Blocking, but for `follow`."""

    def follow(self, fabric: str | None) -> AbstractContextManager[Following]:
        """Follow one fabric, or all. Belongs to the event loop. Raises TooManyFollowersError, StoppedError."""

    def fabrics(self) -> JSONObject:
        """`{"fabrics": […]}`, without problems and kinds."""

    def fabric(self, name: str) -> JSONObject | None:
        """One fabric, None when it is not configured."""

    def resources(self, name: str) -> JSONObject | None:
        """`{"resources": […]}`: the state of every object."""

    def topology(self, name: str) -> JSONObject | None:
        """`{"fabric", "nodes": […], "links": […]}`: how the fabric is wired. Nothing is fetched."""

    def passes(self, name: str) -> JSONObject | None:
        """`{"passes": […]}`, the newest first."""

    def pass_(self, name: str, pass_id: str) -> JSONObject | None: ...

    def request(self, request_id: str) -> JSONObject | None: ...

    def livez(self) -> Health: ...

    def readyz(self) -> Health: ...

    def healthz(self) -> Health: ...

    def metrics(self) -> tuple[bytes, str]:
        """The metrics in Prometheus' text format, and its content type."""
