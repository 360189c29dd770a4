"""What `verify` says of a NetBox beyond its answers: whether it has what `init-netbox` makes there once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.netbox_checks import NetBoxLook
from reconciler.app.netbox_setup import prepare
from reconciler.errors import ReconcilerError
from reconciler.model.verification import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.app.netbox_setup import Prepared
    from reconciler.settings import FabricSettings, Settings

SETUP_ADVICE = "run reconciler init-netbox with a token that has the rights for it, which it names with --dry-run"


def verify_netboxes(settings: Settings) -> Iterator[Finding]:
    """Whether each NetBox has all that the reconciler needs there."""
    for fabric in settings.fabrics:
        if fabric.enabled and fabric.netbox is not None and not fabric.netbox.local:
            yield _verify(settings, fabric)


def _verify(settings: Settings, fabric: FabricSettings) -> Finding:
    assert fabric.netbox is not None  # noqa: S101 - the caller asks only where one is configured
    subject, look = f"fabric {fabric.name}: netbox setup", NetBoxLook(fabric.netbox)
    try:
        look.reach()
        if (hidden := hidden_setup(subject, look)) is not None:
            return hidden
        (found,) = prepare(settings, fabric.name, is_dry_run=True)
    except ReconcilerError as error:
        return Finding(subject, Verdict.FAILING, f"{error.reason}: {error.message}", "see docs/netbox.md")
    if found.plan.changes or found.plan.faults:
        return Finding(subject, Verdict.FAILING, lacks(found), SETUP_ADVICE)
    return Finding(subject, Verdict.OK, f"{found.address} has everything")


def hidden_setup(subject: str, look: NetBoxLook) -> Finding | None:
    """Where the token may not look at what `init-netbox` makes: a service needs no such right, so it is no failure."""
    if not look.is_setup_hidden:
        return None
    message = f"whether everything is there cannot be told: {look.lacking_for_setup()}"
    return Finding(subject, Verdict.WARNING, message, SETUP_ADVICE)


def lacks(prepared: Prepared) -> str:
    """What a NetBox needs that is not there, or not as it must be."""
    missing = [str(change.ref) for change in prepared.plan.changes]
    return "; ".join([*([f"{prepared.address} lacks {', '.join(missing)}"] if missing else []), *prepared.plan.faults])
