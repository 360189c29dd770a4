"""The parts of the lab that decide something: which process to end, what counts as a write, where packages are."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.lab import audit, cache, journal, packages
from tests.lab.__main__ import main
from tests.lab.commands import run
from tests.lab.debian import Source, archive, codename, configured_sources, parse_deb822_style, parse_one_line_style
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.ports import free_ports
from tests.lab.process import Background
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


# --- processes ---------------------------------------------------------------------------------------------------


def test_process_is_known_to_another_object_of_its_folder(tmp_path: Path) -> None:
    """A process started through one object is seen and ended through another."""
    Background(tmp_path, "server").start(["sleep", "60"])
    another = Background(tmp_path, "server")
    was_running = another.is_running()
    another.stop()

    assert was_running
    assert not another.is_running()


def test_process_that_got_the_same_id_is_left_alone(tmp_path: Path) -> None:
    """A record whose id now belongs to another process (here this one) is not taken for the one recorded."""
    record = {"pid": os.getpid(), "start_time": 1, "boot_id": "another boot"}
    (tmp_path / "server.process.json").write_text(json.dumps(record), encoding="ascii")
    background = Background(tmp_path, "server")
    was_running = background.is_running()
    background.stop()

    assert not was_running


def test_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """One that ignores the signal is ended all the same once its grace is over."""
    background = Background(tmp_path, "server")
    background.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
    background.wait_until(lambda: _expect(background, "ready"), timeout=10.0)
    background.stop(grace=0.3)

    assert not background.is_running()


def _expect(background: Background, text: str) -> None:
    if text not in background.log_tail():
        raise LabError(f"no {text}")


def test_process_that_dies_while_starting_tells_its_last_words(tmp_path: Path) -> None:
    """Waiting for a process that ends fails at once, with what it wrote."""
    background = Background(tmp_path, "server")
    background.start(["sh", "-c", "echo no such port; exit 3"])
    with pytest.raises(LabError, match="server ended while starting: no such port"):
        background.wait_until(lambda: _expect(background, "ready"), timeout=10.0)


def test_program_that_is_absent_is_named(tmp_path: Path) -> None:
    """Neither a background nor a foreground program fails without saying which one it was."""
    with pytest.raises(LabError, match="no-such-program cannot be run"):
        Background(tmp_path, "server").start(["no-such-program"])
    with pytest.raises(LabError, match="no-such-program cannot be run"):
        run(["no-such-program"], timeout=1.0)


def test_failing_program_does_not_leak_its_arguments() -> None:
    """The error has the program's own words and its code; an argument may be a password."""
    with pytest.raises(LabError, match="failed with code 4: sorry") as failure:
        run(["sh", "-c", "echo sorry >&2; exit $0", "4", "s3cret"], timeout=10.0)

    assert "s3cret" not in str(failure.value)


def test_free_ports_differ_and_are_no_clients() -> None:
    """No two are equal, and the kernel gives none of them to a client."""
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert max(ports) < 32768


# --- journals ----------------------------------------------------------------------------------------------------


def test_journal_leaves_a_line_that_is_still_written(tmp_path: Path) -> None:
    """Half a line is no entry yet; it is one when its end has come."""
    path = tmp_path / "journal"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a"', encoding="ascii")
    half = journal.entries_since(path, 9)
    with path.open("a", encoding="ascii") as writer:
        writer.write(": 3}\n")

    assert half == [{"a": 2}]
    assert journal.entries_since(path, 9) == [{"a": 2}, {"a": 3}]


def test_journal_that_was_cut_is_refused(tmp_path: Path) -> None:
    """A mark beyond the file's end means that entries are lost."""
    (tmp_path / "journal").write_text("{}\n", encoding="ascii")
    with pytest.raises(LabError, match="-7 bytes since the mark at 10"):
        journal.entries_since(tmp_path / "journal", 10)


# --- audit log ---------------------------------------------------------------------------------------------------


