"""How far a pass is that somebody waits for."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.client import ApiError
from reconciler.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.cli.progress import Progress
    from reconciler.model.json import JSONObject

PERIOD = 0.5
"""Seconds between two looks."""


@contextmanager
def following(look: Callable[[], Sequence[JSONObject]]) -> Iterator[None]:
    """Tell on a terminal what the fabrics of `look` are doing while the block waits for them."""
    with progress() as told:
        if not told.is_shown:
            yield
            return
        ended = threading.Event()
        follower = threading.Thread(target=_follow, args=(look, told, ended), name="following", daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()


def _follow(look: Callable[[], Sequence[JSONObject]], told: Progress, ended: threading.Event) -> None:
    started = time.monotonic()
    while not ended.is_set():
        try:
            what = doing(look())
        except ApiError as error:
            what = f"not told how far it is: {error}"
        told.tell(f"{what} ({time.monotonic() - started:.0f} s)")
        ended.wait(PERIOD)


def doing(fabrics: Sequence[JSONObject]) -> str:
    """What the fabrics do now, in a line."""
    busy = [f"{one['name']}: {_step(one)}" for one in fabrics if one["reconciling"]]
    return ", ".join(busy) or "waiting for the pass to begin, or for its answer"


def _step(fabric: JSONObject) -> str:
    if progress_ := fabric.get("progress"):
        return f"writing to NetBox {progress_['done']}/{progress_['total']}"
    running = fabric.get("current_pass")  # servers of an older version do not say
    return f"phase {running['phase']}" if running else "reconciling"
