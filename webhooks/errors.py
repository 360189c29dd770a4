"""Every refusal of the HTTP side: what a client reads, and how the reconciler's errors become it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from reconciler.errors import (
    ConfigurationError,
    FabricDisabledError,
    FabricNotSuspendedError,
    FabricSuspendedError,
    PlanChangedError,
    PreviewBusyError,
    ReconcilerError,
    StateError,
    StoppedError,
    TooManyFollowersError,
    UnknownFabricError,
)
from webhooks.payload import MalformedPayloadError
from webhooks.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON, JSONObject

RETRY_AFTER = {"retry-after": "10"}
"""For answers that will be another in a few seconds."""

_OF_THE_ROUTER = {
    404: ("not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not take this method."),
}


class ASCIIJSONResponse(JSONResponse):
    """JSON in ASCII: text from repositories may hold lone surrogates, which have no UTF-8 form but have an escape."""

    def render(self, content: JSON) -> bytes:
        return encode(content)


def encode(content: JSON) -> bytes:
    """JSON in ASCII, compact. Raises ValueError for numbers that are not finite."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class RefusalError(Exception):
    """A request that is answered with an error. `code` is a word for programs, `message` a sentence for people;
    `field` names the place in the request. None of them carries a secret.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = headers

    def response(self) -> ASCIIJSONResponse:
        """`{"error": {"code", "message", "field"?}}`."""
        error: JSONObject = {"code": self.code, "message": self.message}
        if self.field is not None:
            error["field"] = self.field
        return ASCIIJSONResponse({"error": error}, self.status, self.headers)


def refusal(error: Exception) -> RefusalError:
    """How an error is answered. What nobody expected is a 500 that tells nothing about the inside."""
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, MalformedPayloadError):
        return RefusalError(400, "malformed", error.message, field=error.field)
    if isinstance(error, HTTPException):
        code, message = _OF_THE_ROUTER.get(error.status_code, ("http_error", error.detail))
        return RefusalError(error.status_code, code, message, headers=error.headers)
    return _of_the_reconciler(error)


_KNOWN = {
    UnknownFabricError: (404, "unknown_fabric", "fabric"),
    FabricDisabledError: (409, "fabric_disabled", "fabric"),
    FabricSuspendedError: (409, "fabric_suspended", "fabric"),
    FabricNotSuspendedError: (409, "fabric_not_suspended", "fabric"),
    PlanChangedError: (409, "plan_changed", "hash"),
}
"""Status, code and field of errors whose message is for the client."""


def _of_the_reconciler(error: Exception) -> RefusalError:
    match error:
        case ReconcilerError() if type(error) in _KNOWN:
            status, code, field = _KNOWN[type(error)]
            return RefusalError(status, code, printable(error.message), field=field)
        case PreviewBusyError() | TooManyFollowersError():
            return RefusalError(503, "busy", printable(error.message), headers=RETRY_AFTER)
        case StoppedError():
            return stopping()
        case StateError():
            return _unusable("state", RETRY_AFTER)
        case ConfigurationError():
            return _unusable("configuration")
        case _:
            return RefusalError(500, "internal_error", "Something unexpected failed; the log says what.")


def _unusable(what: str, headers: Mapping[str, str] | None = None) -> RefusalError:
    return RefusalError(503, f"{what}_unusable", f"The {what} cannot be used; the log says why.", headers=headers)


def stopping() -> RefusalError:
    return RefusalError(503, "stopping", "The service is stopping.", headers=RETRY_AFTER)
