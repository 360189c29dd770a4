"""Addresses over ssh and keys: what may be, and what must not reach a command line."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.model.ssh import SshAddress, check_ssh_user, is_ssh, parse_ssh, refused_key

CANARY = "canary-5f2c9"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@github.com:o/r.git", True),
        ("github.com:o/r.git", True),
        ("ssh://git@h/x", True),
        ("git+ssh://git@h/x", True),
        ("ext::sh -c x", True),
        ("https://h/x", False),
        ("file:///x", False),
        ("/srv/x", False),
    ],
)
def test_is_ssh(url: str, *, expected: bool) -> None:
    """Both ways in which Git takes a URL for ssh, and whatever else has a colon, are not https."""
    assert is_ssh(url) is expected


@pytest.mark.parametrize(
    ("url", "expected", "place", "known_as"),
    [
        (
            "git@github.com:o/r.git",
            SshAddress("git", "github.com", None, "o/r.git"),
            "github.com/o/r.git",
            "github.com",
        ),
        ("GitHub.com:/o/r/", SshAddress(None, "github.com", None, "o/r"), "github.com/o/r", "github.com"),
        ("a.b-c_d@h:~x/y%20z", SshAddress("a.b-c_d", "h", None, "~x/y%20z"), "h/~x/y%20z", "h"),
        ("ssh://git@h:22/x.git", SshAddress("git", "h", 22, "x.git"), "h/x.git", "h"),
        ("ssh://h:7999/net/x", SshAddress(None, "h", 7999, "net/x"), "h:7999/net/x", "[h]:7999"),
        (
            "ssh://git@[2001:db8::1]:2222/x",
            SshAddress("git", "2001:db8::1", 2222, "x"),
            "[2001:db8::1]:2222/x",
            "[2001:db8::1]:2222",
        ),
        ("ssh://[2001:db8::1]/x", SshAddress(None, "2001:db8::1", None, "x"), "[2001:db8::1]/x", "2001:db8::1"),
    ],
)
def test_addresses(url: str, expected: SshAddress, place: str, known_as: str) -> None:
    """User, host, port and path, and how messages and files of known hosts spell them."""
    found = parse_ssh(url)

    assert (found, found.place, found.known_as) == (expected, place, known_as)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("ssh://-oProxyCommand=touch/x", "must name a host", id="an option as the host"),
        pytest.param("-oProxyCommand=touch:x", "must be a URL", id="an option as the host, in short"),
        pytest.param("-oX:x", "must name a host", id="a short option"),
        pytest.param("ssh://%2doX/x", "must name a host", id="a host that git would decode"),
        pytest.param("ssh://h/-x", "path", id="an option as the path"),
        pytest.param("h:-x", "path", id="an option as the path, in short"),
        pytest.param("ssh://h/%2dx", "path", id="a path that git would decode to an option"),
        pytest.param("ssh://h/x%0ay", "path", id="a line end that git would decode"),
        pytest.param("ssh://h/x%7fy", "path", id="a control character that git would decode"),
        pytest.param("ssh://-l@h/x", "user", id="an option as the user"),
        pytest.param("-l@h:x", "user", id="an option as the user, in short"),
        pytest.param("h:$(touch x)", "spaces", id="a command with blanks"),
        pytest.param("h:$(id)", "path", id="a command"),
        pytest.param("h:`id`", "path", id="a command in backticks"),
        pytest.param("h:x;id", "path", id="a second command"),
        pytest.param("h:x'y", "path", id="a quote"),
        pytest.param("ssh://h;id/x", "must name a host", id="a command in the host"),
        pytest.param(f"ssh://git:{CANARY}@h/x", "no password", id="a password"),
        pytest.param("ssh://a@b@h/x", "user", id="two users"),
        pytest.param("ssh://@h/x", "user", id="an empty user"),
        pytest.param(f"ssh://h/x?{CANARY}", "query", id="a query"),
        pytest.param("ssh://h/x#", "query", id="an empty fragment"),
        pytest.param("ssh:///x", "must name a host", id="no host"),
        pytest.param("ssh://h", "a repository", id="no path"),
        pytest.param("ssh://h//", "a repository", id="slashes for a path"),
        pytest.param("h:", "a repository", id="no path, in short"),
        pytest.param("ssh://h:0/x", "must be ssh://", id="port zero"),
        pytest.param(f"ssh://h:{CANARY}/x", "must be a URL", id="a port that is none"),
        pytest.param("ssh://[::1/x", "must be a URL", id="half a bracket"),
        pytest.param("ssh://[fe80::1%eth0]/x", "must name a host", id="a zone"),
        pytest.param("git+ssh://git@h/x", "must be ssh://", id="an old scheme"),
        pytest.param("ext::sh", "must be a URL", id="a command's transport"),
        pytest.param("https:/h/x", "must be a URL", id="a slash too few"),
        pytest.param("other::x", "path", id="any other transport"),
        pytest.param("ssh://h/x\ny", "control", id="a line end"),
        pytest.param("ssh://höst/x", "URL", id="beyond ASCII"),
        pytest.param("h:" + "x" * 3000, "URL", id="endless"),
    ],
)
def test_refused_addresses(url: str, reason: str) -> None:
    """What a shell, git or ssh could take for something else is refused, and not quoted."""
    with pytest.raises(ValueError, match=reason) as refused:
        parse_ssh(url)

    assert CANARY not in str(refused.value)


@given(st.text(max_size=40) | st.from_regex(r"(ssh://)?[a-z-]{0,3}@?[a-z%-]{0,4}:?[a-z0-9/%$'-]{0,9}", fullmatch=True))
@example("ssh://a\tb/x")
def test_any_text(text: str) -> None:
    """Whatever the text is, the answer is an address of harmless parts, or a ValueError."""
    try:
        found = parse_ssh(text)
    except ValueError:
        return
    for part in (found.user or "x", found.host, found.path):
        assert not part.startswith("-")
        assert not set(part) & set(" \t\n'\"`$;&|<>(){}\\*?!#")


def test_a_user_with_a_password_is_none() -> None:
    """The user is one word."""
    assert check_ssh_user("git") == "git"
    with pytest.raises(ValueError, match="no password"):
        check_ssh_user("git:x")


def _openssh(cipher: bytes) -> bytes:
    content = b"openssh-key-v1\0" + len(cipher).to_bytes(4, "big") + cipher + bytes(60)
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n%s-----END OPENSSH PRIVATE KEY-----\n" % base64.encodebytes(content)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param(_openssh(b"none"), None, id="OpenSSH"),
        pytest.param(_openssh(b"aes256-ctr"), "passphrase", id="OpenSSH with a passphrase"),
        pytest.param(b"-----BEGIN RSA PRIVATE KEY-----\nMII=\n-----END RSA PRIVATE KEY-----\n", None, id="PEM"),
        pytest.param(
            b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMII=\n-----END RSA PRIVATE KEY-----\n",
            "passphrase",
            id="PEM with a passphrase",
        ),
        pytest.param(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n", "passphrase", id="PKCS #8 with a passphrase"),
        pytest.param(
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nA\n-----END OPENSSH PRIVATE KEY-----\n", None, id="ssh will tell"
        ),
        pytest.param(_openssh(b"none").rstrip(), "line ends", id="no last line end"),
        pytest.param(_openssh(b"none").replace(b"\n", b"\r\n"), "line ends", id="line ends of Windows"),
        pytest.param(b"ssh-ed25519 AAAA lab\n", "public key", id="public"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\n", "public key", id="public in PEM"),
        pytest.param(b"hunter2\n", "not a private key", id="a password"),
        pytest.param(b"", "not a private key", id="nothing"),
    ],
)
def test_keys(key: bytes, reason: str | None) -> None:
    """What ssh could not use without asking somebody is told from what it may."""
    found = refused_key(key)

    assert (found is None) if reason is None else (found is not None and reason in found)
