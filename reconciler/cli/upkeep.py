"""`reconciler init` and `ingest`: what is done to a fabric's directory in Git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import output as out
from reconciler.cli.configuration import load
from reconciler.cli.options import DEFAULT_CONFIG, ConfigOption, NameArgument, Output, OutputOption
from reconciler.cli.progress import progress
from reconciler.cli.remote import Exit
from reconciler.model.ingestion import How
from reconciler.model.structure import StructureState
from reconciler.plan.upkeep import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.app.upkeep_jobs import Done
    from reconciler.model.json import JSONObject

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be committed.")]


def init(
    fabric: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: DryRunOption = False,  # noqa: FBT002 - typer's form of a flag
    output: OutputOption = Output.TEXT,
) -> None:
    """Give a fabric's directory its structure, in one commit, with the branch and the directory where they are missing.

    Loose YAML, what an earlier system archived, and what lies in raw/ are taken in.

    Exit code 0: it is in order, 1: it cannot be.
    """
    _run(fabric, config, output, is_first=True, is_dry_run=dry_run)


def ingest(
    fabric: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: DryRunOption = False,  # noqa: FBT002 - typer's form of a flag
    output: OutputOption = Output.TEXT,
) -> None:
    """Take in what lies in raw/ of a fabric's directory, in one commit, as passes do where structure.enabled is true.

    Exit code 0: nothing waits there any more, 1: it cannot be taken in.
    """
    _run(fabric, config, output, is_first=False, is_dry_run=dry_run)


def _run(fabric: str, config: ConfigOption, output: Output, *, is_first: bool, is_dry_run: bool) -> None:
    from reconciler.app.logs import configure_logs
    from reconciler.app.upkeep_jobs import keep

    configure_logs(level="error")
    with progress() as told:
        done = keep(load(config), fabric, is_first=is_first, is_dry_run=is_dry_run, tell=told.tell)
    if output is Output.JSON:
        out.print_json(_json(done, is_dry_run=is_dry_run))
    else:
        for line in _lines(done, is_dry_run=is_dry_run):
            out.console.print(line)
    is_open = done.plan.state is StructureState.FAILED or any(one.is_refusal for one in done.plan.remarks)
    raise typer.Exit(Exit.ERROR if is_open else Exit.FINE)


def _lines(done: Done, *, is_dry_run: bool) -> Iterator[str]:
    plan = done.plan
    if done.doubt:
        yield f"[yellow]warning[/yellow]: documents are not held against schemas: {out.plain(done.doubt)}"
    for one in plan.routed:
        colour = "yellow" if one.how is How.UNMANAGED else "green"
        yield f"[{colour}]{one.how.value}[/{colour}]  {out.plain(told(one))}"
    for change in plan.changes:
        verb = "removes" if change.content is None else "writes"
        yield f"  {verb} {out.plain(change.path)}"
    is_failed = plan.state is StructureState.FAILED
    for problem in plan.remarks:
        is_gone = problem.file in plan.removed
        word = "[red]wrong[/red]" if is_failed else "[yellow]note[/yellow]" if is_gone else "[yellow]stays[/yellow]"
        yield f"{word}: {out.plain(f'{problem.place}: {problem.message}')} ({problem.rule})"
    if not is_failed:
        yield out.plain(_end(done, is_dry_run=is_dry_run))


def _end(done: Done, *, is_dry_run: bool) -> str:
    if not done.plan.changes or (not is_dry_run and done.plan.published is None):
        return f"nothing to commit: {done.revision} is in order"
    if done.plan.published is None:
        return f"would commit {len(done.plan.changes)} file(s) on {done.revision or 'a new branch'}"
    return f"committed {len(done.plan.changes)} file(s) as {done.plan.published.revision}"


def _json(done: Done, *, is_dry_run: bool) -> JSONObject:
    plan, published = done.plan, done.plan.published
    return {
        "dry_run": is_dry_run,
        "state": plan.state.value,
        "revision": str(done.revision) if done.revision else None,
        "committed": str(published.revision) if published else None,
        "documents": [
            {
                "file": one.file,
                "document": one.index,
                "line": one.line,
                "object": str(one.key) if one.key else None,
                "how": one.how.value,
                "to": one.to or None,
                "rule": one.rule or None,
                "message": one.message or None,
            }
            for one in plan.routed
        ],
        "changes": [
            {"path": change.path, "action": "remove" if change.content is None else "write"} for change in plan.changes
        ],
        "problems": [
            {"file": one.file, "line": one.line, "rule": one.rule, "message": one.message} for one in plan.remarks
        ],
        "warning": done.doubt,
    }