def _request(audit_id: str, stage: str = "ResponseComplete", **changes: JSONObject | str) -> JSONObject:
    entry: JSONObject = {
        "auditID": audit_id,
        "stage": stage,
        "verb": "patch",
        "user": {"username": "admin"},
        "userAgent": "test",
        "objectRef": {"resource": "vpcs", "apiGroup": "vpc.githedgehog.com", "namespace": "default", "name": "v1"},
        "responseStatus": {"code": 200},
    }
    return {**entry, **changes}


def _write_log(path: Path, *entries: JSONObject) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="ascii")
    return path


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"verb": "list"}, id="a read"),
        pytest.param({"verb": "watch"}, id="a watch"),
        pytest.param({"user": {"username": "system:apiserver"}}, id="the server's own"),
        pytest.param({"userAgent": audit.LAB_AGENT}, id="the lab's own"),
        pytest.param({"objectRef": {"resource": "r", "apiGroup": "authorization.k8s.io"}}, id="a question"),
    ],
)
def test_audit_does_not_count(changes: JSONObject, tmp_path: Path) -> None:
    """What changes nothing, or was not asked by a client under test, is no write."""
    log = _write_log(tmp_path / "log", _request("1", "RequestReceived", **changes), _request("1", **changes))

    assert audit.writes_since(log, 0) == []


@pytest.mark.parametrize("verb", ["get", "list", "watch", "patch"])
def test_audit_tells_what_arrived(verb: str, tmp_path: Path) -> None:
    """A request that arrived is told once, also while its answer lasts; the lab's own never is."""
    request = _request("1", "RequestReceived", verb=verb)
    own = _request("2", "RequestReceived", verb=verb, userAgent=audit.LAB_AGENT)
    log = _write_log(tmp_path / "log", request, own, _request("1", "ResponseStarted", verb=verb))

    assert audit.requests_since(log, 0) == [audit.Asked(verb, "vpcs", "default", "test")]


@pytest.mark.parametrize("verb", ["create", "update", "patch", "delete", "deletecollection"])
def test_audit_counts_each_write_once(verb: str, tmp_path: Path) -> None:
    """The two lines that a write leaves are one write."""
    status = {"resource": "vpcs", "subresource": "status", "namespace": "default", "name": "v1"}
    changes: JSONObject = {"verb": verb, "objectRef": status}
    log = _write_log(tmp_path / "log", _request("1", "RequestReceived", **changes), _request("1", **changes))

    assert audit.writes_since(log, 0) == [
        audit.AuditEvent(verb, "vpcs/status", "default", "v1", user="admin", user_agent="test", code=200)
    ]


def test_audit_ignores_a_write_that_arrived_before_the_mark(tmp_path: Path) -> None:
    """A write whose answer alone falls after the mark is not counted after it."""
    before = _request("1", "RequestReceived")
    log = _write_log(tmp_path / "log", before, _request("1"))

    assert audit.writes_since(log, len(json.dumps(before)) + 1) == []


def test_audit_waits_for_answers_and_says_when_none_comes(tmp_path: Path) -> None:
    """A write that arrived and was never answered is an error, not a zero."""
    log = _write_log(tmp_path / "log", _request("1", "RequestReceived"))
    with pytest.raises(LabError, match="1 write requests have no answer"):
        audit.writes_since(log, 0, timeout=0.0)


# --- cache and packages ------------------------------------------------------------------------------------------


def test_cache_builds_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was built is found again without building."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    builds: list[Path] = []
    folders = {cache.built("thing", builds.append) for _ in range(2)}

    assert folders == {tmp_path / "hedgehog-reconciler-lab/thing"}
    assert len(builds) == 1


def test_cache_rebuilds_what_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a build is not taken for a whole one, and nothing of it is left in the next."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LabError, match="interrupted"):
        cache.built("thing", _half_a_build)
    folder = cache.built("thing", lambda folder: (folder / "whole").touch())

    assert {path.name for path in folder.iterdir()} == {"whole", "complete"}


