"""What git says when it fails, sorted by what happens next. Pure: text in, errors out.

Git has no error codes for this; the patterns are those of git 2.39 to 2.50 with libcurl, in the C locale.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.desired.ssh_answers import ssh_answer
from reconciler.errors import BranchNotFoundError, GitAccessError, GitUnavailableError, ReconcilerError
from reconciler.model.hiding import hide, hide_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.desired.remote import GitRemote

_LONGEST_LINE = 300
_LONGEST_NAME = 100
_QUOTED = re.compile(r"'[^']*'")
"""URLs and names, which must not be taken for git's own words."""

_NO_BRANCH = re.compile(r"couldn't find remote ref|remote branch .* not found", re.IGNORECASE)
_DEFAULT_BRANCH = re.compile(rb"ref: refs/heads/([^\t\n]+)\tHEAD\n")
_REFUSED_OBJECTS = re.compile(r"fsck error|error in object|in unpacked objects|fsck failed", re.IGNORECASE)
_REFUSED = re.compile(
    r"authentication failed|could not read (username|password)|returned error: 4(?!08|29)\d\d|repository  ?not found"
    r"|repository .* not found|certificate|does not appear to be a git repository"
    r"|dubious ownership|mismatched algorithms|transport .* not allowed|permission denied|redirect",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"unable to access|could not resolve|failed to connect|hung up|early eof|rpc failed|unexpected disconnect"
    r"|returned error|could not read from remote|is this a git repository|timed out|bad line length|protocol error"
    r"|curl \d+",
    re.IGNORECASE,
)


def error_of(remote: GitRemote, stderr: str, secrets: Iterable[str] = ()) -> ReconcilerError:
    """The error for a call to the remote that failed. It names host and repository, and git's own reason."""
    words = _own_words(stderr)
    message = f"{remote.place}: {reason_of(stderr, secrets)}"
    if _NO_BRANCH.search(words):
        return BranchNotFoundError(f"{remote.place}: there is no branch {remote.branch}")
    if _REFUSED_OBJECTS.search(words):
        return GitAccessError(message, reason="GitObjectsRefused")
    answer = ssh_answer(remote, stderr) if remote.ssh is not None else None
    if answer is not None:
        return answer.error(f"{remote.place}: {_harmless(answer.text, secrets)}", reason=answer.reason)
    if _REFUSED.search(words):
        return GitAccessError(message)
    return GitUnavailableError(message)


def branch_missing(remote: GitRemote, listing: bytes | None) -> BranchNotFoundError:
    """The error for a branch that the remote does not have. `listing` is what `ls-remote --symref` says of HEAD and the
    branches, from its beginning; None when it could not be asked.
    """
    message = f"{remote.place}: there is no branch {remote.branch}"
    if listing is None:
        return BranchNotFoundError(message)
    if not listing:
        return BranchNotFoundError(f"{message}: the repository is empty")
    # HEAD is listed first, and only where the branch that it names exists.
    default = _DEFAULT_BRANCH.match(listing)
    name = _printable(default[1].decode("utf-8", "replace")[:_LONGEST_NAME]) if default else remote.branch
    return BranchNotFoundError(message if name == remote.branch else f"{message}; the default branch is {name}")


def is_about_the_remote(stderr: str) -> bool:
    """Whether the remote is to blame; otherwise it may be our own copy, which can be made again."""
    words = _own_words(stderr)
    return any(pattern.search(words) for pattern in (_NO_BRANCH, _REFUSED_OBJECTS, _REFUSED, _UNREACHABLE))


def reason_of(stderr: str, secrets: Iterable[str] = ()) -> str:
    """Git's own reason in one line: printable, of bounded length, without credentials."""
    lines = [line for line in stderr.split("\n") if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal:")]
    line = (fatal or lines[-1:] or ["git failed without a word"])[0]
    return _harmless(line.removeprefix("fatal: "), secrets)


def _harmless(line: str, secrets: Iterable[str]) -> str:
    # Before the cut, which could leave the first half of a password where nothing tells it from other text.
    line = hide_credentials(hide(line, secrets))
    return _printable(line[:_LONGEST_LINE])


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _own_words(stderr: str) -> str:
    lines = (line for line in stderr.split("\n") if not line.startswith("remote:"))
    return _QUOTED.sub("", "\n".join(lines))
