"""What hosts and forges answer to a push, and what becomes of it. The texts are theirs, with git 2.39 to 2.50."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.push_answers import Failure, PushFailure, judge
from reconciler.desired.remote import GitRemote
from reconciler.errors import GitAccessError, GitUnavailableError, PushRefusedError

REMOTE = GitRemote("gitops", "https://git.example.com/net/gitops.git", "main")
COMMIT = "0b2b73bfb1905a7bee93ad5f24014913b0dde50e"
FAILED = "error: failed to push some refs to 'https://git.example.com/net/gitops.git'\n"
UNABLE = "fatal: unable to access 'https://git.example.com/net/gitops.git/': The requested URL returned error: "

GITHUB_PROTECTED = """\
remote: error: GH006: Protected branch update failed for refs/heads/main.
remote: error: At least 1 approving review is required by reviewers with write access.
"""
GITHUB_RULES = """\
remote: error: GH013: Repository rule violations found for refs/heads/main.
remote:
remote: - Changes must be made through a pull request.
remote:
"""
GITLAB_PROTECTED = "remote: GitLab: You are not allowed to push code to protected branches on this project.        \n"
GITEA_PROTECTED = "remote: \nremote: Gitea: Not allowed to push to protected branch main        \n"
BITBUCKET = """\
remote: -----------------------------------------------------
remote: Branch refs/heads/main can only be modified through pull requests.
remote: Check your branch permissions configuration with the project administrator.
remote: -----------------------------------------------------
"""
GITLAB_SSH = """\
remote:
remote: ========================================================================
remote:
remote: ERROR: You are not allowed to push code to this project.
remote:
remote: ========================================================================
remote:
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.
"""
GITHUB_SSH = """\
ERROR: Permission to net/gitops.git denied to bot.
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.
"""
KILLED = "send-pack: unexpected disconnect while reading sideband packet\nerror: error in sideband demultiplexer\n"


def _output(status: str) -> str:
    return f"To https://git.example.com/net/gitops.git\n{status}\nDone\n"


def _refused(reason: str, kind: str = "remote rejected") -> str:
    return _output(f"!\t{COMMIT}:refs/heads/main\t[{kind}] ({reason})")


def _failure(output: str, stderr: str, status: int = 1) -> PushFailure:
    failure = judge(REMOTE, status, output, stderr)
    assert failure is not None
    assert failure.error.message.startswith("git.example.com/net/gitops.git: ")
    return failure


@pytest.mark.parametrize("status", [" \t{}:refs/heads/main\t9bfee93..0b2b73b", "=\t{}:refs/heads/main\t[up to date]"])
def test_done(status: str) -> None:
    """Taken, or there already; warnings and words of hooks do not matter."""
    said = "remote: GH006: Protected branch, bypassed\nwarning: redirecting\n"

    assert judge(REMOTE, 0, _output(status.format(COMMIT)), said) is None


@pytest.mark.parametrize(
    ("reason", "kind", "said"),
    [
        ("stale info", "rejected", FAILED),
        ("fetch first", "rejected", FAILED),
        ("non-fast-forward", "rejected", FAILED),
        ("non-fast-forward", "remote rejected", f"remote: error: denying non-fast-forward refs/heads/main\n{FAILED}"),
        (
            "failed to update ref",
            "remote rejected",
            f"remote: error: cannot lock ref 'refs/heads/main': is at {COMMIT} but expected {'a' * 40}        \n",
        ),
        (f"cannot lock ref 'refs/heads/main': is at {COMMIT} but expected {'a' * 40}", "remote rejected", FAILED),
        ("incorrect old value provided", "remote rejected", FAILED),
    ],
)
def test_races(reason: str, kind: str, said: str) -> None:
    """Another push came first."""
    assert _failure(_refused(reason, kind), said).kind is Failure.RACE


@pytest.mark.parametrize(
    ("reason", "said", "word", "quoted"),
    [
        pytest.param(
            "protected branch hook declined",
            GITHUB_PROTECTED,
            "BranchProtected",
            "GH006: Protected branch update failed for refs/heads/main.; At least 1 approving review",
            id="GitHub",
        ),
        pytest.param(
            "push declined due to repository rule violations",
            GITHUB_RULES,
            "BranchProtected",
            "Changes must be made through a pull request.",
            id="GitHub's rules",
        ),
        pytest.param(
            "pre-receive hook declined",
            GITLAB_PROTECTED,
            "BranchProtected",
            "pre-receive hook declined: You are not allowed to push code to protected branches on this project.",
            id="GitLab",
        ),
        pytest.param(
            "pre-receive hook declined", GITEA_PROTECTED, "BranchProtected", "protected branch main", id="Gitea"
        ),
        pytest.param(
            "pre-receive hook declined",
            BITBUCKET,
            "BranchProtected",
            "declined: Branch refs/heads/main can only be modified through pull requests.; Check your",
            id="Bitbucket",
        ),
        pytest.param(
            "TF402455: Pushes to this branch are not permitted", "", "BranchProtected", "TF402455", id="Azure"
        ),
        pytest.param(
            "pre-receive hook declined",
            "remote: not on a Friday\n",
            "PushRefused",
            "declined: not on a Friday",
            id="hook",
        ),
        pytest.param("hook declined", "", "PushRefused", "main: our push is refused: hook declined", id="silent hook"),
        pytest.param(
            "branch is currently checked out",
            "remote: error: refusing to update checked out branch: refs/heads/main\n",
            "PushRefused",
            "checked out",
            id="a working copy",
        ),
        pytest.param(
            "pre-receive hook declined",
            "remote: Gitea: User permission denied for writing.\n",
            "PushDenied",
            "permission denied",
            id="rights",
        ),
        pytest.param(
            "unpacker error",
            "remote: fatal: pack exceeds maximum allowed size\n"
            "error: remote unpack failed: unpack-objects abnormal exit\n",
            "PushRefused",
            "exceeds maximum allowed size; remote unpack failed: unpack-objects abnormal exit",
            id="too large",
        ),
    ],
)
def test_refusals(reason: str, said: str, word: str, quoted: str) -> None:
    """They stall, under a reason that tells what to look at, in the words of the host."""
    failure = _failure(_refused(reason), said + FAILED)

    assert failure.kind is Failure.REFUSED
    assert isinstance(failure.error, PushRefusedError)
    assert failure.error.reason == word
    assert quoted in failure.error.message


@pytest.mark.parametrize(
    ("said", "word", "quoted"),
    [
        pytest.param(f"{UNABLE}403\n", "PushDenied", "returned error: 403", id="403"),
        pytest.param(
            f"remote: Permission to net/gitops.git denied to bot.\n{UNABLE}403\n",
            "PushDenied",
            "error: 403: Permission to net/gitops.git denied to bot.",
            id="GitHub",
        ),
        pytest.param(
            f"remote: You are not allowed to push code to this project.\n{UNABLE}403\n",
            "PushDenied",
            "not allowed to push",
            id="GitLab",
        ),
        pytest.param(
            GITLAB_SSH, "PushDenied", "You are not allowed to push code to this project.", id="GitLab over ssh"
        ),
        pytest.param(GITHUB_SSH, "PushDenied", "Permission to net/gitops.git denied to bot.", id="GitHub over ssh"),
    ],
)
def test_no_rights(said: str, word: str, quoted: str) -> None:
    """Hosts that do not let us in to push, although we may read."""
    failure = _failure("", said, 128)

    assert failure.kind is Failure.REFUSED
    assert isinstance(failure.error, PushRefusedError)
    assert failure.error.reason == word
    assert quoted in failure.error.message


@pytest.mark.parametrize(
    "said",
    [
        "fatal: Authentication failed for 'https://git.example.com/net/gitops.git/'\n",
        "remote: Not found.\nfatal: repository 'https://git.example.com/net/gitops.git/' not found\n",
        f"{UNABLE}404\n",
    ],
)
def test_as_a_fetch_would_fail(said: str) -> None:
    """Wrong credentials and unknown repositories are what they are for a fetch."""
    failure = _failure("", said, 128)

    assert failure.kind is Failure.REFUSED
    assert type(failure.error) is GitAccessError


@pytest.mark.parametrize(
    ("output", "said"),
    [
        pytest.param("", f"{UNABLE}503\n", id="503"),
        pytest.param("", "fatal: the remote end hung up unexpectedly\n", id="hung up"),
        pytest.param("", "", id="silence"),
        pytest.param("", "remote: permission denied\nerror: RPC failed; curl 56 reset\n", id="broken off"),
        pytest.param(_output(f" \t{COMMIT}:refs/heads/main\ta..b"), KILLED, id="taken, as it seems"),
        pytest.param(
            _output(f" \t{COMMIT}:refs/heads/main\ta..b"), f"remote: access denied\n{UNABLE}403", id="and 403"
        ),
        pytest.param(_refused("remote failed to report status", "remote failure"), KILLED, id="no report"),
        pytest.param(_refused("Internal Server Error"), FAILED, id="a host in trouble"),
        pytest.param(
            _refused("unpacker error"),
            "error: remote unpack failed: unable to create temporary object directory\n",
            id="a host that cannot write",
        ),
        pytest.param(_output(f" \t{COMMIT}:refs/heads/other\ta..b"), "", id="another branch"),
        pytest.param(_output(f"!\t{COMMIT}:refs/heads/main\todd"), "", id="a form that nobody knows"),
    ],
)
def test_nobody_knows(output: str, said: str) -> None:
    """Where the answer is lost, or speaks of trouble, one has to look."""
    failure = _failure(output, said)

    assert failure.kind is Failure.UNKNOWN
    assert isinstance(failure.error, GitUnavailableError)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_words_of_a_host_are_dangerous(before: str, after: str) -> None:
    """Whatever a host sends: one short printable line, and a secret in it is gone."""
    secret = "canary-5f2c9"
    said = f"remote: {before}{secret}{after}\nremote: see https://bot:{secret}@host/x\n"
    failure = judge(REMOTE, 1, _refused("pre-receive hook declined"), said, [secret])

    assert failure is not None
    assert secret not in failure.error.message
    assert failure.error.message.isprintable()
    assert len(failure.error.message) < 600
