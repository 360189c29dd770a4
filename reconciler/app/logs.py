"""Logs: structured, one event a line; JSON unless a person is watching."""

from __future__ import annotations

import logging
import re
import sys
import threading
from typing import TYPE_CHECKING

import structlog

from reconciler.model.hiding import hide_credentials
from reconciler.settings.known_secrets import KNOWN

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence
    from types import TracebackType

log = structlog.get_logger("logs")

MAX_TEXT = 2000
"""Characters of one value that reach a log line."""

MAX_TRACE = 20_000
"""Characters of a traceback that reach the log, counted from its end, where the reason stands."""

_TRACES = {"exception", "stack"}
"""The keys of traces of the stack."""

_OURS = {"level", "timestamp"}
"""The keys of what nobody else says: with a secret `info`, or `2026`, no program could read the log any more."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def configure_logs(*, level: str = "info", as_json: bool | None = None) -> None:
    """Send every log line to standard error. `as_json` None: JSON unless standard error is a terminal."""
    if as_json is None:
        as_json = not sys.stderr.isatty()
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        clean,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_library_handler(shared, renderer)])


def log_uncaught() -> None:
    """Have what nobody caught take the same form, and the same cleaning, where Python would print it as it is. For the
    whole process, from now on.
    """
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("uncaught error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is not None and not isinstance(uncaught.exc_value, SystemExit):
        name = uncaught.thread.name if uncaught.thread else None
        log.error("uncaught error in a thread", thread=name, exc_info=uncaught.exc_value)


def _library_handler(
    shared: Sequence[structlog.typing.Processor], renderer: structlog.typing.Processor
) -> logging.Handler:
    """Libraries log through the standard library; what they warn of takes the same form, and the same cleaning."""
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    return handler


def clean(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Take known secrets, credentials in URLs, control characters and excess length out of every text: nobody reads in
    the log what he must not, and what comes from outside cannot forge a line. Only a traceback keeps its line ends.
    """
    for key, value in event.items():
        if key in _OURS:
            continue
        is_trace = key in _TRACES and isinstance(value, str)
        event[key] = _clean_trace(str(value)) if is_trace else _cleaned(value)
    return event


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return _CONTROL.sub(" ", hide_credentials(KNOWN.hide(value)))[:MAX_TEXT]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # What is no text yet would become one only after this: an error, a path, bytes.
    return _cleaned(str(value))


def _clean_trace(text: str) -> str:
    return _CONTROL_BUT_LINES.sub(" ", hide_credentials(KNOWN.hide(text)))[-MAX_TRACE:]
