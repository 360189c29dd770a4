"""What a wheel says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

_SPEC = util.spec_from_file_location("hatch_build", Path(__file__).parents[3] / "hatch_build.py")
assert _SPEC is not None
assert _SPEC.loader is not None
hatch_build = util.module_from_spec(_SPEC)
sys.modules["hatch_build"] = hatch_build
_SPEC.loader.exec_module(hatch_build)


def _git(folder: Path, *arguments: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
    command = ["git", *identity, *arguments]
    answer = subprocess.run(command, cwd=folder, env=inherited, check=True, capture_output=True, text=True, timeout=60)
    return answer.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("A = 1\n")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def test_the_commit(repository: Path) -> None:
    """It is named, and whether the files are still its own; files that nobody added, and that no wheel holds, are not
    of it.
    """
    commit = _git(repository, "rev-parse", "HEAD")
    (repository / "notes.txt").write_text("untracked\n")
    assert hatch_build.commit(repository) == commit

    (repository / "a.py").write_text("A = 2\n")
    assert hatch_build.commit(repository) == f"{commit}+changes"


def test_a_module_that_nobody_added(repository: Path) -> None:
    """It gets into the wheel, so the commit alone does not tell what that holds; what is ignored does not."""
    commit = _git(repository, "rev-parse", "HEAD")
    (repository / ".git" / "info" / "exclude").write_text("*.pyc\n")
    (repository / "reconciler").mkdir()
    (repository / "reconciler" / "new.pyc").write_text("")
    assert hatch_build.commit(repository) == commit

    (repository / "reconciler" / "new.py").write_text("A = 1\n")
    assert hatch_build.commit(repository) == f"{commit}+changes"


def test_a_commit_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the build of an image, which gets no repository; nothing is told by an empty one."""
    monkeypatch.setenv("RECONCILER_COMMIT", "0123abcd")
    assert hatch_build.commit(tmp_path) == "0123abcd"

    monkeypatch.setenv("RECONCILER_COMMIT", "")
    assert hatch_build.commit(tmp_path) is None


def test_no_commit(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A copy has none: neither outside of any repository, nor inside of another one."""
    inside = repository / "copy"
    inside.mkdir()

    assert hatch_build.commit(inside) is None
    assert hatch_build.commit(tmp_path_factory.mktemp("copy")) is None
    assert hatch_build.commit(repository / "nowhere") is None


def test_locked_versions(tmp_path: Path) -> None:
    """Versions with their markers; hashes and comments are not of it."""
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "aiohttp==3.14.5 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n    # via x==1\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:22\n"
        "plain==1.0\nmarked==2 ; python_version < '4'\n"
    )

    assert hatch_build.locked(lock) == [
        "aiohttp==3.14.5",
        "colorama==0.4.6 ; sys_platform == 'win32'",
        "plain==1.0",
        "marked==2 ; python_version < '4'",
    ]
