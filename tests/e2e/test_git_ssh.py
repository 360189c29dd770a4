"""A fabric whose repository is reached over ssh: from a push to the cluster, and refused by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fabrics import files
from tests.e2e.installation import wait_until
from tests.lab.ssh_server import make_key
from tests.payloads import github

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.installation import Installation
    from tests.lab.ssh_server import SshServer

pytestmark = pytest.mark.lab


def _move_to_ssh(service: Installation, server: SshServer, known_hosts: Path) -> None:
    settings = service.repository_settings
    del settings["ca_file"]
    settings["url"] = server.url_of(service.repository)
    settings["auth"] = {"ssh_key_file": str(server.key_file), "known_hosts_file": str(known_hosts)}
    service.write_settings()


def _delivery(service: Installation, commit: str) -> bytes:
    """As a forge sends it: by the address of its web server, with the path that the repository has over ssh too."""
    named = github.repository() | {"clone_url": f"https://127.0.0.1{service.repository.path}"}
    return json.dumps(github.push(after=commit, repository=named)).encode()


def test_a_fabric_over_ssh(local_service: Installation, ssh_server: SshServer, tmp_path: Path) -> None:
    """A push that the forge announces by its https address is fetched over ssh and applied. A host that shows another
    key than the known one is refused by name, by `check` and by the service, which goes on once the file is right.
    """
    service, secret = local_service, local_service.webhook_secret
    right, wrong = ssh_server.known_hosts_file.read_text(), ssh_server.known_hosts(make_key(tmp_path / "other"))
    known = tmp_path / "known hosts"
    known.write_text(wrong)
    service.push({"note.txt": "the first commit"}, deliver=False)
    _move_to_ssh(service, ssh_server, known)
    checked = service.run_cli("check", "--config", str(service.process.configuration))
    assert checked.returncode == 1
    assert f"the host key of {ssh_server.known_as} has changed" in checked.stdout

    known.write_text(right)
    assert service.run_cli("check", "--config", str(service.process.configuration)).returncode == 0
    service.start()
    service.wait_idle()
    commit = service.push(files(), deliver=False)
    assert service.deliver_body(_delivery(service, commit), secret=secret).status_code == 202
    assert service.wait_applied(commit)["sync_status"] == "in_sync"

    known.write_text(wrong)
    # Files that are written twice within a moment have not changed for those who look afterwards.
    wait_until(lambda: '"renewed": ["dc1"]' in service.log.read_text(), what="the change is noticed")
    assert service.reconcile()["outcome"] == "failed"
    stalled = service.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "GitHostKeyChanged")
    assert f"than {known} has" in stalled["message"]
    known.write_text(right)
    wait_until(lambda: service.status()["sync_status"] == "in_sync", seconds=30, what="in sync with the right key")
