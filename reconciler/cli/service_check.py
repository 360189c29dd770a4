"""What the running service says of itself, held against the installation and the configuration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.app.required import address_of, expected_of
from reconciler.cli.client import ApiClient, ApiError
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.serving import Answers, judge_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.settings import Settings

PERIOD = 0.5
"""Seconds between two looks at a service that starts."""

_START = "start it: reconciler serve; restart it where it runs and does not answer"


def check_service(settings: Settings, server: str | None, wait: float = 0.0, otherwise: str = "") -> Iterator[Finding]:
    """Ask the service at `server`, by default where the configuration has it listen. `wait` is how many seconds one
    that has just been started may take to get ready. `otherwise`: what else may be done where none answers.
    """
    address = server or address_of(settings)
    if address is None:
        message = "server.port is 0: only the service's log tells where it listens"
        yield Finding("service", Verdict.FAILING, message, "name its address with --server")
        return
    try:
        answers = _answers(ApiClient(address), wait, settings.digest)
    except ApiError as error:
        yield Finding("service", Verdict.FAILING, str(error), "; ".join(filter(None, (_START, otherwise))))
        return
    yield Finding("service", Verdict.OK, f"{address} answers")
    yield from judge_service(expected_of(settings, __version__), answers)


def _answers(api: ApiClient, wait: float, configuration: str) -> Answers:
    deadline = time.monotonic() + wait
    while True:
        is_late = time.monotonic() >= deadline
        try:
            answers = Answers(*map(api.health, ("/readyz", "/healthz", "/livez")))
        except ApiError:
            if is_late:
                raise
        else:
            if is_late or answers.is_started(configuration):
                return answers
        time.sleep(PERIOD)