def _half_a_build(folder: Path) -> None:
    (folder / "half").touch()
    raise LabError("interrupted")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "deb http://mirror/debian bookworm main contrib  # near\n",
            [Source("http://mirror/debian", ("bookworm",), ("main", "contrib"), _KEYRING)],
            id="plain",
        ),
        pytest.param(
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main\n",
            [Source("http://mirror/debian", ("bookworm",), ("main",), "/k.gpg")],
            id="options",
        ),
        pytest.param("# deb http://mirror/debian bookworm main\n", [], id="comment"),
        pytest.param("deb-src http://mirror/debian bookworm main\n", [], id="sources only"),
    ],
)
def test_one_line_sources(text: str, expected: list[Source]) -> None:
    """A line of a sources.list says address, release, components and key."""
    assert list(parse_one_line_style(text)) == expected


_STANZA = """\
Types: deb
# a comment
URIs: http://mirror/debian
Suites: bookworm bookworm-updates
Components: main
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"{_STANZA}Signed-By: /k.gpg\n\n{_STANZA.replace('debian', 'security')}",
            [
                Source("http://mirror/debian", ("bookworm", "bookworm-updates"), ("main",), "/k.gpg"),
                Source("http://mirror/security", ("bookworm", "bookworm-updates"), ("main",), _KEYRING),
            ],
            id="two stanzas",
        ),
        pytest.param(f"{_STANZA}Enabled: no\n", [], id="disabled"),
        pytest.param(_STANZA.replace("deb\n", "deb-src\n"), [], id="sources only"),
    ],
)
def test_deb822_sources(text: str, expected: list[Source]) -> None:
    """A stanza of a .sources file says the same in fields."""
    assert list(parse_deb822_style(text)) == expected


def test_configured_sources_are_those_of_all_files(tmp_path: Path) -> None:
    """Both styles are read, and the archive is the source of the release itself, not of its updates."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://mirror/security trixie-security main\n", encoding="ascii")
    (tmp_path / "sources.list.d/a.sources").write_text(_STANZA.replace("bookworm", "trixie"), encoding="ascii")
    found = archive(configured_sources(tmp_path), "trixie")

    assert found.uri == "http://mirror/debian"


def test_machine_without_debian_is_told_what_to_set(tmp_path: Path) -> None:
    """Neither another system nor a Debian without its archive is a mystery."""
    (tmp_path / "os-release").write_text("ID=fedora\n", encoding="ascii")
    with pytest.raises(LabError, match="set KUBEBUILDER_ASSETS"):
        codename(tmp_path / "os-release")
    with pytest.raises(LabError, match="set KUBEBUILDER_ASSETS"):
        archive([], "bookworm")


def test_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be installed, the error is the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="redis-server not found: apt-get install redis-server"):
        packages.ensure({"redis-server"}, Progress())


# --- the folder and the command ----------------------------------------------------------------------------------


def test_lab_refuses_a_folder_that_others_may_enter(tmp_path: Path) -> None:
    """A folder with wider rights, or a link to one, could tell the lab to end any process."""
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    for name in ("open", "link"):
        with pytest.raises(LabError, match="not a folder of this user alone"):
            Lab(tmp_path / name).down()


def test_command_without_a_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a lab the status fails and names each server, the environment is empty, ending it is fine."""
    monkeypatch.setenv("RECONCILER_LAB_DIR", str(tmp_path / "none"))
    codes = [main([command]) for command in ("env", "down", "status")]

    assert codes == [0, 0, 1]
    assert capsys.readouterr().out.split() == [
        "git",
        "absent",
        "kubernetes",
        "absent",
        "netbox",
        "absent",
        "ssh",
        "absent",
    ]


def test_progress_tells_the_seconds_since_it_began(capsys: pytest.CaptureFixture[str]) -> None:
    """A line is the elapsed time and the message."""
    seconds = iter([100.0, 112.34])
    Progress(clock=lambda: next(seconds)).say("building")

    assert capsys.readouterr().err == "[  12.3 s] building\n"


def test_wait_gives_up_with_the_reason(tmp_path: Path) -> None:
    """A process that lives and never becomes ready is reported with what the last probe said."""
    background = Background(tmp_path, "server")
    background.start(["sleep", "60"])
    try:
        with pytest.raises(LabError, match=r"server is not ready after 0 s: no ready"):
            background.wait_until(lambda: _expect(background, "ready"), timeout=0.1)
    finally:
        background.stop()
