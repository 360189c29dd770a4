"""Signed commits, by real keys, checked by git as a forge would."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.publishing import GitPublisher, Waiting
from reconciler.desired.signing import SigningKey
from reconciler.errors import SigningError
from tests.contract.git_branch import GitBranch
from tests.contract.publisher_suite import always
from tests.processes.desired.origins import mirror_of
from tests.processes.desired.test_publishing import WHO, StandingClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.desired.git import Mirror
    from tests.processes.desired.origins import Origin

    Make = Callable[[SigningKey], GitPublisher]


@pytest.fixture
def branch(origin: Origin) -> GitBranch:
    branch = GitBranch(origin.directory)
    branch.push({"a": "1"})
    return branch


@pytest.fixture
def make(mirror: Mirror) -> Make:
    return lambda key: GitPublisher(mirror, WHO, StandingClock(), Waiting(lambda _: False), signing=key)


@pytest.fixture
def ssh_key(tmp_path: Path) -> Path:
    return _ssh_key(tmp_path / "ssh-key")


@pytest.fixture(scope="module")
def keyring() -> Iterator[Path]:
    """A home of gpg with a key of its own, in a place with a short path."""
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        home = Path(folder)
        # Without it the agent first finds out, for seconds, how often this machine can hash.
        (home / "gpg-agent.conf").write_text("s2k-count 65536\n")
        yield home
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True, timeout=30)


@pytest.fixture(scope="module")
def gpg_key(keyring: Path) -> bytes:
    """An exported private key."""
    return _gpg_key(keyring, "robo@example.com")


@pytest.fixture
def unusable(keyring: Path, gpg_key: bytes, ssh_key: Path, tmp_path: Path) -> list[tuple[SigningKey, str]]:
    """Keys, and what is said of them."""
    locked = _gpg_key(keyring, "locked@example.com", "secret")
    public = ssh_key.with_suffix(".pub")
    garbage = tmp_path / "garbage"
    garbage.write_text("no key at all")
    broken = tmp_path / "broken"
    broken.write_text(ssh_key.read_text().replace("AAAA", "BBBB"))
    return [
        (_file_key(garbage), "invalid format|error in libcrypto|No private key"),
        (_file_key(public), "invalid format|error in libcrypto|No private key"),
        (_file_key(broken), "invalid format|error in libcrypto"),
        (_file_key(_ssh_key(tmp_path / "locked", "secret")), "passphrase"),
        (_file_key(tmp_path / "garbage.asc", b"no key at all"), "no valid OpenPGP data found"),
        (
            _file_key(tmp_path / "public.asc", _gpg(keyring, "--armor", "--export", "robo@example.com")),
            "no private key",
        ),
        (_file_key(tmp_path / "two.asc", gpg_key + locked), "it holds 2 private keys"),
        (_file_key(tmp_path / "locked.asc", locked), "pinentry|passphrase|Bad"),
    ]


@pytest.fixture
def path_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the PATH hold what publishing needs, but for one program."""

    def leave_out(program: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in {"git", "sh", "env", "ps", "pgrep", "ssh-keygen", "gpg", "gpgconf"} - {program}:
            if found := shutil.which(name):
                (folder / name).symlink_to(found)
        monkeypatch.setenv("PATH", str(folder))

    return leave_out


def _ssh_key(file: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "robo", "-f", str(file)]
    subprocess.run(command, check=True, timeout=30)
    return file


def _gpg(home: Path, *args: str) -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", *args]
    return subprocess.run(command, check=True, timeout=60, capture_output=True).stdout


def _gpg_key(home: Path, address: str, passphrase: str = "") -> bytes:
    secret = ("--passphrase", passphrase)
    _gpg(home, *secret, "--quick-generate-key", address, "ed25519", "sign", "never")
    return _gpg(home, *secret, "--armor", "--export-secret-keys", address)


def _file_key(file: Path, content: bytes | None = None) -> SigningKey:
    if content is not None:
        file.write_bytes(content)
    return SigningKey("openpgp" if content is not None else "ssh", str(file), file.read_bytes)


def _published(publisher: GitPublisher) -> str:
    published = publisher.publish(always({"b": "2"}))
    assert published is not None
    return published.revision.commit


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_an_ssh_key(make: Make, branch: GitBranch, mirror: Mirror, tmp_path: Path, kind: str) -> None:
    """Git verifies what it signed, also where everybody may read the key's file; no copy of the key is left."""
    file = _ssh_key(tmp_path / "key", kind=kind)
    file.chmod(0o644)

    commit = _published(make(_file_key(file)))

    signers = tmp_path / "signers"
    signers.write_text(f"robo@example.com {file.with_suffix('.pub').read_text()}")
    branch.git("-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", commit)
    assert not _leftovers(mirror.directory)


def test_a_key_of_the_environment(make: Make, branch: GitBranch, ssh_key: Path, mirror: Mirror) -> None:
    """It is a file only for as long as it is needed; that it came without its last line end does not matter."""
    text = ssh_key.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n")

    commit = _published(make(SigningKey("ssh", "SIGNING_KEY", lambda: text)))

    assert "gpgsig -----BEGIN SSH SIGNATURE-----" in branch.git("cat-file", "commit", commit)
    assert not _leftovers(mirror.directory)


def test_an_openpgp_key(
    make: Make, branch: GitBranch, keyring: Path, gpg_key: bytes, tmp_path: Path, mirror: Mirror
) -> None:
    """Git verifies what gpg signed; neither keyring nor agent is left."""
    before = _agents()

    commit = _published(make(_file_key(tmp_path / "key.asc", gpg_key)))

    branch.git("verify-commit", commit, env={"GNUPGHOME": str(keyring)})
    assert not _leftovers(mirror.directory)
    end = time.monotonic() + 10.0
    while _agents() != before:
        assert time.monotonic() < end, "an agent is left"
        time.sleep(0.05)


def test_an_openpgp_key_in_a_deep_directory(origin: Origin, branch: GitBranch, gpg_key: bytes, tmp_path: Path) -> None:
    """The path of the agent's socket may be short only: then the keyring is elsewhere, and is removed as well."""
    mirror = mirror_of(origin.url, tmp_path / ("d" * 100) / "mirror")
    key = _file_key(tmp_path / "key.asc", gpg_key)
    publisher = GitPublisher(mirror, WHO, StandingClock(), Waiting(lambda _: False), signing=key)
    before = set(Path(tempfile.gettempdir()).glob("reconciler-signing-*"))

    assert "BEGIN PGP SIGNATURE" in branch.git("cat-file", "commit", _published(publisher))
    assert set(Path(tempfile.gettempdir()).glob("reconciler-signing-*")) == before


def test_keys_that_cannot_sign(
    make: Make, branch: GitBranch, unusable: list[tuple[SigningKey, str]], mirror: Mirror
) -> None:
    """Each is named by its file, with the reason; nothing is committed, no copy left, and nobody asked for anything."""
    for key, words in unusable:
        with pytest.raises(SigningError, match=words) as caught:
            make(key).publish(always({"b": "2"}))
        assert key.place in caught.value.message
        assert str(mirror.directory) not in caught.value.message
        assert not _leftovers(mirror.directory)
    assert len(branch.history()) == 1


@pytest.mark.parametrize("program", ["ssh-keygen", "gpg"])
def test_a_missing_program(
    make: Make, branch: GitBranch, ssh_key: Path, path_without: Callable[[str], None], program: str
) -> None:
    """It is named."""
    key = SigningKey("ssh" if program == "ssh-keygen" else "openpgp", str(ssh_key), ssh_key.read_bytes)
    path_without(program)

    with pytest.raises(SigningError, match=f"{program} is not installed"):
        make(key).publish(always({"b": "2"}))

    assert len(branch.history()) == 1


def test_a_key_does_not_show() -> None:
    """Not in a repr, nor in an error."""
    key = SigningKey("ssh", "SIGNING_KEY", lambda: b"canary")

    assert "canary" not in repr(key)


def test_a_key_that_a_killed_process_left(make: Make, branch: GitBranch, ssh_key: Path, mirror: Mirror) -> None:
    """It is removed before anything else is done in the mirror."""
    mirror.fetch()
    left = mirror.directory / "signing"
    left.mkdir()
    (left / "key").write_text("canary")

    mirror.tip()

    assert not left.exists()


def _leftovers(directory: Path) -> list[str]:
    return sorted({one.name for one in directory.iterdir()} - {"repository", "askpass", "mirror.json"})


def _agents() -> int:
    found = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += b"gpg-agent" in entry.read_bytes() and b"signing" in entry.read_bytes()
        except OSError:
            continue
    return found
