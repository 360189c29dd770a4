"""What an answer of the Kubernetes API that is no success means for us.

Pure: from status code and Status object to one of our errors. The admission webhooks of the fabric controller answer
403 to what they deny, so a denial is told from missing rights by its text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.errors import (
    ApplyConflictError,
    ClusterAccessError,
    ClusterUnavailableError,
    DependencyNotReadyError,
    KindNotServedError,
    ObjectRejectedError,
    ReconcilerError,
    StaleObjectError,
    VersionExpiredError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.targets.kubernetes.transport import Answer

_MAX_MESSAGE = 1000
_NOT_FOUND = 404
_GONE = 410
_NO_SUCH_PAGE = "404 page not found"
_DENIED = re.compile(r"admission webhook .* denied the request(?:: | without explanation)?(.*)", re.DOTALL)
_MISSING = re.compile(r"not found|does(?: not|n't) exist", re.IGNORECASE)
_UNKNOWN_RESOURCE = "could not find the requested resource"
_NO_TYPED_PATCH = "failed to create typed patch object"
_NO_WEBHOOK = "failed calling webhook"
_AHEAD = "ResourceVersionTooLarge"
"""The cause of a version that the server has not reached, and never may: its store was restored from a backup."""
_MANAGER = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')


def read_error(answer: Answer, doing: str) -> ReconcilerError:
    """The error of a read. `doing` names it: `list VPC`."""
    if answer.status in {401, 403}:
        return ClusterAccessError(_message(answer, doing))
    if answer.status == _NOT_FOUND:
        return _not_served(answer, doing)
    return _unexpected(answer, doing)


def watch_error(answer: Answer, doing: str) -> ReconcilerError:
    """The error of a watch, whether it is refused or ends with an ERROR event. `doing` names it: `watch VPC`."""
    is_ahead = any(cause.get("reason") == _AHEAD for cause in causes(answer))
    if answer.status == _GONE or is_ahead:
        return VersionExpiredError(_message(answer, doing))
    return read_error(answer, doing)


def write_error(answer: Answer, doing: str) -> ReconcilerError:
    """The error of an apply or a delete. `doing` names it: `apply VPC/vpc-1`."""
    text = _status(answer).get("message") or answer.text
    if denied := _DENIED.search(text):
        kind = DependencyNotReadyError if _MISSING.search(denied[1]) else ObjectRejectedError
        return kind(_message(answer, doing))
    if _NO_WEBHOOK in text:
        return ClusterUnavailableError(f"an admission webhook is down: {_message(answer, doing)}")
    if _NO_TYPED_PATCH in text:
        return ObjectRejectedError(_message(answer, doing))
    return _by_status(answer, doing)


def _by_status(answer: Answer, doing: str) -> ReconcilerError:
    match answer.status:
        case 401 | 403:
            return ClusterAccessError(_message(answer, doing))
        case 404:
            return _absent(answer, doing)
        case 409:
            return _conflict(answer, doing)
        case status if 400 <= status < 500:  # noqa: PLR2004 - the class of what the caller did wrong
            return ObjectRejectedError(_message(answer, doing))
    return _unexpected(answer, doing)


def conflict_error(doing: str, found: dict[str, str]) -> ApplyConflictError:
    """The conflict about these fields (rendered path to manager), without objects that stand around another of them."""
    fields = {path: found[path] for path in found if not _is_around_another(path, found)}
    named = ", ".join(f"{path} ({manager})" for path, manager in sorted(fields.items()))
    return ApplyConflictError(f"{doing}: other managers own fields that Git declares: {named}"[:_MAX_MESSAGE], fields)


def _is_around_another(path: str, found: dict[str, str]) -> bool:
    """Names of labels and annotations hold dots: one that begins like another is not around it."""
    return not path.startswith(".metadata.") and any(other.startswith(f"{path}.") for other in found)


def is_absent(answer: Answer) -> bool:
    """Whether the server says, in its own words, that the object does not exist: a 404 of something between us and
    the server, or for the kind as a whole, does not say that.
    """
    status = _status(answer)
    is_not_found = answer.status == _NOT_FOUND and status.get("reason") == "NotFound"
    return is_not_found and _UNKNOWN_RESOURCE not in (status.get("message") or "")


def causes(answer: Answer) -> Sequence[JSONObject]:
    """The causes of a Status, each with `reason`, `field` and `message` where it has them."""
    details = _status(answer).get("details")
    found = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in found or () if isinstance(cause, dict)]


def _status(answer: Answer) -> JSONObject:
    return answer.body if isinstance(answer.body, dict) else {}


def _message(answer: Answer, doing: str) -> str:
    """The server's own words, with the fields that they are about."""
    named = [f"{cause['field']}: {_text(cause.get('message'))}" for cause in causes(answer) if cause.get("field")]
    said = "; ".join(named) or _text(_status(answer).get("message")) or _text(answer.text) or "no explanation"
    return f"{doing}: {said}"[:_MAX_MESSAGE]


def _text(value: JSON) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _absent(answer: Answer, doing: str) -> ReconcilerError:
    """A missing namespace is something to wait for: it can be created without any change on our side."""
    details = _status(answer).get("details")
    if is_absent(answer) and isinstance(details, dict) and details.get("kind") == "namespaces":
        return DependencyNotReadyError(_message(answer, doing))
    return _not_served(answer, doing)


def _not_served(answer: Answer, doing: str) -> ReconcilerError:
    """A 404 for a kind as API servers word it. One of a proxy says nothing about the cluster, and must not make a kind
    look empty.
    """
    if _status(answer).get("kind") == "Status" or answer.text.strip() == _NO_SUCH_PAGE:
        return KindNotServedError(f"{doing}: the cluster does not serve this kind")
    return _unexpected(answer, doing)


def _unexpected(answer: Answer, doing: str) -> ReconcilerError:
    return ClusterUnavailableError(f"{_message(answer, doing)} ({answer.status})")


def _conflict(answer: Answer, doing: str) -> ReconcilerError:
    found = {
        cause["field"]: _manager(cause.get("message"))
        for cause in causes(answer)
        if cause.get("reason") == "FieldManagerConflict" and cause.get("field")
    }
    if not found:
        return StaleObjectError(_message(answer, doing))
    return conflict_error(doing, found)


def _manager(message: JSON) -> str:
    found = _MANAGER.search(message) if isinstance(message, str) else None
    return found[1] if found else "unknown"
