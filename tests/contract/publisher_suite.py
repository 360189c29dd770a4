"""What every publisher does, whatever its branch lies on: the promises of `ports.Publisher`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from reconciler.errors import BranchNotFoundError, PathRefusedError, PushRacesError, PushRefusedError
from reconciler.model.changes import FileChange
from reconciler.model.publishing import Proposal
from reconciler.plan.commits import commit_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.revision import Revision
    from reconciler.ports import Publisher

MESSAGE = commit_message("Take in raw files", ["managed/vpcs/a.yaml"], ["r1"])


class Branch(Protocol):
    """The branch as others see it, and what they do to it."""

    def push(self, files: Mapping[str, str | None]) -> str:
        """Commit and push on top, None removes; the commit. The first push makes the branch."""

    def history(self) -> list[str]:
        """The commits, the oldest first."""

    def parents(self, commit: str) -> list[str]: ...

    def files(self, commit: str) -> dict[str, str]:
        """The files of a commit with their contents."""

    def message(self, commit: str) -> str: ...

    def refuse(self) -> None:
        """Let a hook refuse every push from now on, with the words `not on a Friday`."""


def proposal(files: Mapping[str, str | None], message: str = MESSAGE) -> Proposal:
    changes = (FileChange(path, None if text is None else text.encode()) for path, text in files.items())
    return Proposal(tuple(changes), message)


def always(files: Mapping[str, str | None]) -> Callable[[Revision], Proposal]:
    return lambda _: proposal(files)


class PublisherContract:
    """Subclasses give `publisher`, which has waited for nothing, and `branch`, which is absent at first."""

    @pytest.fixture
    def publisher(self) -> Publisher:
        raise NotImplementedError

    @pytest.fixture
    def branch(self) -> Branch:
        raise NotImplementedError

    def test_the_first_commit(self, publisher: Publisher, branch: Branch) -> None:
        """Where there is no branch, what is found for that is its first commit."""
        published = publisher.publish(always({"never": "x"}), lambda: proposal({"fabric/README.md": "ours"}))

        assert published is not None
        assert branch.history() == [published.revision.commit] == [published.tip.commit]
        assert branch.parents(published.revision.commit) == []
        assert branch.files(published.revision.commit) == {"fabric/README.md": "ours"}

    def test_a_branch_that_others_found(self, publisher: Publisher, branch: Branch) -> None:
        """Who is first has founded it: ours comes on top, as it is proposed for that."""

        def found() -> Proposal:
            if not branch.history():
                branch.push({"theirs": "x"})
            return proposal({"fabric/README.md": "ours"})

        published = publisher.publish(always({"fabric/README.md": "on top"}), found)

        assert published is not None
        assert branch.history()[1:] == [published.revision.commit]
        assert branch.files(published.revision.commit) == {"theirs": "x", "fabric/README.md": "on top"}

    def test_nothing_to_found(self, publisher: Publisher, branch: Branch) -> None:
        """Then there is no branch afterwards either."""
        assert publisher.publish(always({"a": "x"}), lambda: None) is None
        assert branch.history() == []

    def test_one_commit_on_top(self, publisher: Publisher, branch: Branch) -> None:
        """What is proposed for the tip becomes one commit, whose only parent is the tip; all else stays as it is."""
        tip = branch.push({"fabric/raw/a.yaml": "a", "fabric/raw/b.yaml": "b", "other/x": "x"})
        asked: list[Revision] = []

        def propose(revision: Revision) -> Proposal:
            asked.append(revision)
            return proposal({"fabric/managed/vpcs/a.yaml": "A", "fabric/raw/a.yaml": None, "fabric/raw/b.yaml": "B"})

        published = publisher.publish(propose)

        assert published is not None
        assert [revision.commit for revision in asked] == [tip]
        commit = published.revision.commit
        assert (published.tip, published.tries, published.revision.branch) == (published.revision, 1, "main")
        assert branch.history() == [tip, commit]
        assert branch.parents(commit) == [tip]
        assert branch.message(commit) == MESSAGE
        assert branch.files(commit) == {"fabric/managed/vpcs/a.yaml": "A", "fabric/raw/b.yaml": "B", "other/x": "x"}

    def test_nothing_to_do(self, publisher: Publisher, branch: Branch) -> None:
        """No proposal, none that changes anything, and an empty one, make no commit."""
        tip = branch.push({"a": "1"})

        assert publisher.publish(lambda _: None) is None
        assert publisher.publish(always({"a": "1"})) is None
        assert publisher.publish(always({})) is None
        assert branch.history() == [tip]

    def test_a_second_time_there_is_nothing_to_do(self, publisher: Publisher, branch: Branch) -> None:
        """What was published is in the tip of the next time."""
        branch.push({"a": "1"})

        assert publisher.publish(always({"b": "2"})) is not None
        assert publisher.publish(always({"b": "2"})) is None
        assert len(branch.history()) == 2

    def test_no_branch_is_made(self, publisher: Publisher, branch: Branch) -> None:
        """Where the branch is absent, nothing is proposed, and it stays absent."""
        with pytest.raises(BranchNotFoundError):
            publisher.publish(always({"a": "1"}))

        assert branch.history() == []

    def test_a_lost_race(self, publisher: Publisher, branch: Branch) -> None:
        """Who pushes between our fetch and our push keeps what he pushed; the proposal is made anew, on top of it."""
        branch.push({"a": "1"})
        seen: list[str] = []

        def propose(revision: Revision) -> Proposal:
            seen.append(revision.commit)
            if len(seen) < 3:
                branch.push({f"theirs-{len(seen)}": "x"})
            return proposal({"ours": f"{len(seen)}"})

        published = publisher.publish(propose)

        assert published is not None
        assert published.tries == 3
        assert published.proposal == proposal({"ours": "3"})
        assert branch.history() == [*seen, published.revision.commit]
        assert branch.files(published.revision.commit) == {"a": "1", "theirs-1": "x", "theirs-2": "x", "ours": "3"}

    @pytest.mark.parametrize("again", [proposal({"b": "1"}), None])
    def test_others_did_it(self, publisher: Publisher, branch: Branch, again: Proposal | None) -> None:
        """When the new tip holds what we wanted, or the proposal for it is none, no commit is made."""
        branch.push({"a": "1"})
        answers = [proposal({"b": "1"}), again]

        def propose(_: Revision) -> Proposal | None:
            if len(answers) == 2:
                branch.push({"b": "1"})
            return answers.pop(0)

        assert publisher.publish(propose) is None
        assert len(branch.history()) == 2

    def test_too_many_races(self, publisher: Publisher, branch: Branch) -> None:
        """Where somebody is always quicker, it ends; all of his commits are there, and none of ours."""
        branch.push({"a": "0"})
        count = 0

        def propose(_: Revision) -> Proposal:
            nonlocal count
            count += 1
            branch.push({"a": f"{count}"})
            return proposal({"b": "1"})

        with pytest.raises(PushRacesError, match="others were first at each of 10 tries"):
            publisher.publish(propose)

        assert count == 10
        assert len(branch.history()) == count + 1
        assert branch.files(branch.history()[-1]) == {"a": f"{count}"}

    def test_a_refusal(self, publisher: Publisher, branch: Branch) -> None:
        """A hook that refuses is quoted; nothing moves, and nothing is tried again."""
        tip = branch.push({"a": "1"})
        branch.refuse()
        asked: list[Revision] = []

        def propose(revision: Revision) -> Proposal:
            asked.append(revision)
            return proposal({"a": "2"})

        with pytest.raises(PushRefusedError, match="not on a Friday"):
            publisher.publish(propose)

        assert len(asked) == 1
        assert branch.history() == [tip]

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({"a/b": "1"}, "a is a file and not a folder"),
            ({"a/b/c/d": "1"}, "a is a file and not a folder"),
            ({"folder": "1"}, "folder is a folder and not a file"),
            ({"folder": None}, "folder is a folder and not a file"),
            ({"nowhere/x": None}, "nowhere/x is to be removed and is not there"),
            ({"folder/x": None}, "folder/x is to be removed and is not there"),
        ],
    )
    def test_what_is_in_the_way(
        self, publisher: Publisher, branch: Branch, files: Mapping[str, str | None], words: str
    ) -> None:
        """Where the tip has something else in the place of a file or of a folder on the way to it, that is said."""
        tip = branch.push({"a": "1", "folder/b": "2"})

        with pytest.raises(PathRefusedError, match=words):
            publisher.publish(always({"fine": "1", **files}))

        assert branch.history() == [tip]

    @pytest.mark.parametrize("path", ["../a", "/a", "a//b", ".git/config", "x/.GIT/hooks", "", "a/./b", "a\0b"])
    def test_no_path_leads_out(self, publisher: Publisher, branch: Branch, path: str) -> None:
        """A path that no commit may hold is a defect of the one who proposes it, and nothing happens."""
        tip = branch.push({"a": "1"})

        with pytest.raises(ValueError, match=r"path|folder"):
            publisher.publish(always({"fine": "1", path: "2"}))

        assert branch.history() == [tip]

    @pytest.mark.parametrize("message", ["", " \n", "a\0b"])
    def test_no_message(self, publisher: Publisher, branch: Branch, message: str) -> None:
        """A commit has a message."""
        tip = branch.push({"a": "1"})

        with pytest.raises(ValueError, match="message"):
            publisher.publish(lambda _: proposal({"a": "2"}, message))

        assert branch.history() == [tip]

    def test_odd_names(self, publisher: Publisher, branch: Branch) -> None:
        """Names with line ends, quotes, blanks and letters of any script are names."""
        branch.push({"a": "1"})
        files = {'x\ny/"q"\t': "1", "größe/日本.yaml": "2", "-f": "3", ":(glob)*": "4", " ": "5"}

        published = publisher.publish(always(files))

        assert published is not None
        assert branch.files(published.revision.commit) == {"a": "1", **files}

    def test_a_folder_goes_with_its_last_file(self, publisher: Publisher, branch: Branch) -> None:
        """And so does the whole tree, with the last file of all."""
        branch.push({"f/raw/a": "1", "b": "2"})

        for files, left in (({"f/raw/a": None}, {"b": "2"}), ({"b": None}, {})):
            published = publisher.publish(always(files))
            assert published is not None
            assert branch.files(published.revision.commit) == left

    def test_what_a_proposal_raises(self, publisher: Publisher, branch: Branch) -> None:
        """It comes out as it is, and nothing happened."""
        tip = branch.push({"a": "1"})

        def propose(_: Revision) -> Proposal:
            raise LookupError("no")

        with pytest.raises(LookupError):
            publisher.publish(propose)

        assert branch.history() == [tip]
