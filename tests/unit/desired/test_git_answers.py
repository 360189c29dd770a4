"""What git says, sorted into what happens next."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.git_answers import branch_missing, error_of, is_about_the_remote, reason_of
from reconciler.desired.remote import GitRemote
from reconciler.errors import BranchNotFoundError, GitAccessError, GitUnavailableError

REMOTE = GitRemote("gitops", "https://git.example.com/net/gitops.git", "main")
UNABLE = "fatal: unable to access 'https://git.example.com/net/gitops.git/': "


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        pytest.param(f"{UNABLE}Could not resolve host: git.example.com", GitUnavailableError, id="name"),
        pytest.param(f"{UNABLE}Failed to connect to git.example.com port 443", GitUnavailableError, id="connect"),
        pytest.param(f"{UNABLE}Operation timed out after 30000 milliseconds", GitUnavailableError, id="curl timeout"),
        pytest.param(f"{UNABLE}The requested URL returned error: 502", GitUnavailableError, id="502"),
        pytest.param(f"{UNABLE}The requested URL returned error: 429", GitUnavailableError, id="429"),
        pytest.param(f"{UNABLE}Recv failure: Connection reset by peer", GitUnavailableError, id="reset"),
        pytest.param("fatal: the remote end hung up unexpectedly", GitUnavailableError, id="hung up"),
        pytest.param("error: RPC failed; curl 92 HTTP/2 stream 5", GitUnavailableError, id="rpc"),
        pytest.param("fetch-pack: unexpected disconnect while reading sideband", GitUnavailableError, id="disconnect"),
        pytest.param("something nobody has seen before", GitUnavailableError, id="unknown"),
        pytest.param("", GitUnavailableError, id="nothing"),
        pytest.param(
            "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://git.example.com/'",
            GitAccessError,
            id="authentication",
        ),
        pytest.param(
            "fatal: could not read Username for 'https://git.example.com': terminal prompts disabled",
            GitAccessError,
            id="no user",
        ),
        pytest.param(
            "error: unable to read askpass response from '/x/askpass'\n"
            "fatal: could not read Password for 'https://bot@git.example.com': terminal prompts disabled",
            GitAccessError,
            id="no password",
        ),
        pytest.param(f"{UNABLE}The requested URL returned error: 403", GitAccessError, id="403"),
        pytest.param("fatal: repository 'https://git.example.com/x/' not found", GitAccessError, id="404"),
        pytest.param(
            "remote: Repository not found.\nfatal: repository 'https://x/' not found", GitAccessError, id="both"
        ),
        pytest.param(f"{UNABLE}SSL certificate problem: self-signed certificate", GitAccessError, id="openssl"),
        pytest.param(f"{UNABLE}server certificate verification failed. CAfile: none", GitAccessError, id="gnutls"),
        pytest.param("fatal: detected dubious ownership in repository at '/srv/x'", GitAccessError, id="ownership"),
        pytest.param("fatal: transport 'ext' not allowed", GitAccessError, id="transport"),
        pytest.param("fatal: couldn't find remote ref refs/heads/main", BranchNotFoundError, id="branch"),
        pytest.param(
            "error: object 4b825dc: hasDotgit: contains '.git'\nfatal: fsck error in packed object",
            GitAccessError,
            id="fsck",
        ),
        pytest.param(
            "fatal: unable to access 'https://git.example.com/certificates.git/': Could not resolve host: x",
            GitUnavailableError,
            id="a repository called certificates",
        ),
        pytest.param(
            f"remote: Authentication failed, or so says the host\n{UNABLE}The requested URL returned error: 503",
            GitUnavailableError,
            id="words of the host",
        ),
    ],
)
def test_failures_are_sorted(stderr: str, error: type[Exception]) -> None:
    """Outages are retried, refusals stall, an absent branch is its own case; each names the place."""
    found = error_of(REMOTE, stderr)

    assert type(found) is error
    assert found.message.startswith("git.example.com/net/gitops.git: ")


def test_refused_objects_have_their_own_reason() -> None:
    """Objects that git's own check refuses are told from wrong credentials."""
    found = error_of(REMOTE, "error: object 1: badTree: too-short tree object\nfatal: fsck error in packed object")

    assert found.reason == "GitObjectsRefused"


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("warning: x\nfatal: the one\nfatal: Could not read from remote repository.\n\nPlease make sure", "the one"),
        ("error: first\nerror: last\n", "error: last"),
        ("\n \n", "git failed without a word"),
        ("fatal: a\x1b[31m\x07b\u2028c", "a?[31m?b?c"),
        (
            "fatal: see https://bot:hunter2@host/x and http://token@host",
            "see https://***@host/x and http://***@host",
        ),
        ("fatal: see 'https://bot:p4ss@w0rd@host/x'", "see 'https://***@host/x'"),
        ("fatal: your password hunter2 is wrong", "your password *** is wrong"),
    ],
)
def test_reasons_are_short_and_harmless(stderr: str, reason: str) -> None:
    """One line: git's own reason, printable, without credentials."""
    assert reason_of(stderr, ["hunter2"]) == reason


