"""A `requests` session on which nothing is unbounded: time, size, redirects, and where the token goes."""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError

from reconciler.errors import ConfigurationError, NetBoxAccessError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 60.0
LONGEST_ANSWER = 180.0
"""Seconds; the read timeout alone would let a server that sends a byte a minute hold a pass for ever."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes, decompressed. The largest honest answer, a page of 1,000 records, is below 3 MB."""

_REMEMBERED = 10_000
"""Writes; NetBox tells of one within seconds, and no pass makes as many in that time."""

_LONGEST_ID = 200
_CHUNK = 64 * 1024
_V2_PREFIX = "nbt_"


class TokenAuth(AuthBase):
    """Sends the token of the moment: `read` is asked before every request. NetBox 4.5 and later make tokens of a
    second form, which go under another keyword.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self.token()
        keyword = "Bearer" if token.startswith(_V2_PREFIX) else "Token"
        request.headers["Authorization"] = f"{keyword} {token}"
        return request

    def token(self) -> str:
        """Raises NetBoxAccessError where there is none, or one that no header can carry; it is never quoted."""
        try:
            text = self._read().decode("ascii", errors="replace").strip()
        except ConfigurationError as error:
            raise NetBoxAccessError(f"the NetBox token cannot be read: {error.message}") from None
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise NetBoxAccessError("the NetBox token is not one: it is empty or holds odd characters")
        return text


class WriteIds:
    """The ids of the last `limit` writes, as the server named them. For any number of threads."""

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}
        self._lock = threading.Lock()

    def add(self, request_id: str) -> None:
        with self._lock:
            self._ids[request_id] = None
            if len(self._ids) > self._limit:
                del self._ids[next(iter(self._ids))]

    def __contains__(self, request_id: str) -> bool:
        with self._lock:
            return request_id in self._ids


class BoundedSession(requests.Session):
    """Every request through it, whoever makes it, has a time-out, follows no redirect (which would carry the token to
    wherever a server points), ignores proxies and .netrc of the environment, and reads no more than is sane. `written`
    holds the `X-Request-ID` of every write that was answered: by it NetBox's event rules name the cause of an event.
    """

    def __init__(self, token: Callable[[], bytes], ca_file: Path | None, connections: int) -> None:
        super().__init__()
        self.trust_env = False
        self.written = WriteIds()
        self.auth = TokenAuth(token)
        self.verify = True if ca_file is None else str(ca_file)
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=0))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """As the base class. Raises NetBoxAccessError for an answer that is too large, requests' errors otherwise."""
        bounds = {"timeout": (CONNECT_TIMEOUT, READ_TIMEOUT), "allow_redirects": False, "stream": True}
        response = super().send(request, **{**kwargs, **bounds})
        # before the answer is read: an event may be on its way already
        if request.method != "GET" and (request_id := response.headers.get("X-Request-ID")):
            self.written.add(request_id[:_LONGEST_ID])
        try:
            content = _read(response)
        finally:
            response.close()
        if not response.ok:  # an error page may show the request that caused it
            token = str(request.headers.get("Authorization", "")).rpartition(" ")[2]
            content = content.replace(token.encode(), b"(token)") if token else content
        response.raw = io.BytesIO(content)
        return response


def _read(response: requests.Response) -> bytes:
    """The whole body, decompressed. From urllib3 itself: what `requests` streams it will not hand out a second time."""
    deadline = time.monotonic() + LONGEST_ANSWER
    content = bytearray()
    try:
        for chunk in response.raw.stream(_CHUNK, decode_content=True):
            content += chunk
            if len(content) > LARGEST_ANSWER:
                raise NetBoxAccessError(f"NetBox's answer is larger than {LARGEST_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise requests.ReadTimeout(f"the answer took longer than {LONGEST_ANSWER:.0f} s")
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(str(error)) from None
    except HTTPError as error:
        raise requests.ConnectionError(str(error)) from None
    return bytes(content)
