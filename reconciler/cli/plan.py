"""Commands that show what a pass would do, and approve it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import output as out
from reconciler.cli.configuration import load
from reconciler.cli.fabrics import fabric_path, named
from reconciler.cli.offline_output import offline_lines
from reconciler.cli.options import (
    DEFAULT_CONFIG,
    DEFAULT_SERVER,
    ByOption,
    ConfigOption,
    NameArgument,
    Output,
    OutputOption,
    ServerOption,
    TokenFileOption,
    client,
    login,
)
from reconciler.cli.plan_output import has_changes, plan_lines
from reconciler.cli.progress import progress
from reconciler.cli.remote import Exit

if TYPE_CHECKING:
    from reconciler.cli.client import ApiClient
    from reconciler.model.json import JSONObject

PLANNING = 120.0
"""Seconds that Git, a cluster and NetBox may take to be looked at, beyond the usual."""


FetchOption = Annotated[bool, typer.Option("--fetch", help="Fetch the repository first; needs the API token.")]
OfflineOption = Annotated[
    Path | None,
    typer.Option(
        "--offline",
        metavar="CRDDIR",
        help="Without a running service and a cluster: by the configuration and a folder of CRDs. Always fetches.",
    ),
]
DirectoryOption = Annotated[
    Path | None,
    typer.Option(help="With --offline: the root of a working copy, to be read as it lies there instead of fetching."),
]


def plan(  # noqa: PLR0913, PLR0917 - each is an option of the command
    fabric: NameArgument,
    fetch: FetchOption = False,  # noqa: FBT002 - typer's form of a flag
    offline: OfflineOption = None,
    directory: DirectoryOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what a pass would do now, without doing it. Exit code 0: nothing, 2: changes, 1: it could not be told, or
    documents are refused.
    """
    if offline is not None:
        found = _foreseen(config, fabric, offline, directory)
    elif directory is not None:
        raise typer.BadParameter("a working copy is only looked at with --offline", param_hint="--directory")
    else:
        found = _asked(client(server, token_file), fabric, is_fetching=fetch)
    _print(found, output)
    raise typer.Exit(_exit(found))


def _print(plan: JSONObject, output: Output) -> None:
    if output is Output.JSON:
        out.print_json(plan)
        return
    for line in offline_lines(plan) if "offline" in plan else plan_lines(plan):
        out.console.print(line)


def _foreseen(config: Path, fabric: str, crds: Path, directory: Path | None) -> JSONObject:
    """The plan without the service: no secret but the repository's is needed."""
    from reconciler.app.logs import configure_logs
    from reconciler.app.offline import plan_offline

    configure_logs(level="error")
    with progress() as told:
        return plan_offline(load(config, is_offline=True), fabric, crds, directory, told.tell)


def _asked(api: ApiClient, fabric: str, *, is_fetching: bool) -> JSONObject:
    """The plan of the running service."""
    with named(api, fabric), progress() as told:
        told.tell(f"{fabric}: looking at {'Git, ' if is_fetching else ''}cluster and NetBox")
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
    api = client(server, token_file)
    with named(api, fabric):
        answer = api.post(f"{fabric_path(fabric)}/approve", body, "approved", PLANNING)
    if output is Output.JSON:
        out.print_json(answer)
        return
    request = answer["request"]
    state = request["state"] if request else "not made"
    out.console.print(out.plain(f"{fabric}: approved plan {answer['approved'][:12]}; the pass is {state}"))
