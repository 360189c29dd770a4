"""Bodies of requests, read within limits of size, time and memory.

Servers of this kind were brought down by bodies that were read whole before anybody asked who sent them. So the
bytes that arrive are counted, whatever the headers promise, and nothing is read once a limit is passed.
"""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect

from webhooks.errors import RETRY_AFTER, RefusalError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

LINGER_BYTES = 16 * 2**20
"""Bytes of a body that is too large which are read and thrown away before it is refused."""

LINGER_SECONDS = 2.0


@dataclass(slots=True)
class _Share:
    """Bytes that one request holds of the budget."""

    size: int = 0


class BodyReader:
    """Reads bodies of at most `max_bytes`, each within `timeout` seconds, all of them together within `budget` bytes.

    `held` is the number of bytes in flight: what was read and not yet given up by the one who asked for it.
    """

    def __init__(self, max_bytes: int, timeout: float, budget: int) -> None:
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._budget = max(budget, max_bytes)
        self.held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body of `request`; its bytes count as held until the context ends.

        Raises RefusalError: 413 too large, 408 too slow, 503 too much in flight, 400 given up by the client.
        """
        if self._is_announced_too_large(request):
            await self._linger(request)
            raise self._too_large()
        share = _Share()
        try:
            yield await self._read(request, share)
        finally:
            self.held -= share.size

    async def _read(self, request: Request, share: _Share) -> bytes:
        try:
            with anyio.fail_after(self._timeout):
                body = await self._collect(request, share)
        except TimeoutError:
            raise RefusalError(408, "timeout", f"The body took longer than {self._timeout:g} seconds.") from None
        except ClientDisconnect:
            raise RefusalError(400, "incomplete", "The connection ended before the body did.") from None
        if body is None:
            raise self._too_large()
        return body

    async def _collect(self, request: Request, share: _Share) -> bytes | None:
        """The body, None when it is too large: what came and a bounded rest of it are discarded then."""
        buffer = bytearray()
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                if share.size + len(chunk) > self._max_bytes:
                    buffer.clear()
                    await _discard(chunks)
                    return None
                self._count(len(chunk), share)
                buffer += chunk
        return bytes(buffer)

    async def _linger(self, request: Request) -> None:
        async with aclosing(request.stream()) as chunks:
            await _discard(chunks)

    def _count(self, size: int, share: _Share) -> None:
        if self.held + size > self._budget:
            raise RefusalError(503, "busy", "Too many bodies are being read.", headers=RETRY_AFTER)
        share.size += size
        self.held += size

    def _is_announced_too_large(self, request: Request) -> bool:
        """An honest Content-Length saves us the reading. Any other is only a claim: bytes are counted."""
        announced = request.headers.get("content-length", "").lstrip("0")
        if not announced.isdecimal():
            return False
        return len(announced) > len(str(self._max_bytes)) or int(announced) > self._max_bytes

    def _too_large(self) -> RefusalError:
        return RefusalError(413, "too_large", f"The body is larger than {self._max_bytes} bytes.")


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Read on for a moment and keep nothing. A connection that is closed while its client still sends is reset, and
    the client never sees the answer that says why.
    """
    discarded = 0
    with anyio.move_on_after(LINGER_SECONDS), suppress(ClientDisconnect):
        async for chunk in chunks:
            discarded += len(chunk)
            if discarded > LINGER_BYTES:
                return
