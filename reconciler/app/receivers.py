"""The webhooks that a configuration lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.requests import Receiver

if TYPE_CHECKING:
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
