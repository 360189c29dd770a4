"""How lines of the log are rendered where a test asks for nothing else."""

from __future__ import annotations

import structlog


def reset_logs() -> None:
    """As the library has it, without its console: that draws the values of every frame of a traceback, which takes
    seconds for one.
    """
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(),
        ]
    )
