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
    from collections.abc import Mapping, Sequence

    from reconciler.errors import ReconcilerError
    from reconciler.model.desired import Desired
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.problems import Fault
    from reconciler.model.served import Schema
    from reconciler.ports import Check, Cluster

log = structlog.get_logger("pass")


class _Verdict(NamedTuple):
    """What was found of a document. It holds what it speaks of, so that nothing else can come to have its identity."""

    spec: JSONObject
    schema: Schema
    faults: tuple[Fault, ...]


class Verdicts:
    """What was found by schemas of what each fabric declares now, so that nothing is checked twice while document and
    schema are the very same. A document that is parsed once for many passes is the same in all of them.

    Every check is of all that its fabric declares, also that of a pass over some objects. What is declared no longer is
    dropped with it, so that no document of an earlier commit is held; a verdict takes some 200 bytes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, dict[ObjectKey, _Verdict]] = {}

    def faults(self, fabric: str, desired: Desired, schemas: Mapping[str, Schema]) -> list[Fault]:
        """What is wrong with the documents of all kinds that have a schema."""
        with self._lock:
            before = self._known.get(fabric, {})
        found: dict[ObjectKey, _Verdict] = {}
        for key, manifest in desired.manifests.items():
            schema = schemas.get(key.kind)
            if schema is not None:
                known = before.get(key)
                if known is None or known.spec is not manifest.spec or known.schema is not schema:
                    known = _Verdict(manifest.spec, schema, check_schema(manifest, schema))
                found[key] = known
        with self._lock:
            self._known[fabric] = found
        return [fault for verdict in found.values() for fault in verdict.faults]

    def forget(self, fabric: str) -> None:
        """A fabric that is no longer configured declares nothing."""
        with self._lock:
            self._known.pop(fabric, None)


class Inspector:
    """Checks documents by the schemas that their cluster serves. Outlives passes, and serves all fabrics."""

    def __init__(self) -> None:
        self.rules = RuleBook()
        """What was found by the rules that hold between documents."""
        self._verdicts = Verdicts()
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

    def check(self, cluster: Cluster) -> Check:
        """Checks single objects by what is known of a cluster's schemas."""
        served = self.known(cluster)
        schemas = {kind.name: schema for kind in DECLARABLE if (schema := served.schema(kind)) is not None}

        def faults(manifest: Manifest) -> Sequence[Fault]:
            schema = schemas.get(manifest.key.kind)
            return () if schema is None else check_schema(manifest, schema)

        return faults

    def faults(self, fabric: str, desired: Desired, served: Served) -> list[Fault]:
        """What the schemas do not allow of what a fabric declares."""
        schemas = {kind.name: schema for kind in DECLARABLE if (schema := served.schema(kind)) is not None}
        return self._verdicts.faults(fabric, desired, schemas)

    def forget(self, fabric: str) -> None:
        """Let go of the documents of a fabric that is no longer configured."""
        self.rules.forget(fabric)
        self._verdicts.forget(fabric)

    def _note(self, cluster: Cluster, served: Served) -> None:
        with self._lock:
            self._served[cluster] = served

    def _say(self, cluster: Cluster, fabric: str, error: ReconcilerError) -> None:
        with self._lock:
            is_news = cluster not in self._unread
            self._unread.add(cluster)
        if is_news:
            log.warning("documents are not checked", fabric=fabric, reason=error.reason, error=error.message)
