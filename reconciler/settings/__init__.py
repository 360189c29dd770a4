"""The configuration file: read, checked whole, and turned into values. Secrets stay where they are until they are used.

`load` is the only way in; what it returns has passed every check, and what it refuses it refuses with every finding.
"""

from __future__ import annotations

from reconciler.settings.fabrics import ClusterSettings, FabricSettings, NetBoxSettings, StructureSettings
from reconciler.settings.files import NamedFile, kubeconfig_files, named_files
from reconciler.settings.loading import load
from reconciler.settings.notifications import NotificationSettings
from reconciler.settings.repositories import (
    AuthSettings,
    CommitSettings,
    ForgeSettings,
    RepositorySettings,
    WebhookSettings,
)
from reconciler.settings.restart import check_reload
from reconciler.settings.root import HistorySettings, PollSettings, ServerSettings, Settings
from reconciler.settings.secret import SecretSource
from reconciler.settings.tracing import TracingSettings
from reconciler.settings.warnings import Warned, warnings_of

__all__ = [
    "AuthSettings",
    "ClusterSettings",
    "CommitSettings",
    "FabricSettings",
    "ForgeSettings",
    "HistorySettings",
    "NamedFile",
    "NetBoxSettings",
    "NotificationSettings",
    "PollSettings",
    "RepositorySettings",
    "SecretSource",
    "ServerSettings",
    "Settings",
    "StructureSettings",
    "TracingSettings",
    "Warned",
    "WebhookSettings",
    "check_reload",
    "kubeconfig_files",
    "load",
    "named_files",
    "warnings_of",
]
