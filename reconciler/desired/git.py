"""A bare mirror of one branch, read by object id: the only home of GitPython.

Nothing is ever checked out, so there are no hooks, filters, links or paths of a worktree to attack; git is called with
arguments of our own making and checked ids, in an environment that no configuration but ours reaches.
"""

from __future__ import annotations

import math
import os
import re
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import quote

from reconciler.desired.environment import is_passed_on
from reconciler.desired.git_answers import branch_missing, error_of, is_about_the_remote, reason_of
from reconciler.desired.remote import GitRemote
from reconciler.desired.ssh import ssh_environment
from reconciler.desired.tree import TreeEntry, batch_limit, batches, is_plain, parse_batch, parse_listing, parse_tree
from reconciler.desired.workbench import Workbench
from reconciler.desired.workplace import Workplace
from reconciler.errors import BranchNotFoundError, ConfigurationError, GitAccessError, GitUnavailableError
from reconciler.model.revision import COMMIT, Revision

# A missing git is then reported by git_version, in our words, instead of by a failing import.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
from git.cmd import Git
from git.exc import GitCommandNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from reconciler.model.calls import CallHook

__all__ = ["MINIMUM_GIT", "GitRemote", "Mirror", "TreeEntry", "git_version"]

MINIMUM_GIT = (2, 39, 1)
"""The first 2.39 without known ways to run a remote's code while fetching."""

_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.symlinks=false"),
    *("-c", "core.askPass="),
    *("-c", "credential.helper="),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false"),
    *("-c", "fetch.recurseSubmodules=false"),
    *("-c", "transfer.bundleURI=false"),
    *("-c", "transfer.fsckObjects=true"),
    *("-c", "fetch.fsckObjects=true"),
    # Harmless faults that old tools left in the history of many repositories; it cannot be rewritten for us.
    *("-c", "fetch.fsck.zeroPaddedFilemode=ignore"),
    *("-c", "fetch.fsck.badTimezone=ignore"),
    *("-c", "fetch.fsck.missingSpaceBeforeDate=ignore"),
    # In the foreground, where the time limit reaches it.
    *("-c", "gc.autoDetach=false"),
    *("-c", "maintenance.autoDetach=false"),
    *("-c", "http.sslVerify=true"),
)
_KEPT_VARIABLES = frozenset({"GIT_EXEC_PATH", "GIT_PYTHON_REFRESH"})
"""Where an unusual installation keeps git's programs; and ours. All other GIT_ variables around us are withheld."""

_NOT_FOUND = 127
"""What env ends with when there is no such program."""

_NO_USER = "git"
"""Hosts that take a token as the password ask for some name too."""

_FIRST_FETCH_FACTOR = 10
"""The first fetch brings the whole history and gets this many times the time of others."""

