"""The APIs of forges, as far as they take commit statuses: what to send, what their answers mean, and how to ask."""

from __future__ import annotations

from reconciler.status.forges.client import ForgeAccess, ForgeClient, ForgeProbe

__all__ = ["ForgeAccess", "ForgeClient", "ForgeProbe"]
