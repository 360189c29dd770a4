"""What git says of a push, sorted by what happens next. Pure.

`git push --porcelain` prints what became of the branch, in words of git's and of the host's; what hooks and forges have
to say is on the other output, in lines that begin with `remote:`. Patterns are those of git 2.39 to 2.50, GitHub,
GitLab, Gitea, Forgejo and Bitbucket.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from reconciler.desired.git_answers import error_of, reason_of
from reconciler.errors import GitAccessError, GitUnavailableError, PushRefusedError, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.desired.remote import GitRemote

_LONGEST = 400
_MOST_LINES = 100

_STATUS = re.compile(r"^(?P<flag>[ +\-*=!])\t[^\t]*:(?P<ref>[^\t]+)\t(?P<summary>.*)$", re.MULTILINE)
_REASON = re.compile(r"\[(?P<kind>[a-z ]+)\](?: \((?P<reason>.*)\))?")
_WHO_SPEAKS = re.compile(r"^(remote:|ERROR:|error:|fatal:|GitLab:)\s*", re.IGNORECASE)

_RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to (update|lock)|incorrect old value"
    r"|reference already exists|needs force",
    re.IGNORECASE,
)
"""Of what is no fast forward too: the parent of our commit was the tip, so that another one came first."""

_PROTECTED = re.compile(
    r"protected[ -]branch|branch \S+ is protected|GH006|GH013|repository rule violations|branch restriction"
    r"|TF402455|(use|through) (a )?pull requests?",
    re.IGNORECASE,
)
_NO_RIGHTS = re.compile(
    r"permission (to \S+ )?denied|denied to |not allowed to (push|upload)|access denied|write access|read-only|archived"
    r"|insufficient permission|not permitted|unauthori[sz]ed",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r"^fatal: .*returned error: 403", re.MULTILINE)
_NOT_LET_IN = re.compile(r"^fatal: Could not read from remote repository", re.MULTILINE)
"""What git says over ssh, whatever the reason: that is in the words of the host."""
_TROUBLE = re.compile(r"internal server error|unpacker error|remote unpack failed|try again", re.IGNORECASE)
_OBJECTS = re.compile(r"fsck error|error in object|exceeds", re.IGNORECASE)
_NOISE = re.compile(
    r"^[\s\-=*#.]*$|^(resolving deltas|counting objects|compressing objects|writing objects)", re.IGNORECASE
)


_SPOKEN = ("remote:", "ERROR:", "error: remote unpack failed:")


class Failure(Enum):
    """What a push came to that is not done."""

    RACE = auto()
    """Another commit came first: try again on the new tip."""
    REFUSED = auto()
    """It will be refused again."""
    UNKNOWN = auto()
    """Nobody said whether the host took it: look."""


class PushFailure(NamedTuple):
    """Why a push is not done, and the error to raise where that is the end of it."""

    kind: Failure
    error: ReconcilerError


def judge(remote: GitRemote, status: int, output: str, stderr: str, secrets: Iterable[str] = ()) -> PushFailure | None:
    """What is wrong with a push to the branch, which ended with this status; None: it is done. Nothing that is secret
    gets into the error.
    """
    hidden = tuple(secrets)
    line = next((found for found in _STATUS.finditer(output) if found["ref"] == remote.ref), None)
    if line is None:
        return _without_a_word(remote, stderr, hidden)
    said = _REASON.match(line["summary"])
    if line["flag"] == "!" and said is not None:
        return _declined(remote, said["kind"], said["reason"] or "", stderr, hidden)
    if status == 0:
        return None
    # Taken, as it seems; but the host broke off before it was through.
    return PushFailure(Failure.UNKNOWN, GitUnavailableError(error_of(remote, stderr, hidden).message))


def _declined(remote: GitRemote, kind: str, reason: str, stderr: str, secrets: Sequence[str]) -> PushFailure:
    words = words_of(stderr, secrets)
    text = f"{reason}: {words}" if words else reason
    if kind == "remote failure":
        return PushFailure(
            Failure.UNKNOWN, GitUnavailableError(_message(remote, "the answer to our push is lost", text))
        )
    if _RACE.search(reason) and not _PROTECTED.search(words):
        return PushFailure(Failure.RACE, GitUnavailableError(_message(remote, "others push to the branch", text)))
    if _TROUBLE.search(reason) and not _OBJECTS.search(words):
        return PushFailure(Failure.UNKNOWN, GitUnavailableError(_message(remote, "our push failed", text)))
    return PushFailure(Failure.REFUSED, _refusal(remote, text))


def _without_a_word(remote: GitRemote, stderr: str, secrets: Sequence[str]) -> PushFailure:
    """The push broke off, or was not let in at all."""
    words = words_of(stderr, secrets)
    error = error_of(remote, stderr, secrets)
    if _FORBIDDEN.search(stderr) or (_NOT_LET_IN.search(stderr) and _NO_RIGHTS.search(words)):
        text = f"{reason_of(stderr, secrets)}: {words}" if words else reason_of(stderr, secrets)
        return PushFailure(Failure.REFUSED, _refusal(remote, text, "PushDenied"))
    if isinstance(error, GitAccessError):
        return PushFailure(Failure.REFUSED, error)
    return PushFailure(Failure.UNKNOWN, error)


def _refusal(remote: GitRemote, text: str, reason: str | None = None) -> PushRefusedError:
    if _PROTECTED.search(text):
        reason = "BranchProtected"
    elif reason is None and _NO_RIGHTS.search(text):
        reason = "PushDenied"
    return PushRefusedError(_message(remote, "our push is refused", text), reason=reason)


def _message(remote: GitRemote, what: str, text: str) -> str:
    return f"{remote.place}: branch {remote.branch}: {what}: {text}"


def words_of(stderr: str, secrets: Iterable[str] = ()) -> str:
    """What the host had to say, in one line: printable, of bounded length, without credentials."""
    hidden = tuple(secrets)
    spoken = [line for line in stderr.split("\n")[:_MOST_LINES] if line.startswith(_SPOKEN)]
    texts = [_bare(line) for line in spoken]
    return "; ".join(dict.fromkeys(reason_of(text, hidden) for text in texts if not _NOISE.search(text)))[:_LONGEST]


def _bare(line: str) -> str:
    """Without the names of those who speak, of whom each host adds its own."""
    text, before = line.strip(), ""
    while text != before:
        before, text = text, _WHO_SPEAKS.sub("", text)
    return text
