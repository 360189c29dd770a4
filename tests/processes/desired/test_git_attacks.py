"""Attacks on a program that fetches: none of the planted commands runs, no secret leaves, nothing foreign is read.

Each trap is sprung by plain git first, so that a test here cannot pass because its trap does not work.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import GitRemote, Mirror
from reconciler.errors import GitAccessError, GitUnavailableError
from reconciler.model.revision import Revision
from tests.processes.desired.origins import Link, Origin, Submodule, git, run_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.processes.desired.origins import Host

CANARY = "canary-5f2c9"


def _append(config: Path, text: str) -> None:
    with config.open("a") as file:
        file.write(text)


def _plant_hooks(repository: Path, trace: Path) -> None:
    hooks = repository / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-checkout", "post-merge", "pre-auto-gc", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {trace}\n")
        (hooks / name).chmod(0o755)


def _plant_hooks_path(repository: Path, trace: Path) -> None:
    elsewhere = repository / "elsewhere"
    elsewhere.mkdir()
    _plant_hooks(elsewhere, trace)
    _append(repository / "config", f"[core]\n\thooksPath = {elsewhere / 'hooks'}\n")


def _plant_rewritten_url(repository: Path, trace: Path) -> None:
    _append(repository / "config", f'[url "ext::sh -c touch% {trace}% "]\n\tinsteadOf = file://\n')
    _append(repository / "config", '[protocol "ext"]\n\tallow = always\n')


@pytest.mark.parametrize("plant", [_plant_hooks, _plant_hooks_path, _plant_rewritten_url])
def test_what_is_planted_in_the_mirror_does_not_run(
    plant: Callable[[Path, Path], None],
    origin: Origin,
    mirror: Mirror,
    tmp_path: Path,
) -> None:
    """Hooks and configuration in the mirror's own directory have no effect, although plain git would obey them."""
    origin.commit({"a": "1"})
    mirror.fetch()
    trace = tmp_path / "ran"
    repository = mirror.directory / "repository"
    plant(repository, trace)
    origin.commit({"a": "2"})
    with pytest.raises(subprocess.CalledProcessError) if plant is _plant_rewritten_url else nullcontext():
        git(repository, "fetch", "--quiet", origin.url, "+refs/heads/*:refs/trap/*")
    assert trace.exists(), "the trap does not work"
    trace.unlink()

    mirror.fetch()
    mirror.check()
    mirror.tip()

    assert not trace.exists()


