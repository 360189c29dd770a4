"""The mirror against a real ssh server: with the right key and the known host, and refused by name without."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import GitRemote, Mirror
from reconciler.errors import BranchNotFoundError, GitAccessError, GitUnavailableError
from reconciler.model.revision import Revision
from tests.lab.server import outage
from tests.lab.ssh_server import make_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.git_server import Repository
    from tests.lab.ssh_server import SshServer

pytestmark = pytest.mark.lab


class Place:
    """A repository behind ssh, with a mirror in a folder of the test's own."""

    def __init__(self, server: SshServer, repository: Repository, folder: Path) -> None:
        self.server = server
        self.repository = repository
        self.folder = folder

    def mirror(self, **changes: object) -> Mirror:
        """A mirror in an oddly named folder; `changes` to what it is told of the remote."""
        usual: dict[str, object] = {
            "url": self.server.url_of(self.repository),
            "ssh_key_file": self.server.key_file,
            "known_hosts_file": self.server.known_hosts_file,
        }
        remote = GitRemote(**{"name": "gitops", "branch": "main", **usual, **changes})  # type: ignore[arg-type]
        return Mirror(remote, self.folder / 'it\'s $(a) "mirror" %h', timeout=20.0)

    def known_hosts(self, line: str) -> Path:
        file = self.folder / "other known hosts"
        file.write_text(line, encoding="ascii")
        return file


@pytest.fixture
def place(ssh_server: SshServer, repository: Repository, tmp_path: Path) -> Place:
    return Place(ssh_server, repository, tmp_path)


def test_a_push_is_fetched(place: Place) -> None:
    """What is pushed is fetched over ssh, again and again, and the branch that is not there yet is told as such."""
    mirror = place.mirror()
    with pytest.raises(BranchNotFoundError, match="the repository is empty"):
        mirror.fetch()

    for content in ("1\n", "2\n"):
        commit = place.repository.push_files({"a": content})
        mirror.check()
        assert mirror.fetch() == Revision("main", commit)

    assert not (mirror.directory / "ssh").exists()


def test_a_key_of_a_variable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key may stand in an environment variable, also without the line end that ssh insists on."""
    commit = place.repository.push_files({"a": "1\n"})
    for text in (place.server.key_file.read_text(), place.server.key_file.read_text().strip().replace("\n", "\r\n")):
        monkeypatch.setenv("LAB_SSH_KEY", text)
        assert place.mirror(ssh_key_file=None, ssh_key_env="LAB_SSH_KEY").fetch() == Revision("main", commit)


def test_names_of_files_may_be_odd(place: Place) -> None:
    """Nothing in the name of a file means anything to a shell or to ssh."""
    commit = place.repository.push_files({"a": "1\n"})
    folder = place.folder / "~root '\"`id`; %d ${HOME} \\"
    folder.mkdir()
    key, known = folder / "-i key", folder / "known hosts"
    key.touch(mode=0o600)
    key.write_bytes(place.server.key_file.read_bytes())
    known.write_bytes(place.server.known_hosts_file.read_bytes())

    assert place.mirror(ssh_key_file=key, known_hosts_file=known).fetch() == Revision("main", commit)


def test_an_unknown_host_key_is_refused(place: Place) -> None:
    """A host that the file does not hold is never trusted, whatever key it shows; nothing is added to the file."""
    place.repository.push_files({"a": "1\n"})
    known = place.known_hosts("# nobody\n")

    with pytest.raises(GitAccessError) as caught:
        place.mirror(known_hosts_file=known).fetch()

    assert caught.value.reason == "GitHostKeyUnknown"
    assert f"the host key of {place.server.known_as} (ED25519) is unknown: {known}" in caught.value.message
    assert known.read_text() == "# nobody\n"


def test_a_changed_host_key_is_refused(place: Place) -> None:
    """A host that shows another key than the file holds is refused, and named with that key's fingerprint."""
    place.repository.push_files({"a": "1\n"})
    known = place.known_hosts(place.server.known_hosts(make_key(place.folder / "other")))

    for call in (place.mirror(known_hosts_file=known).fetch, place.mirror(known_hosts_file=known).check):
        with pytest.raises(GitAccessError, match=r"has changed.*\(ED25519 SHA256:.*other known hosts") as caught:
            call()
        assert caught.value.reason == "GitHostKeyChanged"


