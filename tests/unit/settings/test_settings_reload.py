"""What a reload needs of the settings: the files that they name, and what cannot change while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import ConfigurationError
from reconciler.settings import check_reload, named_files
from reconciler.settings.findings import dotted
from tests.unit.settings.example import COMPLETE, MINIMAL, changed

if TYPE_CHECKING:
    from tests.unit.settings.example import ConfigurationFile

CERTIFICATES = ("fabrics.0.netbox.ca_file", "secrets/ca.pem")


def test_the_files_that_are_named(file: ConfigurationFile) -> None:
    """Every file of every section is found, with its key; only certificates are no secrets."""
    found = list(named_files(file.load(changed(COMPLETE, CERTIFICATES))))

    assert {(dotted(one.place), one.path.name, one.is_secret) for one in found} == {
        ("server.api_token_file", "api-token", True),
        ("repositories[0].auth.password_file", "git-token", True),
        ("repositories[0].webhook.secret_file", "webhook", True),
        ("repositories[0].forge.token_file", "forge-token", True),
        ("notifications[0].secret_file", "hook-secret", True),
        ("fabrics[0].cluster.kubeconfig", "dc1.kubeconfig", True),
        ("fabrics[0].netbox.token_file", "netbox-token", True),
        ("fabrics[0].netbox.ca_file", "ca.pem", False),
    }
    assert {one.path.parent for one in found} == {file.folder / "secrets"}


def test_a_configuration_that_names_no_file(file: ConfigurationFile) -> None:
    """Nothing is made up where no file is named; the file itself is known."""
    found = file.load(MINIMAL)

    assert list(named_files(found)) == []
    assert found.path == file.path


@pytest.mark.parametrize(
    ("change", "key"),
    [
        pytest.param(("server.host", "::1"), "server.host", id="host"),
        pytest.param(("server.port", 8081), "server.port", id="port"),
        pytest.param(("server.max_body_bytes", 4096), "server.max_body_bytes", id="body"),
        pytest.param(("server.protect_reads", True), "server.protect_reads", id="reads"),
        pytest.param(("state", "sqlite:///elsewhere.db"), "state", id="state"),
        pytest.param(("workers", 2), "workers", id="workers"),
        pytest.param(("tracing.sample", 0.5), "tracing", id="traces"),
    ],
)
def test_what_needs_a_restart(file: ConfigurationFile, change: tuple[str, Any], key: str) -> None:
    """A version that changes what the process stands on is refused, with the key."""
    running = file.load(COMPLETE)
    new = file.load(changed(COMPLETE, change))

    with pytest.raises(ConfigurationError) as refused:
        check_reload(running, new)

    assert refused.value.message == f"{file.path} cannot be used:\n{key}: needs a restart"


def test_everything_that_needs_a_restart_at_once(file: ConfigurationFile) -> None:
    """All such keys are named in one answer."""
    running = file.load(COMPLETE)
    new = file.load(changed(COMPLETE, ("workers", 2), ("server.port", 0)))

    with pytest.raises(ConfigurationError, match=r"server\.port: needs a restart\nworkers: needs a restart"):
        check_reload(running, new)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("server.api_token_file", "secrets/any"), id="the token is read when it is used"),
        pytest.param(("poll.interval", 60), id="interval"),
        pytest.param(("history.days", 7), id="history"),
        pytest.param(("fabrics", []), id="fabrics"),
        pytest.param(("repositories.0.branch", "production"), id="branch"),
    ],
)
def test_what_may_change(file: ConfigurationFile, change: tuple[str, Any]) -> None:
    """Everything else may change while the service runs."""
    check_reload(file.load(COMPLETE), file.load(changed(COMPLETE, change)))
