"""The API of a running service, for the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0


class ApiError(Exception):
    """The service could not be asked, or said no. The message says what to do next."""


@dataclass(frozen=True, slots=True)
class ApiClient:
    """`server` is the service's URL; `token` the API token, where one is known."""

    server: str
    token: str | None = field(default=None, repr=False)

    def get(self, path: str) -> JSONObject:
        """The JSON answer of a route. Raises ApiError."""
        return self._json("GET", path, READ_TIMEOUT)

    def post(self, path: str, body: JSONObject, wait: float = 0.0) -> JSONObject:
        """As `get`; `wait` is how long the service may take beyond the usual, in seconds."""
        return self._json("POST", path, READ_TIMEOUT + wait, body)

    def _json(self, method: str, path: str, timeout: float, body: JSONObject | None = None) -> JSONObject:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        session = requests.Session()
        session.trust_env = False  # a proxy or a .netrc of the environment must not see the token
        try:
            answer = session.request(
                method,
                f"{self.server.rstrip('/')}{path}",
                json=body,
                headers=headers,
                timeout=(CONNECT_TIMEOUT, timeout),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise ApiError(f"{self.server} cannot be reached: {_cause(error)}. {_HINT}") from error
        return _checked(answer, self.server)


_HINT = "Is `reconciler serve` running there? Name another address with --server or RECONCILER_SERVER."


def _cause(error: Exception) -> str:
    """The innermost reason, which is the one that says something."""
    while error.__cause__ or error.__context__:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return str(error)[:200]


def _checked(answer: requests.Response, server: str) -> JSONObject:
    try:
        body = answer.json()
    except requests.JSONDecodeError as error:
        raise ApiError(f"{server} is not a reconciler: it answered {answer.status_code} without JSON") from error
    if answer.ok and isinstance(body, dict):
        return body
    error_body = body.get("error") if isinstance(body, dict) else None
    message = error_body.get("message") if isinstance(error_body, dict) else None
    hint = (
        ". Name the token with --token-file or RECONCILER_TOKEN"
        if answer.status_code == requests.codes.unauthorized
        else ""
    )
    raise ApiError(f"{message or f'{server} answered {answer.status_code}'}{hint}")
