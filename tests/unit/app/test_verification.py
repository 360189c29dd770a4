"""What is said of programs, the state file and clocks, and what `ensure` makes of the state."""

from __future__ import annotations

import os
import sqlite3
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app import clock_asking, verification
from reconciler.app.clock_asking import ask_date, verify_clock
from reconciler.app.ensuring import ensure_state
from reconciler.app.required import address_of, expected_of
from reconciler.app.verification import verify_configured, verify_programs, verify_state
from reconciler.errors import ConfigurationError
from reconciler.model.verification import Verdict
from reconciler.store import open_store
from tests.unit.app.configuration import LOCAL, REPOSITORY, kubeconfig, secret, settings
from tests.unit.loopback import Answer, closed_port, serving
from tests.unit.other_user import NOBODY, another_user, as_root, open_folder
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.verification import Finding

REAL = {"cluster": {"server": "https://127.0.0.1:7", "token_file": "secrets/kube-token"}}


def _states(findings: Iterable[Finding]) -> dict[str, Verdict]:
    return {one.subject: one.state for one in findings}


# Secrets


def _said_of_secrets(folder: Path, *fabrics: dict[str, Any]) -> Finding:
    found = settings(folder, *fabrics, repositories=[REPOSITORY])
    return next(one for one in verify_configured(found) if one.subject == "secrets")


def _named_by_kubeconfig(folder: Path) -> dict[str, Any]:
    """The cluster of a fabric, by a kubeconfig that names the files of its key and token."""
    user = {"client-certificate": "me.crt", "client-key": "me.key", "tokenFile": "me.token"}
    users = [{"name": "me", "user": user}]
    return {"cluster": {"kubeconfig": kubeconfig(folder, "dc1.kubeconfig", "https://127.0.0.1:7", users=users)}}


def test_secrets_that_a_kubeconfig_names(tmp_path: Path) -> None:
    """They count as those that the configuration names, once each."""
    fabric = _named_by_kubeconfig(tmp_path)
    for name in ("me.crt", "me.key", "me.token"):
        secret(tmp_path, name, "x")

    found = _said_of_secrets(tmp_path, fabric, {"cluster": {**fabric["cluster"], "namespace": "two"}})

    # API token, Git token, webhook, kubeconfig, key and token
    assert (found.state, found.message) == (Verdict.OK, "6 files with secrets, all readable")


@pytest.mark.parametrize(("is_enabled", "state"), [(True, Verdict.FAILING), (False, Verdict.WARNING)])
def test_secrets_that_a_kubeconfig_misses(tmp_path: Path, is_enabled: bool, state: Verdict) -> None:  # noqa: FBT001 - varied
    """Each file is named; of a fabric that is disabled it is only to be looked at."""
    fabric = _named_by_kubeconfig(tmp_path)
    secret(tmp_path, "me.token", "")

    found = _said_of_secrets(tmp_path, LOCAL, {**fabric, "enabled": is_enabled})

    key, token = (f"{tmp_path / 'secrets' / name}, which a kubeconfig names" for name in ("me.key", "me.token"))
    assert (found.state, found.message) == (state, f"{key}: no such file or directory; {token}: empty")


# State


def test_a_state_that_is_not_there_yet(tmp_path: Path) -> None:
    """The service makes it; looking makes nothing."""
    path = tmp_path / "state" / "reconciler.db"

    found = list(verify_state(path))

    assert [one.state for one in found] == [Verdict.OK, Verdict.OK]
    assert "is not there yet" in found[0].message
    assert list(tmp_path.iterdir()) == []


def test_a_state_is_ensured_once(tmp_path: Path) -> None:
    """It is made, then found; while a service has it open, that sees to it."""
    path = tmp_path / "state" / "reconciler.db"

    assert [ensure_state(path).state for _ in range(2)] == [Verdict.DONE, Verdict.OK]
    assert _states(verify_state(path)) == {"state file": Verdict.OK, "disk": Verdict.OK}
    store = open_store(path, samples.SetClock())
    held = ensure_state(path)
    store.close()
    assert (held.state, "in use by process" in held.message) == (Verdict.OK, True)


def test_a_state_of_an_earlier_version(tmp_path: Path) -> None:
    """`verify` says that it will be upgraded, `ensure` does it, once."""
    path = tmp_path / "reconciler.db"
    with sqlite3.connect(path) as file:
        file.executescript((Path(samples.__file__).parent / "version_3.sql").read_text())
    file.close()

    assert "schema version 3, which the next start upgrades" in next(iter(verify_state(path))).message
    first, second = ensure_state(path), ensure_state(path)
    assert (first.state, second.state) == (Verdict.DONE, Verdict.OK)
    assert first.message.startswith(f"upgraded {path} from schema version 3 to ")


