"""A `requests` session on which nothing is unbounded: time, size, redirects, and where the token goes."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError

from reconciler.errors import ConfigurationError, NetBoxAccessError, NetBoxUnavailableError
from reconciler.model.calls import result_class
from reconciler.model.hiding import hide_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from reconciler.model.calls import CallHook

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 60.0
OVERDUE = 20.0
"""Seconds without an answer after which it is given up for somebody who waits for us. Batches are made to take a
quarter of that; the first ones of a model, whose pace is not known, may take half.
"""

LONGEST_ANSWER = 180.0
"""Seconds; the read timeout alone would let a server that sends a byte a minute hold a pass for ever."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes, decompressed. The largest honest answer, a page of 1,000 records, is below 3 MB."""

_REMEMBERED = 10_000
"""Writes; NetBox tells of one within seconds, and no pass makes as many in that time."""

_LOOK = 0.5
"""Seconds between two looks at whether to give up."""

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
        keyword = "Bearer" if self.version() == "v2" else "Token"
        request.headers["Authorization"] = f"{keyword} {self.token()}"
        return request

    def version(self) -> str:
        """`v1` or `v2`, by the form of the token. Raises as `token`."""
        return "v2" if self.token().startswith(_V2_PREFIX) else "v1"

    def token(self) -> str:
        """Raises NetBoxAccessError where there is none, or one that no header can carry; it is never quoted."""
        try:
            text = self._read().decode("ascii", errors="replace").strip()
        except ConfigurationError as error:
            raise NetBoxAccessError(f"the NetBox token cannot be read: {error.message}") from None
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise NetBoxAccessError("the NetBox token is not one: it is empty or holds odd characters")
        return text


class OwnWrites:
    """The ids of the last `limit` writes, as the server named them, and the writes that are under way. For any number
    of threads.
    """

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}
        self._under_way: set[object] = set()
        self._changed = threading.Condition()

    @contextmanager
    def write(self) -> Iterator[Callable[[str], None]]:
        """A write is under way until the context ends; what it gives takes the id of the answer."""
        token = object()
        with self._changed:
            self._under_way.add(token)
        try:
            yield self._remember
        finally:
            with self._changed:
                self._under_way.discard(token)
                self._changed.notify_all()

    @property
    def is_busy(self) -> bool:
        """Whether a write is under way, also one whose answer nobody waits for any more."""
        with self._changed:
            return bool(self._under_way)

    def holds(self, request_id: str, patience: float = 0.0) -> bool:
        """Whether this was one of the writes. NetBox may tell of a write before it answers it: while writes are under
        way their answers are waited for, up to `patience` seconds.
        """
        with self._changed:
            awaited = set(self._under_way)
            self._changed.wait_for(lambda: request_id in self._ids or not awaited & self._under_way, patience)
            return request_id in self._ids

    def _remember(self, request_id: str) -> None:
        with self._changed:
            self._ids[request_id] = None
            if len(self._ids) > self._limit:
                del self._ids[next(iter(self._ids))]
            self._changed.notify_all()


class Awaited:
    """An answer that is waited for in a thread of its own, so that whoever wants it can give it up."""

    def __init__(self, ask: Callable[[], requests.Response]) -> None:
        """Asks at once."""
        self._ask = ask
        self._answer: Future[requests.Response] = Future()
        self._lock = threading.Lock()
        self._is_given_up = False
        # Ends with the answer, or the time-outs of the request; the end of the process need not wait for it.
        run = copy_context().run
        threading.Thread(target=run, args=(self._run,), name="netbox-request", daemon=True).start()

    def _run(self) -> None:
        try:
            response = self._ask()
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
            self._answer.set_exception(error)
            return
        with self._lock:
            self._answer.set_result(response)
            if self._is_given_up:
                response.close()

    def result(self, is_pressed: Callable[[], bool]) -> requests.Response:
        """The answer, once it is there. Raises NetBoxUnavailableError where it is overdue and somebody waits for us,
        and what asking raised.
        """
        began = time.monotonic()
        while not wait([self._answer], _LOOK).done:
            if time.monotonic() - began >= OVERDUE and is_pressed():
                with self._lock:
                    if not self._answer.done():
                        self._is_given_up = True
                        raise NetBoxUnavailableError(f"no answer within {OVERDUE:.0f} s, and there is newer work to do")
        return self._answer.result()


class BoundedSession(requests.Session):
    """Every request through it, whoever makes it, has a time-out, follows no redirect (which would carry the token to
    wherever a server points), ignores proxies and .netrc of the environment, and reads no more than is sane. `written`
    holds the `X-Request-ID` of every write that was answered: by it NetBox's event rules name the cause of an event.
    An answer that is overdue is given up while `is_pressed`; the request itself goes its way. `api_version` is the
    release (`4.7`) that the last answer told; `on_call` is told of each request.
    """

    def __init__(
        self,
        token: Callable[[], bytes],
        ca_file: Path | None,
        connections: int,
        is_pressed: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._is_pressed = is_pressed
        self.trust_env = False
        self.written = OwnWrites()
        self.api_version = ""
        self.on_call: CallHook = lambda *_: None
        self.auth = self.token_auth = TokenAuth(token)
        self.verify = True if ca_file is None else str(ca_file)
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=0))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """As the base class. Raises NetBoxAccessError for an answer that is too large, NetBoxUnavailableError for one
        that was given up, requests' errors otherwise.
        """
        began, result = time.monotonic(), "no_answer"
        try:
            response = self._bounded(request, kwargs)
            result = result_class(response.status_code)
        finally:
            self.on_call(str(request.method), time.monotonic() - began, result)
        return response

    def _bounded(self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]) -> requests.Response:
        bounds = {"timeout": (CONNECT_TIMEOUT, READ_TIMEOUT), "allow_redirects": False, "stream": True}
        response = Awaited(lambda: self._answer(request, {**kwargs, **bounds})).result(self._is_pressed)
        try:
            content = _read(response)
        finally:
            response.close()
        if told := response.headers.get("API-Version"):
            self.api_version = told[:_LONGEST_ID]
        if not response.ok:  # an error page may show the request that caused it
            token = str(request.headers.get("Authorization", "")).rpartition(" ")[2]
            content = hide_bytes(content, [token.encode()])
        response.raw = io.BytesIO(content)
        return response

    def _answer(self, request: requests.PreparedRequest, options: Mapping[str, Any]) -> requests.Response:
        """The answer as soon as its head is there."""
        if request.method == "GET":
            return super().send(request, **options)
        with self.written.write() as remember:
            response = super().send(request, **options)
            if request_id := response.headers.get("X-Request-ID"):
                remember(request_id[:_LONGEST_ID])
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
