"""Calls of outside systems, as whoever counts them is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

CallHook: TypeAlias = "Callable[[str, float, str], None]"
"""Told of each call of an outside system when it is over, in the thread that made it: method or verb, seconds, and the
class of the result: `ok`, `client_error` (a status of 4xx), `server_error` (5xx), `error` (where there is no status),
or `no_answer`. Must be cheap.
"""


def result_class(status: int) -> str:
    """The class of an HTTP status, as `CallHook` tells it."""
    return "server_error" if status >= 500 else "client_error" if status >= 400 else "ok"  # noqa: PLR2004 - HTTP's own
