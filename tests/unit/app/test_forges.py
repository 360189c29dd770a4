"""The forges that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.forges import forge_accesses, told
from tests.unit.app.configuration import CANARY, REPOSITORY, settings

if TYPE_CHECKING:
    from pathlib import Path

FORGE = {"kind": "gitea", "api_url": "https://git.example.com/api/v1", "token_file": "secrets/netbox-token"}
OTHER = {"name": "other", "url": "https://git.example.com/net/other.git"}


def test_those_that_are_named(tmp_path: Path) -> None:
    """A repository with a forge has its project and branch there; one without has none; tokens do not show."""
    found = settings(tmp_path, repositories=[{**REPOSITORY, "branch": "live", "forge": FORGE}, OTHER])

    accesses = forge_accesses(found)

    assert list(accesses) == ["gitops"]
    access = accesses["gitops"]
    assert (access.kind, access.project, access.branch, access.ca_file) == ("gitea", "net/gitops", "live", None)
    assert access.token.read() == f"{CANARY}-netbox-token".encode()
    assert CANARY not in repr(access)
    assert access == forge_accesses(found)["gitops"]


def test_whom_to_tell(tmp_path: Path) -> None:
    """Fabrics are found by their repository."""
    found = settings(tmp_path, repositories=[{**REPOSITORY, "forge": FORGE}, OTHER])

    named = told(found, {fabric.name: fabric for fabric in found.fabric_values()})

    assert named.repository_of("dc1") == "gitops"
    assert named.forges["gitops"].kind == "gitea"
    assert named.public_url is None
