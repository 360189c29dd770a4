"""What is said of the folder with the mirrors before a service has to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.app.mirror_verification import verify_mirrors
from reconciler.app.subjects import mirror_folder, mirrors_beside, remote_of
from reconciler.app.verification import verify_configured
from reconciler.model.verification import Verdict
from tests.unit.app.configuration import LOCAL, local_repository, settings

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.settings import Settings


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    return settings(tmp_path, LOCAL, repositories=[local_repository(tmp_path / "gitops.git")])


def _own_mirror(configured: Settings) -> Path:
    return mirror_folder(mirrors_beside(configured.state_path), remote_of(configured.repositories[0]))


def _deny(monkeypatch: pytest.MonkeyPatch, denied: Path) -> None:
    """Root may do everything: no mode keeps the tests from a folder."""
    monkeypatch.setattr("os.access", lambda place, _mode: place != denied)


def test_folders_that_are_not_there_yet(configured: Settings) -> None:
    """The service makes them; looking makes nothing."""
    (said,) = verify_mirrors(configured)

    assert (said.state, "is not there yet" in said.message) == (Verdict.OK, True)
    assert not configured.state_path.parent.exists()


def test_folders_that_can_be_used(configured: Settings) -> None:
    _own_mirror(configured).mkdir(parents=True)

    (said,) = verify_mirrors(configured)

    assert (said.state, said.message) == (Verdict.OK, str(mirrors_beside(configured.state_path)))


@pytest.mark.parametrize("what", ["file", "dangling link", "file in the place of the state's folder"])
def test_what_is_no_folder(configured: Settings, what: str) -> None:
    """`verify` names what is in the way, as part of what a configuration needs."""
    folder = mirrors_beside(configured.state_path)
    place = folder.parent if "state" in what else folder
    place.parent.mkdir(parents=True, exist_ok=True)
    if what == "dangling link":
        place.symlink_to(place.parent / "nowhere")
    else:
        place.write_text("a letter to mother")

    (said,) = (one for one in verify_configured(configured) if one.subject == "mirrors")

    assert (said.state, said.message.startswith(f"{place} is no folder")) == (Verdict.FAILING, True)


def test_a_folder_of_another_user(configured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mirrors_beside(configured.state_path)
    folder.mkdir(parents=True)
    _deny(monkeypatch, folder)

    (said,) = verify_mirrors(configured)

    assert (said.state, said.message.startswith(f"{folder} cannot be written")) == (Verdict.FAILING, True)


def test_a_folder_in_which_none_can_be_made(configured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    configured.state_path.parent.mkdir()
    _deny(monkeypatch, configured.state_path.parent)

    (said,) = verify_mirrors(configured)

    assert (said.state, str(configured.state_path.parent) in said.message) == (Verdict.FAILING, True)


def test_a_mirror_of_another_user(configured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a command leaves it that was run as root: the service could neither use nor remove it."""
    mirror = _own_mirror(configured)
    mirror.mkdir(parents=True)
    _deny(monkeypatch, mirror)

    (said,) = verify_mirrors(configured)

    assert (said.state, said.message.startswith(f"the mirror {mirror}")) == (Verdict.FAILING, True)


def test_a_file_in_the_place_of_a_mirror(configured: Settings) -> None:
    """The service makes a mirror of it."""
    mirror = _own_mirror(configured)
    mirror.parent.mkdir(parents=True)
    mirror.write_text("a letter to mother")

    assert [one.state for one in verify_mirrors(configured)] == [Verdict.OK]


def test_nothing_to_mirror(tmp_path: Path) -> None:
    assert list(verify_mirrors(settings(tmp_path, repositories=[], fabrics=[]))) == []
