"""Commands that show what a pass would do, and approve it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import output as out
from reconciler.cli.options import (
    DEFAULT_SERVER,
    ByOption,
    Output,
    OutputOption,
    ServerOption,
    TokenFileOption,
    client,
    login,
)
from reconciler.cli.plan_output import has_changes, plan_lines
from reconciler.cli.remote import Exit, NameArgument, fabric_path

if TYPE_CHECKING:
    from reconciler.cli.client import ApiClient
    from reconciler.model.json import JSONObject

PLANNING = 120.0
"""Seconds that Git, a cluster and NetBox may take to be looked at, beyond the usual."""


def plan(
    fabric: NameArgument,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch the repository first; needs the API token.")] = False,  # noqa: FBT002 - typer's form of a flag
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what a pass would do now, without doing it. Exit code 0: nothing, 2: changes, 1: it could not be told, or
    documents are refused.
    """
    found = _asked(client(server, token_file), fabric, is_fetching=fetch)
    if output is Output.JSON:
        out.print_json(found)
    else:
        for line in plan_lines(found):
            out.console.print(line)
    raise typer.Exit(_exit(found))


def _asked(api: ApiClient, fabric: str, *, is_fetching: bool) -> JSONObject:
    """The plan of the running service."""
    if not is_fetching:
        return api.get(f"{fabric_path(fabric)}/plan", "actions", PLANNING)
    answer: JSONObject = api.post("/reconcile", {"fabric": fabric, "dry_run": True}, "plans", PLANNING)["plans"][0]
    return answer


def _exit(plan: JSONObject) -> Exit:
    if plan["errors"] or plan["refused"]:
        return Exit.ERROR
    return Exit.CHANGES if has_changes(plan) else Exit.FINE


def approve(
    fabric: NameArgument,
    plan_hash: Annotated[str, typer.Argument(metavar="HASH", help="The plan's hash, or its first 12 characters.")],
    by: ByOption = None,
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Have the present plan of a fabric carried out, as `plan` shows it. One that changed since is refused."""
    body = {"hash": plan_hash, "by": by or login()}
    answer = client(server, token_file).post(f"{fabric_path(fabric)}/approve", body, "approved", PLANNING)
    if output is Output.JSON:
        out.print_json(answer)
        return
    request = answer["request"]
    state = request["state"] if request else "not made"
    out.console.print(out.plain(f"{fabric}: approved plan {answer['approved'][:12]}; the pass is {state}"))