def test_a_state_that_cannot_be_used(tmp_path: Path) -> None:
    """It is said, and left as it is."""
    path = tmp_path / "reconciler.db"
    path.write_text("a letter to mother")

    assert _states(verify_state(path)) == {"state file": Verdict.FAILING}
    assert ensure_state(path).state is Verdict.FAILING
    assert path.read_text() == "a letter to mother"


def test_a_state_that_is_damaged_inside(tmp_path: Path) -> None:
    """What a service would refuse is found by looking, too; its beginning alone says nothing."""
    path = tmp_path / "reconciler.db"
    ensure_state(path)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    (found,) = verify_state(path)

    assert (found.state, ensure_state(path).state) == (Verdict.FAILING, Verdict.FAILING)
    assert str(path) in found.message


@pytest.mark.parametrize("whose", ["folder", "file"])
def test_a_state_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
    """Whoever is not the service's user neither makes files that it cannot open, nor says what it may do."""
    path = tmp_path / "state" / "reconciler.db"
    if whose == "file":
        ensure_state(path)
    real = tmp_path.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: real + 1)
    monkeypatch.setattr(verification, "_owner", lambda place: 0 if place.is_dir() and whose == "file" else 4242)

    for found in (ensure_state(path), *verify_state(path)):
        assert (found.state, found.advice) == (Verdict.FAILING, "run it as #4242: sudo -u '#4242' reconciler ...")
    assert path.exists() is (whose == "file")


@as_root
def test_a_state_that_another_user_cannot_see() -> None:
    """Closed to this user is the folder itself, one above it, or our own by its mode."""
    with open_folder() as folder:
        path = folder / "above" / "state" / "reconciler.db"
        ensure_state(path)
        path.parent.parent.chmod(0o755)
        with another_user():
            itself = ensure_state(path)
        path.parent.parent.chmod(0o700)
        with another_user():
            above = ensure_state(path)
        os.chown(path.parent.parent, NOBODY, NOBODY)
        path.parent.parent.chmod(0o600)
        with another_user():
            own = ensure_state(path)

    assert {one.state for one in (itself, above, own)} == {Verdict.FAILING}
    assert itself.message.startswith(f"{path.parent} belongs to root, and is closed to ")
    assert above.message.startswith(f"{path.parent.parent} belongs to root, and is closed to ")
    assert (itself.advice, own.advice) == (above.advice, f"chmod 0700 {path.parent.parent}")
    assert above.advice.startswith("run it as the service's user")


def test_a_state_that_root_left_in_the_folder_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner cannot open it, whoever runs this."""
    path = tmp_path / "reconciler.db"
    ensure_state(path)
    monkeypatch.setattr(verification, "_owner", lambda place: 4242 if place.is_dir() else 0)

    (found,) = verify_state(path)

    assert (found.state, found.message) == (Verdict.FAILING, f"{path} belongs to root, its folder to #4242")


def test_a_state_in_a_folder_of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a folder may be one to which a group writes, as volumes are: it says nothing of the service's user."""
    monkeypatch.setattr("os.geteuid", lambda: 4242)
    monkeypatch.setattr(verification, "_owner", lambda _: 0)

    assert ensure_state(tmp_path / "reconciler.db").state is Verdict.DONE


def test_a_state_of_a_later_version(tmp_path: Path) -> None:
    """Only the later program may use it."""
    path = tmp_path / "reconciler.db"
    ensure_state(path)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE alembic_version SET version_num = '0099'")
    file.close()

    (found,) = verify_state(path)

    assert (found.state, "schema version 99" in found.message) == (Verdict.FAILING, True)


def test_a_state_that_others_can_read(tmp_path: Path) -> None:
    """A copy with other modes is to be looked at."""
    path = tmp_path / "reconciler.db"
    ensure_state(path)
    path.chmod(0o644)

    assert _states(verify_state(path))["state file"] is Verdict.WARNING


def test_a_state_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever verifies as the service's user is told before the service fails."""
    path = tmp_path / "reconciler.db"
    ensure_state(path)
    monkeypatch.setattr("os.access", lambda _path, _mode: False)

    assert _states(verify_state(path))["state file"] is Verdict.FAILING


@pytest.mark.parametrize(
    ("least", "state"), [(1, Verdict.OK), (1 << 62, Verdict.FAILING)], ids=["enough", "far too little"]
)
def test_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, state: Verdict) -> None:
    """Without room nothing can be stored."""
    monkeypatch.setattr(verification, "LEAST_FREE", least)

    assert _states(verify_state(tmp_path / "state.db"))["disk"] is state


# Programs