_CHECK_TIMEOUT = 10.0
_SMALL = 64 * 1024
_LARGEST_LISTING = 64 * 1024 * 1024
_LONGEST_CHECK = 100
"""Bytes of what git says of one object: id, type and size."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    stdout: bytes
    stderr: str
    is_truncated: bool
    is_late: bool = False
    """The call took all the time it had."""

    @property
    def is_ok(self) -> bool:
        return self.status == 0

    @property
    def has_timed_out(self) -> bool:
        # GitPython ends git before it notes that it did: what it says can miss it by a moment.
        return self.stderr.startswith("Timeout: ") or (self.is_late and self.status == -signal.SIGKILL)


def _result_class(answer: _Answer) -> str:
    """As `CallHook` tells it. Git says in words only whose fault it was."""
    if answer.is_ok:
        return "ok"
    return "no_answer" if answer.has_timed_out or answer.status < 0 else "error"


class _BoundedBuffer:
    """Keeps the first `limit` bytes written to it and lets the others go."""

    def __init__(self, limit: int) -> None:
        self.content = bytearray()
        self.is_truncated = False
        self._limit = limit

    def write(self, data: bytes) -> int:
        room = self._limit - len(self.content)
        self.content += data[:room]
        self.is_truncated |= len(data) > room
        return len(data)


def git_version(timeout: float = _CHECK_TIMEOUT) -> tuple[int, ...]:
    """The version of the installed git. Raises ConfigurationError when it is missing or older than `MINIMUM_GIT`."""
    needed = ".".join(map(str, MINIMUM_GIT))
    try:
        answer = _call(["version"], {}, timeout=timeout)
    except GitCommandNotFound:
        answer = _Answer(_NOT_FOUND, b"", "", is_truncated=False)
    if answer.status == _NOT_FOUND:
        raise ConfigurationError(f"git is not installed: version {needed} or newer is needed")
    found = re.search(rb"(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    if found is None:
        raise ConfigurationError(f"git does not tell its version: {needed} or newer is needed")
    version = tuple(int(part or 0) for part in found.groups())
    if version < MINIMUM_GIT:
        raise ConfigurationError(f"git {'.'.join(map(str, version))} is too old: {needed} or newer is needed")
    return version


@cache
def _check_once(path: str | None, ref: str) -> None:  # noqa: ARG001 - another path may hold another git
    """Git is new enough, and agrees that the ref is one. Raises ConfigurationError, and then asks again."""
    git_version()
    if not _call(["check-ref-format", ref], {}, timeout=_CHECK_TIMEOUT).is_ok:
        raise ConfigurationError(f"{ref} is not the name of a branch")


def _call(
    args: Sequence[str],
    env: Mapping[str, str],
    *,
    timeout: float,
    stdin: BinaryIO | None = None,
    limit: int = _SMALL,
) -> _Answer:
    """Run git to its end, for `timeout` seconds at most, and keep `limit` bytes of what it writes."""
    foreign = [name for name in os.environ if not is_passed_on(name) and name not in env.keys() | _KEPT_VARIABLES]
    # An empty value is not the same as none: GIT_SSL_NO_VERIFY= turns the check of certificates off.
    withheld = ["env", *(f"--unset={name}" for name in foreign)] if foreign else []
    buffer = _BoundedBuffer(limit)
    start = time.monotonic()
    status, _, stderr = cast(
        "tuple[int, object, str]",
        Git().execute(
            [*withheld, "git", *_OPTIONS, *args],
            istream=stdin,
            output_stream=cast("BinaryIO", buffer),
            with_extended_output=True,
            with_exceptions=False,
            kill_after_timeout=timeout,
            max_chunk_size=_SMALL,
            env=env,
        ),
    )
    is_late = time.monotonic() - start >= timeout
    return _Answer(status, bytes(buffer.content), stderr, buffer.is_truncated, is_late)


class Mirror:
    """A bare mirror of the one branch of `remote`, in a private `directory` that it makes, and makes again when it is
    not as it was left. Thread-safe; calls wait for each other. `timeout` is in seconds, for one call of git; `on_call`
    is told of those that speak to the remote.

    Raises GitUnavailableError, also when the mirror cannot be written or read; the next fetch then makes it anew.
    """

    def __init__(
        self,
        remote: GitRemote,
        directory: Path,
        timeout: float = 60.0,
        on_call: CallHook = lambda *_: None,
    ) -> None:
        self.remote = remote
        self._on_call = on_call
        self.directory = directory
        self._timeout = timeout
        self._workplace = Workplace(directory.absolute(), remote.url)
        self._lock = threading.RLock()
        self._is_suspect = False
        """Something in the mirror could not be read: it is not trusted to be repaired by a fetch."""

    def following(self, remote: GitRemote) -> Mirror:
        """A mirror of another remote in the same directory. The two wait for each other: a pass may still read the one
        when the configuration has changed to the other.
        """
        successor = Mirror(remote, self.directory, self._timeout, self._on_call)
        successor._lock = self._lock
        return successor

    def fetch(self) -> Revision:
        """Bring the branch up to date and return its tip.

        Raises GitUnavailableError, GitAccessError, BranchNotFoundError, ConfigurationError.
        """
        with self._prepared() as repository:
            tip = None if self._is_suspect else self._tip(repository)
            answer = None if self._is_suspect else self._fetch_into(repository, is_first=tip is None)
            if answer is None or not (answer.is_ok or answer.has_timed_out or is_about_the_remote(answer.stderr)):
                answer = self._fetch_anew()
            self._require_branch(repository, answer)
            fetched = self._tip(repository)
            if fetched is None:
                self._is_suspect = True
                raise GitUnavailableError(f"{self.remote.place}: the branch cannot be read after the fetch")
            return fetched

    def tip(self) -> Revision | None:
        """The tip that the last successful fetch brought, also from before a restart. No network."""
        with self._prepared() as repository:
            return self._tip(repository)

    def check(self) -> None:
        """Ask the remote for the branch: it is reachable, lets us in, and has it. Raises as `fetch`."""
        with self._prepared() as repository:
            args = ["ls-remote", "--exit-code", "--quiet", "--end-of-options", self.remote.url, self.remote.ref]
            answer = self._network(repository, args, self._timeout)
            nothing_found = 2
            if answer.status == nothing_found and not answer.stderr.strip():
                raise self._branch_missing(repository)
            self._require(answer)

    def tree(self, revision: Revision, path: str) -> str | None:
        """The id of the tree of a directory (from the repository's root, no links followed), None where absent."""
        if not is_plain(path):
            return None
        with self._prepared() as repository:
            args = ["ls-tree", "-z", "-d", "--end-of-options", revision.commit, path]
            return parse_tree(self._read(repository, args, _SMALL))

    def list_files(self, revision: Revision, path: str) -> tuple[TreeEntry, ...]:
        """All files below a directory, links and submodules too, in git's order. Empty where it is absent."""
        if not is_plain(path):
            return ()
        with self._prepared() as repository:
            args = ["ls-tree", "-r", "-z", "-l", "--end-of-options", revision.commit, f"{path}/"]
            listing = self._read(repository, args, _LARGEST_LISTING)
        # A submodule in the directory's place is listed as itself.
        try:
            return tuple(entry for entry in parse_listing(listing) if entry.path != path)
        except ValueError as error:
            raise self._unreadable(str(error)) from error

    def read_blobs(self, entries: Iterable[TreeEntry]) -> Iterator[tuple[str, bytes]]:
        """The ids and contents of files, read in batches; nothing larger than an entry's size is read."""
        for batch in batches(entries):
            with self._prepared() as repository:
                contents = self._read_batch(repository, batch)
            yield from contents

    def ancestry(self, commits: Iterable[str], revision: Revision) -> dict[str, bool]:
        """Of the commits (40 hex) that are known here: whether each is `revision` or one of its ancestors. Two calls of
        git, however many there are.
        """
        asked = {commit for commit in commits if COMMIT.fullmatch(commit)}
        if not asked:
            return {}
        with self._prepared() as repository:
            limit = _SMALL + _LONGEST_CHECK * len(asked)
            checks = self._read_of(repository, ["cat-file", "--batch-check"], limit, asked)
            known = {line.partition(" ")[0] for line in checks if " commit " in line}
            if not known:
                return {}
            # All that a known commit leads to and the revision does not.
            besides = self._read_of(
                repository, ["rev-list", "--stdin"], _LARGEST_LISTING, [f"^{revision.commit}", *known]
            )
        return dict.fromkeys(known, True) | dict.fromkeys(known.intersection(besides), False)

    @contextmanager
    def workbench(self) -> Iterator[Workbench]:
        """The repository for one who adds to it, ours alone until the end of the block. Ask for nothing of the mirror
        meanwhile that may make it anew.
        """
        with self._prepared() as repository:
            network = partial(self._network, repository, timeout=self._timeout)
            local = partial(self._local, repository)
            yield Workbench(self.remote, self._workplace.directory, local, network, self._unreadable)

    @contextmanager
    def _prepared(self) -> Iterator[Path]:
        """The repository, ready and ours alone until the end of the block."""
        with self._lock:
            try:
                _check_once(os.environ.get("PATH"), self.remote.ref)
                self._workplace.ensure()
                self._workplace.make(self._workplace.repository)
                yield self._workplace.repository
            except OSError as error:
                message = f"{self.remote.place}: the mirror in {self._workplace.directory} cannot be used: {error}"
                raise GitUnavailableError(message) from error

    def _tip(self, repository: Path) -> Revision | None:
        args = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.remote.ref}^{{commit}}"]
        commit = self._local(repository, args, _SMALL).stdout.decode("ascii", "replace").strip()
        return Revision(self.remote.branch, commit) if COMMIT.fullmatch(commit) else None

    def _fetch_into(self, repository: Path, *, is_first: bool) -> _Answer:
        refspec = f"+{self.remote.ref}:{self.remote.ref}"
        args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", self.remote.url, refspec]
        return self._network(repository, args, self._timeout * (_FIRST_FETCH_FACTOR if is_first else 1))

    def _fetch_anew(self) -> _Answer:
        """Fetch into a new repository, which takes the old one's place only when it is complete."""
        replacement = self._workplace.replacement
        self._workplace.make(replacement)
        answer = self._fetch_into(replacement, is_first=True)
        if answer.is_ok:
            self._workplace.replace()
            self._is_suspect = False
        return answer

    def _read_batch(self, repository: Path, batch: Sequence[TreeEntry]) -> list[tuple[str, bytes]]:
        output = self._ask(repository, ["cat-file", "--batch"], batch_limit(batch), [entry.blob for entry in batch])
        try:
            return list(parse_batch(output, batch))
        except ValueError as error:
            raise self._unreadable(str(error)) from error

    def _read_of(self, repository: Path, args: Sequence[str], limit: int, ids: Iterable[str]) -> list[str]:
        return self._ask(repository, args, limit, ids).decode("ascii", "replace").splitlines()

    def _ask(self, repository: Path, args: Sequence[str], limit: int, ids: Iterable[str]) -> bytes:
        """What git writes about ids, which it is given line by line."""
        with tempfile.TemporaryFile(dir=self._workplace.directory) as lines:
            lines.write("".join(f"{one}\n" for one in ids).encode("ascii"))
            lines.seek(0)
            return self._read(repository, args, limit, cast("BinaryIO", lines))

    def _read(self, repository: Path, args: Sequence[str], limit: int, stdin: BinaryIO | None = None) -> bytes:
        answer = self._local(repository, args, limit, stdin)
        if answer.is_truncated:
            raise GitAccessError(f"{self.remote.place}: what git lists is over {limit:,} bytes", reason="GitTooLarge")
        if not answer.is_ok:
            raise self._unreadable(reason_of(answer.stderr))
        return answer.stdout

    def _unreadable(self, reason: str) -> GitUnavailableError:
        self._is_suspect = True
        return GitUnavailableError(f"{self.remote.place}: the mirror cannot be read: {reason}")

    def _local(
        self,
        repository: Path,
        args: Sequence[str],
        limit: int = _SMALL,
        stdin: BinaryIO | None = None,
        env: Mapping[str, str] | None = None,
    ) -> _Answer:
        env = {**self._environment(repository), **(env or {})}
        return _call(args, env, timeout=self._timeout, stdin=stdin, limit=limit)

    def _network(self, repository: Path, args: Sequence[str], timeout: float) -> _Answer:
        # Where the end of git does not reach its helper (no pgrep, no ps), the helper gives up by itself.
        options = ["-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={math.ceil(timeout)}"]
        if self.remote.is_loopback:
            options += ["-c", "http.proxy="]
        if self.remote.ca_file is not None:
            if not self.remote.ca_file.is_file():
                raise GitAccessError(f"{self.remote.place}: there is no CA file {self.remote.ca_file}")
            options += ["-c", f"http.sslCAInfo={self.remote.ca_file.absolute()}"]
        with ssh_environment(self.remote, self._workplace.ssh, self._timeout) as ssh:
            env = {**self._environment(repository), **self._login(), **ssh}
            began, result = time.monotonic(), "no_answer"
            try:
                answer = _call([*options, *args], env, timeout=timeout)
                result = _result_class(answer)
            finally:
                self._on_call(args[0], time.monotonic() - began, result)
            return answer

    def _require_branch(self, repository: Path, answer: _Answer) -> None:
        try:
            self._require(answer)
        except BranchNotFoundError:
            raise self._branch_missing(repository) from None

    def _branch_missing(self, repository: Path) -> BranchNotFoundError:
        """The error for a branch that the remote does not have, with what it has instead, if it tells."""
        args = ["ls-remote", "--symref", "--quiet", "--end-of-options", self.remote.url, "HEAD", "refs/heads/*"]
        answer = self._network(repository, args, self._timeout)
        return branch_missing(self.remote, answer.stdout if answer.is_ok else None)

    def _require(self, answer: _Answer) -> None:
        if answer.has_timed_out:
            raise GitUnavailableError(f"{self.remote.place}: git did not end in time")
        if answer.status < 0:
            raise GitUnavailableError(f"{self.remote.place}: git was ended by signal {-answer.status}")
        if not answer.is_ok:
            raise error_of(self.remote, answer.stderr, filter(None, [self.remote.password()]))

    def _environment(self, repository: Path) -> dict[str, str]:
        home = str(self._workplace.directory)
        return {
            "GIT_DIR": str(repository),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CONFIG_GLOBAL": os.devnull,
            # Also where libcurl would look for a .netrc.
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "GIT_ALLOW_PROTOCOL": self.remote.scheme,
            "GIT_ASKPASS": str(self._workplace.askpass),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }

    def _login(self) -> dict[str, str]:
        """What the askpass script needs. A password file is named, not read: the script reads it when it is asked."""
        remote, password = self.remote, self.remote.password()
        if password is None:
            return {}
        user = remote.username or _NO_USER
        return {
            "RECONCILER_GIT_HOST": f"{remote.scheme}://{remote.host}",
            "RECONCILER_GIT_USERNAME": user,
            "RECONCILER_GIT_LOGIN": f"{remote.scheme}://{user}@{remote.host}",
            "RECONCILER_GIT_LOGIN_ENCODED": f"{remote.scheme}://{quote(user, safe='')}@{remote.host}",
            "RECONCILER_GIT_PASSWORD_FILE": str(remote.password_file.absolute() if remote.password_file else ""),
            "RECONCILER_GIT_PASSWORD": "" if remote.password_file else password,
        }
