"""The command line against a running service and real systems."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fabrics import files

if TYPE_CHECKING:
    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab


def test_reconcile_status_passes(world: World) -> None:
    """`reconcile` waits for the outcome, `status` and `passes` tell it; exit codes as documented."""
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    service.wait_idle()
    assert service.run_cli("status").returncode == 2
    commit = service.push(files(), deliver=False)

    reconcile = service.run_cli("reconcile", service.fabric, "--wait", "120")
    status = service.run_cli("status")
    as_json = service.run_cli("status", "--output", "json")
    passes = service.run_cli("passes", service.fabric)

    assert (reconcile.returncode, status.returncode, passes.returncode) == (0, 0, 0), reconcile.stderr
    assert "succeeded" in reconcile.stdout
    assert f"main@{commit[:8]}" in status.stdout
    assert "in_sync" in status.stdout
    (fabric,) = json.loads(as_json.stdout)["fabrics"]
    assert fabric["revision"] == f"main@sha1:{commit}"
    assert "request" in passes.stdout


def test_problems_are_shown_with_their_place(world: World) -> None:
    """`status` names the file and line of what is wrong, and `reconcile` fails."""
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    service.push({**files(), "managed/broken.yaml": "a: [\n"}, deliver=False)

    reconcile = service.run_cli("reconcile", service.fabric, "--wait", "120")
    status = service.run_cli("status", service.fabric)

    assert reconcile.returncode == 1
    assert status.returncode == 2
    assert f"{service.path}/managed/broken.yaml:" in status.stdout


def test_errors_say_what_to_do(world: World) -> None:
    """An unknown fabric, a wrong token and an absent service are one sentence each, and exit code 1."""
    world.fabric.pop("netbox")
    service = world.service
    service.start()

    unknown = service.run_cli("status", "nowhere")
    refused = service.run_cli("reconcile", "--token-file", str(service.folder / "secrets" / "git-password"))
    absent = service.run_cli("status", "--server", "http://127.0.0.1:9")

    for answer, words in ((unknown, "nowhere"), (refused, "--token-file"), (absent, "reconciler serve")):
        assert answer.returncode == 1
        assert words in answer.stderr
        assert "Traceback" not in answer.stderr


def test_check(world: World) -> None:
    """`check` tries every connection for real, and names what it cannot reach."""
    service = world.service
    service.write_settings()
    service.push({"note.txt": "x"}, deliver=False)
    config = str(service.folder / "reconciler.yaml")

    fine = service.run_cli("check", "--config", config)
    (service.folder / "secrets" / "git-password").write_text("wrong")
    world.fabric["cluster"] = {"server": "https://127.0.0.1:9", "token_file": "secrets/api-token", "namespace": "x"}
    service.write_settings()
    wrong = service.run_cli("check", "--config", config, "--output", "json")

    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert wrong.returncode == 1
    checks = {check["subject"]: check for check in json.loads(wrong.stdout)["checks"]}
    states = {subject: check["state"] for subject, check in checks.items()}
    assert states["repository gitops"] == "failing"
    assert states[f"fabric {service.fabric}: cluster"] == "failing"
    assert states[f"fabric {service.fabric}: netbox"] == "ok"
