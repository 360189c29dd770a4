"""The webhooks that a configuration lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.requests import Receiver
from reconciler.model.status import WebhookRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from reconciler.ports import Schedule
    from reconciler.settings import Settings


def receivers(settings: Settings) -> list[Receiver]:
    """The configured webhooks with their secrets: those of repositories, and NetBox's, which speak for fabrics. Raises
    ConfigurationError when a secret cannot be read.
    """
    of_forges = [
        Receiver(repository.webhook.provider, repository.name, repository.url, repository.webhook.secret.read())
        for repository in settings.repositories
        if repository.webhook is not None
    ]
    of_netbox = [
        Receiver("netbox", fabric.name, fabric.netbox.url, fabric.netbox.webhook_secret.read())
        for fabric in settings.fabrics
        if fabric.netbox is not None and fabric.netbox.url is not None and fabric.netbox.webhook_secret is not None
    ]
    return of_forges + of_netbox


def providers(settings: Settings) -> dict[str, str | None]:
    """The webhook provider of each repository."""
    return {r.name: r.webhook.provider if r.webhook else None for r in settings.repositories}


class ConfiguredWebhooks:
    """The poll's memory (`ports.Schedule`), in which nothing speaks for a webhook that is no longer configured: its
    last delivery may be fresh, and there will be no other. `providers` tells of the configuration of the moment.
    """

    def __init__(self, schedule: Schedule, providers: Callable[[], Mapping[str, str | None]]) -> None:
        self._schedule = schedule
        self._providers = providers

    def schedule_poll(self, fabric: str, due: datetime, interval: float) -> None:
        self._schedule.schedule_poll(fabric, due, interval)

    def webhook(self, repository: str) -> WebhookRecord:
        if self._providers().get(repository) is None:
            return WebhookRecord(repository)
        return self._schedule.webhook(repository)
