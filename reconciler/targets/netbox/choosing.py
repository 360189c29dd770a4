"""Which way records are read: by GraphQL where NetBox offers what we ask there, else over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import structlog

from reconciler.plan.netbox_features import QUICK_READS, without
from reconciler.targets.netbox.client import NoGraphQLError
from reconciler.targets.netbox.graphql import GraphQLReads
from reconciler.targets.netbox.rest import RestReads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Ref
    from reconciler.targets.netbox.client import NetBoxClient
    from reconciler.targets.netbox.reads import Reads
    from reconciler.targets.netbox.recent import Entry, Found

T = TypeVar("T")

log = structlog.get_logger("netbox")


class ChosenReads:
    """Implements `Reads`. Chosen is at the first read and whenever NetBox's release is another one; where GraphQL fails
    us later, the read is done over REST, and so are those that follow until `reconsider`.
    """

    def __init__(self, client: NetBoxClient) -> None:
        self._client = client
        self._graphql = GraphQLReads(client)
        self._rest = RestReads(client)
        self._release = ""
        self._reason: str | None = None
        self._told: str | None = None

    def reconsider(self) -> None:
        """Let the next read try GraphQL again, where the release has it: somebody may have turned it on."""
        self._release = ""

    def relevant(self, paths: Sequence[str], fabric: str, site_id: int | None) -> Found:
        return self._read(lambda reads: reads.relevant(paths, fabric, site_id))

    def by_id(self, path: str, ids: Sequence[int], fabric: str) -> list[Entry]:
        return self._read(lambda reads: reads.by_id(path, ids, fabric))

    def plugged(self, path: str, cables: Sequence[int]) -> set[int]:
        return self._read(lambda reads: reads.plugged(path, cables))

    def shared(self, refs: Iterable[Ref]) -> list[tuple[Ref, int]]:
        wanted = set(refs)
        return self._read(lambda reads: reads.shared(wanted))

    def tags(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        return self._read(lambda reads: reads.tags(path, ids))

    def doomed(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        return self._read(lambda reads: reads.doomed(path, ids))

    def _read(self, work: Callable[[Reads], T]) -> T:
        release = self._client.release()
        if release != self._release:
            self._release, self._reason = release, without(release, QUICK_READS)
        if self._reason is None:
            try:
                found = work(self._graphql)
            except NoGraphQLError as error:
                self._reason = error.message
            else:
                self._tell()
                return found
        self._tell()
        return work(self._rest)

    def _tell(self) -> None:
        """Log how records are read when that is not as before."""
        if self._reason != self._told:
            self._told = self._reason
            way = {"netbox": self._client.address, "reason": self._reason}
            if self._reason:
                log.warning("NetBox is read over REST, which is slower", **way)
            else:
                log.info("NetBox is read by GraphQL again", **way)
