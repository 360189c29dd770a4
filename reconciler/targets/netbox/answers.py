"""What NetBox's answers mean for what happens next. Source: NetBox 4.7, netbox/api/viewsets, run and read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from reconciler.errors import NetBoxAccessError, NetBoxUnavailableError
from reconciler.model.hiding import hide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.errors import ReconcilerError
    from reconciler.model.json import JSON

STALE = "somebody changed it since it was read; the next pass looks again"

_LONGEST_TEXT = 500
_WHOLE_RECORD = {"__all__", "non_field_errors", "detail"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class BusyError(NetBoxUnavailableError):
    """The request was not carried out; it may be sent again, after `retry_after` seconds where NetBox said so."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LostError(NetBoxUnavailableError):
    """The answer was lost: whether the request was carried out is not known. `may_run`: it may still be at work."""

    def __init__(self, message: str, *, may_run: bool = False) -> None:
        super().__init__(message)
        self.may_run = may_run


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one entry of a bulk request, which is named by its position or by the record's id."""

    message: str
    position: int | None = None
    record_id: int | None = None


class RefusedError(Exception):
    """NetBox refused the request, and wrote nothing of it. `findings` is empty where it named no entries."""

    def __init__(self, status: int, message: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.findings = findings


def read_answer(response: requests.Response, where: str) -> JSON:
    """The JSON of a successful answer, None when it has no body. `where` names the request.

    Raises NetBoxAccessError, BusyError, LostError, RefusedError.
    """
    status = response.status_code
    if status == requests.codes.no_content:
        return None
    if response.is_redirect or 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        raise NetBoxAccessError(f"{where}: NetBox redirects (HTTP {status}); the url must be the final one")
    if not response.ok:
        raise _failure(response, where)
    try:
        return response.json()
    except (ValueError, RecursionError):
        kind = plain(hide(response.headers.get("Content-Type", "nothing"), _shown(response)))
        raise NetBoxUnavailableError(f"{where}: answered with {kind} instead of JSON: is this a NetBox?") from None


def _failure(response: requests.Response, where: str) -> ReconcilerError | RefusedError:
    status, body = response.status_code, _body(response)
    detail = plain(_detail(body) or hide(response.reason or "", _shown(response)) or "no reason given")
    if status == requests.codes.precondition_failed:
        detail = STALE
    text = f"{where}: HTTP {status}: {detail}"
    findings = tuple(_findings(body))
    if status == requests.codes.unauthorized or (status == requests.codes.forbidden and not findings):
        return NetBoxAccessError(text)
    if status in {requests.codes.too_many_requests, requests.codes.unavailable}:
        return BusyError(text, _seconds(response.headers.get("Retry-After", "")))
    if status > requests.codes.internal_server_error:
        return LostError(text, may_run=status == requests.codes.gateway_timeout)
    return RefusedError(status, detail, findings)


def translate(error: requests.RequestException, where: str) -> ReconcilerError:
    """What happened to a request that got no answer."""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NetBoxAccessError(f"{where}: NetBox's certificate is not trusted (see ca_file)")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return NetBoxAccessError(f"{where}: the url is not one")
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return NetBoxUnavailableError(f"{where}: answered with something else than JSON: is this a NetBox?")
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        return BusyError(f"{where}: NetBox{_at(error)} cannot be reached: {_why(reason)}")
    if isinstance(error, requests.ReadTimeout):
        return LostError(f"{where}: NetBox did not answer in time", may_run=True)
    return LostError(f"{where}: the connection to NetBox broke ({type(error).__name__})")


def _at(error: requests.RequestException) -> str:
    """Where it was looked for, without the path."""
    parts = urlsplit((error.request.url if error.request is not None else None) or "")
    return f" at {parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""


def _why(reason: BaseException | None) -> str:
    """The system's own words, without a number and without the library's."""
    while reason is not None:
        if isinstance(reason, OSError) and reason.strerror:
            return reason.strerror
        reason = reason.__cause__ or reason.__context__
    return "no answer in time"


def plain(text: object) -> str:
    """Text of a server, safe for one line of a log."""
    return _CONTROL.sub(" ", str(text)).strip()[:_LONGEST_TEXT]


def _body(response: requests.Response) -> JSON:
    """The JSON of an error, or its text; None for a page, which a proxy may have made."""
    text = hide(response.text, _shown(response))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None if "<" in text else text


def _shown(response: requests.Response) -> list[str]:
    """The token that the request showed: whoever refuses it may repeat it."""
    return [response.request.headers.get("Authorization", "").partition(" ")[2]]


def _detail(body: JSON) -> str:
    """NetBox's own words on the whole request."""
    if not isinstance(body, dict):
        return "; ".join(_texts(body))
    whole = body.get("detail") or body.get("error") or body.get("exception")
    return str(whole) if whole else "; ".join(_texts(body))


def _findings(body: JSON) -> Iterator[Finding]:
    entries = body.get("errors") if isinstance(body, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            message = plain("; ".join(_texts(entry.get("errors"))))
            yield Finding(message, _integer(entry.get("index")), _integer(entry.get("id")))


def _texts(errors: JSON, name: str = "") -> Iterator[str]:
    """Errors of a serializer, whatever their nesting: `field: message`, the field with its path."""
    if isinstance(errors, dict):
        for key, value in errors.items():
            path = name if key in _WHOLE_RECORD else f"{name}.{key}" if name else str(key)
            yield from _texts(value, path)
    elif isinstance(errors, list):
        for value in errors:
            yield from _texts(value, name)
    elif errors is not None:
        yield f"{name}: {errors}" if name else str(errors)


def _integer(value: JSON) -> int | None:
    return value if isinstance(value, int) else None


def _seconds(text: str) -> float:
    """A Retry-After header in seconds; 0 for one that is absent or a date."""
    return float(text) if text.isdecimal() else 0.0
