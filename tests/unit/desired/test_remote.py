"""Where a repository may be, what a branch may be called, and where the password comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.remote import GitRemote
from reconciler.errors import ConfigurationError, GitAccessError

CANARY = "canary-5f2c9"
URL = "https://git.example.com/net/gitops.git"


@pytest.mark.parametrize(
    ("url", "allow_local", "place"),
    [
        (URL, False, "git.example.com/net/gitops.git"),
        ("https://git.example.com:8443/x", False, "git.example.com:8443/x"),
        ("https://[2001:db8::1]/x.git", False, "[2001:db8::1]/x.git"),
        ("https://127.0.0.1/x.git", False, "127.0.0.1/x.git"),
        ("http://127.0.0.1:8080/x.git", True, "127.0.0.1:8080/x.git"),
        ("http://127.8.9.1/x.git", True, "127.8.9.1/x.git"),
        ("http://localhost/x.git", True, "localhost/x.git"),
        ("http://[::1]:80/x.git", True, "[::1]:80/x.git"),
        ("file:///srv/x.git", True, "/srv/x.git"),
    ],
)
def test_usable_urls(url: str, place: str, *, allow_local: bool) -> None:
    """Anywhere by https; file, and http on loopback, where local repositories are allowed. Messages name the place."""
    assert GitRemote("gitops", url, "main", allow_local=allow_local).place == place


@pytest.mark.parametrize(
    ("url", "allow_local", "says"),
    [
        pytest.param("ext::sh -c touch% /tmp/x", True, "spaces", id="a command with blanks"),
        pytest.param("ext::sh", True, "must be a URL", id="the ext transport"),
        pytest.param("--upload-pack=touch", True, "path of a repository|https://", id="an option"),
        pytest.param("-uhttps://x/y", True, "https://", id="a short option"),
        pytest.param("ssh://-oProxyCommand=touch/x", True, "name a host", id="an option as a host of ssh"),
        pytest.param("host:-x", True, "path", id="an option as a path of ssh"),
        pytest.param(f"ssh://git:{CANARY}@host/x", True, "no password", id="a password for ssh"),
        pytest.param("git://host/x", True, "https://", id="the git protocol"),
        pytest.param("ftp://host/x", True, "https://", id="ftp"),
        pytest.param("/srv/x.git", True, "https://", id="a bare path"),
        pytest.param("http://git.example.com/x", False, "allow_local", id="plain http"),
        pytest.param("http://git.example.com/x", True, "loopback", id="plain http to a host"),
        pytest.param("http://127.0.0.1.example.com/x", True, "loopback", id="a name that looks like loopback"),
        pytest.param("http://10.0.0.1/x", True, "loopback", id="plain http to a private address"),
        pytest.param("http:///x", True, "loopback", id="plain http to nowhere"),
        pytest.param("http://127.0.0.1/x", False, "allow_local", id="loopback not allowed"),
        pytest.param("file:///srv/x.git", False, "allow_local", id="a file not allowed"),
        pytest.param("file://host/x.git", True, "names no host", id="a file of a host"),
        pytest.param(f"https://user:{CANARY}@host/x", False, "user name or a password", id="a password inside"),
        pytest.param(f"https://{CANARY}@host/x", False, "user name or a password", id="a token inside"),
        pytest.param("https:///x", False, "names no host", id="no host"),
        pytest.param("https://host", False, "path of a repository", id="no path"),
        pytest.param("https://host/", False, "path of a repository", id="the root"),
        pytest.param(f"https://host/x?token={CANARY}", False, "path of a repository", id="a query"),
        pytest.param("https://host/x#y", False, "path of a repository", id="a fragment"),
        pytest.param("https://host:port/x", False, "not a URL", id="a port that is none"),
        pytest.param("https://[::1/x", False, "not a URL", id="a broken address"),
        pytest.param("https://host/x\n[core]", False, "blanks", id="a line break"),
        pytest.param("https://host/x\r", False, "blanks", id="a carriage return"),
        pytest.param("https://höst/x", False, "beyond ASCII", id="beyond ASCII"),
        pytest.param("", True, "blanks", id="empty"),
        pytest.param("https://host/" + "x" * 3000, False, "blanks", id="endless"),
    ],
)
def test_unusable_urls(url: str, says: str, *, allow_local: bool) -> None:
    """Everything else is refused before git sees it, without repeating a credential."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        GitRemote("gitops", url, "main", allow_local=allow_local)

    assert "repository gitops: url" in caught.value.message
    assert CANARY not in caught.value.message


SSH = "git@git.example.com:net/gitops.git"


def _over_ssh(url: str = SSH, **others: object) -> GitRemote:
    usual: dict[str, object] = {"ssh_key_file": Path("/key"), "known_hosts_file": Path("/known")}
    return GitRemote("gitops", url, "main", **{**usual, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (SSH, "git.example.com/net/gitops.git"),
        ("ssh://git@git.example.com:2222/net/gitops.git", "git.example.com:2222/net/gitops.git"),
        ("ssh://127.0.0.1/x", "127.0.0.1/x"),
    ],
)
def test_ssh(url: str, place: str) -> None:
    """Both spellings are of one scheme, with the place for messages."""
    remote = _over_ssh(url)

    assert (remote.place, remote.scheme) == (place, "ssh")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"known_hosts_file": None}, "needs a file of known hosts"),
        ({"ssh_key_file": None}, "needs a key"),
        ({"username": "-oProxyCommand=x"}, "username: must name a user"),
    ],
)
def test_ssh_without_what_it_needs(changes: dict[str, object], says: str) -> None:
    """No key is trusted because it is the first, and nobody is asked for one."""
    with pytest.raises(ConfigurationError, match=says):
        _over_ssh(**changes)  # type: ignore[arg-type]


