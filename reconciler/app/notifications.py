"""The receivers of notifications, built from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.notifications import NoticePolicy
from reconciler.model.status import SyncStatus
from reconciler.status.notifications import HttpReceiver, Notified, ReceiverAccess, Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.fabric import Fabric
    from reconciler.ports import Clock
    from reconciler.settings import NotificationSettings, Settings

RECOVERY = "recovery"


def notified(settings: Settings, fabrics: Mapping[str, Fabric], clock: Clock) -> Notified:
    """Whom to tell of which fabrics."""
    public_url = settings.server.public_url
    subscriptions = [
        Subscription(
            one.name,
            f"notifications[{number}]",
            policy_of(one),
            HttpReceiver(access_of(one, public_url), clock),
            None if one.fabrics is None else frozenset(one.fabrics),
        )
        for number, one in enumerate(settings.notifications)
    ]
    return Notified(subscriptions, fabrics)


def policy_of(settings: NotificationSettings) -> NoticePolicy:
    after = settings.after
    return NoticePolicy(
        troubles=frozenset(SyncStatus(status) for status in settings.tell if status != RECOVERY),
        after={
            SyncStatus.ERROR: after.error,
            SyncStatus.OUT_OF_SYNC: after.out_of_sync,
            SyncStatus.DISABLED: after.disabled,
        },
        # An alert that is over must be told so: it would last until it expires.
        tells_recovery=RECOVERY in settings.tell or settings.kind == "alertmanager",
        recovery_after=after.recovery,
        repeat=settings.repeat_after,
    )


def access_of(settings: NotificationSettings, public_url: str | None) -> ReceiverAccess:
    return ReceiverAccess(
        settings.name,
        settings.kind,
        settings.address,
        settings.secret,
        settings.token,
        settings.ca_file,
        public_url,
        settings.repeat_after,
    )
