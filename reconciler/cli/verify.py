"""`reconciler verify`: is what was built what is installed, and does everything that must run run?"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.app.damage import guarded
from reconciler.cli import output as out
from reconciler.cli.configuration import findings, load
from reconciler.cli.options import DEFAULT_CONFIG, ConfigOption, Output, OutputOption
from reconciler.cli.remote import Exit
from reconciler.errors import ConfigurationError
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.integrity import RecordError
from reconciler.plan.verification import exit_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ServerOption = Annotated[
    str | None,
    typer.Option("--server", envvar="RECONCILER_SERVER", help="The running service; by default where it listens."),
]
NoServiceOption = Annotated[bool, typer.Option("--no-service", help="Ask no running service: before a deployment.")]
InstallationOnlyOption = Annotated[
    bool,
    typer.Option(
        "--installation-only", help="Look at files, modules, versions and programs only, without a configuration."
    ),
]
WriteManifestOption = Annotated[
    Path | None,
    typer.Option("--write-manifest", help="Only write the manifest of the whole environment here (image builds)."),
]


def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    no_service: NoServiceOption = False,  # noqa: FBT002 - typer's form of a flag
    installation_only: InstallationOnlyOption = False,  # noqa: FBT002 - as above
    write_manifest: WriteManifestOption = None,
) -> None:
    """Verify a deployment: files, modules, versions, programs, configuration, rights, clocks, and the running service.

    Changes nothing. Exit code 0: all is well, 1: something is wrong or could not be verified, 2: nothing is wrong, but
    something is to be looked at.
    """
    if write_manifest is not None:
        _write(write_manifest)
        return
    found = report(_look(config, server, is_serving=not no_service, is_configured=not installation_only), output)
    raise typer.Exit(exit_code(found))


def _look(config: Path, server: str | None, *, is_serving: bool, is_configured: bool) -> Iterator[Finding]:
    yield from installation()
    yield from guarded(_programs() if not is_configured else _configured(config, server, is_serving=is_serving))


def installation() -> Iterator[Finding]:
    """The files first: what says all else needs them, and may be damaged itself."""
    from reconciler.app.integrity import verify_files

    yield from verify_files()
    for look in (_needed, _installed, _without_log):
        yield from guarded(look())


def _needed() -> Iterator[Finding]:
    """Before all that needs packages of others: which of them are missing."""
    from reconciler.app.dependencies import verify_dependencies

    yield from verify_dependencies()


def _installed() -> Iterator[Finding]:
    from reconciler.app.installation import verify_installation

    yield from verify_installation()


def _without_log() -> Iterator[Finding]:
    """What is wrong is a finding, and needs no log."""
    from reconciler.app.logs import configure_logs

    configure_logs(level="critical")
    yield from ()


def _programs() -> Iterator[Finding]:
    from reconciler.app.verification import verify_programs

    yield from verify_programs()


def _configured(config: Path, server: str | None, *, is_serving: bool) -> Iterator[Finding]:
    from reconciler.app.netbox_verification import verify_netboxes
    from reconciler.app.required import address_of
    from reconciler.app.verification import verify_configured, verify_structures
    from reconciler.cli.service_check import check_service

    try:
        settings = load(config)
    except ConfigurationError as error:
        yield from unusable(error, config)
        yield from _programs()
        return
    yield from verify_configured(settings, (server or address_of(settings)) if is_serving else None)
    yield from verify_netboxes(settings)
    yield from verify_structures(settings)
    if is_serving:
        yield from check_service(settings, server, otherwise="or skip this with --no-service before it is deployed")


def unusable(error: ConfigurationError, path: Path) -> Iterator[Finding]:
    """A finding for each key. What to do about a file that is not there, or closed to us, stands in the error."""
    advice = "mend the configuration, or name another file with --config; reconciler check then tries what it names"
    is_open = os.access(path, os.R_OK, effective_ids=True)
    for finding in findings(error):
        yield Finding("configuration", Verdict.FAILING, finding, advice if is_open else "")


def report(findings: Iterable[Finding], output: Output) -> list[Finding]:
    """Show findings while they come; all of them."""
    found = []
    for one in findings:
        found.append(one)
        if output is Output.TEXT:
            _print(one)
    if output is Output.JSON:
        out.print_json({"findings": [asdict(one) for one in found], "exit_code": exit_code(found)})
    return found


_WIDTH = max(map(len, Verdict))


def _print(one: Finding) -> None:
    padding = " " * (_WIDTH - len(one.state))
    out.console.print(f"{out.coloured(one.state)}{padding}  {out.plain(one.subject)}: {out.plain(one.message)}")
    if one.advice and one.state not in {Verdict.OK, Verdict.DONE}:
        out.console.print(f"{' ' * _WIDTH}  [dim]{out.plain(one.advice)}[/dim]")


def _write(path: Path) -> None:
    from reconciler.app.integrity import write_tree

    try:
        digest = write_tree(path.absolute())
    except (RecordError, OSError) as error:
        out.print_error(f"no manifest is written: {error}")
        raise typer.Exit(Exit.ERROR) from None
    out.console.print(f"{digest}  {out.plain(str(path))}")