def test_reasons_have_a_bounded_length() -> None:
    """A host cannot fill the status with its words, nor is a password shown that the cut would halve."""
    assert len(reason_of("fatal: " + "x" * 100_000)) == 300
    assert "hunter" not in reason_of("fatal: " + "x" * 280 + " https://bot:hunter2@host/")


@pytest.mark.parametrize(
    ("stderr", "remote"),
    [
        (f"{UNABLE}Could not resolve host: x", True),
        ("fatal: couldn't find remote ref refs/heads/main", True),
        ("fatal: Authentication failed for 'https://x'", True),
        ("fatal: fsck error in packed object", True),
        ("error: cannot lock ref 'refs/heads/main': Unable to create '/m/refs/heads/main.lock': File exists.", False),
        ("fatal: not a git repository: '/m/repository'", False),
        ("fatal: bad object 1234", False),
        ("error: object file /m/objects/12/34 is empty\nfatal: loose object 1234 is corrupt", False),
        ("", False),
    ],
)
def test_faults_of_our_own_copy_are_told_apart(stderr: str, *, remote: bool) -> None:
    """Only what the remote is not to blame for can be mended by making the mirror anew."""
    assert is_about_the_remote(stderr) is remote


OVER_SSH = GitRemote(
    "gitops",
    "ssh://git@git.example.com:2222/net/gitops.git",
    "main",
    ssh_key_file=Path("/secrets/key"),
    known_hosts_file=Path("/secrets/known"),
)
AT = "git.example.com:2222/net/gitops.git: "
END = """
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.
"""
HOST = "[git.example.com]:2222"
PRINT = "SHA256:sKKnki8VYWeCd7HSRxuX0z8xtWVnj4ThKsNMhmZrB5Q"
NOT_VERIFIED = "Host key verification failed."
NO_PROJECT = "ERROR: The project you were looking for could not be found or you don't have permission to view it."
CHANGED = f"""@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
The fingerprint for the ED25519 key sent by the remote host is
{PRINT}.
Offending ED25519 key in known_hosts:1
{NOT_VERIFIED}"""


