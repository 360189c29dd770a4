"""`reconciler adopt`: what only the cluster has, into Git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import output as out
from reconciler.cli.configuration import load
from reconciler.cli.options import DEFAULT_CONFIG, ConfigOption, NameArgument, Output, OutputOption
from reconciler.cli.progress import progress
from reconciler.cli.remote import Exit
from reconciler.model.adoption import Outcome
from reconciler.plan.adoption import kinds_text

if TYPE_CHECKING:
    from reconciler.app.adopting import Report
    from reconciler.model.json import JSONObject

ManagedOption = Annotated[bool, typer.Option("--managed", help="Into managed/, so that the next pass applies them.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be committed.")]

_COLOURS = {Outcome.CREATED: "green", Outcome.UPDATED: "green", Outcome.BLOCKED: "red"}


def adopt(
    fabric: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    managed: ManagedOption = False,  # noqa: FBT002 - typer's form of a flag
    dry_run: DryRunOption = False,  # noqa: FBT002 - typer's form of a flag
    output: OutputOption = Output.TEXT,
) -> None:
    """Write objects that only the cluster has to unmanaged/, in one commit, for somebody to review.

    Exit code 0: done, or nothing to do, 1: an object cannot be adopted, or nothing can.
    """
    from reconciler.app import adopting
    from reconciler.app.logs import configure_logs

    configure_logs(level="error")
    with progress() as told:
        report = adopting.adopt(load(config), fabric, is_managed=managed, is_dry_run=dry_run, tell=told.tell)
    if output is Output.JSON:
        out.print_json(_json(report))
    else:
        _print(report)
    raise typer.Exit(Exit.ERROR if report.adoption.is_blocked else Exit.FINE)


def _print(report: Report) -> None:
    found = report.adoption
    if found.objects:
        columns = ["OUTCOME", "OBJECT", "FILE, OR REASON"]
        out.console.print(
            out.table(
                columns,
                [
                    [_coloured(one.outcome), out.plain(str(one.key)), out.plain(one.path or one.message)]
                    for one in found.objects
                ],
            )
        )
    for note in report.notes:
        out.console.print(f"[yellow]note[/yellow]: {out.plain(note)}")
    out.console.print(out.plain(_summary(report)))


def _coloured(outcome: Outcome) -> str:
    colour = _COLOURS.get(outcome)
    return f"[{colour}]{outcome}[/{colour}]" if colour else str(outcome)


def _summary(report: Report) -> str:
    found = report.adoption
    written = [one for one in found.objects if one.outcome in {Outcome.CREATED, Outcome.UPDATED}]
    if not written:
        reason = "" if found.is_blocked else f": {report.cluster} has nothing more that Git lacks"
        return f"Nothing is to be committed{reason}."
    if found.published is None:
        return f"Would be committed: {kinds_text(written)}."
    return f"Committed as {found.published.revision}: {kinds_text(written)}. Its message says how to go on."


def _json(report: Report) -> JSONObject:
    published = report.adoption.published
    return {
        "fabric": report.fabric,
        "cluster": report.cluster,
        "dry_run": report.is_dry_run,
        "revision": None if published is None else str(published.revision),
        "objects": [
            {
                "kind": one.key.kind,
                "name": one.key.name,
                "outcome": one.outcome,
                "path": one.path or None,
                "rule": one.rule or None,
                "message": one.message or None,
            }
            for one in report.adoption.objects
        ],
        "notes": list(report.notes),
    }
