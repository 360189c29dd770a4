"""The log of what came from where: appended to, of bounded size, one line a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from reconciler.model.ingestion import How, Routed
from reconciler.plan import archive_log

if TYPE_CHECKING:
    import pytest


def _routed(number: int) -> Routed:
    return Routed("raw/é.yaml", "b" * 40, str(number), number + 1, How.CREATED, f"managed/vpcs/{number}.yaml")


def test_a_line_says_all() -> None:
    """Where it came from, by file and blob, and where it went."""
    log = archive_log.append(None, [_routed(0)])

    assert yaml.safe_load(log) == [
        {
            "file": "raw/é.yaml",
            "blob": "b" * 40,
            "document": "0",
            "line": 1,
            "how": "created",
            "to": "managed/vpcs/0.yaml",
        }
    ]


def test_what_is_there_stays_in_front() -> None:
    """Appending in two steps is appending in one; a last line without its break gets one."""
    first = archive_log.append(None, [_routed(0)])

    assert archive_log.append(first.rstrip(b"\n"), [_routed(1)]) == archive_log.append(None, [_routed(0), _routed(1)])


def test_only_the_newest_lines_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whatever is no line of an entry."""
    monkeypatch.setattr(archive_log, "MOST_LINES", 3)
    log = archive_log.append(archive_log.append(None, map(_routed, range(3))), map(_routed, range(3, 5)))

    assert [entry["document"] for entry in yaml.safe_load(log)] == ["2", "3", "4"]
    assert log.startswith(b"# What became")


def test_only_so_many_bytes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of lines, the newest; what people wrote beside them does not count, and stays."""
    size = len(archive_log.append(None, [_routed(0)])) - len(archive_log.HEADER)
    log = archive_log.append(None, map(_routed, range(3))) + b"# mine\n" * 100

    for room, kept in ((3 * size, ["2", "3", "4"]), (3 * size - 1, ["3", "4"]), (5 * size, ["0", "1", "2", "3", "4"])):
        monkeypatch.setattr(archive_log, "MOST_BYTES", room)
        written = archive_log.append(log, map(_routed, range(3, 5)))
        assert [entry["document"] for entry in yaml.safe_load(written)] == kept
        assert written.startswith(archive_log.HEADER.encode())
        assert written.count(b"# mine") == 100


def test_what_is_written_is_read_again() -> None:
    """With the longest paths in every line, and when two branches were merged."""
    path = "/".join(["é" * 127] * 16)
    routed = [Routed(path, "b" * 40, "0", 1, How.UPDATED, path)] * (archive_log.MOST_BYTES // len(path.encode()))

    log = archive_log.append(None, routed)

    assert len(log) * 2 <= archive_log.LARGEST
    assert len(log) > archive_log.MOST_BYTES // 2