@pytest.mark.parametrize(
    ("stderr", "error", "reason", "text"),
    [
        (
            f"No ED25519 host key is known for {HOST} and you have requested strict checking.\n{NOT_VERIFIED}",
            GitAccessError,
            "GitHostKeyUnknown",
            "the host key of [git.example.com]:2222 (ED25519) is unknown: /secrets/known does not vouch for it",
        ),
        (
            f"Certificate invalid: name is not a listed principal\n{NOT_VERIFIED}",
            GitAccessError,
            "GitHostKeyUnknown",
            "the host key of [git.example.com]:2222 is unknown: /secrets/known does not vouch for it",
        ),
        (
            CHANGED,
            GitAccessError,
            "GitHostKeyChanged",
            f"the host key of {HOST} has changed: it shows another one (ED25519 {PRINT}) than /secrets/known has",
        ),
        (
            "@       WARNING: REVOKED HOST KEY DETECTED!               @\nHost key verification failed.",
            GitAccessError,
            "GitHostKeyRevoked",
            "the host key of [git.example.com]:2222 is marked as revoked in /secrets/known",
        ),
        (
            "git@git.example.com: Permission denied (publickey).",
            GitAccessError,
            "GitAccessDenied",
            "the host refused the key file /secrets/key: Permission denied (publickey)",
        ),
        (
            'Load key "key": error in libcrypto\ngit@h: Permission denied (publickey).',
            GitAccessError,
            "GitKeyUnusable",
            "ssh cannot read the key file /secrets/key: error in libcrypto",
        ),
        (
            "No user exists for uid 1234",
            GitAccessError,
            "GitSshUnusable",
            "ssh runs only for users that the system knows: uid 1234 has no entry in its passwd",
        ),
        (
            "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa",
            GitAccessError,
            "GitAccessDenied",
            "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa",
        ),
        (
            "sh: 1: git-upload-pack: not found",
            GitAccessError,
            "GitAccessDenied",
            "sh: 1: git-upload-pack: not found",
        ),
        ("ERROR: Repository not found.", GitAccessError, "GitAccessDenied", "ERROR: Repository not found."),
        (
            f"remote: \nremote: =====\nremote: {NO_PROJECT}\nremote: =====",
            GitAccessError,
            "GitAccessDenied",
            NO_PROJECT,
        ),
        (
            "fatal: '/x.git' does not appear to be a git repository",
            GitAccessError,
            "GitAccessDenied",
            "'/x.git' does not appear to be a git repository",
        ),
        (
            "ssh: connect to host git.example.com port 2222: Connection refused",
            GitUnavailableError,
            "GitUnavailable",
            "ssh: connect to host git.example.com port 2222: Connection refused",
        ),
        (
            "ssh: Could not resolve hostname git.example.com: Name or service not known",
            GitUnavailableError,
            "GitUnavailable",
            "ssh: Could not resolve hostname git.example.com: Name or service not known",
        ),
        (
            "Connection timed out during banner exchange",
            GitUnavailableError,
            "GitUnavailable",
            "Connection timed out during banner exchange",
        ),
        (
            "Sorry, we are being restarted",
            GitUnavailableError,
            "GitUnavailable",
            "Sorry, we are being restarted",
        ),
        ("", GitUnavailableError, "GitUnavailable", "Could not read from remote repository."),
    ],
)
def test_failures_over_ssh_are_sorted(stderr: str, error: type[Exception], reason: str, text: str) -> None:
    """What ssh and forges say is told by name: the host, its key, our key and their files."""
    found = error_of(OVER_SSH, stderr + END)

    assert (type(found), found.reason, found.message) == (error, reason, AT + text)
    assert is_about_the_remote(stderr + END)


def test_a_branch_may_be_missing_over_ssh() -> None:
    """Once let in, git says the rest as over https."""
    assert type(error_of(OVER_SSH, "fatal: couldn't find remote ref refs/heads/main")) is BranchNotFoundError


NO_MAIN = "git.example.com/net/gitops.git: there is no branch main"
A = b"a" * 40


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        pytest.param(None, NO_MAIN, id="not told"),
        pytest.param(b"", f"{NO_MAIN}: the repository is empty", id="empty"),
        pytest.param(b"%s\trefs/heads/other\n" % A, NO_MAIN, id="HEAD names no branch that exists"),
        pytest.param(b"%s\tHEAD\n%s\trefs/heads/other\n" % (A, A), NO_MAIN, id="HEAD names none at all"),
        pytest.param(
            b"ref: refs/heads/trunk\tHEAD\n%s\tHEAD\n" % A, f"{NO_MAIN}; the default branch is trunk", id="renamed"
        ),
        pytest.param(
            "ref: refs/heads/größe\tHEAD\n".encode(), f"{NO_MAIN}; the default branch is größe", id="not ASCII"
        ),
        pytest.param(
            b"ref: refs/heads/\x1b[2J\xff\tHEAD\n",
            f"{NO_MAIN}; the default branch is ?[2J\N{REPLACEMENT CHARACTER}",
            id="a name that would reach the terminal",
        ),
        pytest.param(
            b"ref: refs/heads/%s\tHEAD\n" % (b"x" * 9999), f"{NO_MAIN}; the default branch is {'x' * 100}", id="long"
        ),
        pytest.param(b"ref: refs/heads/main\tHEAD\n%s\tHEAD\n" % A, NO_MAIN, id="pushed meanwhile"),
        pytest.param(b"ref: refs/tags/v1\tHEAD\n", NO_MAIN, id="no branch"),
        pytest.param(b"ref: refs/heads/tru", NO_MAIN, id="cut off"),
    ],
)
def test_a_missing_branch(listing: bytes | None, message: str) -> None:
    """What the remote has instead is said, in words that harm nobody."""
    error = branch_missing(REMOTE, listing)

    assert (error.message, error.reason) == (message, "BranchNotFound")


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_words_of_a_host_are_dangerous(before: str, after: str) -> None:
    """Whatever a host sends: the message is one short printable line, and a secret in it is gone."""
    secret = "canary-5f2c9"
    message = error_of(REMOTE, f"fatal: {before}{secret}{after}", [secret]).message

    assert message.isprintable()
    assert secret not in message
    assert len(message) < 400