@pytest.mark.parametrize(
    ("mark", "reason"), [("@cert-authority ", "GitHostKeyUnknown"), ("@revoked ", "GitHostKeyRevoked")]
)
def test_a_mark_is_obeyed(place: Place, mark: str, reason: str) -> None:
    """A key that counts for certificates only, as of a wrong authority, or that is revoked, lets nobody in."""
    place.repository.push_files({"a": "1\n"})
    known = place.known_hosts(mark + place.server.known_hosts_file.read_text())

    with pytest.raises(GitAccessError) as caught:
        place.mirror(known_hosts_file=known).fetch()

    assert caught.value.reason == reason


def test_a_wrong_key_is_refused_until_it_is_right(place: Place) -> None:
    """A key that the host does not let in stalls, named by its file; a rotated one is used by the very next call."""
    commit = place.repository.push_files({"a": "1\n"})
    key = make_key(place.folder / "key")
    mirror = place.mirror(ssh_key_file=key)
    with pytest.raises(GitAccessError, match=rf"refused the key file {key}: Permission denied \(publickey\)") as caught:
        mirror.fetch()
    assert "PRIVATE" not in caught.value.message

    key.write_bytes(place.server.key_file.read_bytes())

    assert mirror.fetch() == Revision("main", commit)


def test_keys_that_ssh_could_not_use(place: Place) -> None:
    """A key with a passphrase, a public one, a damaged one and one open to others are told apart, by their file."""
    locked = make_key(place.folder / "locked", passphrase="secret word")
    public = locked.with_suffix(".pub")
    public.chmod(0o600)
    opened = make_key(place.folder / "opened")
    opened.chmod(0o640)
    damaged = make_key(place.folder / "damaged")
    damaged.write_text(damaged.read_text().replace("AAAA", "BBBB", 1))

    for key, says in (
        (locked, "locked has a passphrase"),
        (public, "is a public key"),
        (opened, r"opened is open to others \(mode 0640\)"),
        (damaged, "ssh cannot read the key file .*damaged"),
        (place.folder / "absent", "absent: No such file"),
    ):
        with pytest.raises(GitAccessError, match=says):
            place.mirror(ssh_key_file=key).fetch()


def test_an_unknown_repository_and_user(place: Place) -> None:
    """What the host does not have is a refusal, not an outage."""
    absent = f"{place.server.url}/nowhere.git"
    with pytest.raises(GitAccessError, match=r"nowhere\.git: '/nowhere\.git' does not appear to be a git repository"):
        place.mirror(url=absent).fetch()

    stranger = place.server.url_of(place.repository).replace("ssh://", "ssh://no-").replace("@", "-such-user@")
    with pytest.raises(GitAccessError, match="Permission denied"):
        place.mirror(url=stranger).fetch()


def test_an_outage_passes(place: Place) -> None:
    """While nobody listens fetches are unavailable; afterwards they go on."""
    commit = place.repository.push_files({"a": "1\n"})
    mirror = place.mirror()
    with outage(place.server):
        start = time.monotonic()
        with pytest.raises(GitUnavailableError, match="Connection refused"):
            mirror.fetch()
        assert time.monotonic() - start < 10.0

    assert mirror.fetch() == Revision("main", commit)


def test_nothing_of_the_user_is_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an ssh configuration and key in the home, nor an agent, nor git's variables have a part in it."""
    place.repository.push_files({"a": "1\n"})
    home = place.folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    trace = place.folder / "trace"
    (home / ".ssh" / "config").write_text(f"Host *\n  StrictHostKeyChecking no\n  ProxyCommand touch {trace}\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {trace}")
    monkeypatch.setenv("GIT_SSH", f"touch {trace}")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(place.folder / "agent"))

    assert place.mirror().fetch()
    with pytest.raises(GitAccessError):
        place.mirror(known_hosts_file=place.known_hosts("#\n")).fetch()
    assert not trace.exists()
