"""Commands that ask a running service."""

from __future__ import annotations

import time
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.client import ApiClient
    from reconciler.model.json import JSONObject

FabricArgument = Annotated[str | None, typer.Argument(help="The fabric; without it, all of them.")]
NameArgument = Annotated[str, typer.Argument(help="The fabric.")]

WATCH_PERIOD = 1.0
"""Seconds between two looks of `status --watch`."""


class Exit(IntEnum):
    """What an exit code says."""

    FINE = 0
    ERROR = 1
    NOT_IN_SYNC = 2
    CHANGES = 2
    NOT_FINISHED = 3


def reconcile(
    fabric: FabricArgument = None,
    wait: Annotated[float, typer.Option(min=0, max=600, help="Seconds to wait for the outcome.")] = 30.0,
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Reconcile a fabric now. Exit code 0: succeeded, 1: failed or nothing was reconciled, 3: not finished in time."""
    answer = client(server, token_file).post("/reconcile", {"fabric": fabric, "wait": wait}, "requests", wait)
    if output is Output.JSON:
        out.print_json(answer)
    else:
        out.console.print(out.request_table(answer["requests"]))
        for name in answer.get("skipped", ()):
            out.console.print(f"{out.plain(name)}: skipped, it is disabled or suspended")
    if answer.get("skipped") and not answer["requests"]:
        out.print_error("nothing was reconciled: what was asked for is disabled or suspended")
        raise typer.Exit(Exit.ERROR)
    raise typer.Exit(_request_exit([request["state"] for request in answer["requests"]]))


def _request_exit(states: Sequence[str]) -> Exit:
    if any(state in {"failed", "superseded"} for state in states):
        return Exit.ERROR
    if any(state != "succeeded" for state in states):
        return Exit.NOT_FINISHED
    return Exit.FINE


def status(
    fabric: FabricArgument = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep looking until interrupted.")] = False,  # noqa: FBT002 - typer's form of a flag
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the sync status. Exit code 0: all in sync, 2: not in sync, 1: it could not be asked."""
    api = client(server, token_file)
    if watch and output is Output.TEXT:
        _watch(api, fabric)
        return
    fabrics = _fabrics(api, fabric)
    if output is Output.JSON:
        out.print_json({"fabrics": fabrics})
    else:
        out.console.print(_rendered(api, fabrics))
    raise typer.Exit(Exit.FINE if all(f["sync_status"] == "in_sync" for f in fabrics) else Exit.NOT_IN_SYNC)


def _fabrics(api: ApiClient, fabric: str | None) -> list[JSONObject]:
    if fabric is not None:
        return [api.get(fabric_path(fabric), "problems")]
    fabrics: list[JSONObject] = api.get("/fabrics", "fabrics")["fabrics"]
    return fabrics


def fabric_path(fabric: str) -> str:
    """A name is one segment, whatever characters somebody typed."""
    return f"/fabrics/{quote(fabric, safe='')}"


def _rendered(api: ApiClient, fabrics: Sequence[JSONObject]) -> Group:
    lines = []
    for fabric in fabrics:
        if fabric["problems_total"] or fabric["drift"].get("netbox"):
            whole = fabric if "problems" in fabric else api.get(fabric_path(fabric["name"]), "problems")
            lines += out.problem_lines(whole) + out.drift_lines(whole)
    return Group(out.status_table(fabrics), *map(Text, lines))


def _watch(api: ApiClient, fabric: str | None) -> None:
    with Live(console=out.console, auto_refresh=False) as live:
        try:
            while True:
                live.update(_rendered(api, _fabrics(api, fabric)), refresh=True)
                time.sleep(WATCH_PERIOD)
        except KeyboardInterrupt:
            return


def passes(
    fabric: NameArgument,
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the history of a fabric's passes, the newest first."""
    answer = client(server, token_file).get(f"{fabric_path(fabric)}/passes", "passes")
    if output is Output.JSON:
        out.print_json(answer)
    else:
        out.console.print(out.pass_table(answer["passes"]))


def suspend(
    fabric: NameArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for whoever looks at the status.")] = None,
    by: ByOption = None,
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Leave a fabric alone until it is resumed. A pass that runs goes on to its end; events cause none."""
    body = {"reason": reason, "by": by or login()}
    answer = client(server, token_file).post(f"{fabric_path(fabric)}/suspend", body, "suspended")
    if output is Output.JSON:
        out.print_json(answer)
        return
    out.console.print(out.plain(f"{fabric}: {_suspended(answer['suspended'])}"))


def _suspended(suspension: JSONObject | None) -> str:
    if suspension is None:
        return "suspended, and resumed by somebody else since"
    by = f" by {suspension['by']}" if suspension.get("by") else ""
    why = f": {suspension['reason']}" if suspension["reason"] else ""
    return f"suspended since {suspension['since']}{by}{why}"


def resume(
    fabric: NameArgument,
    by: ByOption = None,
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Take a suspended fabric up again, with a full pass at once."""
    answer = client(server, token_file).post(f"{fabric_path(fabric)}/resume", {"by": by or login()}, "request")
    if output is Output.JSON:
        out.print_json(answer)
        return
    request = answer["request"]
    what = f"a full pass is {request['state']}" if request else "no pass is made, it is disabled in the configuration"
    out.console.print(out.plain(f"{fabric}: resumed; {what}"))
