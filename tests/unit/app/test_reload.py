"""Reload: when a configuration takes effect, what that causes, and what is said of one that cannot be used."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from structlog.testing import capture_logs

from reconciler.app.live import Live
from reconciler.app.reload import COMPONENT, Reload
from reconciler.app.subjects import Stock
from reconciler.errors import StateError
from reconciler.status.health import Components, ComponentState
from reconciler.targets.local.memory import MemoryDocuments
from tests.unit.app.configuration import LOCAL, secret, settings
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Effects:
    """What was caused, in order. Every effect but the last fails as long as `is_broken`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.is_broken = False

    async def end(self, fabrics: Sequence[str]) -> None:
        self._note("end", fabrics)

    async def watch(self) -> None:
        self.seen.append(("watch", ()))

    async def begin(self, fabrics: Sequence[str]) -> None:
        self._note("begin", fabrics)

    async def renew(self, fabrics: Sequence[str]) -> None:
        self._note("renew", fabrics)

    def reschedule(self) -> None:
        self.seen.append(("reschedule", ()))

    def _note(self, what: str, fabrics: Sequence[str]) -> None:
        if self.is_broken:
            raise StateError("disk full")
        self.seen.append((what, tuple(fabrics)))

    def taken(self) -> list[tuple[str, tuple[str, ...]]]:
        """What was caused since the last time, but for looking at what is watched, which each look does."""
        seen = [one for one in self.seen if one[0] != "watch"]
        self.seen.clear()
        return seen


class Service:
    """A configuration file, and what a service makes of it."""

    def __init__(self, folder: Path, *fabrics: dict[str, Any]) -> None:
        self.folder = folder
        self.live = Live(settings(folder, *fabrics), Stock(MemoryDocuments(), folder / "mirrors"), lambda _fabric: None)
        self.effects = Effects()
        self.components = Components(SetClock())
        self.components.report(COMPONENT, ComponentState.RUNNING)
        self.reload = Reload(self.live, self.effects, self.components)

    @property
    def file(self) -> Path:
        return self.folder / "reconciler.yaml"

    def change(self, *keys: str | int, value: Any) -> None:
        """Write the file with another value at one place."""
        document = yaml.safe_load(self.file.read_text())
        parent = document
        for key in keys[:-1]:
            parent = parent[key]
        parent[keys[-1]] = value
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))

    def write(self, *fabrics: dict[str, Any]) -> None:
        """Write the file with other fabrics."""
        settings(self.folder, *fabrics)

    def trouble(self) -> str:
        """Why the file is not the configuration; empty while it is."""
        return self.components.in_trouble().get(COMPONENT, "")


async def test_the_first_look(tmp_path: Path) -> None:
    """A file that is as it was when the service began causes nothing; what changed before the first look is seen."""
    service = Service(tmp_path, LOCAL)
    await service.reload.look()
    assert service.effects.taken() == [("reschedule", ())]

    late = Service(tmp_path, LOCAL)
    late.write(LOCAL, LOCAL)
    await late.reload.look()

    assert late.effects.taken() == [("reschedule", ()), ("begin", ("dc2",))]


async def test_nothing_changed(tmp_path: Path) -> None:
    """Files that hold what they held are not read anew."""
    service = Service(tmp_path, LOCAL)
    await service.reload.look()
    version = service.live.version
    service.effects.taken()

    await service.reload.look()
    service.file.touch()
    await service.reload.look()

    assert service.live.version is version
    assert service.effects.taken() == []


async def test_what_a_change_causes(tmp_path: Path) -> None:
    """What waits for fabrics that are gone ends, clusters are watched before passes begin, and the poll looks anew."""
    service = Service(tmp_path, LOCAL, LOCAL)
    await service.reload.look()
    service.effects.seen.clear()
    service.change("fabrics", 0, "name", value="renamed")
    with capture_logs() as log:
        await service.reload.look()

    assert service.effects.seen == [
        ("reschedule", ()),
        ("end", ("dc1",)),
        ("watch", ()),
        ("begin", ("renamed",)),
    ]
    assert set(service.live.subjects()) == {"renamed", "dc2"}
    (entry,) = log
    assert (entry["event"], entry["begun"], entry["ended"]) == ("configuration changed", ["renamed"], ["dc1"])
    assert entry["renewed"] == []


async def test_every_named_file_is_looked_at(tmp_path: Path) -> None:
    """A secret that was rotated is found although the configuration itself did not change."""
    service = Service(tmp_path, LOCAL)
    await service.reload.look()
    assert set(service.reload.files()) == {
        service.file,
        *(tmp_path / "secrets" / name for name in ("api-token", "git-token", "webhook")),
    }

    secret(tmp_path, "webhook", "rotated")
    await service.reload.look()

    assert service.live.configured().receivers[0].secret == b"rotated"
    assert service.trouble() == ""


