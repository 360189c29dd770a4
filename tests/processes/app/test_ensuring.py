"""What `ensure` initialises, on real git, and what `verify` says of directories in Git."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.app.ensuring import initialise
from reconciler.app.verification import verify_structures
from reconciler.model.verification import Verdict
from reconciler.store import open_store
from tests.contract.git_branch import GitBranch
from tests.unit.app.configuration import LOCAL, local_repository, settings
from tests.unit.loopback import closed_port

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reconciler.model.verification import Finding
    from reconciler.settings import Settings

STRUCTURE = "fabric dc1: structure"


def _configured(folder: Path, **structure: bool) -> tuple[Settings, GitBranch]:
    """A fabric whose directory is kept in order, and its repository, in which nothing is yet."""
    path = folder / "gitops.git"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)]
    subprocess.run(command, env=inherited, check=True, timeout=60)
    fabric = LOCAL | {"structure": {"enabled": True, **structure}}
    return settings(folder, fabric, repositories=[local_repository(path)]), GitBranch(path)


def _begin(folder: Path) -> None:
    """The first commit of the branch."""
    work, repository = folder / "work", folder / "gitops.git"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for arguments in (
        ("init", "--quiet", "--initial-branch=main", str(work)),
        ("-C", str(work), "commit", "--quiet", "--allow-empty", "--message", "Begin"),
        ("-C", str(work), "push", "--quiet", str(repository), "main"),
    ):
        command = ["git", "-c", "user.name=me", "-c", "user.email=me@localhost", *arguments]
        subprocess.run(command, env=inherited, check=True, timeout=60)


def _said(findings: Iterable[Finding]) -> dict[str, Verdict]:
    return {one.subject: one.state for one in findings}


def test_a_directory_is_ensured_once(tmp_path: Path) -> None:
    """With its structure; the second run commits nothing, and `verify` only looks."""
    found, branch = _configured(tmp_path)
    _begin(tmp_path)
    assert _said(verify_structures(found)) == {STRUCTURE: Verdict.WARNING}

    assert _said(initialise(found)) == {"state": Verdict.DONE, STRUCTURE: Verdict.DONE}
    commits = branch.history()
    assert _said(initialise(found)) == {"state": Verdict.OK, STRUCTURE: Verdict.OK}
    assert _said(verify_structures(found)) == {STRUCTURE: Verdict.OK}
    assert branch.history() == commits


def test_a_branch_that_is_not_there(tmp_path: Path) -> None:
    """Its name may be mistyped: it is not made, and the command is named that makes it."""
    found, branch = _configured(tmp_path)

    *_, said = initialise(found)

    assert (said.subject, said.state, "reconciler init dc1" in said.message) == (STRUCTURE, Verdict.FAILING, True)
    assert branch.history() == []


def test_a_fabric_that_is_not_reconciled(tmp_path: Path) -> None:
    """Nothing is made for one that is suspended or disabled, and nothing at all where that cannot be told."""
    found, branch = _configured(tmp_path)
    _begin(tmp_path)
    commits = branch.history()
    store = open_store(found.state_path, SystemClock())
    store.suspend("dc1", "by hand")
    assert _said(initialise(found)) == {"state": Verdict.OK, "fabric dc1": Verdict.OK}  # also while a service runs
    store.resume("dc1")
    store.close()

    disabled = found.model_copy(update={"fabrics": [found.fabrics[0].model_copy(update={"enabled": False})]})
    assert _said(initialise(disabled)) == {"state": Verdict.OK}

    found.state_path.write_bytes(b"a letter to mother")
    assert _said(initialise(found)) == {"state": Verdict.FAILING}
    assert branch.history() == commits


def test_a_directory_to_which_nobody_commits(tmp_path: Path) -> None:
    """It is left alone."""
    found, branch = _configured(tmp_path, push=False)

    assert _said(initialise(found)) == {"state": Verdict.DONE}
    assert branch.history() == []


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    """Both say so, and go on."""
    found, _ = _configured(tmp_path)
    (tmp_path / "gitops.git").rename(tmp_path / "elsewhere.git")

    assert _said(verify_structures(found)) == {STRUCTURE: Verdict.FAILING}
    assert _said(initialise(found))[STRUCTURE] is Verdict.FAILING


def test_a_netbox_that_is_not_there(tmp_path: Path) -> None:
    """It is said, and the state is made all the same."""
    netbox = {"url": f"http://127.0.0.1:{closed_port()}", "token_file": "secrets/netbox-token"}
    found = settings(tmp_path, {"cluster": {"local": True}, "netbox": netbox})

    assert _said(initialise(found)) == {"state": Verdict.DONE, "fabric dc1: netbox setup": Verdict.FAILING}
