"""`reconciler ensure`: everything that must be there is, and everything that must run runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.app.damage import guarded
from reconciler.cli.configuration import load
from reconciler.cli.options import DEFAULT_CONFIG, ConfigOption, Output, OutputOption
from reconciler.cli.remote import Exit
from reconciler.cli.verify import ServerOption, installation, report, unusable
from reconciler.errors import ConfigurationError
from reconciler.model.verification import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.verification import Finding

WaitOption = Annotated[
    float, typer.Option("--wait", min=0, max=600, help="Seconds that a service which starts may take to get ready.")
]


def ensure(
    config: ConfigOption = DEFAULT_CONFIG,
    server: ServerOption = None,
    wait: WaitOption = 10.0,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make what is missing - state file, what NetBox needs, structure in Git - and say whether all that must run runs.

    May be run again and again: what is in order is left alone. It starts no service. Exit code 0: everything that must
    run runs, 1: something does not.
    """
    found = report(_ensure(config, server, wait), output)
    raise typer.Exit(Exit.ERROR if any(one.is_wrong for one in found) else Exit.FINE)


def _ensure(config: Path, server: str | None, wait: float) -> Iterator[Finding]:
    is_whole = True
    for one in installation():
        is_whole = is_whole and one.state is not Verdict.FAILING
        yield one
    yield from guarded(_configured(config, server, wait, is_whole=is_whole))


def _configured(config: Path, server: str | None, wait: float, *, is_whole: bool) -> Iterator[Finding]:
    from reconciler.app.ensuring import initialise
    from reconciler.app.required import address_of
    from reconciler.app.verification import verify_configured
    from reconciler.cli.service_check import check_service

    try:
        settings = load(config)
    except ConfigurationError as error:
        yield from unusable(error, config)
        return
    if is_whole:  # what is not as it was built must not change what outlives it
        yield from initialise(settings)
    yield from verify_configured(settings, server or address_of(settings))
    yield from check_service(settings, server, wait)