def test_programs_by_what_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ssh for repositories over ssh, ssh-keygen or gpg for signed commits; what lacks is named with its purpose."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    for name in ("key", "hosts"):
        (tmp_path / "secrets" / name).write_text("key\n")
        (tmp_path / "secrets" / name).chmod(0o600)
    auth = {"ssh_key_file": "secrets/key", "known_hosts_file": "secrets/hosts"}
    over_ssh = {"name": "a", "url": "ssh://git@git.example.com/a.git", "auth": auth}
    signed = REPOSITORY | {"commit": {"signing_key_file": "secrets/key", "signing_format": "openpgp"}}
    found = settings(tmp_path, repositories=[over_ssh, signed])
    monkeypatch.setattr(verification, "git_version", lambda: (2, 45, 1))
    monkeypatch.setattr("shutil.which", lambda name: None if name == "gpg" else f"/usr/bin/{name}")

    said = {one.subject: (one.state, one.message) for one in verify_programs(found)}

    assert said["program ssh"] == (Verdict.OK, "/usr/bin/ssh, for repository a")
    assert said["program gpg"] == (
        Verdict.FAILING,
        "gpg is not installed, and is needed for signed commits to repository gitops",
    )


def test_git_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is configured."""

    def refuse() -> tuple[int, ...]:
        raise ConfigurationError("git 1.0 is too old")

    monkeypatch.setattr(verification, "git_version", refuse)

    (found,) = verify_programs()

    assert (found.state, found.message) == (Verdict.FAILING, "git 1.0 is too old")


# Secrets


def test_a_secret_that_others_may_read(tmp_path: Path) -> None:
    """The warning says which file to close; the key that names it is as it should be."""
    found = settings(tmp_path, repositories=[], fabrics=[])
    token = tmp_path / "secrets" / "api-token"
    token.chmod(0o644)

    (said,) = [one for one in verify_configured(found) if one.subject.startswith("configuration ")]

    assert (said.subject, said.state) == ("configuration server.api_token_file", Verdict.WARNING)
    assert said.message == "every user of this machine can read this secret"
    assert said.advice == f"chmod 0600 {token}"
    token.chmod(0o600)
    assert [one.subject for one in verify_configured(found) if one.state is Verdict.WARNING] == []


# Clocks


def test_the_clock_of_each_host(tmp_path: Path) -> None:
    """By the date of whatever it answers. NetBox stands for all; a cluster that does not answer says nothing."""
    netbox = {"url": "", "token_file": "secrets/netbox-token"}
    with serving() as server:
        netbox["url"] = server.url
        found = settings(
            tmp_path,
            REAL | {"netbox": netbox},
            repositories=[REPOSITORY | {"url": f"{server.url}/a.git", "allow_local": True}],
        )

        (said,) = verify_clock(found, None)

    assert (said.subject, said.state) == (f"clock of {server.url}", Verdict.OK)


def test_a_clock_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said which one, by how much, and in which direction."""
    monkeypatch.setattr(clock_asking, "ask_date", lambda _origin: samples.NOON)

    found = clock_asking._compare("https://netbox.example.com")

    assert found is not None
    assert found.state is Verdict.FAILING
    assert " s ahead of it, more than 60 s" in found.message


def test_the_time_of_a_server() -> None:
    """A server without a date, without sense, or without an answer tells none."""
    with serving() as server:
        server.answer("HEAD /", Answer(headers={"Date": format_datetime(samples.NOON, usegmt=True)}))
        told = ask_date(server.url)

    assert told is not None
    assert ask_date(f"http://127.0.0.1:{closed_port()}") is None


def test_nothing_to_ask(tmp_path: Path) -> None:
    """Embedded targets and a service on this machine have our clock."""
    found = settings(tmp_path, LOCAL, repositories=[], fabrics=[])

    assert _states(verify_clock(found, "http://127.0.0.1:8080")) == {"clock": Verdict.NOT_APPLICABLE}


# What must run


def test_what_must_run(tmp_path: Path) -> None:
    """The tasks that the configuration asks for: a worker for each number, a watch for each kind in each cluster."""
    elsewhere = {"cluster": REAL["cluster"] | {"namespace": "two"}}
    found = settings(tmp_path, REAL, LOCAL, elsewhere | {"enabled": False}, workers=2)

    expected = expected_of(found, "0.1.0")

    assert {"worker-1", "worker-2", "integrity", "web", "watch/dc1/VPC", "watch/dc1/Agent"} <= set(expected.tasks)
    assert not [name for name in expected.tasks if name.startswith(("watch/dc2/", "watch/dc3/"))]
    assert (expected.version, expected.build) == ("0.1.0", None)


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ({"port": 8080}, "http://127.0.0.1:8080"),
        ({"port": 80, "host": "0.0.0.0"}, "http://127.0.0.1:80"),  # noqa: S104 - what may be configured
        ({"port": 80, "host": "::"}, "http://[::1]:80"),
        ({"port": 80, "host": "reconciler.example.com"}, "http://reconciler.example.com:80"),
        ({"port": 0}, None),
    ],
)
def test_where_the_service_is(tmp_path: Path, server: dict[str, object], address: str | None) -> None:
    """As this machine reaches what the configuration has it listen on."""
    assert address_of(settings(tmp_path, server=server)) == address
