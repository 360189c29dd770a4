"""Options that several commands take, and what the shell completes of them."""

from __future__ import annotations

import getpass
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.client import ApiClient, ApiError
from reconciler.cli.configuration import load
from reconciler.errors import ReconcilerError

DEFAULT_CONFIG = Path("reconciler.yaml")
DEFAULT_SERVER = "http://127.0.0.1:8080"
TOKEN_VARIABLE = "RECONCILER_TOKEN"  # noqa: S105 - the variable's name


def complete_fabric(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of fabrics that begin so: those of the configuration, or where there is none those of the service. A shell
    cannot be told what is wrong: nothing is completed then.
    """
    return [name for name in _fabrics(ctx) if name.startswith(incomplete)]


def _fabrics(ctx: typer.Context) -> list[str]:

    config, server = ctx.params.get("config"), ctx.params.get("server")
    path = Path(config or os.environ.get("RECONCILER_CONFIG") or DEFAULT_CONFIG)
    try:
        if path.exists():
            return [one.name for one in load(path, is_offline=True).fabrics]
        api = client(server or os.environ.get("RECONCILER_SERVER") or DEFAULT_SERVER, ctx.params.get("token_file"))
        return [one["name"] for one in api.get("/fabrics", "fabrics")["fabrics"]]
    except (ReconcilerError, ApiError, PermissionError):  # the last one of a configuration in a folder of others
        return []


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="A table for people, or JSON.")]
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="RECONCILER_CONFIG", help="The configuration file.")
]
ServerOption = Annotated[
    str, typer.Option("--server", envvar="RECONCILER_SERVER", help="The address of the running service.")
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option("--token-file", help="A file with the API token; without it, RECONCILER_TOKEN holds the token."),
]
ByOption = Annotated[str | None, typer.Option("--by", help="In whose name; by default that of the login.")]
NameArgument = Annotated[str, typer.Argument(help="The fabric.", autocompletion=complete_fabric)]
FabricArgument = Annotated[
    str | None, typer.Argument(help="The fabric; without it, all of them.", autocompletion=complete_fabric)
]


def client(server: str, token_file: Path | None) -> ApiClient:
    """A client of the service. Raises ApiError, and ConfigurationError when the token file cannot be read."""
    if token_file is None and not os.environ.get(TOKEN_VARIABLE):
        return ApiClient(server)
    from reconciler.settings import SecretSource

    return ApiClient(server, SecretSource(token_file, TOKEN_VARIABLE).read().decode("ascii", "replace"))


def login() -> str | None:
    """The name of whoever runs the command, where the system knows one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have
        return None
