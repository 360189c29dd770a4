"""How often a client may try without proof: deliveries, and tokens at the login."""

from __future__ import annotations

_WINDOW = 60.0
_MOST_CLIENTS = 10_000
_OTHERS = ""


class UnverifiedLimit:
    """Counts what each client sends without proof within windows of 60 seconds.

    Asked only after a signature or token failed: behind a proxy all clients may share one address, and whoever can
    prove himself is never held back by those who cannot.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ends = 0.0
        self._counts: dict[str, int] = {}

    def exceeded(self, client: str, now: float) -> bool:
        """Count one more of `client` (its address) at `now` (seconds, monotonic); whether it is over the limit."""
        if now >= self._ends:
            self._ends = now + _WINDOW
            self._counts.clear()
        # Addresses are cheap where IPv6 is: beyond a number of them the rest count as one, so memory stays bounded.
        key = client if client in self._counts or len(self._counts) < _MOST_CLIENTS else _OTHERS
        self._counts[key] = self._counts.get(key, 0) + 1
        return self._counts[key] > self._limit
