"""Requests to a Kubernetes API from the event loop: bounded in size and time, and as many at once as wanted."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientTimeout,
    SocketTimeoutError,
)
from anyio import to_thread
from kubernetes.aio.client import ApiClient, Configuration

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    ClusterUnreachableError,
    ConfigurationError,
)
from reconciler.model.calls import result_class
from reconciler.model.objects import FIELD_MANAGER
from reconciler.targets.kubernetes.connection import public_address, unusable_certificates
from reconciler.targets.kubernetes.transport import (
    MAX_ANSWER,
    MAX_SECONDS,
    TIMEOUT,
    AnswerTooLargeError,
    harmless,
    read_answer,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from aiohttp import ClientRequest
    from aiohttp.client_middlewares import ClientHandlerType

    from reconciler.errors import ReconcilerError
    from reconciler.targets.kubernetes.connection import ClusterAccess
    from reconciler.targets.kubernetes.transport import Answer

    Query = Sequence[tuple[str, str]]

CONNECT_SECONDS = 5.0
"""For name, connection and TLS together."""

BEGIN_SECONDS = 10.0
"""Until a stream has begun: an API server sends its status at once, events or not."""

TOKEN_SECONDS = 5.0
"""Until a token is read; a disk is slower only when it is not there."""

TOKEN_HOLDS = 3.0
"""Seconds for which a token is not read again."""

_LONGEST_REFUSAL = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class AsyncTransport:
    """One client for all of a cluster's watches. It can be made outside of the event loop, and belongs to the one it
    is used in first.

    Proxies, and credentials of a netrc file, are not taken from the environment: the access says all. The library's
    own retries are off, and so are redirects, which would carry our token elsewhere.

    Raises ConfigurationError when the access cannot be used as it is.
    """

    def __init__(self, access: ClusterAccess) -> None:
        with access.filled(Configuration()) as configuration:
            self.address = public_address(configuration.host)
            if "@" in urlsplit(configuration.host).netloc:
                raise ConfigurationError(f"cluster server {self.address}: its URL must not hold user and password")
            configuration.connection_pool_maxsize = 0  # no limit
            _renew_aside(configuration, self.address)
            configuration.client_session_kwargs = {"trust_env": False, "middlewares": (_refuse_redirects,)}
            try:
                self._client = ApiClient(configuration)
            except OSError as error:  # ssl.SSLError is one
                raise unusable_certificates(self.address, error) from None
        self._client.user_agent = FIELD_MANAGER
        self._streaming: set[ClientResponse] = set()
        self._is_closed = False
        self._on_call = access.on_call

    async def get(self, path: str, query: Query = ()) -> Answer:
        """The answer, whatever its status.

        Raises ClusterUnavailableError, ClusterAccessError (a certificate that is not trusted), ConfigurationError (a
        token file that is gone).
        """
        limits = ClientTimeout(total=MAX_SECONDS, connect=CONNECT_SECONDS, sock_read=TIMEOUT[1])
        with self._translated(), self._told("GET") as call:
            response = await self._open(path, query, limits)
            call.append(response.status)
            try:
                return await self._answer(response, MAX_ANSWER)
            finally:
                _leave(response)

    async def stream(
        self, path: str, query: Query, silence: float, refusal: Callable[[Answer], ReconcilerError]
    ) -> AsyncGenerator[bytes, None]:
        """The body of an answer, as it comes, until the server ends it.

        Raises what `refusal` makes of an answer that is no success, ClusterUnavailableError also when the connection
        breaks off or the server has said nothing for `silence` seconds, and otherwise as `get`.
        """
        limits = ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=silence)
        with self._translated(), self._told("WATCH") as call:
            async with asyncio.timeout(BEGIN_SECONDS):
                response = await self._open(path, query, limits)
            call.append(response.status)
        self._streaming.add(response)
        try:
            if not response.ok:
                with self._translated():
                    answer = await self._answer(response, _LONGEST_REFUSAL)
                raise refusal(answer)
            while piece := await self._piece(response):
                yield piece
        finally:
            self._streaming.discard(response)
            _leave(response)

    async def close(self) -> None:
        """Close all connections; streams that are open break off, and no more requests are sent."""
        self._is_closed = True
        for response in tuple(self._streaming):
            _leave(response)  # the library's own end does not wake up who waits for the next piece
        await self._client.close()

    async def _open(self, path: str, query: Query, limits: ClientTimeout) -> ClientResponse:
        request = await self._client.param_serialize(
            "GET",
            path,
            query_params=list(query),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(*request, _request_timeout=limits)
        opened: ClientResponse = response.response
        return opened

    async def _answer(self, response: ClientResponse, limit: int) -> Answer:
        """The whole answer. One that is too large is given up."""
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise AnswerTooLargeError(f"{self.address} answers with more than {limit >> 20} MiB")
        data = harmless(response.status, b"".join(pieces), self._client.configuration)
        return read_answer(response.status, response.headers.get("Retry-After"), data)

    async def _piece(self, response: ClientResponse) -> bytes:
        """What came next; nothing at the end."""
        with self._translated():
            try:
                return await response.content.readany()
            except SocketTimeoutError:
                raise ClusterUnreachableError(f"{self.address} said nothing for too long") from None

    @contextmanager
    def _told(self, method: str) -> Iterator[list[int]]:
        """Tell of a call when the block is over; what it gives takes the status. Of a stream only its begin counts."""
        began, statuses = time.monotonic(), list[int]()
        try:
            yield statuses
        finally:
            result = result_class(statuses[0]) if statuses else "no_answer"
            self._on_call(method, time.monotonic() - began, result)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The client library's errors as ours. Most quote the URL, so only known words of theirs are repeated."""
        try:
            yield
        except ClientConnectorCertificateError as error:
            why = _words(error.certificate_error)
            raise ClusterAccessError(f"the certificate of {self.address} is not trusted: {why}") from None
        except TimeoutError:  # those of the library are TimeoutErrors too
            raise ClusterUnreachableError(f"{self.address} did not answer in time") from None
        except ClientConnectorError as error:
            raise ClusterUnreachableError(f"{self.address} cannot be reached: {_words(error.os_error)}") from None
        except ClientPayloadError:
            raise ClusterUnreachableError(f"the connection to {self.address} broke off within an answer") from None
        except (ClientConnectionError, OSError) as error:
            raise ClusterUnreachableError(f"the connection to {self.address} broke off: {_words(error)}") from None
        except RuntimeError:
            if not self._is_closed:
                raise
            raise ClusterUnreachableError(f"the connection to {self.address} was closed") from None
        except ClientError as error:
            raise ClusterUnavailableError(f"{self.address} does not speak as an API server: {_kind(error)}") from None


