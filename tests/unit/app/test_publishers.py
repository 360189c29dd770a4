"""Who commits, as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.publishers import identity_of, signing_of
from reconciler.model.publishing import Identity
from reconciler.settings import CommitSettings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_nobody_in_particular() -> None:
    """Without settings it is the reconciler, and nothing is signed."""
    commit = CommitSettings()

    assert identity_of(commit) == Identity("hedgehog-reconciler", "reconciler@localhost")
    assert signing_of(commit) is None


def test_a_key_in_a_file(tmp_path: Path) -> None:
    """It is named by its file, and read as it is now."""
    file = tmp_path / "key"
    file.write_text("one\n")
    commit = CommitSettings.model_construct(
        author="Robo", email="robo@example.com", signing_key_file=file, signing_key_env=None, signing_format="openpgp"
    )

    key = signing_of(commit)

    assert identity_of(commit) == Identity("Robo", "robo@example.com")
    assert key is not None
    assert (key.format, key.place, key.read()) == ("openpgp", str(file), b"one")
    file.write_text("two\n")
    assert key.read() == b"two"


def test_a_key_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named by its variable."""
    monkeypatch.setenv("SIGNING_KEY", "one")
    commit = CommitSettings.model_construct(signing_key_file=None, signing_key_env="SIGNING_KEY", signing_format="ssh")

    key = signing_of(commit)

    assert key is not None
    assert (key.format, key.place, key.read()) == ("ssh", "SIGNING_KEY", b"one")