@pytest.mark.parametrize(
    ("key", "verb"),
    [
        ("remote.origin.uploadpack", ["fetch", "--quiet", "origin"]),
        ("core.fsmonitor", ["--work-tree=.", "status"]),
    ],
)
def test_planted_settings_do_not_run(key: str, verb: list[str], origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    """Settings that name a program are not obeyed."""
    origin.commit({"a": "1"})
    mirror.fetch()
    trace = tmp_path / "ran"
    repository = mirror.directory / "repository"
    git(repository, "config", "remote.origin.url", origin.url)
    git(repository, "config", key, f"touch {trace}; false")
    subprocess.run(["git", "-C", str(repository), *verb], check=False, capture_output=True, timeout=30)
    assert trace.exists(), "the trap does not work"
    trace.unlink()

    mirror.fetch()
    mirror.check()

    assert not trace.exists()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": "{hooks}"}, id="count"
        ),
        pytest.param({"GIT_CONFIG_GLOBAL": "{config}"}, id="global file"),
        pytest.param({"GIT_CONFIG_SYSTEM": "{config}", "GIT_CONFIG_NOSYSTEM": "0"}, id="system file"),
        pytest.param({"HOME": "{home}"}, id="home"),
        pytest.param({"XDG_CONFIG_HOME": "{home}/xdg"}, id="xdg"),
    ],
)
def test_configuration_around_us_is_not_obeyed(
    settings: dict[str, str],
    origin: Origin,
    mirror: Mirror,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the environment nor the files of the user or the system reach git."""
    trace, hooks, config, home = tmp_path / "ran", tmp_path / "hooks", tmp_path / "config", tmp_path / "home"
    _plant_hooks(tmp_path, trace)
    (hooks / "pack").write_text(f'#!/bin/sh\ntouch {trace}\nexec "$@"\n')
    (hooks / "pack").chmod(0o755)
    config.write_text(f"[core]\n\thooksPath = {hooks}\n[uploadpack]\n\tpackObjectsHook = {hooks / 'pack'}\n")
    (home / "xdg" / "git").mkdir(parents=True)
    (home / ".gitconfig").write_text(config.read_text())
    (home / "xdg" / "git" / "config").write_text(config.read_text())
    filled = {name: value.format(hooks=hooks, config=config, home=home) for name, value in settings.items()}
    origin.commit({"a": "1"})
    victim = Origin(tmp_path / "victim")
    git(victim.directory, "fetch", "--quiet", origin.url, "main:main", env={"GIT_CONFIG_NOSYSTEM": "0", **filled})
    assert trace.exists(), "the trap does not work"
    trace.unlink()
    for name, value in filled.items():
        monkeypatch.setenv(name, value)

    mirror.fetch()

    assert not trace.exists()


def test_variables_around_us_are_withheld(
    origin: Origin,
    mirror: Mirror,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Started from a hook, or with tracing on, the service still fetches into its own mirror, and nowhere else."""
    for name in ("DIR", "OBJECT_DIRECTORY", "WORK_TREE", "INDEX_FILE", "NAMESPACE", "TRACE", "TRACE_PACKET"):
        monkeypatch.setenv(f"GIT_{name}", str(tmp_path / "foreign"))
    commit = origin.commit({"a": "1"})

    assert mirror.fetch() == Revision("main", commit)
    assert not (tmp_path / "foreign").exists()


def test_no_helper_and_no_netrc_is_asked(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the configured credentials are used: no helper runs, no .netrc is read, no terminal is asked."""
    trace = tmp_path / "ran"
    (tmp_path / ".gitconfig").write_text(f'[credential]\n\thelper = "!touch {trace}; echo password={CANARY}; :"\n')
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login bot password {CANARY}\n")
    (tmp_path / ".netrc").chmod(0o600)
    url = f"{host.url}/x.git"
    environment = {"HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0"}
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "ls-remote", url, env=environment)
    assert trace.exists(), "the trap does not work"
    assert f"bot:{CANARY}" in host.logins, "the trap does not work"
    trace.unlink()
    host.logins.clear()
    for name in ("SSH_ASKPASS", "GIT_ASKPASS"):
        monkeypatch.setenv(name, "/bin/true")
    monkeypatch.setenv("HOME", str(tmp_path))
    mirror = Mirror(GitRemote("gitops", url, "main", allow_local=True), tmp_path / "mirror")

    with pytest.raises(GitAccessError, match="could not read Username"):
        mirror.fetch()

    assert not trace.exists()
    assert host.logins == []


def _with_password(url: str, directory: Path, **password: object) -> Mirror:
    return Mirror(GitRemote("gitops", url, "main", "b@t/x", allow_local=True, **password), directory)  # type: ignore[arg-type]


def test_the_password_reaches_the_host_and_nothing_else(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is sent to the host as it is at that moment, and is in no error, no log, no file and no argument."""
    caplog.set_level("DEBUG")
    file = tmp_path / "password"
    monkeypatch.setenv("TEST_GIT_PASSWORD", f"{CANARY}-env")
    in_file = _with_password(f"{host.url}/x.git", tmp_path / "one", password_file=file)
    in_variable = _with_password(f"{host.url}/x.git", tmp_path / "two", password_env="TEST_GIT_PASSWORD")

    for content in (f"{CANARY}-1\n", f"{CANARY}-2"):
        file.write_text(content)
        with pytest.raises(GitAccessError, match="Authentication failed") as caught:
            in_file.fetch()
        assert CANARY not in str(caught.value)
    with pytest.raises(GitAccessError):
        in_variable.fetch()

    assert set(host.logins) == {f"b@t/x:{CANARY}-1", f"b@t/x:{CANARY}-2", f"b@t/x:{CANARY}-env"}
    assert CANARY not in caplog.text
    written = [path for folder in ("one", "two") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]


def test_a_redirect_does_not_carry_the_password_away(host: Host, tmp_path: Path) -> None:
    """A host that sends us on to another gets no password there."""
    file = tmp_path / "password"
    file.write_text(CANARY)
    with run_host() as thief:
        host.status = 302
        host.headers = {"Location": f"{thief.url}/x.git/info/refs?service=git-upload-pack"}
        mirror = _with_password(f"{host.url}/x.git", tmp_path / "mirror", password_file=file)

        with pytest.raises(GitAccessError, match=f"could not read Username for '{thief.url}'"):
            mirror.fetch()

        assert thief.requests
        assert thief.logins == []


def test_a_redirect_to_another_protocol_is_refused(host: Host, origin: Origin, tmp_path: Path) -> None:
    """A host cannot send us to a file, nor anywhere by another protocol than ours."""
    origin.commit({"a": "1"})
    host.status, host.headers = 302, {"Location": f"{origin.url}/info/refs?service=git-upload-pack"}
    mirror = Mirror(GitRemote("gitops", f"{host.url}/x.git", "main", allow_local=True), tmp_path / "mirror")

    with pytest.raises((GitAccessError, GitUnavailableError)):
        mirror.fetch()

    assert mirror.tip() is None


def test_variables_in_a_url_are_not_filled_in(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `$NAME` in a URL is sent as it is, never as the value of our environment."""
    monkeypatch.setenv("TEST_SECRET", CANARY)
    host.status = 404
    mirror = Mirror(
        GitRemote("g", f"{host.url}/$TEST_SECRET/${{TEST_SECRET}}.git", "main", allow_local=True), tmp_path / "m"
    )

    with pytest.raises(GitAccessError) as caught:
        mirror.fetch()

    assert host.requests
    assert all("TEST_SECRET" in path and CANARY not in path for path in host.requests)
    assert CANARY not in str(caught.value)


def test_trees_with_forged_names_are_refused(origin: Origin, mirror: Mirror) -> None:
    """Objects that git's own check refuses are not fetched; what was fetched before stays."""
    good = origin.commit({"a.yaml": "1"})
    mirror.fetch()

    for name in (b".git", b"..", b".", b"a/b", b".GIT", b"git~1"):
        origin.commit_tree([("100644", name, b"evil")])
        with pytest.raises(GitAccessError) as caught:
            mirror.fetch()

        assert caught.value.reason == "GitObjectsRefused", name
        assert mirror.tip() == Revision("main", good), name


def test_old_harmless_faults_are_accepted(origin: Origin, mirror: Mirror) -> None:
    """Modes with a leading zero, as old tools wrote them, do not lock a repository out."""
    commit = origin.commit_tree([("0100644", b"a.yaml", b"1")])

    assert mirror.fetch() == Revision("main", commit)


def test_submodules_are_never_fetched(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    """A submodule is an entry without content: nothing is asked of the URL that the repository names for it."""
    trace = tmp_path / "ran"
    modules = f'[submodule "x/../../hooks"]\n\tpath = x\n\turl = ext::sh -c touch% {trace}\n\tupdate = !touch {trace}\n'
    commit = origin.commit({"d/a.yaml": "1", "d/x": Submodule()})
    mirror.fetch()
    origin.commit({".gitmodules": modules, "d/a.yaml": "1", "d/x": Submodule()})
    with pytest.raises(GitAccessError):
        mirror.fetch()

    entries = mirror.list_files(Revision("main", commit), "d")

    assert [(entry.path, entry.is_submodule, entry.size) for entry in entries] == [
        ("d/a.yaml", False, 1),
        ("d/x", True, 0),
    ]
    assert not trace.exists()


def test_attributes_and_filters_change_nothing(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    """Contents are the blob's own bytes: no filter, no conversion, no expansion, no fetch of large files."""
    trace = tmp_path / "ran"
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    origin.commit(
        {
            ".gitattributes": "*.yaml filter=evil text eol=crlf ident\n*.lfs filter=lfs\n",
            "d/a.yaml": "$Id$\nx\n",
            "d/b.lfs": pointer,
            ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {trace}\n',
        },
    )

    entries = mirror.list_files(mirror.fetch(), "d")

    assert [data.decode() for _, data in mirror.read_blobs(entries)] == ["$Id$\nx\n", pointer]
    assert not trace.exists()


def test_a_link_is_its_text(origin: Origin, mirror: Mirror) -> None:
    """Reading a symbolic link gives where it points, never what is there."""
    origin.commit({"d/link.yaml": Link("/etc/passwd")})

    entries = mirror.list_files(mirror.fetch(), "d")

    assert entries[0].is_symlink
    assert [data for _, data in mirror.read_blobs(entries)] == [b"/etc/passwd"]


def test_an_endless_author_costs_nothing(origin: Origin, mirror: Mirror) -> None:
    """Who committed is never parsed, so a name made to be slow is not."""
    commit = origin.commit({"a": "1"}, author="a" * 50_000 + " " * 50_000 + "b")
    start = time.monotonic()

    assert mirror.fetch() == Revision("main", commit)
    assert time.monotonic() - start < 5.0


def test_alternates_of_the_origin_do_not_reach_us(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    """The mirror holds its own objects: it does not depend on files that the origin borrows."""
    lender = Origin(tmp_path / "lender")
    commit = lender.commit({"d/a.yaml": "1"})
    (origin.directory / "objects" / "info").mkdir(exist_ok=True)
    (origin.directory / "objects" / "info" / "alternates").write_text(f"{lender.directory}/objects\n")
    origin.reset(commit)
    revision = mirror.fetch()
    os.rename(lender.directory, tmp_path / "gone")  # noqa: PTH104 - the origin loses its objects

    assert [data for _, data in mirror.read_blobs(mirror.list_files(revision, "d"))] == [b"1"]
    assert not (mirror.directory / "repository" / "objects" / "info" / "alternates").exists()
