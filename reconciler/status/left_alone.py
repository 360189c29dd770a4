"""Fabrics of which no pass is made: their sites in NetBox say so, for no pass will."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.fabric import Fabric
    from reconciler.model.status import Suspension
    from reconciler.ports import NetBox
    from reconciler.status.site_status import SiteStatus

AGAIN = 300.0
"""Seconds until a NetBox that could not be told is tried again."""

IDLE = 3600.0
"""Seconds to sleep when everybody is told."""


class LeftAlone:
    """Tells the sites of suspended and disabled fabrics, each once: no pass is made for it, and none is kept waiting.
    Lives in the event loop. Implements `triggers.intake.Listener`.
    """

    def __init__(
        self,
        fabrics: Callable[[], Iterable[tuple[Fabric, NetBox | None]]],
        suspension: Callable[[str], Suspension | None],
        is_active: Callable[[str], bool],
        site_status: SiteStatus,
        on_iteration: Callable[[], None] = lambda: None,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`fabrics` gives those that no pass may be made of now, each with a NetBox that no pass uses; `is_active`
        tells whether a pass that began before goes on: the end of that one tells the site. `on_iteration` is told of
        each round without trouble, `on_trouble` of the others, and why.
        """
        self._fabrics = fabrics
        self._suspension = suspension
        self._is_active = is_active
        self._site_status = site_status
        self._on_iteration = on_iteration
        self._on_trouble = on_trouble
        self._told: dict[str, tuple[Fabric, Suspension | None]] = {}
        """As what each fabric was told."""
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        while True:
            seconds = await self.run_once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()

    def wake(self) -> None:
        """A pass ended, or something changed that decides of which fabrics passes are made."""
        self._woken.set()

    def verified(self, repositories: Sequence[str]) -> None:
        """That a webhook works changes nothing here."""

    async def run_once(self) -> float:
        """Tell those that were not told yet; in how many seconds to come again. Raises StateError."""
        self._woken.clear()
        present = {fabric.name: (fabric, netbox) for fabric, netbox in self._fabrics() if netbox is not None}
        self._told = {name: told for name, told in self._told.items() if name in present}
        untold = []
        for name, (fabric, netbox) in present.items():
            state = fabric, self._suspension(name)
            if self._told.get(name) == state or self._is_active(name):
                continue
            tell = partial(self._site_status.left_alone, fabric, netbox)
            if await to_thread.run_sync(tell, abandon_on_cancel=True):
                self._told[name] = state
            else:
                untold.append(name)
        if untold:
            self._on_trouble(f"NetBox could not be told of {', '.join(untold)}; the log says why")
        else:
            self._on_iteration()
        return IDLE if len(self._told) == len(present) else AGAIN
