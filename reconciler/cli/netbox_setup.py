"""`reconciler init-netbox`: what NetBox has to have once, and what the token may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import output as out
from reconciler.cli.configuration import load
from reconciler.cli.options import DEFAULT_CONFIG, ConfigOption, Output, OutputOption, complete_fabric
from reconciler.cli.progress import progress
from reconciler.cli.remote import Exit
from reconciler.plan.netbox_rights import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.app.netbox_setup import Prepared
    from reconciler.cli.output import Sheet
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox_setup import SetupChange
    from reconciler.model.netbox_site import Binding
    from reconciler.plan.netbox_rights import Right

FabricArgument = Annotated[
    str | None, typer.Argument(help="One fabric; all with a NetBox by default.", autocompletion=complete_fabric)
]
RebindOption = Annotated[
    bool, typer.Option("--rebind", help="Bind the sites to this installation; the one that had them must be stopped.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be made.")]


def init_netbox(
    fabric: FabricArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: DryRunOption = False,  # noqa: FBT002 - typer's form of a flag
    rebind: RebindOption = False,  # noqa: FBT002 - typer's form of a flag
    output: OutputOption = Output.TEXT,
) -> None:
    """Make what NetBox lacks: tag, custom fields, site, link to the dashboard, and the webhook for events.

    What is there stays; nothing is ever removed, and no site is bound anew without --rebind. Exit code 0: all is
    there, 1: something cannot be.
    """
    from reconciler.app.logs import configure_logs
    from reconciler.app.netbox_setup import prepare

    configure_logs(level="error")
    found = []
    with progress() as told:
        settings = load(config)
        for prepared in prepare(settings, fabric, is_dry_run=dry_run, is_rebinding=rebind, tell=told.tell):
            found.append(prepared)
            told.pause()
            if output is Output.TEXT:
                _print(prepared, is_dry_run=dry_run)
    if output is Output.JSON:
        out.print_json({"dry_run": dry_run, "netboxes": [_json(one) for one in found]})
    raise typer.Exit(Exit.ERROR if any(one.plan.faults for one in found) else Exit.FINE)


def _print(prepared: Prepared, *, is_dry_run: bool) -> None:
    fabrics = ", ".join(prepared.fabrics)
    version = f" (NetBox {prepared.version})" if prepared.version else ""
    out.console.print(out.plain(f"{prepared.address}{version}, for {fabrics}:"))
    for change in prepared.plan.changes:
        out.console.print(f"  {out.plain(_line(change, is_dry_run=is_dry_run))}")
    for binding in prepared.bound:
        out.console.print(f"  {out.plain(_bound(binding, is_dry_run=is_dry_run))}")
    if not prepared.plan.changes and not prepared.plan.faults and not prepared.bound:
        out.console.print("  nothing is to be done")
    for fault in prepared.plan.faults:
        out.console.print(f"  [red]wrong[/red]: {out.plain(fault)}")
    for note in prepared.notes:
        out.console.print(f"  [yellow]note[/yellow]: {out.plain(note)}")
    out.console.print("The token needs these permissions (* only for init-netbox):")
    out.console.print(rights_table(prepared.rights))


def _bound(binding: Binding, *, is_dry_run: bool) -> str:
    what = f"site {binding.site} to installation {binding.installation} (fabric {binding.fabric})"
    if binding.before is None:
        return f"{'would bind' if is_dry_run else 'bound'} {what}; nobody had it before"
    return (
        f"{'would bind' if is_dry_run else 'bound'} {what}; before, it was bound to {binding.before}, which must be "
        "stopped: two installations would undo each other's work"
    )


_WORDS = {("create", False): "created", ("change", False): "changed"}


def _line(change: SetupChange, *, is_dry_run: bool) -> str:
    word = _WORDS.get((change.verb, is_dry_run), f"would {change.verb}")
    return f"{word} {change.ref}" if change.id is None else f"{word} {change.ref} ({change.summary})"


def rights_table(rights: Iterable[Right]) -> Sheet:
    """Object types and actions, as NetBox's form for permissions asks for them."""
    rows: dict[str, dict[str, str]] = {}
    for right in rights:
        mark = "yes*" if right.is_for_setup else "yes"
        rows.setdefault(right.object_type, {}).update(dict.fromkeys(right.actions, mark))
    columns = ["OBJECT TYPE", *(action.upper() for action in ACTIONS)]
    return out.table(columns, [[name, *(marks.get(a, "-") for a in ACTIONS)] for name, marks in rows.items()])


def _json(prepared: Prepared) -> JSONObject:
    return {
        "address": prepared.address,
        "version": prepared.version,
        "fabrics": list(prepared.fabrics),
        "changes": [
            {"action": change.verb, "path": change.ref.model, "name": change.ref.key, "what": change.summary}
            for change in prepared.plan.changes
        ],
        "faults": list(prepared.plan.faults),
        "notes": list(prepared.notes),
        "bound": [
            {"fabric": one.fabric, "site": one.site, "installation": one.installation, "before": one.before}
            for one in prepared.bound
        ],
        "permissions": [
            {"object_type": right.object_type, "actions": list(right.actions), "only_for_init": right.is_for_setup}
            for right in prepared.rights
        ],
    }
