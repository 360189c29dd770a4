"""The API of a running service, for the command line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from reconciler.cli.hints import BY_CODE
from reconciler.model.hiding import Hider
from reconciler.plan.serving import is_health

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0

MAX_ANSWER = 64 << 20
"""Bytes."""

_LONGEST_CAUSE = 200
"""Characters."""

_TOKEN = re.compile(r"[!-~]+")


class ApiError(Exception):
    """The service could not be asked, or said no. The message says what to do next."""


class NotFoundError(ApiError):
    """The service knows no such thing."""


@dataclass(frozen=True, slots=True)
class ApiClient:
    """`server` is the service's URL; `token` the API token, where one is known. Raises ApiError when one of them cannot
    be used: the HTTP library would quote a token that does not fit into a header.
    """

    server: str
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.server.startswith(("http://", "https://")):
            raise ApiError(f"the server's address must begin with http:// or https://: {self.server}")
        if "@" in self.server:
            raise ApiError("the server's address must not hold a user name or a password")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise ApiError("the API token is not one: it is empty or holds odd characters")

    def get(self, path: str, key: str, wait: float = 0.0) -> JSONObject:
        """The JSON answer of a route, which has this key. `wait` is how long the service may take beyond the usual, in
        seconds. Raises ApiError.
        """
        return self._checked(self._ask("GET", path, READ_TIMEOUT + wait), key)

    def health(self, path: str) -> JSONObject:
        """What a health route says, be it good or bad, in the form of `is_health`. Raises ApiError."""
        status, content = self._ask("GET", path, READ_TIMEOUT)
        body = self._parsed(status, content)
        if is_health(body):
            return body
        raise ApiError(
            f"{self.server} is not a reconciler of this version: it answered {status} to {path} in another form"
        )

    def post(self, path: str, body: JSONObject, key: str, wait: float = 0.0) -> JSONObject:
        """As `get`."""
        return self._checked(self._ask("POST", path, READ_TIMEOUT + wait, body), key)

    def _ask(self, method: str, path: str, timeout: float, body: JSONObject | None = None) -> tuple[int, bytes]:
        """Status and body of the answer."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy or a .netrc of the environment must not see the token
                with session.request(
                    method,
                    f"{self.server.rstrip('/')}{path}",
                    json=body,
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT, timeout),
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    return answer.status_code, _read(answer)
        except (requests.RequestException, ValueError) as error:
            cause = self._hider.hide(_cause(error))[:_LONGEST_CAUSE]
            raise ApiError(f"{self.server} cannot be reached: {cause}. {_HINT}") from error

    @property
    def _hider(self) -> Hider:
        return Hider([self.token] if self.token else [])

    def _checked(self, answer: tuple[int, bytes], key: str) -> JSONObject:
        status, content = answer
        body = self._parsed(status, content)
        is_fine = status in {requests.codes.ok, requests.codes.accepted}
        if is_fine and isinstance(body, dict) and key in body:
            return body
        message = _text(body, "message")
        if is_fine or message is None:
            raise ApiError(f"{self.server} is not a reconciler of this version: it answered {status} without {key!r}")
        if status == requests.codes.not_found:
            raise NotFoundError(message)
        if status == requests.codes.unauthorized:
            raise ApiError(f"{message} {self._token_hint(message)}")
        hint = BY_CODE.get(_text(body, "code") or "")
        raise ApiError(f"{message.removesuffix('.')}: {hint}" if hint else message)

    def _token_hint(self, message: str) -> str:
        if "is configured" in message:
            return "Set server.api_token_file in the service's configuration."
        if self.token is None:
            return "Name the token with --token-file or RECONCILER_TOKEN."
        return "What --token-file or RECONCILER_TOKEN holds is not what server.api_token_file of the service names."

    def _parsed(self, status: int, content: bytes) -> JSON:
        try:
            body: JSON = json.loads(content)
            if requests.codes.ok <= status < requests.codes.multiple_choices:
                return body
            # Something in front of the service may refuse a request, and repeat it.
            return _harmless(body, self._hider)
        except (ValueError, RecursionError) as error:
            raise ApiError(f"{self.server} is not a reconciler: it answered {status} without JSON") from error


_HINT = "Is `reconciler serve` running there? Name another address with --server or RECONCILER_SERVER."


def _cause(error: BaseException) -> str:
    """The innermost reason, which is the one that says something."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error)


def _harmless(value: JSON, hider: Hider) -> JSON:
    """The value without what is hidden, in its texts alone: a short token may be the name of a member."""
    if isinstance(value, str):
        return hider.hide(value)
    if isinstance(value, dict):
        return {name: _harmless(one, hider) for name, one in value.items()}
    return [_harmless(one, hider) for one in value] if isinstance(value, list) else value


def _text(body: JSON, key: str) -> str | None:
    """A part of an error (its code, its sentence), None where the answer is none of ours."""
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get(key) if isinstance(error, dict) else None
    return text if isinstance(text, str) else None


def _read(answer: requests.Response) -> bytes:
    """The whole body; more than its limit would be no answer of ours."""
    content = bytearray()
    for piece in answer.iter_content(1 << 16):
        content += piece
        if len(content) > MAX_ANSWER:
            raise requests.exceptions.ContentDecodingError(f"it answered with more than {MAX_ANSWER >> 20} MiB")
    return bytes(content)
