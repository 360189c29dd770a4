"""What can be seen of an attempt that fails, for tests that look for a secret in it."""

from __future__ import annotations

import json
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import structlog

from reconciler.app.logs import configure_logs
from reconciler.cli.client import ApiError
from reconciler.errors import ReconcilerError
from tests.logs import reset_logs
from tests.unit.loopback import Answer, Loopback, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def said_of(attempt: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> str:
    """Everything that shows: the error, its causes, its values, and what the log makes of it."""
    with pytest.raises((ReconcilerError, ApiError)) as failed:
        attempt()
    error = failed.value
    try:
        configure_logs(as_json=True)
        structlog.get_logger("test").error("failed", error=error, text=str(error), exc_info=error)
    finally:
        reset_logs()
    return "".join([*traceback.format_exception(error), repr(error), repr(vars(error)), capsys.readouterr().err])


@contextmanager
def refusing() -> Iterator[Loopback]:
    """A server that refuses everybody, whoever they say they are, after asking who they are."""
    body = json.dumps({"detail": "no", "error": {"message": "no"}}).encode()
    with serving() as loopback:
        loopback.otherwise = Answer(401, body, {"WWW-Authenticate": 'Basic realm="x"'})
        yield loopback
