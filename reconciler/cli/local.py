"""Commands that work without a running service: they are it, or look before it starts."""

from __future__ import annotations

import shlex
import shutil
import socket
import sys
import tempfile
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import output as out
from reconciler.cli.configuration import findings, load
from reconciler.cli.options import DEFAULT_CONFIG, ConfigOption, Output, OutputOption
from reconciler.cli.progress import progress
from reconciler.cli.remote import Exit
from reconciler.demo.place import FABRIC, FABRIC_PATH, Place, prepare
from reconciler.errors import BranchNotFoundError, ConfigurationError

if TYPE_CHECKING:
    from reconciler.app.checks import Check
    from reconciler.settings import Settings


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="What is logged: this and what is graver.")]

DEMO_PORT = 8080
"""Where the demo serves when it is free, so that `reconciler status` needs no address."""


def serve(config: ConfigOption = DEFAULT_CONFIG, log_level: LogLevelOption = LogLevel.INFO) -> None:
    """Run the service: every event source, the queue, the workers and the API, until SIGTERM."""
    from reconciler.app.logs import configure_logs, log_uncaught
    from reconciler.app.parts import build_parts
    from reconciler.app.service import serve as run_service

    configure_logs(level=log_level)
    log_uncaught()
    settings = load(config)
    run_service(lambda: build_parts(settings))


def check(config: ConfigOption = DEFAULT_CONFIG, output: OutputOption = Output.TEXT) -> None:
    """Try the configuration and every connection that it names. Exit code 0: all work, 1: one does not."""
    from reconciler.app.checks import run_checks
    from reconciler.app.logs import configure_logs

    configure_logs(level="error")
    settings = _checked(config, output)
    checks = []
    with progress() as told:
        for one in run_checks(settings, told.tell):
            found = _with_hint(one, settings)
            checks.append(found)
            told.pause()
            if output is Output.TEXT:
                _print_check(found)
    if output is Output.TEXT and not checks:
        out.console.print("nothing to check: the configuration is fine, and names no repository and no fabric")
    if output is Output.JSON:
        out.print_json({"checks": [asdict(found) for found in checks]})
    raise typer.Exit(Exit.ERROR if any(found.state == "failing" for found in checks) else Exit.FINE)


def _checked(config: Path, output: Output) -> Settings:
    """As `load`; who asks for JSON is given what is wrong with the configuration as checks that fail."""
    from reconciler.app.checks import Check

    try:
        return load(config)
    except ConfigurationError as error:
        if output is Output.TEXT:
            raise
        checks = [Check("configuration", "failing", finding) for finding in findings(error)]
        out.print_json({"checks": [asdict(found) for found in checks]})
        raise typer.Exit(Exit.ERROR) from None


def _with_hint(found: Check, settings: Settings) -> Check:
    """Of a branch that is missing: what makes it."""
    if not found.message.startswith(f"{BranchNotFoundError.reason}: "):
        return found
    fabrics = [one.name for one in settings.fabrics if found.subject == f"repository {one.repository}"]
    return replace(found, message=f"{found.message}; `reconciler init {fabrics[0]}` makes it") if fabrics else found


def _print_check(found: Check) -> None:
    padding = " " * (len("failing") - len(found.state))
    out.console.print(f"{out.coloured(found.state)}{padding}  {out.plain(found.subject)}: {out.plain(found.message)}")
    if found.advice:
        out.console.print(f"{' ' * len('failing')}  [dim]{out.plain(found.advice)}[/dim]")


def demo(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the API; 8080 or a free one by default.")
    ] = None,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Run the service on a demo repository with a small fabric; cluster and NetBox are simulated."""
    from reconciler.app.logs import configure_logs, log_uncaught
    from reconciler.app.parts import build_parts
    from reconciler.app.service import serve as run_service

    configure_logs(level=log_level)
    log_uncaught()
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    try:
        place = Place(folder, port or _port())
        prepare(place)
        settings = load(place.config)
        run_service(lambda: build_parts(settings), on_ready=lambda: _greet(place))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _port() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEMO_PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _greet(place: Place) -> None:
    """Where to look, and three things to try. Each is a line that can be pasted into another terminal."""
    command = _command()
    server = "" if place.port == DEMO_PORT else f" --server {place.url}"
    work = place.folder / "clone"
    git = f"git -C {shlex.quote(str(work))}"
    author = "-c user.name=me -c user.email=me@localhost"
    vpc = shlex.quote(str(work / FABRIC_PATH / "managed" / "vpcs" / "vpc-01.yaml"))
    lines = [
        f"The demo runs. Open {place.url}/ in a browser: the fabric {FABRIC} is in sync within seconds.",
        f"To log in there, which only changes need, the token is {place.token_file.read_text().strip()}",
        "Cluster and NetBox are embedded in this process, and marked as simulated wherever they are shown.",
        "",
        "Three things to try, in another terminal, while the page is open:",
        "",
        "1. Change a VPC and push it. A hook delivers the push, as a forge would; a second later the cluster has it:",
        f"     git clone -q {shlex.quote(str(place.repository))} {shlex.quote(str(work))}",
        f"     sed -i 's/vlan: .*/vlan: 2999/' {vpc}",
        f"     {git} {author} commit -qam 'Move a VLAN' && {git} push -q",
        f"     {command} passes {FABRIC}{server}",
        "",
        "2. Break a file and push it. Everything else stays as it is, and the status names file and line:",
        f"     echo '  broken: [' >> {vpc}",
        f"     {git} {author} commit -qam 'Break it' && {git} push -q",
        "",
        "3. Ask what is wrong, and for a pass at will, which needs the token:",
        f"     {command} status {FABRIC}{server}",
        f"     {command} reconcile {FABRIC}{server} --token-file {shlex.quote(str(place.token_file))}",
        "",
        "To return to green, take the broken file back:",
        f"     {git} {author} revert --no-edit HEAD && {git} push -q",
        "",
        "Ctrl-C ends the demo and removes what it made, your clone too.",
    ]
    out.console.print("\n".join(lines), markup=False)


def _command() -> str:
    """How this very program was called, so that the lines work from where it was started."""
    name = Path(sys.argv[0])
    return shlex.quote(str(name)) if name.name == "reconciler" else f"{shlex.quote(sys.executable)} -m reconciler"
