"""Programs run to their end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tests.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

Command: TypeAlias = Sequence[str | Path]
"""A program and its arguments."""

_TAIL = 2000


def run(
    command: Command,
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    user: str | None = None,
) -> str:
    """What a program wrote to standard output; it must succeed within `timeout` seconds.

    Raises `LabError` with the program's name and the end of what it wrote. Its arguments and environment are not
    repeated: they may hold a password.
    """
    try:
        done = subprocess.run(
            command,
            check=False,
            timeout=timeout,
            env=env,
            cwd=cwd,
            input=stdin.encode(),
            capture_output=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    except (FileNotFoundError, PermissionError) as error:
        raise LabError(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{command[0]} did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        wrote = (done.stdout + done.stderr).decode(errors="replace").strip()[-_TAIL:]
        raise LabError(f"{command[0]} failed with code {done.returncode}: {wrote}")
    return done.stdout.decode(errors="replace")
