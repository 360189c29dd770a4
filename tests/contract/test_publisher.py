"""The promises of `ports.Publisher`, kept by the fake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.desired.memory_publishing import MemoryPublisher
from reconciler.errors import GitUnavailableError, PushRefusedError
from tests.contract.publisher_suite import PublisherContract, always

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.desired.memory_publishing import MemoryCommit


class MemoryBranch:
    def __init__(self, publisher: MemoryPublisher) -> None:
        self._publisher = publisher

    def push(self, files: Mapping[str, str | None]) -> str:
        contents = {path: None if text is None else text.encode() for path, text in files.items()}
        return self._publisher.push(contents).commit

    def history(self) -> list[str]:
        return [commit.revision.commit for commit in self._publisher.history]

    def parents(self, commit: str) -> list[str]:
        history = self.history()
        return history[: history.index(commit)][-1:]

    def files(self, commit: str) -> dict[str, str]:
        return {path: content.decode() for path, content in self._find(commit).files.items()}

    def message(self, commit: str) -> str:
        return self._find(commit).message

    def refuse(self) -> None:
        self._publisher.refuse(PushRefusedError("our push is refused: not on a Friday"))

    def _find(self, commit: str) -> MemoryCommit:
        return next(found for found in self._publisher.history if found.revision.commit == commit)


class TestMemoryPublisher(PublisherContract):
    @pytest.fixture
    def publisher(self) -> MemoryPublisher:
        return MemoryPublisher()

    @pytest.fixture
    def branch(self, publisher: MemoryPublisher) -> MemoryBranch:
        return MemoryBranch(publisher)

    def test_can_be_made_to_fail(self, publisher: MemoryPublisher, branch: MemoryBranch) -> None:
        """An outage, and one who is quicker, can be played."""
        branch.push({"a": "1"})
        publisher.before_push(lambda: branch.push({"b": "1"}))
        publisher.fail(GitUnavailableError("gone"))
        with pytest.raises(GitUnavailableError):
            publisher.publish(always({"c": "1"}))
        publisher.fail(None)

        published = publisher.publish(always({"c": "1"}))

        assert published is not None
        assert published.tries == 2
