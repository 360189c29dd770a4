"""Tells people and their systems when a fabric gets into trouble, and out of it."""

from __future__ import annotations

from reconciler.status.notifications.notifier import Notifications, Notified, Subscription
from reconciler.status.notifications.receiver import HttpReceiver, ReceiverAccess, look_at_receiver

__all__ = ["HttpReceiver", "Notifications", "Notified", "ReceiverAccess", "Subscription", "look_at_receiver"]
