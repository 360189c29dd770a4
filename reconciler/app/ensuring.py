"""`reconciler ensure`: initialise what may be initialised, and say what was done. A second run finds nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.app.netbox_checks import NetBoxLook
from reconciler.app.netbox_setup import prepare
from reconciler.app.netbox_verification import SETUP_ADVICE, hidden_setup, lacks
from reconciler.app.upkeep_jobs import keep
from reconciler.app.verification import wrong_user
from reconciler.errors import ReconcilerError, StateError, StateInUseError
from reconciler.model.structure import StructureState
from reconciler.model.verification import Finding, Verdict
from reconciler.store import look_at, open_store, suspended_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.app.netbox_setup import Prepared
    from reconciler.settings import FabricSettings, Settings


def initialise(settings: Settings) -> Iterator[Finding]:
    """State, NetBox and directories in Git: what is missing is made. Nothing is, for fabrics that are disabled or
    suspended, and for none where it is not known which are.
    """
    state = ensure_state(settings.state_path)
    yield state
    if state.state is Verdict.FAILING:
        return
    suspended = suspended_in(settings.state_path)
    for fabric in settings.fabrics:
        if not fabric.enabled:
            continue
        if fabric.name in suspended:
            yield Finding(f"fabric {fabric.name}", Verdict.OK, "suspended: nothing is made for it")
            continue
        if fabric.netbox is not None and not fabric.netbox.local:
            yield from _ensure_netbox(settings, fabric)
        if fabric.structure.enabled and fabric.structure.push:
            yield _ensure_structure(settings, fabric.name)


def ensure_state(path: Path) -> Finding:
    """The state file exists, with its folder, in the present version; a service that has it open has seen to that."""
    subject = "state"
    if (wrong := wrong_user(path)) is not None:
        return Finding(subject, Verdict.FAILING, *wrong)
    try:
        before = look_at(path)
        open_store(path, SystemClock()).close()
        after = look_at(path)
    except StateInUseError as error:
        return Finding(subject, Verdict.OK, f"{error.message}, which keeps it in order")
    except StateError as error:
        return Finding(subject, Verdict.FAILING, error.message, "see docs/verify.md, state file")
    version = after.version if after is not None else "unknown"
    if before is None:
        return Finding(subject, Verdict.DONE, f"made {path}, schema version {version}")
    if not before.is_current:
        return Finding(subject, Verdict.DONE, f"upgraded {path} from schema version {before.version} to {version}")
    return Finding(subject, Verdict.OK, f"{path} is there, schema version {version}")


def _ensure_netbox(settings: Settings, fabric: FabricSettings) -> Iterator[Finding]:
    assert fabric.netbox is not None  # noqa: S101 - the caller asks only where one is configured
    subject = f"fabric {fabric.name}: netbox setup"
    look = NetBoxLook(fabric.netbox)
    try:
        look.reach()
        if (hidden := hidden_setup(subject, look)) is not None:
            yield hidden
            return
        (planned,) = prepare(settings, fabric.name, is_dry_run=True)
        lacking = look.lacking_for_setup()
        if not planned.plan.changes and not planned.plan.faults:
            yield Finding(subject, Verdict.OK, _noted(f"{planned.address} has everything", planned))
        elif planned.plan.changes and lacking is not None:
            yield Finding(subject, Verdict.FAILING, f"{lacks(planned)}; {lacking}", SETUP_ADVICE)
        else:  # faults alone as well: they are told
            yield from _carried_out(subject, *prepare(settings, fabric.name))
    except ReconcilerError as error:
        yield Finding(subject, Verdict.FAILING, f"{error.reason}: {error.message}", "see docs/netbox.md")


def _carried_out(subject: str, prepared: Prepared) -> Iterator[Finding]:
    for change in prepared.plan.changes:
        yield Finding(subject, Verdict.DONE, f"{change.verb}d {change.ref}")
    for fault in prepared.plan.faults:
        yield Finding(subject, Verdict.FAILING, fault, "see docs/netbox.md")


def _noted(message: str, prepared: Prepared) -> str:
    return "; ".join([message, *prepared.notes])


def _ensure_structure(settings: Settings, fabric: str) -> Finding:
    subject, advice = f"fabric {fabric}: structure", f"reconciler init {fabric} --dry-run tells more"
    try:
        done = keep(settings, fabric, is_first=True, makes_branch=False)  # its name may be mistyped
    except ReconcilerError as error:
        return Finding(subject, Verdict.FAILING, f"{error.reason}: {error.message}", advice)
    if done.plan.state is StructureState.FAILED:
        reasons = "; ".join(one.message for one in done.plan.remarks)
        return Finding(subject, Verdict.FAILING, f"it cannot be made: {reasons}", advice)
    if done.plan.published is None:
        return Finding(subject, Verdict.OK, f"{done.revision} is in order")
    published = done.plan.published.revision
    return Finding(subject, Verdict.DONE, f"committed {len(done.plan.changes)} files as {published}")
