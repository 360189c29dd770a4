"""What `verify` says of the folder in which repositories are mirrored."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.app.subjects import mirror_folder, mirrors_beside, remote_of
from reconciler.model.verification import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.settings import Settings

_ADVICE = "give the place to the user of the service, or move it away: what was there is fetched anew"


def verify_mirrors(settings: Settings) -> Iterator[Finding]:
    """Whether this user can keep mirrors where the service does, told by what lies there: nothing is made. Which user
    that has to be says the state file, beside which they are.
    """
    if not settings.repositories:
        return
    folder = mirrors_beside(settings.state_path)
    wrong = _wrong_with(folder) or next(
        filter(None, (_wrong_with_one(one) for one in _mirrors(settings, folder))), None
    )
    if wrong is not None:
        yield Finding("mirrors", Verdict.FAILING, wrong, _ADVICE)
    else:
        there = "" if folder.exists() else " is not there yet; the service makes it"
        yield Finding("mirrors", Verdict.OK, f"{folder}{there}")


def _mirrors(settings: Settings, folder: Path) -> Iterator[Path]:
    return (mirror_folder(folder, remote_of(repository)) for repository in settings.repositories)


def _wrong_with(folder: Path) -> str | None:
    """Of the folder, or of that in which its missing parts would be made."""
    place = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    if not place.is_dir():
        return f"{place} is no folder: repositories cannot be mirrored in {folder}"
    return None if _is_usable(place) else f"{place} cannot be written by this user, and repositories are mirrored there"


def _wrong_with_one(mirror: Path) -> str | None:
    """Anything else in a mirror's place the service removes, as it may in a folder of its own."""
    if not mirror.is_dir() or _is_usable(mirror):
        return None
    return f"the mirror {mirror} cannot be read and written by this user"


def _is_usable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
