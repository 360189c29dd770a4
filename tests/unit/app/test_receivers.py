"""The webhooks that a configuration lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.app.receivers import providers, receivers
from reconciler.errors import ConfigurationError
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
