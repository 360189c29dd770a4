"""How states are shown: a word for people, a tone and an icon. No state is told by colour alone."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """`tone` is a class of the style: ok, busy, warn, bad or idle. `icon` is one of `_macros.html`."""

    label: str
    tone: str
    icon: str


_MARKS = {
    # sync_status, and states of objects
    "in_sync": Mark("In sync", "ok", "check"),
    "out_of_sync": Mark("Out of sync", "warn", "differs"),
    "error": Mark("Error", "bad", "cross"),
    "never_synced": Mark("Never synced", "idle", "dots"),
    "disabled": Mark("Disabled", "idle", "pause"),
    "not_configured": Mark("Not configured", "idle", "dash"),
    "changed": Mark("Changed", "warn", "differs"),
    "desired_only": Mark("Missing in cluster", "warn", "plus"),
    "cluster_only": Mark("Only in cluster", "idle", "dash"),
    "prune_pending": Mark("Prune pending", "warn", "minus"),
    "missing": Mark("Named by a link, not declared", "warn", "question"),
    "failed": Mark("Failed", "bad", "cross"),
    "waiting": Mark("Waiting", "warn", "clock"),
    "unknown": Mark("Unknown", "idle", "question"),
    # outcomes
    "succeeded": Mark("Succeeded", "ok", "check"),
    "no_change": Mark("No change", "ok", "check"),
    "partial": Mark("Partial", "warn", "warning"),
    "blocked": Mark("Blocked", "warn", "lock"),
    # connections, components and health
    "ok": Mark("OK", "ok", "check"),
    "failing": Mark("Failing", "bad", "cross"),
    "running": Mark("Running", "ok", "check"),
    "starting": Mark("Starting", "busy", "clock"),
    "restarting": Mark("Restarting", "warn", "warning"),
    "stopped": Mark("Stopped", "idle", "pause"),
    "degraded": Mark("Degraded", "warn", "warning"),
    "not ready": Mark("Not ready", "bad", "cross"),
    "Healthy": Mark("Healthy", "ok", "check"),
    "Progressing": Mark("Progressing", "busy", "clock"),
    "Degraded": Mark("Degraded", "bad", "warning"),
    "Unknown": Mark("Unknown", "idle", "question"),
    # actions of a plan
    "create": Mark("Create", "ok", "plus"),
    "update": Mark("Update", "busy", "differs"),
    "delete": Mark("Delete", "bad", "minus"),
    "prune": Mark("Prune", "bad", "minus"),
}

SEVERITY = {
    state: place
    for place, state in enumerate(
        ("failed", "changed", "desired_only", "prune_pending", "waiting", "unknown", "in_sync", "cluster_only")
    )
}
"""What needs a look comes first."""


def mark(state: str) -> Mark:
    """A word that is not known here is shown as it is."""
    return _MARKS.get(state) or Mark(state.replace("_", " ").capitalize(), "idle", "dash")


def condition_mark(condition: dict[str, str]) -> Mark:
    """Conditions that say Ready are good when true; those that name a trouble when false."""
    status, kind = condition["status"], condition["type"]
    if status == "Unknown":
        return Mark("Unknown", "idle", "question")
    if kind == "Reconciling":
        return Mark("True", "busy", "clock") if status == "True" else Mark("False", "ok", "check")
    is_good = (status == "True") == kind.endswith("Ready")
    return Mark(status, "ok", "check") if is_good else Mark(status, "bad", "warning")
