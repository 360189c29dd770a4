"""`reconciler verify`: is what was built what is installed, and does everything that must run run?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.app.integrity import write_tree
from reconciler.cli import output as out
from reconciler.cli.remote import Exit
from reconciler.plan.integrity import RecordError

WriteManifestOption = Annotated[
    Path | None,
    typer.Option("--write-manifest", help="Only write the manifest of the whole environment here (image builds)."),
]


def verify(write_manifest: WriteManifestOption = None) -> None:
    """Verify a deployment."""
    if write_manifest is not None:
        _write(write_manifest)


def _write(path: Path) -> None:
    try:
        digest = write_tree(path)
    except (RecordError, OSError) as error:
        out.print_error(f"no manifest is written: {error}")
        raise typer.Exit(Exit.ERROR) from None
    out.console.print(f"{digest}  {out.plain(str(path))}")
