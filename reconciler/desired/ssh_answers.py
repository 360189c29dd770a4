"""What ssh, and the host behind it, say when git fails over it. Pure: text in, a verdict out.

The patterns are those of OpenSSH 8.4 to 10.0, and of the words of GitHub, GitLab, Gitea, Bitbucket and Azure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import GitAccessError, GitUnavailableError, ReconcilerError

if TYPE_CHECKING:
    from reconciler.desired.remote import GitRemote


class SshAnswer(NamedTuple):
    """The kind of error, its reason (None: the kind's own) and what there is to say, perhaps in the host's words."""

    error: type[ReconcilerError]
    reason: str | None
    text: str


_CHANGED = re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED")
_FINGERPRINT = re.compile(r"fingerprint for the (\S+) key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/=]+)")
_REVOKED = re.compile(r"REVOKED HOST KEY DETECTED")
_UNKNOWN = re.compile(r"No (\S+) host key is known for")
_NOT_VERIFIED = re.compile(r"Host key verification failed")
_KEY_NOT_LOADED = re.compile(r'^Load key "[^"]*": (.*)$', re.MULTILINE)
_KEY_REFUSED = re.compile(r"Permission denied \([a-z0-9,-]+\)|Too many authentication failures")
_NO_USER = re.compile(r"No user exists for uid (\d+)")
_REFUSED = re.compile(
    r"Unable to negotiate with .*|.*git-(?:upload|receive)-pack: (?:command )?not found.*"
    r"|.*(?:repository not found|could not be found or you don't have permission|cannot find repository"
    r"|repository does not exist|may not have access|do(?:es)? not have (?:permission|access)|access denied"
    r"|does not exist or you do not have|unauthorized|not authori[sz]ed).*",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r".*(?:Could not resolve hostname|connect to host|Connection (?:closed|reset|timed out|refused)|kex_exchange_"
    r"|banner exchange|Timeout, server|Network is unreachable|Broken pipe).*"
)
_LAST_WORDS = re.compile(
    r"(?:fatal: )?(?:Could not read from remote repository|the remote end hung up unexpectedly"
    r"|Please make sure you have the correct access rights|and the repository exists)"
)
_NOTHING = re.compile(r"(?:remote:)?[\s=]*")


def ssh_answer(remote: GitRemote, stderr: str) -> SshAnswer | None:
    """The verdict for a call over ssh that failed; None where git itself says more than that it failed."""
    return _of_host_key(remote, stderr) or _of_key(remote, stderr) or _of_host(stderr)


def _of_host_key(remote: GitRemote, stderr: str) -> SshAnswer | None:
    host, file = remote.ssh.known_as if remote.ssh else remote.host, remote.known_hosts_file
    if _REVOKED.search(stderr):
        return SshAnswer(GitAccessError, "GitHostKeyRevoked", f"the host key of {host} is marked as revoked in {file}")
    if _CHANGED.search(stderr):
        shown = _FINGERPRINT.search(stderr)
        key = f" ({shown[1]} {shown[2]})" if shown else ""
        text = f"the host key of {host} has changed: it shows another one{key} than {file} has"
        return SshAnswer(GitAccessError, "GitHostKeyChanged", text)
    if _NOT_VERIFIED.search(stderr):
        unknown = _UNKNOWN.search(stderr)
        kind = f" ({unknown[1]})" if unknown else ""
        text = f"the host key of {host}{kind} is unknown: {file} does not vouch for it"
        return SshAnswer(GitAccessError, "GitHostKeyUnknown", text)
    return None


def _of_key(remote: GitRemote, stderr: str) -> SshAnswer | None:
    not_loaded = _KEY_NOT_LOADED.search(stderr)
    if not_loaded:
        text = f"ssh cannot read the key {remote.ssh_key_source}: {not_loaded[1]}"
        return SshAnswer(GitAccessError, "GitKeyUnusable", text)
    refused = _KEY_REFUSED.search(stderr)
    if refused:
        return SshAnswer(GitAccessError, None, f"the host refused the key {remote.ssh_key_source}: {refused[0]}")
    no_user = _NO_USER.search(stderr)
    if no_user:
        text = f"ssh runs only for users that the system knows: uid {no_user[1]} has no entry in its passwd"
        return SshAnswer(GitAccessError, "GitSshUnusable", text)
    return None


def _of_host(stderr: str) -> SshAnswer | None:
    """Git's `fatal:` names a reason, or the host's words before it do."""
    lines = [line for line in stderr.split("\n") if not _NOTHING.fullmatch(line) and not _LAST_WORDS.match(line)]
    if any(line.startswith("fatal:") for line in lines):
        return None
    said = [line.removeprefix("remote:").strip() for line in lines]
    for error, pattern in ((GitAccessError, _REFUSED), (GitUnavailableError, _UNREACHABLE)):
        found = next((line for line in said if pattern.fullmatch(line)), None)
        if found is not None:
            return SshAnswer(error, None, found)
    return SshAnswer(GitUnavailableError, None, said[-1]) if said else None
