"""What the composition root decides for the web application."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE = 2**20


def _ignore(provider: str, result: str) -> None:
    """Deliveries are not counted."""


def _overlook(provider: str) -> None:
    """Deliveries that prove nothing leave no trace."""


def _uncounted(method: str, route: str, status: int, seconds: float | None) -> None:
    """Requests are not counted."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Limits, and who may do what.

    `api_token` is asked at each request, so that a token can be changed while the service runs; None or empty: nobody
    may. It is not part of the repr, where a bound value could show.
    """

    api_token: Callable[[], bytes | None] = field(repr=False)
    public_url: str | None = None
    """Where people reach the service. With https the dashboard's cookie goes over nothing else."""
    protect_reads: bool = False
    """Whether GET needs the token too. The health routes never do: who probes them has none."""
    max_body_bytes: int = 5 * MEBIBYTE
    body_timeout: float = 30.0
    """Seconds that a request's body may take in all."""
    on_delivery: Callable[[str, str], None] = _ignore
    """Called once for each request to a webhook route, with the provider (`unknown` for one that does not exist) and
    its result: accepted, duplicate, ignored, ping, or the code of the error.
    """
    on_unverified: Callable[[str], None] = _overlook
    """Called with the provider's name for each delivery that no secret proves, in the event loop. Strangers decide how
    often, so it must be cheap.
    """
    on_request: Callable[[str, str, int, float | None], None] = _uncounted
    """Called once for each request that was answered, in the event loop: its method, the template of its path
    (`unmatched`: there is no such route), the status, and seconds; None for seconds that whoever asked decided.
    """
    now: Callable[[], float] = time.time
    """Unix seconds, against which signed times are held."""
    body_budget: int = 64 * MEBIBYTE
    """Bytes that all bodies in flight may hold together; beyond it requests are answered 503. At least one body of
    the largest size always fits.
    """
    unverified_per_minute: int = 100
    """Unverified deliveries of one client that are answered 401; further ones are answered 429."""
    wrong_tokens_per_minute: int = 10
    """Wrong tokens of one client at the dashboard's login that are answered 401; further ones are answered 429."""
