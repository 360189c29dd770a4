"""What cannot change while the service runs."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from reconciler.errors import ConfigurationError
from reconciler.settings.findings import Finding

if TYPE_CHECKING:
    from reconciler.settings.root import Settings

NEEDS_RESTART = (
    "server.host",
    "server.port",
    "server.max_body_bytes",
    "server.protect_reads",
    "state",
    "workers",
    "tracing",
)
"""Keys on which parts stand that live as long as the process: the listening socket, the state file, the workers, what
sends traces.
"""


def check_reload(running: Settings, new: Settings) -> None:
    """Raises ConfigurationError, with a line `key: needs a restart` for each, when the new settings change what cannot
    change while the service runs.
    """
    findings = [
        Finding(tuple(key.split(".")), "needs a restart")
        for key, value in ((key, attrgetter(key)) for key in NEEDS_RESTART)
        if value(running) != value(new)
    ]
    if findings:
        raise ConfigurationError("\n".join([f"{new.path} cannot be used:", *map(str, findings)]))
