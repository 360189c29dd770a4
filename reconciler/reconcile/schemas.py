"""What passes know of the schemas of clusters, and of documents by them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import structlog

from reconciler.errors import ClusterAccessError, KindNotServedError
from reconciler.model.kinds import DECLARABLE
from reconciler.model.served import Served
from reconciler.plan.schema import check_schema
from reconciler.reconcile.rule_book import RuleBook

if TYPE_CHECKING:
    from reconciler.errors import ReconcilerError
    from reconciler.model.desired import Desired
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.problems import Fault
    from reconciler.model.served import Schema
    from reconciler.ports import Cluster

log = structlog.get_logger("pass")


class _Verdict(NamedTuple):
    """What was found of a document. It holds what it speaks of, so that nothing else can come to have its identity."""

    spec: JSONObject
    key: ObjectKey
    schema: Schema
    faults: tuple[Fault, ...]


class Verdicts:
    """What was found of documents by schemas, so that none is checked twice while both are the very same. A document
    that is parsed once for many passes is the same in all of them. Used under its owner's lock.

    At least the last `limit` verdicts are kept, and at most twice as many; each takes some 250 bytes.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._recent: dict[int, _Verdict] = {}
        self._older: dict[int, _Verdict] = {}

    def of(self, manifest: Manifest, schema: Schema) -> tuple[Fault, ...]:
        place = id(manifest.spec)
        known = self._recent.get(place) or self._older.get(place)
        if (
            known is None
            or known.spec is not manifest.spec
            or known.key is not manifest.key
            or known.schema is not schema
        ):
            known = _Verdict(manifest.spec, manifest.key, schema, check_schema(manifest, schema))
        if len(self._recent) >= self._limit and place not in self._recent:
            self._older, self._recent = self._recent, {}
        self._recent[place] = known
        return known.faults


class Inspector:
    """Checks documents by the schemas that their cluster serves. Outlives passes, and serves all fabrics."""

    def __init__(self, verdicts: Verdicts | None = None) -> None:
        self.rules = RuleBook()
        """What was found by the rules that hold between documents."""
        self._verdicts = verdicts or Verdicts()
        self._lock = threading.Lock()
        self._served: WeakKeyDictionary[Cluster, Served] = WeakKeyDictionary()
        """What each cluster said last."""
        self._unread: WeakSet[Cluster] = WeakSet()
        """Clusters that tell us of no schemas, of which that was said."""

    def learn(self, cluster: Cluster, fabric: str, *, is_full: bool = True) -> None:
        """Ask a cluster for its schemas; for less than a full pass, only where nothing is known of them: what changed
        since then, the next full pass will see. Where we may not read them, nothing is checked, which is logged once.

        Raises ClusterUnavailableError.
        """
        with self._lock:
            if not is_full and cluster in self._served:
                return
        try:
            served = cluster.served()
        except (ClusterAccessError, KindNotServedError) as error:
            self._note(cluster, Served())
            self._say(cluster, fabric, error)
            return
        self._note(cluster, served)
        with self._lock:
            self._unread.discard(cluster)

    def known(self, cluster: Cluster) -> Served:
        """What is known of a cluster's schemas; nothing of one that never answered."""
        with self._lock:
            return self._served.get(cluster) or Served()

    def faults(self, desired: Desired, served: Served) -> list[Fault]:
        """What the schemas do not allow of what is declared."""
        schemas = {kind.name: schema for kind in DECLARABLE if (schema := served.schema(kind)) is not None}
        with self._lock:
            judge = self._verdicts.of
            return [
                fault
                for key, manifest in desired.manifests.items()
                if (schema := schemas.get(key.kind)) is not None
                for fault in judge(manifest, schema)
            ]

    def _note(self, cluster: Cluster, served: Served) -> None:
        with self._lock:
            self._served[cluster] = served

    def _say(self, cluster: Cluster, fabric: str, error: ReconcilerError) -> None:
        with self._lock:
            is_news = cluster not in self._unread
            self._unread.add(cluster)
        if is_news:
            log.warning("documents are not checked", fabric=fabric, reason=error.reason, error=error.message)
