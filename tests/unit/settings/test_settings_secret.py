"""Secrets: read when they are used, refused when they are not usable, never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import ConfigurationError
from reconciler.settings import SecretSource
from reconciler.settings.secret import (
    LARGEST_SECRET,
    UnusableError,
    check_file,
    is_world_readable,
    read_file,
    read_variable,
)
from tests.unit.other_user import another_user, as_root, open_folder
from tests.unit.settings.example import CANARY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secret"


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        pytest.param(b"abc", b"abc", id="no line end"),
        pytest.param(b"abc\n", b"abc", id="one"),
        pytest.param(b"abc\r\n", b"abc", id="one of Windows"),
        pytest.param(b"abc\n\n", b"abc\n", id="two"),
        pytest.param(b"abc\r", b"abc\r", id="carriage return alone"),
        pytest.param(b" abc \n", b" abc ", id="spaces stay"),
        pytest.param(b"a\nb\n", b"a\nb", id="many lines"),
        pytest.param(b"\xff\x00\n", b"\xff\x00", id="any bytes"),
        pytest.param(b"x" * LARGEST_SECRET, b"x" * LARGEST_SECRET, id="largest"),
    ],
)
def test_reads_a_file(path: Path, content: bytes, secret: bytes) -> None:
    """A secret is the file's bytes, without one trailing line end."""
    path.write_bytes(content)

    assert SecretSource(file=path).read() == secret


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"\n", "empty", id="a line end"),
        pytest.param(b"\r\n", "empty", id="a line end of Windows"),
        pytest.param(b"x" * (LARGEST_SECRET + 1), f"larger than {LARGEST_SECRET} bytes", id="too large"),
    ],
)
def test_refuses_a_file(path: Path, content: bytes, reason: str) -> None:
    """An empty secret would be accepted by nobody, or by everybody; it is refused by the file's name."""
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"^{path}: {reason}$"):
        SecretSource(file=path).read()


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    """What is absent, a directory, or a pipe (which would block) is refused."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for place, reason in [
        (tmp_path / "nothing", "no such file or directory"),
        (tmp_path, "not a regular file"),
        (pipe, "not a regular file"),
        (tmp_path / ("x" * 300), "file name too long"),
    ]:
        with pytest.raises(UnusableError, match=f"^{reason}$"):
            read_file(place)


def test_unreadable_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that this user may not read is refused with that reason."""
    path.write_bytes(b"secret")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    # The user of the tests may be one who can read everything.
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UnusableError, match=r"^permission denied$"):
        read_file(path)


def test_follows_a_rotation(tmp_path: Path) -> None:
    """The secret is read anew at each use, also where a link is moved to another file, as Kubernetes does."""
    link = tmp_path / "secret"
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    link.symlink_to("one")
    source = SecretSource(file=link)
    assert source.read() == b"one"

    link.unlink()
    link.symlink_to("two")

    assert source.read() == b"two"


def test_reads_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret may come from an environment variable, by the same rules."""
    monkeypatch.setenv("SOME_SECRET", "ä\udcff\n")
    assert SecretSource(env="SOME_SECRET").read() == b"\xc3\xa4\xff"

    monkeypatch.setenv("SOME_SECRET", "")
    with pytest.raises(ConfigurationError, match=r"^SOME_SECRET: empty$"):
        SecretSource(env="SOME_SECRET").read()

    monkeypatch.delenv("SOME_SECRET")
    with pytest.raises(UnusableError, match="not set"):
        read_variable("SOME_SECRET")


def test_source_of_nothing(path: Path) -> None:
    """No file and no variable is no source; a source without either has no secret."""
    assert SecretSource.of(None, None) is None
    assert SecretSource.of(path, None) == SecretSource(file=path)
    assert SecretSource.of(None, "X") == SecretSource(env="X")
    with pytest.raises(ConfigurationError):
        SecretSource().read()


def test_shows_the_place_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source can be shown: it holds no secret."""
    path.write_text(CANARY)
    monkeypatch.setenv("SOME_SECRET", CANARY)
    sources = [SecretSource(file=path), SecretSource(env="SOME_SECRET")]

    assert [source.read() for source in sources] == [CANARY.encode()] * 2
    assert CANARY not in repr(sources) + str(sources)


@pytest.mark.parametrize(
    ("mode", "is_readable"),
    [(0o600, False), (0o640, False), (0o644, True), (0o604, True), (0o602, False)],
)
def test_world_readable(path: Path, mode: int, *, is_readable: bool) -> None:
    """Only the right of all others to read counts."""
    path.write_bytes(b"secret")
    path.chmod(mode)

    assert is_world_readable(path) is is_readable


def test_gone_is_not_world_readable(path: Path) -> None:
    """A file that vanished, or cannot be looked at, is left to the next read to complain about."""
    assert not is_world_readable(path)
    path.symlink_to(path)
    assert not is_world_readable(path)


@as_root
def test_closed_is_not_world_readable() -> None:
    """Neither is one in a folder that this user may not enter."""
    with open_folder() as folder:
        path = folder / "closed" / "secret"
        path.parent.mkdir(mode=0o700)
        path.touch(mode=0o644)
        with another_user():
            assert not is_world_readable(path)


def test_checks_a_large_file(path: Path) -> None:
    """A bundle of certificates may be larger than a secret; it must not be empty."""
    path.write_bytes(b"x" * (LARGEST_SECRET * 8))
    check_file(path)

    path.write_bytes(b"")
    with pytest.raises(UnusableError, match="empty"):
        check_file(path)