def test_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a file is taken as it is; one of a variable gets the line ends that ssh asks for. None shows in a repr."""
    file = tmp_path / "key"
    file.write_bytes(CANARY.encode() + b"\r\n\n")
    monkeypatch.setenv("TEST_SSH_KEY", f"{CANARY}\r\nb")
    in_file, in_variable = _over_ssh(ssh_key_file=file), _over_ssh(ssh_key_file=None, ssh_key_env="TEST_SSH_KEY")

    assert in_file.ssh_key() == CANARY.encode() + b"\r\n\n"
    assert in_variable.ssh_key() == CANARY.encode() + b"\nb\n"
    assert CANARY not in repr(in_file) + repr(in_variable)
    assert (in_file.ssh_key_source, in_variable.ssh_key_source) == (f"file {file}", "in the variable TEST_SSH_KEY")


def test_a_key_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file or the variable."""
    monkeypatch.delenv("TEST_SSH_KEY", raising=False)
    with pytest.raises(GitAccessError, match=r"the key file .*absent: No such file"):
        _over_ssh(ssh_key_file=tmp_path / "absent").ssh_key()
    with pytest.raises(GitAccessError, match="the key in the variable TEST_SSH_KEY: it is not set"):
        _over_ssh(ssh_key_file=None, ssh_key_env="TEST_SSH_KEY").ssh_key()


@pytest.mark.parametrize("branch", ["main", "release/2.1", "a", "feature/x-y_z", "v1.0", "a.b", "HEAD"])
def test_usable_branches(branch: str) -> None:
    """A branch's name becomes a full ref."""
    assert GitRemote("gitops", URL, branch).ref == f"refs/heads/{branch}"


@pytest.mark.parametrize(
    "branch",
    [
        *("", "-x", "--upload-pack=touch", "a..b", "a@{1}", "@{-1}", "../../etc/passwd", "a/../b", "a//b", "/a", "a/"),
        *(
            "a.lock",
            "a.lock/b",
            ".a",
            "a/.b",
            "a/-b",
            "a.",
            "a b",
            "a\nb",
            "a\n",
            "a:b",
            "a~1",
            "a^",
            "a?",
            "a*",
            "a[b",
        ),
        *("a\\b", "$(touch x)", "`x`", "main;x", "$HOME", "+main", "ä", "a\0b", "a" * 300),
    ],
)
def test_unusable_branches(branch: str) -> None:
    """What could be an option, a range, another ref, a path or a command is no branch."""
    with pytest.raises(ConfigurationError, match="not usable as the name of a branch") as caught:
        GitRemote("gitops", URL, branch)

    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"secret\n", "secret"),
        (b"secret", "secret"),
        (b"secret\r\n", "secret"),
        (b" sec ret ", " sec ret "),
        ("sécret\n".encode(), "sécret"),
        (b"", ""),
    ],
)
def test_the_password_of_a_file(content: bytes, password: str, tmp_path: Path) -> None:
    """One trailing newline is dropped, nothing else."""
    file = tmp_path / "password"
    file.write_bytes(content)

    assert GitRemote("gitops", URL, "main", password_file=file).password() == password


def test_the_password_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotated password is the next one that is used, from a file as from a variable."""
    file = tmp_path / "password"
    in_file = GitRemote("gitops", URL, "main", password_file=file)
    in_variable = GitRemote("gitops", URL, "main", password_env="TEST_GIT_PASSWORD")

    for password in ("old", "new"):
        file.write_text(password)
        monkeypatch.setenv("TEST_GIT_PASSWORD", password)
        assert (in_file.password(), in_variable.password()) == (password, password)


def test_no_password() -> None:
    """A remote may need none."""
    assert GitRemote("gitops", URL, "main").password() is None


def test_a_password_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file or the variable, and the reason."""
    monkeypatch.delenv("TEST_GIT_PASSWORD", raising=False)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff" + CANARY.encode())

    for remote, says in (
        (GitRemote("gitops", URL, "main", password_file=tmp_path / "absent"), "absent: No such file"),
        (GitRemote("gitops", URL, "main", password_file=tmp_path), "Is a directory"),
        (GitRemote("gitops", URL, "main", password_file=binary), "binary: not UTF-8"),
        (GitRemote("gitops", URL, "main", password_env="TEST_GIT_PASSWORD"), "TEST_GIT_PASSWORD.*not set"),
    ):
        with pytest.raises(GitAccessError, match=says) as caught:
            remote.password()
        assert CANARY not in caught.value.message
        assert caught.value.__cause__ is None


def test_nothing_of_a_password_is_in_the_repr(tmp_path: Path) -> None:
    """A remote in a log tells where its password is, not what it is."""
    file = tmp_path / "password"
    file.write_text(CANARY)

    assert CANARY not in repr(GitRemote("gitops", URL, "main", "bot", password_file=file))
