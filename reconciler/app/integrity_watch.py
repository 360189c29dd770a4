"""The installed files, looked at when the service starts and every now and then: what serves must be what was built."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from reconciler.app.integrity import check_all
from reconciler.model.integrity import NOT_APPLICABLE
from reconciler.status.health import ComponentState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.model.integrity import Integrity
    from reconciler.status.health import Components

log = structlog.get_logger("integrity")

INTEGRITY = "integrity"
"""The task that looks at the installed files."""

EVERY = 600.0
"""Seconds between two looks."""


class IntegrityWatch:
    """Keeps the component `integrity`: starting until it has looked, failed while files are not as they were built. An
    installation without a record runs, with a warning (`notes`): whoever develops has no other.
    """

    def __init__(self, components: Components, look: Callable[[], Sequence[Integrity]] = check_all) -> None:
        """`look` is called in a thread."""
        self._components = components
        self._look = look
        self._said: str | None = None
        self._is_applicable = True

    async def run(self) -> None:
        self._components.report(INTEGRITY, ComponentState.STARTING)
        while True:
            self._tell(await to_thread.run_sync(self._look, abandon_on_cancel=True))
            await asyncio.sleep(EVERY)

    def notes(self) -> Iterator[tuple[str, str]]:
        """What health warns of: key and message."""
        if not self._is_applicable:
            yield INTEGRITY, NOT_APPLICABLE

    def _tell(self, found: Sequence[Integrity]) -> None:
        self._is_applicable = all(one.is_applicable for one in found)
        wrong = "; ".join(one.summary() for one in found if not one.is_whole)
        self._components.report(INTEGRITY, ComponentState.FAILED if wrong else ComponentState.RUNNING, wrong or None)
        self._components.progress(INTEGRITY)
        if wrong and wrong != self._said:
            log.error("installed files are not as they were built", files=wrong)
        self._said = wrong
