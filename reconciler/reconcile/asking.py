"""Ask the cluster what only it can tell: whether it stores what we apply in a form of its own."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, ReconcilerError, StoppedError
from reconciler.plan.stored import stored_form
from reconciler.reconcile.apply import CONCURRENCY
from reconciler.threads import ContextPool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import StoredForm
    from reconciler.model.plan import Question
    from reconciler.ports import Cluster
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("pass")

MAX_QUESTIONS = 1000
"""Dry runs of one pass: each costs the server as much as an apply. What is left is asked by the passes that follow."""


def ask(cluster: Cluster, questions: Sequence[Question], attempt: Attempt) -> dict[ObjectKey, StoredForm]:
    """The answers, by dry runs. What gets none, because the server refuses it, is away or may not be asked, is left
    to the plan to take for what it looks like.

    Raises StoppedError between two objects when the service stops.
    """
    asked = questions[:MAX_QUESTIONS]
    asking = _Asking(cluster, attempt)
    with ContextPool(CONCURRENCY) as pool:
        answers = pool.map(asking.one, asked)
        found = {one.key: form for one, form in zip(asked, answers, strict=True) if form is not None}
    log.info("asked how objects are stored", fabric=attempt.fabric, asked=len(asked), answered=len(found))
    return found


class _Asking:
    """Questions to one cluster, up to the first that it cannot be asked."""

    def __init__(self, cluster: Cluster, attempt: Attempt) -> None:
        self._cluster = cluster
        self._attempt = attempt
        self._is_over = Event()

    def one(self, question: Question) -> StoredForm | None:
        self._attempt.check_stop()
        if self._is_over.is_set():
            return None
        body = question.manifest.body(self._attempt.fabric)
        try:
            answer = self._cluster.dry_run(body)
        except StoppedError:
            raise
        except ReconcilerError as error:
            self._note(question, error)
            return None
        # Under this name there is another object by now: the answer is not about the one that was observed.
        is_about_it = answer.uid == question.resource.uid
        return stored_form(body, answer, question.resource.generation) if is_about_it else None

    def _note(self, question: Question, error: ReconcilerError) -> None:
        if isinstance(error, ClusterUnavailableError | ClusterAccessError):
            self._is_over.set()
        fabric, name = self._attempt.fabric, str(question.key)
        log.warning("not asked", fabric=fabric, object=name, reason=error.reason, error=error.message)
