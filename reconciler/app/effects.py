"""What a changed configuration causes, and a moved branch of a repository on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import to_thread

from reconciler.model.requests import Trigger
from reconciler.model.status import ConnectionState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.app.live import Live
    from reconciler.app.watching import Watches
    from reconciler.model.status import FabricRecord
    from reconciler.queue import WorkQueue
    from reconciler.store import Store
    from reconciler.triggers.intake import TriggerIntake


class ReloadEffects:
    """What a changed configuration causes (`reload.Effects`), and a moved branch of a repository on this machine."""

    def __init__(
        self,
        live: Live,
        intake: TriggerIntake,
        watches: Watches,
        wake: Sequence[Callable[[], None]],
        forgetful: Sequence[Callable[[str], None]],
        unsettled: Callable[[Sequence[str]], Sequence[str]],
    ) -> None:
        """`wake` has those look again who go by the configuration. `forgetful` are told of each fabric that it lost.
        `unsettled` tells for which of some fabrics another try may end otherwise. It is called in a thread.
        """
        self._live = live
        self._unsettled = unsettled
        self._intake = intake
        self._watches = watches
        self._wake = wake
        self._forgetful = forgetful

    async def end(self, fabrics: Sequence[str]) -> None:
        await self._intake.supersede(fabrics, "the fabric is no longer configured or enabled")
        for name in fabrics:
            if name not in self._live.version.fabrics:
                for forget in self._forgetful:
                    forget(name)

    async def watch(self) -> None:
        await self._watches.follow(self._live.version.watches)

    async def begin(self, fabrics: Sequence[str]) -> None:
        configured = self._live.version.fabrics
        await self._intake.trigger([configured[name] for name in fabrics if name in configured], Trigger.FILE)

    async def renew(self, fabrics: Sequence[str]) -> None:
        await self.begin(await to_thread.run_sync(self._unsettled, fabrics))

    async def moved(self, repository: str) -> None:
        """The branch of this repository has another tip. Raises StateError."""
        fabrics = self._live.version.fabrics.values()
        await self._intake.trigger([fabric for fabric in fabrics if fabric.repository == repository], Trigger.FILE)

    def reschedule(self) -> None:
        for wake in self._wake:
            wake()


def unsettled(store: Store, queue: WorkQueue, fabrics: Sequence[str]) -> list[str]:
    """Those fabrics whose last full pass did not succeed, that miss a connection, or that a pass works on, which may be
    refused yet. Raises StateError.
    """
    records = store.fabrics()
    return [name for name in fabrics if queue.is_active(name) or not _is_settled(records.get(name))]


def _is_settled(record: FabricRecord | None) -> bool:
    if record is None or record.last_pass is None:
        return False
    is_connected = all(one.state is not ConnectionState.FAILING for one in record.connections.values())
    return record.last_pass.outcome.is_success and is_connected
