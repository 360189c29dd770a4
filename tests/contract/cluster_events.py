"""What every implementation of `ports.ClusterEvents` promises, as one suite."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import ClusterUnavailableError, KindNotServedError, VersionExpiredError
from reconciler.model.events import EventType
from reconciler.model.kinds import DECLARABLE, KINDS, Kind
from tests.contract.test_cluster import FABRIC, VPC, subnets, vpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from reconciler.model.events import WatchEvent
    from reconciler.ports import Cluster, ClusterEvents
    from tests.contract.test_cluster import Others

UNSERVED = Kind("Nonesuch", "wiring.githedgehog.com", "v1beta1", "nonesuches", 0)
PATIENCE = 20.0
"""Seconds for an event of a busy server."""

QUIET = 0.3
"""Seconds after which nothing is expected any more."""


async def next_of(stream: Any) -> WatchEvent:
    async with asyncio.timeout(PATIENCE):
        event: WatchEvent = await anext(stream)
        return event


async def next_change(stream: Any) -> tuple[str, str]:
    """Type and name of the next event that is no bookmark."""
    while (event := await next_of(stream)).resource is None:
        pass
    return event.type.value, event.resource.key.name


async def is_quiet(stream: Any) -> bool:
    """Whether nothing comes for a moment. The stream cannot be used afterwards."""
    try:
        async with asyncio.timeout(QUIET):
            await anext(stream)
    except TimeoutError:
        return True
    return False


class ClusterEventsContract:
    """Subclasses provide the fixtures `events`; `cluster`, `others` and `namespace`, which are of the same cluster; and
    `expired_version`, which is too old to watch VPCs from.
    """

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Real time: servers know no other."""
        return "asyncio"

    def watching(
        self, events: ClusterEvents, version: str, kind: Kind = VPC
    ) -> aclosing[AsyncGenerator[WatchEvent, None]]:
        """A watch that is closed at the end of the block."""
        stream: Any = events.watch(kind, version)
        return aclosing(stream)

    async def test_it_says_where(self, events: ClusterEvents, cluster: Cluster) -> None:
        """As the cluster does."""
        assert events.address == cluster.address

    async def test_every_kind_is_listed(self, events: ClusterEvents) -> None:
        """One without objects too, with a version to watch from."""
        listings = [await events.list(kind) for kind in DECLARABLE]

        assert [listing.resources for listing in listings] == [()] * len(DECLARABLE)
        assert all(listing.version.isdecimal() for listing in listings)

    async def test_a_list_is_what_the_cluster_lists(
        self, events: ClusterEvents, cluster: Cluster, namespace: str
    ) -> None:
        """The same objects with the same parts."""
        for n in range(3):
            cluster.apply(vpc(namespace, name=f"vpc-{n}", subnets=subnets(a=1001 + n)))

        listing = await events.list(VPC)

        assert listing.resources == cluster.list(VPC)
        assert int(listing.version) >= max(int(one.resource_version) for one in listing.resources)

    async def test_what_happens_after_a_list_is_told(
        self, events: ClusterEvents, cluster: Cluster, others: Others, namespace: str
    ) -> None:
        """By us or by others, in order, each with the object as it then is."""
        listing = await events.list(VPC)
        async with self.watching(events, listing.version) as stream:
            created = cluster.apply(vpc(namespace, subnets=subnets(a=1001)))
            first = await next_of(stream)
            others.edit(created.key, {"spec": {"defaultIsolated": True}}, "kubectl-edit")
            second = await next_of(stream)

        (edited,) = cluster.list(VPC)
        assert [(one.type, one.version, one.resource) for one in (first, second)] == [
            (EventType.ADDED, created.resource_version, created),
            (EventType.MODIFIED, edited.resource_version, edited),
        ]
        assert edited.is_marked(FABRIC)

    async def test_a_deletion_is_told(self, events: ClusterEvents, cluster: Cluster, namespace: str) -> None:
        """With the object as it was last, and a version after it."""
        created = cluster.apply(vpc(namespace, subnets=subnets(a=1001)))
        async with self.watching(events, created.resource_version) as stream:
            cluster.delete(created)
            event = await next_of(stream)

        assert event.type is EventType.DELETED
        assert event.resource is not None
        assert (event.resource.key, event.resource.uid, event.resource.spec) == (
            created.key,
            created.uid,
            created.spec,
        )
        assert int(event.version) > int(created.resource_version)

    async def test_an_object_that_comes_back_is_another(
        self, events: ClusterEvents, cluster: Cluster, namespace: str
    ) -> None:
        """Deleted and created anew, it has another uid."""
        created = cluster.apply(vpc(namespace))
        async with self.watching(events, created.resource_version) as stream:
            cluster.delete(created)
            again = cluster.apply(vpc(namespace))
            told = [await next_of(stream), await next_of(stream)]

        assert [one.type for one in told] == [EventType.DELETED, EventType.ADDED]
        assert [one.resource.uid for one in told if one.resource] == [created.uid, again.uid]
        assert created.uid != again.uid

    async def test_what_changes_nothing_is_not_told(
        self, events: ClusterEvents, cluster: Cluster, namespace: str
    ) -> None:
        """An equal apply is no event."""
        created = cluster.apply(vpc(namespace, name="first"))
        async with self.watching(events, created.resource_version) as stream:
            cluster.apply(vpc(namespace, name="first"))
            cluster.apply(vpc(namespace, name="second"))

            assert await next_change(stream) == ("ADDED", "second")

    async def test_other_kinds_are_not_told(self, events: ClusterEvents, cluster: Cluster, namespace: str) -> None:
        """A watch is about one kind."""
        listing = await events.list(KINDS["IPv4Namespace"])
        async with self.watching(events, listing.version, KINDS["IPv4Namespace"]) as stream:
            cluster.apply(vpc(namespace))

            assert await is_quiet(stream)

    async def test_a_watch_goes_on_where_another_ended(
        self, events: ClusterEvents, cluster: Cluster, namespace: str
    ) -> None:
        """What happened in between is told, and nothing of before."""
        listing = await events.list(VPC)
        cluster.apply(vpc(namespace, name="a"))
        cluster.apply(vpc(namespace, name="b"))
        async with self.watching(events, listing.version) as stream:
            version = (await next_of(stream)).version
        cluster.apply(vpc(namespace, name="c"))

        async with self.watching(events, version) as stream:
            assert [await next_change(stream), await next_change(stream)] == [("ADDED", "b"), ("ADDED", "c")]

    async def test_what_nobody_read_yet_is_kept(self, events: ClusterEvents, cluster: Cluster, namespace: str) -> None:
        """A burst of changes comes whole and in order."""
        listing = await events.list(VPC)
        names = [f"vpc-{n}" for n in range(30)]
        async with self.watching(events, listing.version) as stream:
            cluster.apply(vpc(namespace, name="begin"))
            await next_change(stream)
            for name in names:
                cluster.apply(vpc(namespace, name=name))

            assert [await next_change(stream) for _ in names] == [("ADDED", name) for name in names]

    async def test_watches_do_not_disturb_each_other(
        self, events: ClusterEvents, cluster: Cluster, namespace: str
    ) -> None:
        """Both are told; one that is left does not end the other."""
        listing = await events.list(VPC)
        async with self.watching(events, listing.version) as stays:
            async with self.watching(events, listing.version) as leaves:
                cluster.apply(vpc(namespace, name="a"))
                assert [await next_change(stays), await next_change(leaves)] == [("ADDED", "a")] * 2
            cluster.apply(vpc(namespace, name="b"))

            assert await next_change(stays) == ("ADDED", "b")

    async def test_an_old_version_expires(self, events: ClusterEvents, expired_version: str) -> None:
        """What the server has forgotten is not passed over in silence."""
        async with self.watching(events, expired_version) as stream:
            with pytest.raises(VersionExpiredError):
                await next_of(stream)

    async def test_a_version_of_the_future_is_silent(
        self, events: ClusterEvents, cluster: Cluster, namespace: str
    ) -> None:
        """What happens before it is not told."""
        async with self.watching(events, "999999999") as stream:
            cluster.apply(vpc(namespace))

            assert await is_quiet(stream)

    async def test_a_kind_that_is_not_served_says_so(self, events: ClusterEvents) -> None:
        """To lists and to watches."""
        with pytest.raises(KindNotServedError):
            await events.list(UNSERVED)
        async with self.watching(events, "1", UNSERVED) as stream:
            with pytest.raises(KindNotServedError):
                await next_of(stream)

    async def test_closing_breaks_a_watch_off(self, events: ClusterEvents, cluster: Cluster, namespace: str) -> None:
        """Whoever waits for its next event is told."""
        created = cluster.apply(vpc(namespace, name="a"))
        async with self.watching(events, created.resource_version) as stream:
            cluster.apply(vpc(namespace, name="b"))
            await next_of(stream)
            waiting = asyncio.ensure_future(next_of(stream))
            await asyncio.sleep(0)

            await events.close()

            with pytest.raises(ClusterUnavailableError):
                await waiting