@pytest.mark.parametrize("is_refused", [False, True], ids=["taken", "refused"])
async def test_a_secret_that_others_may_read(tmp_path: Path, *, is_refused: bool) -> None:
    """The warning comes and goes with the permission, without another effect, whatever becomes of the file on disk."""
    service = Service(tmp_path, LOCAL)
    if is_refused:
        service.change("fabrics", 0, "pathh", value="x")
    await service.reload.look()
    service.effects.taken()
    key = "repositories[0].webhook.secret_file"

    for mode, keys in ((0o644, [key]), (0o600, [])):
        (tmp_path / "secrets" / "webhook").chmod(mode)
        with capture_logs() as log:
            await service.reload.look()
            await service.reload.look()

        assert [warned for warned, _ in service.live.described().warnings] == keys
        assert [(entry["event"], entry["keys"]) for entry in log] == [("warnings changed", keys)]
    assert service.effects.taken() == []
    assert bool(service.trouble()) is is_refused


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        pytest.param(("fabrics", 0, "pathh"), "x", "fabrics[0].pathh: unknown key", id="a typo"),
        pytest.param(("server", "port"), 1, "server.port: needs a restart", id="what needs a restart"),
        pytest.param(("fabrics", 0, "repository"), "other", "no repository has the name other", id="a wrong name"),
    ],
)
async def test_a_version_that_cannot_be_used(
    tmp_path: Path, keys: tuple[str | int, ...], value: Any, reason: str
) -> None:
    """It is refused with its reason, once in the log and in the health while it is there; the old one stays."""
    service = Service(tmp_path, LOCAL)
    await service.reload.look()
    good, version = service.file.read_text(), service.live.version
    service.effects.taken()

    service.change(*keys, value=value)
    with capture_logs() as log:
        await service.reload.look()
        await service.reload.look()

    assert service.live.version is version
    assert service.effects.taken() == []
    assert service.trouble().startswith(f"the changed configuration is not in effect: {service.file} cannot be used:")
    assert reason in service.trouble()
    assert [entry["event"] for entry in log] == ["configuration refused"]
    assert service.components.not_running() == {}

    service.file.write_text(good)
    with capture_logs() as log:
        await service.reload.look()

    assert service.trouble() == ""
    assert [entry["event"] for entry in log] == ["configuration can be used again"]


async def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """A configuration that is not there, or half written, is one that cannot be used."""
    service = Service(tmp_path, LOCAL)
    text = service.file.read_text()
    service.file.unlink()
    await service.reload.look()
    assert "No such file" in service.trouble()

    service.file.write_text(text[: len(text) // 2])
    await service.reload.look()
    assert service.trouble()
    assert "No such file" not in service.trouble()

    service.file.write_text(text)
    await service.reload.look()
    assert service.trouble() == ""


async def test_secrets_that_are_gone(tmp_path: Path) -> None:
    """Without its webhook secret the configuration cannot be used: deliveries are held to the old one."""
    service = Service(tmp_path, LOCAL)
    await service.reload.look()
    before = service.live.configured().receivers

    (tmp_path / "secrets" / "webhook").unlink()
    await service.reload.look()

    assert "repositories[0].webhook.secret_file: no such file" in service.trouble()
    assert service.live.configured().receivers == before


async def test_a_file_that_only_the_refused_version_names(tmp_path: Path) -> None:
    """A version that waits for a file is taken in once that is there, though nobody could know of the file before."""
    service = Service(tmp_path, LOCAL)
    await service.reload.look()
    elsewhere = tmp_path / "elsewhere"
    service.change("repositories", 0, "webhook", "secret_file", value=str(elsewhere / "webhook"))
    await service.reload.look()
    assert service.trouble()

    shutil.copytree(tmp_path / "secrets", elsewhere)
    await service.reload.look()

    assert service.trouble() == ""
    assert elsewhere / "webhook" in service.reload.files()


async def test_effects_that_fail_are_owed(tmp_path: Path) -> None:
    """What could not be caused is caused at the next look, although the files do not change again."""
    service = Service(tmp_path, LOCAL, LOCAL)
    await service.reload.look()
    service.change("fabrics", 0, "name", value="renamed")
    service.effects.taken()
    service.effects.is_broken = True

    with pytest.raises(StateError):
        await service.reload.look()
    with pytest.raises(StateError):
        await service.reload.look()
    assert service.effects.taken() == [("reschedule", ())]

    service.effects.is_broken = False
    await service.reload.look()
    await service.reload.look()

    assert service.effects.taken() == [("end", ("dc1",)), ("begin", ("renamed",))]


async def test_the_last_word_counts(tmp_path: Path) -> None:
    """A fabric that left and came back before either had an effect begins; one that came and left ends."""
    service = Service(tmp_path, LOCAL, LOCAL)
    await service.reload.look()
    service.effects.taken()
    service.effects.is_broken = True
    both = service.file.read_text()

    service.write(LOCAL)
    with pytest.raises(StateError):
        await service.reload.look()
    service.file.write_text(both)
    with pytest.raises(StateError):
        await service.reload.look()
    service.effects.is_broken = False
    await service.reload.look()
    assert service.effects.taken() == [("reschedule", ()), ("reschedule", ()), ("begin", ("dc2",))]

    service.effects.is_broken = True
    service.write(LOCAL, LOCAL, LOCAL)
    with pytest.raises(StateError):
        await service.reload.look()
    service.write(LOCAL)
    with pytest.raises(StateError):
        await service.reload.look()
    service.effects.is_broken = False
    await service.reload.look()
    assert service.effects.taken() == [("reschedule", ()), ("reschedule", ()), ("end", ("dc2", "dc3"))]


async def test_rotated_credentials(tmp_path: Path) -> None:
    """They are told of once, after other effects; a fabric that begins anew, or ends, is not told of as well."""
    service = Service(tmp_path, LOCAL, LOCAL, LOCAL)
    await service.reload.look()
    service.effects.taken()

    secret(tmp_path, "git-token", "rotated")
    await service.reload.look()
    await service.reload.look()
    assert service.effects.taken() == [("reschedule", ()), ("renew", ("dc1", "dc2", "dc3"))]

    service.effects.is_broken = True
    secret(tmp_path, "git-token", "rotated again")
    with pytest.raises(StateError):
        await service.reload.look()
    service.change("fabrics", 0, "path", value="elsewhere")
    service.change("fabrics", 1, "enabled", value=False)
    with pytest.raises(StateError):
        await service.reload.look()
    service.effects.is_broken = False
    service.effects.taken()
    await service.reload.look()

    assert service.effects.taken() == [("end", ("dc2",)), ("begin", ("dc1",)), ("renew", ("dc3",))]
