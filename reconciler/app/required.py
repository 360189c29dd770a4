"""What must run in a service of some configuration, by name: what `verify` looks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.integrity import installed_build
from reconciler.app.integrity_watch import INTEGRITY
from reconciler.app.service import PASSIVE
from reconciler.app.tasks import BRANCHES, FILES, NOTIFICATIONS, SITES, STATUSES, WEB, worker_name
from reconciler.app.watchdog import WATCHDOG
from reconciler.model.kinds import AGENTS, OBSERVED
from reconciler.plan.serving import Expected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.settings import Settings


def expected_of(settings: Settings, version: str) -> Expected:
    """The service that this installation and this configuration make."""
    return Expected(version, installed_build(), settings.digest, (*_tasks(settings), *_watches(settings)))


def _tasks(settings: Settings) -> Iterator[str]:
    yield from (*PASSIVE, INTEGRITY, WATCHDOG, WEB, "poll", SITES, STATUSES, NOTIFICATIONS, FILES, BRANCHES)
    yield from map(worker_name, range(settings.workers))


def _watches(settings: Settings) -> Iterator[str]:
    """One for each kind in each cluster that is not embedded."""
    for fabric in settings.fabrics:
        if fabric.enabled and fabric.cluster is not None and not fabric.cluster.local:
            yield from (f"watch/{fabric.name}/{kind.name}" for kind in (*OBSERVED, *AGENTS))


def address_of(settings: Settings) -> str | None:
    """Where the service of this configuration listens, as this machine reaches it; None where only its log says."""
    host, port = settings.server.host, settings.server.port
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what may be configured
    return f"http://{f'[{host}]' if ':' in host else host}:{port}" if port else None
