"""Requests to a Kubernetes API: bounded in size, time and number of tries."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from ssl import CERT_NONE, CERT_REQUIRED
from typing import TYPE_CHECKING, Any

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from urllib3.util.ssl_ import create_urllib3_context

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, ClusterUnreachableError
from reconciler.model.calls import result_class
from reconciler.model.hiding import hide
from reconciler.model.objects import FIELD_MANAGER
from reconciler.targets.kubernetes.connection import public_address, unusable_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ssl import SSLContext

    from reconciler.model.json import JSON, JSONObject
    from reconciler.targets.kubernetes.connection import ClusterAccess

TIMEOUT = (3.0, 30.0)
"""Seconds to connect, and between two pieces of an answer."""

MAX_SECONDS = 60.0
"""Until an answer must be there as a whole."""

MAX_ANSWER = 64 << 20
"""Bytes: a page of 500 objects of 100 kB, and some."""

CONNECTIONS = 16
TRIES = 3
MAX_RETRY_AFTER = 10.0
_BUSY = frozenset({429, 502, 503})
_PIECE = 1 << 16
_backoff = wait_random_exponential(multiplier=0.2, max=2.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `body` is its JSON, None when it is none; `text` the beginning of what it is then."""

    status: int
    body: JSON
    text: str = ""
    retry_after: float | None = None
    size: int = 0
    """Bytes of the body."""
    etag: str | None = None
    """What this version of the body is called, for a request that wants nothing else but a newer one."""

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success


class AnswerTooLargeError(ClusterUnavailableError):
    """An answer was given up because of its size."""


class _BusyError(ClusterUnreachableError):
    """Worth another try at once, or after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Transport:
    """One client for all threads; connections are kept and shared.

    The client library's own retries are off: they would wait for as long as a server says, unseen. Keys and
    certificates are read here, and not for each connection: by then the files of some are gone.

    Raises ConfigurationError when the access cannot be used as it is.
    """

    def __init__(self, access: ClusterAccess, sleep: Callable[[float], None] = time.sleep) -> None:
        with access.filled(Configuration()) as configuration:
            self.address = public_address(configuration.host)
            configuration.proxy = None  # taken from the environment: the access says all
            configuration.retries = False
            configuration.connection_pool_maxsize = CONNECTIONS
            try:
                tls = _tls(configuration)
            except OSError as error:  # ssl.SSLError is one
                raise unusable_certificates(self.address, error) from None
            configuration.ssl_ca_cert = configuration.cert_file = configuration.key_file = None
        self._client = ApiClient(configuration)
        self._client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = tls
        self._client.user_agent = FIELD_MANAGER
        self._sleep = sleep
        self._on_call = access.on_call

    def send(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: JSONObject | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """The answer, whatever its status. Busy servers and refused or broken connections are tried up to 3 times, so
        every request must be one that may be repeated.

        Raises ClusterUnavailableError, ClusterAccessError (a certificate that is not trusted), ConfigurationError (a
        token file that is gone).
        """
        return self._try(method, path, list(query), {"Content-Type": content_type}, body)

    def read(self, path: str, etag: str | None = None) -> Answer:
        """As `send`, for a document that rarely changes: 304 while it is the one of this ETag."""
        return self._try("GET", path, [], {"If-None-Match": etag} if etag else {}, None)

    def _try(
        self, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: JSONObject | None
    ) -> Answer:
        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=_wait,
            retry=retry_if_exception(_is_worth_another_try),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._send_once, method, path, query, {"Accept": "application/json", **headers}, body)

    def close(self) -> None:
        self._client.close()

    def _send_once(
        self, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: JSONObject | None
    ) -> Answer:
        began, result = time.monotonic(), "no_answer"
        try:
            answer = self._ask(method, path, query, headers, body)
            result = result_class(answer.status)
        finally:
            self._on_call(method, time.monotonic() - began, result)
        if answer.status in _BUSY:
            raise _BusyError(f"{self.address} is busy: {answer.status} {_said(answer)}", answer.retry_after)
        return answer

    def _ask(
        self, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: JSONObject | None
    ) -> Answer:
        request = self._client.param_serialize(
            method, path, query_params=query, header_params=dict(headers), body=body, auth_settings=["BearerToken"]
        )
        try:
            response = self._client.call_api(*request, _request_timeout=TIMEOUT).response
            data = harmless(response.status, self._read(response), self._client.configuration)
            answer = read_answer(response.status, response.headers.get("Retry-After"), data)
            return replace(answer, etag=response.headers.get("ETag"))
        except ApiException as error:
            raise self._tls_error(error) from None
        except urllib3.exceptions.ReadTimeoutError:
            raise ClusterUnreachableError(f"{self.address} did not answer within {TIMEOUT[1]:g} s") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _BusyError(f"{self.address} cannot be reached: {_short(error)}") from None

    def _read(self, response: urllib3.HTTPResponse) -> bytes:
        """The whole body. An answer that is too large or too slow is given up, with its connection."""
        deadline = time.monotonic() + MAX_SECONDS
        pieces, size = [], 0
        for piece in response.stream(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_ANSWER or time.monotonic() > deadline:
                response.close()
                if size > MAX_ANSWER:
                    raise AnswerTooLargeError(f"{self.address} answers with more than {MAX_ANSWER >> 20} MiB")
                raise ClusterUnavailableError(f"{self.address} answers for more than {MAX_SECONDS:g} s")
        response.release_conn()
        return b"".join(pieces)

    def _tls_error(self, error: ApiException) -> ClusterUnavailableError | ClusterAccessError:
        text = _short(error.reason)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return ClusterAccessError(f"the certificate of {self.address} is not trusted: {text}")
        return _BusyError(f"no TLS connection to {self.address}: {text}")


def _tls(configuration: Configuration) -> SSLContext:
    """As the HTTP library would make it."""
    context = create_urllib3_context(cert_reqs=CERT_REQUIRED if configuration.verify_ssl else CERT_NONE)
    if configuration.ssl_ca_cert is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def harmless(status: int, data: bytes, configuration: Any) -> bytes:
    """An answer without the token that it was asked with: what refuses a request may repeat it, and its words are told
    to people. The parameter is of either half of the client library.
    """
    token = configuration.api_key.get("BearerToken", "").removeprefix("Bearer ")
    if not token or 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return data
    return hide(data.decode("utf-8", errors="replace"), [token]).encode()


def read_answer(status: int, retry_after: str | None, data: bytes) -> Answer:
    """The answer of this status, `Retry-After` header and body."""
    text = data.decode("utf-8", errors="replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    return Answer(status, body, text[:200], _seconds(retry_after), len(data))


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; API servers send no dates."""
    return float(text) if text is not None and text.isdecimal() else None


def _said(answer: Answer) -> str:
    message = answer.body.get("message") if isinstance(answer.body, dict) else None
    return str(message or answer.text.strip())[:200]


def _short(error: object) -> str:
    return " ".join(str(error).split())[:300]


def _is_worth_another_try(error: BaseException) -> bool:
    return isinstance(error, _BusyError) and (error.retry_after or 0.0) <= MAX_RETRY_AFTER


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, _BusyError) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)
