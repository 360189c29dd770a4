"""The names of the tasks of the service, under which health speaks of them."""

from __future__ import annotations

FILES = "files"
"""The task that looks at the configuration and the files that it names."""

BRANCHES = "branches"
"""The task that looks at repositories on this machine."""

STATUSES = "statuses"
"""The task that tells forges of commits."""

WEB = "web"
"""The task that serves HTTP."""

SITES = "sites"
"""The task that tells sites of NetBox of fabrics that are left alone."""

NOTIFICATIONS = "notifications"
"""The task that tells people and their systems of fabrics in trouble."""


def worker_name(number: int) -> str:
    """The name of the task of a worker, which count from 0."""
    return f"worker-{number + 1}"
