"""Options that several commands take."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.client import ApiClient, ApiError


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

DEFAULT_CONFIG = Path("reconciler.yaml")
DEFAULT_SERVER = "http://127.0.0.1:8080"
TOKEN_VARIABLE = "RECONCILER_TOKEN"  # noqa: S105 - the variable's name


def client(server: str, token_file: Path | None) -> ApiClient:
    """A client of the service. Raises ApiError when the token file cannot be read."""
    if token_file is None:
        return ApiClient(server, os.environ.get(TOKEN_VARIABLE))
    try:
        return ApiClient(server, token_file.read_text().removesuffix("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise ApiError(f"--token-file {token_file}: {error}") from error
