"""Looking again and again, until somebody presses Ctrl-C."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from reconciler.cli import output as out
from reconciler.cli.client import ApiError
from reconciler.cli.interrupts import InterruptedBySignal
from reconciler.cli.options import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import RenderableType

    from reconciler.model.json import JSONObject

WATCH_PERIOD = 1.0
"""Seconds between two looks."""

Look = tuple["Sequence[JSONObject]", "RenderableType"]
"""What the service said, and how it is shown."""


def watch(
    ask: Callable[[], Sequence[JSONObject]], show: Callable[[Sequence[JSONObject]], RenderableType], output: Output
) -> None:
    """Show what there is now: on a terminal in place, else anew whenever it changed; as JSON a document a line.

    A service that was there and does not answer is waited for: it may be starting anew. Raises ApiError where it does
    not answer the first time.
    """

    def look() -> Look:
        found = ask()
        return found, show(found) if output is Output.TEXT else ""

    try:
        if output is Output.JSON:
            _print_lines(_looks(look))
        elif out.console.file.isatty():
            _show_in_place(_looks(look))
        else:
            _print_changes(_looks(look))
    except InterruptedBySignal as error:
        if not error.is_by_hand:
            raise


def _looks(look: Callable[[], Look]) -> Iterator[Look | ApiError]:
    yield look()
    while True:
        time.sleep(WATCH_PERIOD)
        try:
            found: Look | ApiError = look()
        except ApiError as error:
            found = error
        yield found


def _show_in_place(looks: Iterator[Look | ApiError]) -> None:
    last: RenderableType = ""
    with Live(console=out.console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        for found in looks:
            if isinstance(found, ApiError):
                live.update(Group(last, Text(_away(found), style="yellow")), refresh=True)
            else:
                last = found[1]
                live.update(last, refresh=True)


def _print_changes(looks: Iterator[Look | ApiError]) -> None:
    """Nothing can be taken back in a file or a pipe, so only what is new is written."""
    before: object = None
    for found in looks:
        now = _away(found) if isinstance(found, ApiError) else found[0]
        if now != before:
            out.console.print(Text(now) if isinstance(now, str) else found[1])  # type: ignore[index]
        before = now


def _print_lines(looks: Iterator[Look | ApiError]) -> None:
    before: object = None
    for found in looks:
        now: object = _away(found) if isinstance(found, ApiError) else found[0]
        if now != before and isinstance(found, ApiError):
            out.print_error(_away(found))
        elif now != before:
            out.console.file.write(json.dumps({"fabrics": now}) + "\n")
            out.console.file.flush()
        before = now


def _away(error: ApiError) -> str:
    return out.printable(f"not reachable, trying again: {error}")
