"""What `verify` and `ensure` say of a NetBox that was not prepared, by what the token may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.ensuring import initialise
from reconciler.app.netbox_verification import verify_netboxes
from reconciler.app.verification import verify_configured
from reconciler.model.verification import Verdict
from reconciler.targets.netbox import client
from tests.unit.app.configuration import settings
from tests.unit.loopback import Answer, as_json, closed_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.verification import Finding
    from reconciler.settings import Settings
    from tests.unit.loopback import Loopback

SUBJECT = "fabric dc1: netbox setup"


@pytest.fixture
def netbox() -> Iterator[Loopback]:
    """A NetBox that holds nothing and grants everything."""
    with serving() as server:
        server.answer("GET /api/status/", as_json({"netbox-version": "4.7.3"}))
        server.otherwise = as_json({"id": 7, "next": None, "results": []})
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NetBox is asked once, not until it answers."""
    monkeypatch.setattr(client, "_ATTEMPTS", 1)


def _configured(folder: Path, url: str, **changes: Any) -> Settings:
    return settings(folder, {"netbox": {"url": url, "token_file": "secrets/netbox-token"}, **changes})


def _ensured(found: Settings) -> list[Finding]:
    return [one for one in initialise(found) if one.subject == SUBJECT]


def _writes(server: Loopback) -> list[bytes]:
    """But for the empty ones by which rights are asked for."""
    return [one.body for one in server.asked if not one.target.startswith("GET ") and one.body != b"[]"]


def test_a_netbox_that_was_not_prepared(tmp_path: Path, netbox: Loopback) -> None:
    """It is a failure that names what lacks and what makes it; nothing is written to find that out."""
    (said,) = verify_netboxes(_configured(tmp_path, netbox.url))

    assert (said.subject, said.state) == (SUBJECT, Verdict.FAILING)
    assert "lacks extras/tags hh-managed" in said.message
    assert "init-netbox" in said.advice
    assert _writes(netbox) == []


def test_ensure_without_the_rights(tmp_path: Path, netbox: Loopback) -> None:
    """What it may not make stays a failure, with the rights that it needs."""
    netbox.answer("POST /api/extras/custom-links/", Answer(403))

    (said,) = _ensured(_configured(tmp_path, netbox.url))

    assert (said.state, "add extras.customlink" in said.message) == (Verdict.FAILING, True)
    assert "lacks extras/tags hh-managed" in said.message
    assert _writes(netbox) == []


def test_a_token_that_may_not_look(tmp_path: Path, netbox: Loopback) -> None:
    """A service needs no right to what only `init-netbox` makes: that cannot be told, and fails nothing."""
    netbox.answer("GET /api/extras/custom-links/?limit=1&fields=id", Answer(403))
    found = _configured(tmp_path, netbox.url)

    for (said,) in (list(verify_netboxes(found)), _ensured(found)):
        assert (said.state, "view extras.customlink" in said.message) == (Verdict.WARNING, True)


@pytest.mark.usefixtures("impatient")
def test_a_netbox_that_does_not_answer(tmp_path: Path) -> None:
    """It is a failure of both."""
    found = _configured(tmp_path, f"http://127.0.0.1:{closed_port()}")

    for (said,) in (list(verify_netboxes(found)), _ensured(found)):
        assert (said.state, "NetBoxUnavailable" in said.message) == (Verdict.FAILING, True)


@pytest.mark.usefixtures("impatient")
def test_a_fabric_that_is_disabled(tmp_path: Path) -> None:
    """What it cannot reach is to be looked at, and fails nothing."""
    found = _configured(tmp_path, f"http://127.0.0.1:{closed_port()}", enabled=False)
    found = found.model_copy(update={"repositories": []})

    said = {one.subject: one.state for one in verify_configured(found)}

    assert said["fabric dc1: netbox"] is Verdict.WARNING
    assert list(verify_netboxes(found)) == []
