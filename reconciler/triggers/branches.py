"""Repositories on this machine: a commit is noticed when it is made, without a webhook."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import structlog

from reconciler.triggers.files import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

log = structlog.get_logger("files")

_LARGEST_REF = 4096
_LARGEST_LIST = 16 * 1024 * 1024
"""Bytes. A packed ref takes about 60."""


@dataclass(frozen=True, slots=True)
class LocalBranch:
    """The branch of a repository on this machine. `repository` is its name in the configuration."""

    repository: str
    folder: Path
    branch: str

    @classmethod
    def of(cls, repository: str, url: str, branch: str) -> LocalBranch | None:
        """None for a URL that is not of this machine's files."""
        parts = urlsplit(url)
        return cls(repository, Path(unquote(parts.path)), branch) if parts.scheme == "file" else None


class LocalBranches:
    """Implements `triggers.files.Watched`: `moved` is called with the name of a repository whose branch has another tip
    than at the last look. The very first look moves nothing: it comes before the passes that the service begins with.
    One at a branch that came later does: the pass for the change may have fetched before it, and what was committed in
    between is known to nobody else.
    """

    def __init__(
        self, branches: Callable[[], Sequence[LocalBranch]], moved: Callable[[str], Awaitable[object]]
    ) -> None:
        self._branches = branches
        self._moved = moved
        self._tips: dict[LocalBranch, str | None] | None = None
        """None before the first look."""

    def files(self) -> Iterable[Path]:
        return [file for branch in self._branches() for file in _files(branch)]

    async def look(self) -> None:
        """Raises what `moved` raises; the branch is then looked at again."""
        branches, known = self._branches(), self._tips
        self._tips = {branch: tip for branch, tip in (known or {}).items() if branch in branches}
        for branch in branches:
            tip = await in_thread(partial(read_tip, branch))
            if known is not None and (branch not in self._tips or tip != self._tips[branch]):
                log.info("branch moved", repository=branch.repository, branch=branch.branch, tip=tip)
                await self._moved(branch.repository)
            self._tips[branch] = tip


def read_tip(branch: LocalBranch) -> str | None:
    """What the branch's ref holds: as a file of its own, or else as a line in the list of packed refs; where refs are
    kept in tables, which tables there are. None: there is no such branch.
    """
    loose, packed, tables = _files(branch)
    content = _content(loose, _LARGEST_REF)
    if content is not None:
        return content.strip()
    for line in (_content(packed, _LARGEST_LIST) or "").splitlines():
        tip, _, name = line.partition(" ")
        if name == f"refs/heads/{branch.branch}":
            return tip
    return _content(tables, _LARGEST_LIST)


def _files(branch: LocalBranch) -> tuple[Path, Path, Path]:
    """Where the ref may be: the file of the ref, the list of packed refs, the list of tables."""
    folder = _git_folder(branch.folder)
    return folder / "refs" / "heads" / branch.branch, folder / "packed-refs", folder / "reftable" / "tables.list"


def _git_folder(folder: Path) -> Path:
    """The folder that holds the refs of a bare repository, of one with a worktree, or of a further worktree."""
    inner = folder / ".git"
    if inner.is_dir():
        return inner
    for line in _lines(inner):
        if line.startswith("gitdir: "):
            own = folder / line.removeprefix("gitdir: ")
            return next((own / shared for shared in _lines(own / "commondir")), own)
    return folder


def _lines(path: Path) -> Iterator[str]:
    yield from (_content(path, _LARGEST_REF) or "").splitlines()


def _content(path: Path, limit: int) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return None