def _renew_aside(configuration: Any, address: str) -> None:
    """Have the token renewed without holding up the event loop. The parameter's type is wider than the library's, which
    takes its hook for one that is always None.
    """
    if configuration.refresh_api_key_hook is not None:
        configuration.refresh_api_key_hook = _Renewal(configuration.refresh_api_key_hook, address).renew


class _Renewal:
    """Reads the token of the moment, in a thread: its file may be on a disk that does not answer. One read at a time is
    under way, for all requests, and what it brought holds for some seconds.
    """

    def __init__(self, refresh: Callable[[Any], object], address: str) -> None:
        self._refresh = refresh
        self._address = address
        self._reading: asyncio.Task[object] | None = None
        self._read_at: float | None = None

    async def renew(self, configuration: Any) -> None:
        """The library's hook. Raises what the read does, and ClusterUnavailableError when it takes too long."""
        loop = asyncio.get_running_loop()
        if self._read_at is not None and loop.time() - self._read_at < TOKEN_HOLDS:
            return
        if self._reading is None:
            reading = to_thread.run_sync(self._refresh, configuration, abandon_on_cancel=True)
            self._reading = asyncio.ensure_future(reading)
            self._reading.add_done_callback(self._done)
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                await asyncio.shield(self._reading)
        except TimeoutError:
            raise ClusterUnavailableError(f"the token for {self._address} cannot be read in time") from None

    def _done(self, reading: asyncio.Task[object]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is None:
            self._read_at = asyncio.get_running_loop().time()


async def _refuse_redirects(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Whoever answers for the API server must not choose where we go next."""
    response = await handler(request)
    if response.status in _REDIRECTS:
        response.close()
        raise ClusterUnavailableError(f"{request.url.origin()} answers with a redirect ({response.status})")
    return response


def _leave(response: ClientResponse) -> None:
    """End the connection of an answer that was not read to its end, at once: a farewell by TLS could take as long as
    the other side wants.
    """
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or _kind(error)


def _kind(error: BaseException) -> str:
    return type(error).__name__
