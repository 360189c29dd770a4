"""What people do to branches, and what the service says of it: real Git, an embedded cluster."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fabrics import files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.e2e.installation import Installation
    from tests.lab.git_server import Repository

pytestmark = pytest.mark.lab

INTERVAL = 1.5
NOTE: dict[str, str | None] = {"note.txt": "x"}
"""A change of the fabric's directory that is no change of the fabric."""


@pytest.fixture
def service(local_service: Installation) -> Installation:
    """A service that polls often, not started."""
    local_service.settings["poll"] = {"interval": INTERVAL}
    return local_service


def _git(repository: Repository, *arguments: str) -> str:
    """What the host itself does with its bare repository."""
    command = ["git", "-C", str(repository.path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def _objects(service: Installation) -> set[tuple[str, str]]:
    resources = service.get(f"/fabrics/{service.fabric}/resources")["resources"]
    return {(found["kind"], found["name"]) for found in resources}


def _wait_reason(service: Installation, reason: str) -> JSONObject:
    """The status once its reason is this one."""
    wait_until(lambda: service.status()["reason"] == reason, seconds=30, what=reason)
    return service.status()


def _request(service: Installation, commit: str) -> str:
    """Announce a commit; the id of its request."""
    answer = service.deliver(commit)
    assert answer.status_code == 202, answer.text
    (accepted,) = answer.json()["requests"]
    found: str = accepted["id"]
    return found


def _wait_ended(service: Installation, request: str) -> JSONObject:
    wait_until(lambda: service.get(f"/requests/{request}")["outcome"] is not None, what=f"request {request}")
    return service.get(f"/requests/{request}")


def test_a_forced_push(service: Installation) -> None:
    """A branch whose history was replaced is applied as it is now, and the pass says so; the request of a commit that
    it took away, announced late, ends at once with that commit's name.
    """
    service.settings["poll"] = {"interval": 3600}
    repository = service.repository
    service.start()
    service.wait_applied(service.push(files()))
    gone = service.push({"gone.txt": "x"})
    service.wait_applied(gone)

    after = repository.push_files({f"{service.path}/{name}": text for name, text in files().items()}, branch="other")
    _git(repository, "update-ref", "refs/heads/main", after)
    requests = [_request(service, commit) for commit in (gone, after)]
    service.wait_applied(after)

    lost, applied = (_wait_ended(service, request) for request in requests)
    assert (applied["state"], applied["reason"]) in {("succeeded", "Succeeded"), ("succeeded", "NoChange")}
    assert (lost["state"], lost["reason"]) == ("failed", "CommitNotApplied")
    assert gone in lost["message"]
    rewritten = [record for record in service.passes() if "the history of main was rewritten" in record["message"]]
    assert rewritten, [record["message"] for record in service.passes()]
    assert gone in rewritten[0]["message"]
    assert service.status()["sync_status"] == "in_sync"


def test_a_branch_that_goes_away_and_comes_back(service: Installation) -> None:
    """A deleted branch, then a renamed one, are named as such, are no outage, delete nothing, and heal by themselves
    at a poll.
    """
    service.start()
    commit = service.push(files())
    service.wait_applied(commit)
    before = _objects(service)

    _git(service.repository, "update-ref", "refs/heads/kept", commit)
    _git(service.repository, "update-ref", "-d", "refs/heads/main")
    assert service.deliver("0" * 40).json()["result"] == "ignored"
    status = _wait_reason(service, "BranchNotFound")
    assert status["message"].endswith("there is no branch main")
    assert (status["sync_status"], status["connections"]["git"]["state"]) == ("error", "ok")
    assert service.condition("Stalled")["status"] == "False"
    assert _objects(service) == before

    _git(service.repository, "update-ref", "refs/heads/main", commit)
    _wait_reason(service, "Succeeded")

    _git(service.repository, "branch", "-m", "main", "trunk")
    status = _wait_reason(service, "BranchNotFound")
    assert status["message"].endswith("there is no branch main; the default branch is trunk")
    assert _objects(service) == before
    _git(service.repository, "branch", "-m", "trunk", "main")
    assert _wait_reason(service, "Succeeded")["sync_status"] == "in_sync"


def test_an_empty_repository_heals_at_a_poll(service: Installation) -> None:
    """An empty repository is said to be empty, and its first push is applied though nobody tells of it."""
    service.start()

    status = _wait_reason(service, "BranchNotFound")
    assert status["message"].endswith("there is no branch main: the repository is empty")
    assert status["connections"]["git"]["state"] == "ok"

    status = service.wait_applied(service.push(files(), deliver=False))
    assert status["last_pass"]["triggers"] == ["poll"]


def test_a_commit_that_comes_late(service: Installation) -> None:
    """A push that is announced before the host serves it keeps its request open, is looked for again, and its request
    succeeds once it is there.
    """
    service.settings["poll"] = {"interval": 3600}
    repository = service.repository
    service.start()
    first = service.push(files())
    service.wait_applied(first)
    _git(repository, "update-ref", "refs/heads/soon", first)
    late = repository.push_files({f"{service.path}/{name}": text for name, text in NOTE.items()}, branch="soon")

    request = _request(service, late)
    status = _wait_reason(service, "CommitNotServed")
    assert late in status["message"]
    assert status["sync_status"] == "error"
    assert status["desired_revision"] == f"main@sha1:{late}"
    assert status["revision"] == f"main@sha1:{first}"
    assert service.get(f"/requests/{request}")["state"] in {"queued", "running"}

    _git(repository, "update-ref", "refs/heads/main", late)
    status = service.wait_applied(late, seconds=30)
    assert "retry" in status["last_pass"]["triggers"]
    assert _wait_ended(service, request)["state"] == "succeeded"
    assert status["sync_status"] == "in_sync"


def test_a_push_that_leaves_the_fabric_alone(service: Installation) -> None:
    """A commit that changes nothing below the fabric's directory moves the applied revision, and nothing else is
    looked at.
    """
    service.settings["poll"] = {"interval": 3600}
    service.start()
    service.wait_applied(service.push(files()))

    commit = service.repository.push_files({"elsewhere/README.md": "x"})
    request = _request(service, commit)

    status = service.wait_applied(commit)
    assert _wait_ended(service, request)["outcome"] == "no_change"
    assert status["sync_status"] == "in_sync"
    assert service.passes()[0]["phases"].keys() == {"fetch"}
