"""What a wheel says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.app.installation import built_commit, verify_build
from reconciler.model.verification import Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("build", "state", "message"),
    [
        (None, Verdict.NOT_APPLICABLE, "only a built wheel tells"),
        ('{"version": "1.2", "commit": "0123+changes"}', Verdict.OK, "version 1.2, built from 0123+changes"),
        (
            '{"version": "1.2", "commit": null}',
            Verdict.OK,
            "version 1.2, built from a tree of which no commit is known",
        ),
        ("[]", Verdict.FAILING, "reconciler/_build.json cannot be used"),
    ],
)
def test_what_was_built(tmp_path: Path, build: str | None, state: Verdict, message: str) -> None:
    """The commit, as far as the wheel tells it."""
    (tmp_path / "reconciler").mkdir()
    if build is not None:
        (tmp_path / "reconciler" / "_build.json").write_text(build)

    found = verify_build(tmp_path)

    assert (found.state, found.message.startswith(message)) == (state, True)


@pytest.mark.parametrize(
    ("build", "commit"),
    [
        ('{"commit": "0123+changes"}', "0123+changes"),
        ('{"commit": null}', None),
        ('{"commit": ["0123"]}', None),
        ("{}", None),
        ("[]", None),
        ("not json", None),
        (None, None),
    ],
)
def test_the_commit_of_the_build(tmp_path: Path, build: str | None, commit: str | None) -> None:
    """What cannot be read tells none, and stops nobody."""
    (tmp_path / "reconciler").mkdir()
    if build is not None:
        (tmp_path / "reconciler" / "_build.json").write_text(build)

    assert built_commit(tmp_path) == commit
