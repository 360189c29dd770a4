"""What the Kubernetes API server was asked, from its audit log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab import journal
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject

LAB_AGENT = "hedgehog-reconciler-lab"
"""The user agent of the lab's own requests, which are not counted."""

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: Metadata}]
"""

_WRITE_VERBS = {"create", "update", "patch", "delete", "deletecollection"}
_OWN_USER = "system:apiserver"
# creating one of these asks a question and stores nothing
_QUESTIONS = {"authentication.k8s.io", "authorization.k8s.io"}
_ANSWERED = {"ResponseComplete", "Panic"}
_BEGUN = {"ResponseStarted", *_ANSWERED}
_FORBIDDEN = 403
_PAUSE = 0.02


@dataclass(frozen=True)
class AuditEvent:
    """One write request that was answered."""

    verb: str
    """create, update, patch, delete or deletecollection."""
    resource: str
    """The plural, with `/status` or another subresource where that was written."""
    namespace: str
    name: str
    """Empty for create and deletecollection, whose request does not name it outside its body."""
    user: str
    user_agent: str
    code: int


@dataclass(frozen=True)
class Asked:
    """One request that arrived; its answer may last, as a watch's does."""

    verb: str
    """get, list, watch, create, update, patch, delete or deletecollection."""
    resource: str
    namespace: str
    """Empty for a request over all namespaces."""
    user_agent: str


@dataclass(frozen=True)
class Authorized:
    """One request of a user, and whether the server let it through."""

    verb: str
    path: str
    """Without its query."""
    group: str
    resource: str
    """The plural; empty for a path that is no object's."""
    namespace: str
    is_refused: bool


def authorized_since(log: Path, mark: int, user: str) -> list[Authorized]:
    """Everything that the user asked since the mark, also of what has no objects, as far as an answer has begun."""
    begun = [e for e in journal.entries_since(log, mark) if e["stage"] in _BEGUN and e["user"].get("username") == user]
    return [_authorized(entry) for entry in begun]


def requests_since(log: Path, mark: int) -> list[Asked]:
    """The requests for objects that arrived since the mark, the server's and the lab's own aside.

    The log names a request before it is handled: those of which a client has seen any part of the answer are there.
    """
    arrived = [e for e in journal.entries_since(log, mark) if e["stage"] == "RequestReceived" and _is_foreign(e)]
    return [
        Asked(e["verb"], e["objectRef"]["resource"], e["objectRef"].get("namespace", ""), e.get("userAgent", ""))
        for e in arrived
    ]


def writes_since(log: Path, mark: int, *, timeout: float = 10.0) -> list[AuditEvent]:
    """The writes that arrived since the mark, in the order of their answers, the server's and the lab's own aside.

    The log names a request before it is handled and again after its answer was sent, so the newest answer may not be
    there yet when a client has it: the read is repeated until each write that arrived was answered. Raises
    `LabError` when one is not within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        writes = [entry for entry in journal.entries_since(log, mark) if _is_foreign_write(entry)]
        arrived = {entry["auditID"] for entry in writes if entry["stage"] == "RequestReceived"}
        answers = [entry for entry in writes if entry["stage"] in _ANSWERED and entry["auditID"] in arrived]
        waiting = len(arrived) - len(answers)
        if not waiting:
            return [_event(entry) for entry in answers]
        if time.monotonic() > deadline:
            raise LabError(f"{waiting} write requests have no answer in {log.name} after {timeout:.0f} s")
        time.sleep(_PAUSE)


def _is_foreign_write(entry: JSONObject) -> bool:
    return entry["verb"] in _WRITE_VERBS and _is_foreign(entry)


def _is_foreign(entry: JSONObject) -> bool:
    return (
        "objectRef" in entry
        and entry["objectRef"].get("apiGroup", "") not in _QUESTIONS
        and entry["user"].get("username") != _OWN_USER
        and entry.get("userAgent") != LAB_AGENT
    )


def _event(entry: JSONObject) -> AuditEvent:
    target = entry["objectRef"]
    parts = (target["resource"], target.get("subresource"))
    return AuditEvent(
        verb=entry["verb"],
        resource="/".join(part for part in parts if part),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        user=entry["user"].get("username", ""),
        user_agent=entry.get("userAgent", ""),
        code=entry["responseStatus"]["code"],
    )


def _authorized(entry: JSONObject) -> Authorized:
    target = entry.get("objectRef") or {}
    return Authorized(
        verb=entry["verb"],
        path=entry["requestURI"].partition("?")[0],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        namespace=target.get("namespace", ""),
        is_refused=entry["responseStatus"]["code"] == _FORBIDDEN,
    )
