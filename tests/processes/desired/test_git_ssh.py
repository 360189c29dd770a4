"""How git calls ssh: a stand-in takes its place, notes what it was given, and serves the repository itself."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import GitRemote, Mirror
from reconciler.errors import ConfigurationError, GitAccessError, GitUnavailableError
from reconciler.model.revision import Revision

if TYPE_CHECKING:
    from tests.processes.desired.origins import Origin

_CONTENT = base64.encodebytes(b"openssh-key-v1\0\0\0\0\4none" + bytes(60)).decode()
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{_CONTENT}-----END OPENSSH PRIVATE KEY-----\n"

_STAND_IN = """\
#!/bin/sh
exec 2>>"{notes}/errors"
printf '%s\\n' "$@" >"{notes}/arguments"
env >"{notes}/environment"
cat key >"{notes}/key"
cat known_hosts >"{notes}/known_hosts"
stat -L -c %a key . >"{notes}/modes"
for last in "$@"; do :; done
exec git upload-pack "{origin}"
"""


@pytest.fixture
def notes(origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in for ssh, first on the path, writes what it was given."""
    notes, programs = tmp_path / "notes", tmp_path / "programs"
    notes.mkdir()
    programs.mkdir()
    stand_in = programs / "ssh"
    stand_in.write_text(_STAND_IN.format(notes=notes, origin=origin.url.removeprefix("file://")))
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return notes


def _mirror(folder: Path, url: str, **others: object) -> Mirror:
    known = folder / "known hosts"
    known.write_text("git.example.com ssh-ed25519 AAAA\n")
    usual: dict[str, object] = {"known_hosts_file": known}
    remote = GitRemote("gitops", url, "main", **{**usual, **others})  # type: ignore[arg-type]
    return Mirror(remote, folder / "state" / "mirror")


def _key_file(folder: Path, text: str = KEY, mode: int = 0o600) -> Path:
    file = folder / "deploy key"
    file.touch(mode=0o600)
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("url", "username", "target"),
    [
        (
            "bot@git.example.com:net/gitops.git",
            None,
            ["-l", "bot", "bot@git.example.com", "git-upload-pack 'net/gitops.git'"],
        ),
        ("git.example.com:net/gitops.git", None, ["-l", "git", "git.example.com", "git-upload-pack 'net/gitops.git'"]),
        ("git.example.com:net/gitops.git", "bot", ["-l", "bot", "git.example.com", "git-upload-pack 'net/gitops.git'"]),
        (
            "ssh://git@git.example.com:2222/net/gitops.git",
            None,
            ["-l", "git", "-p", "2222", "git@git.example.com", "git-upload-pack '/net/gitops.git'"],
        ),
    ],
)
def test_what_ssh_is_given(
    url: str, username: str | None, target: list[str], origin: Origin, notes: Path, tmp_path: Path
) -> None:
    """User, host, port and path as the URL says; the key and the known hosts of the configuration, and no others."""
    commit = origin.commit({"a": "1"})
    mirror = _mirror(tmp_path, url, username=username, ssh_key_file=_key_file(tmp_path))

    assert mirror.fetch() == Revision("main", commit)

    given = (notes / "arguments").read_text().splitlines()
    options = {option for flag, option in pairwise(given) if flag == "-o"}
    assert given[:2] == ["-F", "/dev/null"]
    # Git asks for the newer form of its protocol by a variable.
    asked = ["-o", "SendEnv=GIT_PROTOCOL"]
    assert given[given.index("-l") :] == [*target[:2], *asked, *target[2:]]
    assert {
        "StrictHostKeyChecking=yes",
        "UserKnownHostsFile=known_hosts",
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        "IdentityFile=key",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        "PasswordAuthentication=no",
        "ProxyCommand=none",
        "ControlMaster=no",
        "PermitLocalCommand=no",
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "ConnectTimeout=30",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=4",
    } <= options
    assert (notes / "key").read_text() == KEY
    assert (notes / "known_hosts").read_text() == "git.example.com ssh-ed25519 AAAA\n"
    assert "GIT_ALLOW_PROTOCOL=ssh" in (notes / "environment").read_text().splitlines()


def test_a_key_of_a_variable_lies_on_disk_for_one_call(
    origin: Origin, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in a private file while ssh runs and nowhere before and after, also when the call fails."""
    origin.commit({"a": "1"})
    monkeypatch.setenv("TEST_SSH_KEY", KEY.strip().replace("\n", "\r\n"))
    mirror = _mirror(tmp_path, "git.example.com:x", ssh_key_env="TEST_SSH_KEY")

    mirror.fetch()

    assert ((notes / "key").read_text(), (notes / "modes").read_text()) == (KEY, "600\n700\n")
    assert _holding(mirror.directory, KEY) == []
    (tmp_path / "programs" / "ssh").write_text(f"#!/bin/sh\ncat key >{notes}/key2\nexit 255\n")
    with pytest.raises(GitUnavailableError):
        mirror.fetch()
    assert (notes / "key2").read_text() == KEY
    assert _holding(mirror.directory, KEY) == []


def test_a_key_that_a_killed_process_left_is_removed(origin: Origin, notes: Path, tmp_path: Path) -> None:
    """The next call of any kind removes it."""
    origin.commit({"a": "1"})
    mirror = _mirror(tmp_path, "git.example.com:x", ssh_key_file=_key_file(tmp_path))
    mirror.fetch()
    (mirror.directory / "ssh").mkdir()
    (mirror.directory / "ssh" / "key").write_text(KEY)

    mirror.tip()

    assert _holding(mirror.directory, KEY) == []
    assert (notes / "arguments").exists()


def _holding(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_what_cannot_be_used_is_told_before_ssh_is_called(origin: Origin, notes: Path, tmp_path: Path) -> None:
    """A key that is open to others, one that is none, and known hosts that are not there are named by their files."""
    origin.commit({"a": "1"})
    url = "git.example.com:x"
    with pytest.raises(GitAccessError, match=r"the key file .*deploy key is open to others \(mode 0644\)") as caught:
        _mirror(tmp_path, url, ssh_key_file=_key_file(tmp_path, mode=0o644)).fetch()
    assert caught.value.reason == "GitKeyUnusable"
    with pytest.raises(GitAccessError, match=r"deploy key is not a private key"):
        _mirror(tmp_path, url, ssh_key_file=_key_file(tmp_path, "hunter2\n")).fetch()
    absent = {"known_hosts_file": tmp_path / "absent"}
    with pytest.raises(GitAccessError, match=r"no file of known hosts .*absent"):
        _mirror(tmp_path, url, ssh_key_file=_key_file(tmp_path), **absent).fetch()

    assert not (notes / "arguments").exists()


def test_without_ssh(notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without ssh is told what is missing."""
    programs = tmp_path / "few"
    programs.mkdir()
    for name in ("git", "env"):
        (programs / name).symlink_to(_program(name))
    monkeypatch.setenv("PATH", str(programs))

    with pytest.raises(ConfigurationError, match="ssh is not installed"):
        _mirror(tmp_path, "git.example.com:x", ssh_key_file=_key_file(tmp_path)).fetch()
    assert not (notes / "arguments").exists()


def _program(name: str) -> Path:
    return next(path for folder in ("/usr/bin", "/bin", "/usr/local/bin") if (path := Path(folder) / name).exists())
