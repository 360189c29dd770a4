"""The receivers of notifications that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.app.notifications import access_of, notified, policy_of
from reconciler.model.status import SyncStatus
from tests.unit.app.configuration import CANARY, settings
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.settings import Settings

HOOK: dict[str, Any] = {"name": "hook", "kind": "webhook", "url": "https://h/x", "secret_file": "secrets/webhook"}
PAGER: dict[str, Any] = {"name": "pager", "kind": "alertmanager", "url": "https://a"}


def _settings(folder: Path, *receivers: dict[str, Any]) -> Settings:
    server = {"public_url": "https://r"}
    return settings(folder, server=server, notifications=list(receivers))


def test_who_is_told_of_what(tmp_path: Path) -> None:
    """Each receiver with its place in the configuration, its fabrics, and its secrets, which do not show."""
    found = _settings(tmp_path, HOOK, {**PAGER, "fabrics": ["dc1"]})
    fabrics = {fabric.name: fabric for fabric in found.fabric_values()}

    hook, pager = notified(found, fabrics, SetClock()).subscriptions

    assert (hook.name, hook.place, hook.receiver.kind, hook.fabrics) == ("hook", "notifications[0]", "webhook", None)
    assert (pager.name, pager.place, pager.fabrics) == ("pager", "notifications[1]", frozenset({"dc1"}))
    assert [hook.wants("dc2"), pager.wants("dc1"), pager.wants("dc2")] == [True, True, False]
    assert hook.receiver.token() == f"https://h/x\0{CANARY}-webhook".encode()
    assert CANARY not in repr(hook.receiver.access)
    assert hook.receiver.access == access_of(found.notifications[0], "https://r")


def test_policies(tmp_path: Path) -> None:
    """What is told, and when; an alert is always told to be over, and sent again."""
    changed = {**HOOK, "tell": ["error", "disabled"], "after": {"disabled": 5}, "repeat": 7}
    hook, pager = map(policy_of, _settings(tmp_path, changed, {**PAGER, "tell": ["out_of_sync"]}).notifications)

    assert hook.troubles == frozenset({SyncStatus.ERROR, SyncStatus.DISABLED})
    assert dict(hook.after) == {SyncStatus.ERROR: 30, SyncStatus.OUT_OF_SYNC: 300, SyncStatus.DISABLED: 5}
    assert (hook.tells_recovery, hook.recovery_after, hook.repeat) == (False, 30, 7)
    assert pager.troubles == frozenset({SyncStatus.OUT_OF_SYNC})
    assert (pager.tells_recovery, pager.repeat) == (True, 60)
