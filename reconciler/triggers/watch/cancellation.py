"""Cancellation that something swallowed."""

from __future__ import annotations

import asyncio


def end_if_cancelled() -> None:
    """For a loop that tries again after any error: closing a connection may answer the cancellation of its task with an
    error of its own, in the cancellation's place. Raises CancelledError then.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() > 0:
        raise asyncio.CancelledError
