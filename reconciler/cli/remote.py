"""Commands that ask a running service."""

from __future__ import annotations

from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from reconciler.cli import output as out
from reconciler.cli.fabric_output import DIFFERING, details, drifted_lines
from reconciler.cli.fabrics import fabric_path, fabrics, named
from reconciler.cli.following import following
from reconciler.cli.options import (
    DEFAULT_SERVER,
    ByOption,
    FabricArgument,
    NameArgument,
    Output,
    OutputOption,
    ServerOption,
    TokenFileOption,
    client,
    login,
)
from reconciler.cli.watching import watch as keep_looking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from reconciler.cli.client import ApiClient
    from reconciler.model.json import JSONObject


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
    api = client(server, token_file)
    with named(api, fabric), following(partial(fabrics, api, fabric)):
        answer = api.post("/reconcile", {"fabric": fabric, "wait": wait}, "requests", wait)
    if output is Output.JSON:
        out.print_json(answer)
    else:
        out.console.print(out.request_table(answer["requests"]))
        for name in answer.get("skipped", ()):
            out.console.print(f"{out.plain(name)}: skipped, it is disabled or suspended")
        for one in answer["requests"]:
            if one["state"] not in {"succeeded", "failed", "superseded"}:
                follow = f"`reconciler status {one['fabric']} --watch` follows it"
                out.console.print(out.plain(f"{one['fabric']}: request {one['id']} is {one['state']}; {follow}"))
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
    if watch:
        keep_looking(partial(fabrics, api, fabric), partial(_rendered, api, fabric), output)
        return
    found = fabrics(api, fabric)
    if output is Output.JSON:
        out.print_json({"fabrics": found})
    else:
        out.console.print(_rendered(api, fabric, found))
    raise typer.Exit(Exit.FINE if all(f["sync_status"] == "in_sync" for f in found) else Exit.NOT_IN_SYNC)


def _rendered(api: ApiClient, asked: str | None, found: Sequence[JSONObject]) -> Group:
    """The table, and below it what is to be known of fabrics that are not in line; all, of one that is asked for."""
    parts: list[RenderableType] = [out.status_table(found)]
    if asked is not None:
        parts += [part for fabric in found for part in details(fabric)]
    for fabric in found:
        if asked is not None and any(fabric["counts"].get(state) for state in DIFFERING):
            parts += map(Text, drifted_lines(_resources(api, fabric["name"]), fabric["message"]))
        if fabric["problems_total"] or fabric["drift"].get("netbox"):
            whole = fabric if "problems" in fabric else fabrics(api, fabric["name"])[0]
            parts += map(Text, out.problem_lines(whole) + out.drift_lines(whole))
    return Group(*parts)


def _resources(api: ApiClient, fabric: str) -> list[JSONObject]:
    found: list[JSONObject] = api.get(f"{fabric_path(fabric)}/resources", "resources")["resources"]
    return found


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
    api = client(server, token_file)
    with named(api, fabric):
        answer = api.post(f"{fabric_path(fabric)}/suspend", body, "suspended")
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
    api = client(server, token_file)
    with named(api, fabric):
        answer = api.post(f"{fabric_path(fabric)}/resume", {"by": by or login()}, "request")
    if output is Output.JSON:
        out.print_json(answer)
        return
    request = answer["request"]
    what = f"a full pass is {request['state']}" if request else "no pass is made, it is disabled in the configuration"
    out.console.print(out.plain(f"{fabric}: resumed; {what}"))
