"""A mirror that takes another's place while that one may still be used."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.processes.desired.origins import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.desired.git import Mirror
    from reconciler.model.revision import Revision

ROUNDS = 5


def test_two_remotes_in_one_directory(origin: Origin, mirror: Mirror, tmp_path: Path) -> None:
    """A mirror and its successor, used at once, each fetch and read their own remote, and never the other's."""
    other = Origin(tmp_path / "other")
    origin.commit({"fabric/a": "1"})
    other.commit({"fabric/b": "2"})
    successor = mirror.following(replace(mirror.remote, url=other.url))
    assert successor.directory == mirror.directory
    seen: dict[str, set[tuple[Revision, ...]]] = {"old": set(), "new": set()}
    failures: list[BaseException] = []

    def use(name: str, used: Mirror) -> None:
        try:
            seen[name].update((used.fetch(),) for _ in range(ROUNDS))
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=use, args=pair) for pair in (("old", mirror), ("new", successor))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert failures == []
    assert len(seen["old"]) == len(seen["new"]) == 1
    assert seen["old"] != seen["new"]
    assert [entry.path for entry in successor.list_files(successor.fetch(), "fabric")] == ["fabric/b"]
