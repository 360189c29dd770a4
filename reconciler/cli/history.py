"""Commands that show what passes did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from reconciler.cli import output as out
from reconciler.cli.client import ApiError
from reconciler.cli.fabrics import fabric_path, named
from reconciler.cli.options import (
    DEFAULT_SERVER,
    NameArgument,
    Output,
    OutputOption,
    ServerOption,
    TokenFileOption,
    client,
)
from reconciler.cli.pass_output import pass_lines

if TYPE_CHECKING:
    from reconciler.cli.client import ApiClient
    from reconciler.model.json import JSONObject

SHOWN = 20
"""Passes that people see unless they ask for more."""


def passes(
    fabric: NameArgument,
    limit: Annotated[int | None, typer.Option(min=1, help=f"How many; {SHOWN} in a table, all in JSON.")] = None,
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the history of a fabric's passes, the newest first."""
    found = _passes(client(server, token_file), fabric)
    if output is Output.JSON:
        out.print_json({"passes": found[:limit]})
        return
    shown = found[: limit or SHOWN]
    out.console.print(out.pass_table(shown))
    if len(found) > len(shown):
        out.console.print(f"and {len(found) - len(shown)} older ones: --limit {len(found)} shows them")


def pass_(
    fabric: NameArgument,
    pass_id: Annotated[str, typer.Argument(metavar="ID", help="The pass, or how its id begins, as `passes` shows it.")],
    server: ServerOption = DEFAULT_SERVER,
    token_file: TokenFileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show one pass: what it was for, how long each phase took, what it did, and what failed."""
    api = client(server, token_file)
    found = _one(api, fabric, pass_id)
    if output is Output.JSON:
        out.print_json(found)
        return
    for line in pass_lines(found):
        out.console.print(line)


def _passes(api: ApiClient, fabric: str) -> list[JSONObject]:
    with named(api, fabric):
        found: list[JSONObject] = api.get(f"{fabric_path(fabric)}/passes", "passes")["passes"]
        return found


def _one(api: ApiClient, fabric: str, start: str) -> JSONObject:
    """The pass whose id begins so. Raises ApiError where it is none, or not the only one."""
    known = [one["id"] for one in _passes(api, fabric) if one["id"].startswith(start)]
    if len(known) != 1:
        what = f"{len(known)} passes of {fabric} begin" if known else f"no pass of {fabric} begins"
        raise ApiError(f"{what} with {start!r}: reconciler passes {fabric} lists them")
    return api.get(f"{fabric_path(fabric)}/passes/{quote(known[0], safe='')}", "phases")
