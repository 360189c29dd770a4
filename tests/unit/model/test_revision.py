"""Revisions and their text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.revision import Revision

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMMITS = st.text("0123456789abcdef", min_size=40, max_size=40)


@given(st.text(min_size=1, max_size=50), COMMITS)
def test_text_and_back(branch: str, commit: str) -> None:
    """A revision is found again in its text, whatever the branch is called."""
    revision = Revision(branch, commit)

    assert str(revision) == f"{branch}@sha1:{commit}"
    assert Revision.parse(str(revision)) == revision


@pytest.mark.parametrize(
    "commit",
    [
        pytest.param("", id="empty"),
        pytest.param(COMMIT[:39], id="short"),
        pytest.param(COMMIT + "0", id="long"),
        pytest.param(COMMIT.upper(), id="upper case"),
        pytest.param(COMMIT[:39] + "g", id="not hex"),
        pytest.param(COMMIT + "\n", id="line end"),
    ],
)
def test_only_full_commit_ids(commit: str) -> None:
    """Anything but a full commit id is refused, with the text in the error."""
    with pytest.raises(ValueError, match="not a full commit id"):
        Revision("main", commit)
    with pytest.raises(ValueError, match="not a full commit id"):
        Revision.parse(f"main@sha1:{commit}")


@pytest.mark.parametrize("text", ["", "main", COMMIT, f"main@{COMMIT}", f"main@sha256:{COMMIT}"])
def test_not_a_revision(text: str) -> None:
    """A text of another form is no revision."""
    with pytest.raises(ValueError, match="not a revision"):
        Revision.parse(text)
