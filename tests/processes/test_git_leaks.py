"""No password shows when git fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import GitRemote, Mirror
from tests.unit.app.configuration import CANARY, secret
from tests.unit.leaks import refusing, said_of
from tests.unit.loopback import closed_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["file", "environment"])
def password(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Where a password is, in the terms of a remote."""
    if request.param == "file":
        return {"password_file": secret(tmp_path, "git-token", f"{CANARY}-git-token\n")}
    monkeypatch.setenv("GIT_PASSWORD_CANARY", f"{CANARY}-environment")
    return {"password_env": "GIT_PASSWORD_CANARY"}


def _mirror(folder: Path, server: str, password: dict[str, object]) -> Mirror:
    remote = GitRemote("gitops", f"{server}/net/gitops.git", "main", "bot", allow_local=True, **password)  # type: ignore[arg-type]
    return Mirror(remote, folder / "mirror")


def test_nobody_listens(tmp_path: Path, password: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    """A host that cannot be reached is named, and the password with which it was tried is not."""
    port = closed_port()

    said = said_of(_mirror(tmp_path, f"http://127.0.0.1:{port}", password).fetch, capsys)

    assert f"127.0.0.1:{port}/net/gitops.git" in said
    assert CANARY not in said


def test_refused(tmp_path: Path, password: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    """A host to which the password was shown, and that refused it, leaves no trace of it in the error."""
    with refusing() as server:
        said = said_of(_mirror(tmp_path, server.url, password).fetch, capsys)

    assert any("authorization" in asked.headers for asked in server.asked), "the password was in play"
    assert CANARY not in said
