"""The webhooks that a configuration lets in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.app.receivers import ConfiguredWebhooks, providers, receivers
from reconciler.errors import ConfigurationError
from reconciler.model.status import WebhookRecord
from tests.unit.app.configuration import CANARY, LOCAL, REPOSITORY, settings

if TYPE_CHECKING:
    from pathlib import Path


def test_webhooks(tmp_path: Path) -> None:
    """Each webhook has its secret and its repository's address; a repository without one has no provider."""
    other = {"name": "other", "url": "https://git.example.com/other.git"}
    found = settings(tmp_path, repositories=[REPOSITORY, other])

    (receiver,) = receivers(found)

    assert (receiver.provider, receiver.repository, receiver.url) == ("github", "gitops", REPOSITORY["url"])
    assert receiver.secret == f"{CANARY}-webhook".encode()
    assert providers(found) == {"gitops": "github", "other": None}


def test_webhooks_of_netbox(tmp_path: Path) -> None:
    """A fabric whose NetBox has a webhook is named as what it speaks for; the others have none."""
    netbox = {"url": "https://netbox.example.com", "token_file": "secrets/netbox-token"}
    told = {"netbox": {**netbox, "webhook_secret_file": "secrets/webhook"}}
    found = settings(tmp_path, told, {"netbox": {**netbox, "site": "other"}}, LOCAL, {})

    (receiver,) = [one for one in receivers(found) if one.provider == "netbox"]

    assert (receiver.repository, receiver.url) == ("dc1", "https://netbox.example.com")
    assert receiver.secret == f"{CANARY}-webhook".encode()


def test_a_webhook_secret_that_is_gone(tmp_path: Path) -> None:
    """A secret that can no longer be read is an error that names its file."""
    found = settings(tmp_path)
    (tmp_path / "secrets" / "webhook").unlink()

    with pytest.raises(ConfigurationError, match="secrets/webhook: no such file"):
        receivers(found)


class Memory:
    """A schedule that knows one webhook of every repository, and keeps what it is told."""

    def __init__(self) -> None:
        self.polls: list[tuple[str, datetime, float]] = []

    def schedule_poll(self, fabric: str, due: datetime, interval: float) -> None:
        self.polls.append((fabric, due, interval))

    def webhook(self, repository: str) -> WebhookRecord:
        return WebhookRecord(repository, last_verified=NOON)


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_webhook_that_is_configured_no_more() -> None:
    """What its last delivery proved does not count from the moment it is taken out of the configuration."""
    memory, configured = Memory(), dict[str, str | None](gitops="github")
    schedule = ConfiguredWebhooks(memory, lambda: configured)
    assert schedule.webhook("gitops") == WebhookRecord("gitops", last_verified=NOON)

    configured["gitops"] = None

    assert schedule.webhook("gitops") == WebhookRecord("gitops")
    assert schedule.webhook("gone") == WebhookRecord("gone")


def test_polls_are_stored_as_before() -> None:
    """When a fabric is polled next goes to the memory beneath."""
    memory = Memory()

    ConfiguredWebhooks(memory, dict).schedule_poll("dc1", NOON, 300.0)

    assert memory.polls == [("dc1", NOON, 300.0)]
