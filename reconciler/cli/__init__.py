"""The command `reconciler`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
import typer.core
from typer.main import get_command

from reconciler import __version__
from reconciler.cli import adopt, ensure, history, local, netbox_setup, plan, remote, rights, upkeep, verify
from reconciler.cli.client import ApiError
from reconciler.cli.hints import told, usage
from reconciler.cli.interrupts import InterruptedBySignal, interruptible
from reconciler.cli.output import print_error
from reconciler.errors import ReconcilerError

app = typer.Typer(
    help="Keep Hedgehog fabrics, their clusters and NetBox in line with Git.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    local.serve,
    local.demo,
    local.check,
    rights.rbac,
    upkeep.init,
    upkeep.ingest,
    netbox_setup.init_netbox,
    adopt.adopt,
    remote.reconcile,
    remote.status,
    history.passes,
    remote.suspend,
    remote.resume,
    plan.plan,
    plan.approve,
    verify.verify,
    ensure.ensure,
):
    app.command()(command)
app.command("pass")(history.pass_)


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        typer.echo(__version__)
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
]


@app.callback()
def options(_version: VersionOption = False) -> None:  # noqa: FBT002 - typer's form of a flag
    """Keep Hedgehog fabrics, their clusters and NetBox in line with Git."""


def command_line() -> typer.core.TyperGroup:
    """All commands. The library's help says of a flag that it takes a `<bool>`, which it does not."""
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)  # noqa: S101 - what typer makes of several commands
    for one in (group, *group.commands.values()):
        for parameter in one.get_params(typer.Context(one)):
            if isinstance(parameter, typer.core.TyperOption) and parameter.is_flag:
                parameter.metavar = ""
    return group


def main() -> None:
    """Run the command line. An error that a person can mend is one sentence, not a traceback."""
    try:
        with interruptible():
            code = command_line()(standalone_mode=False)
    except ReconcilerError as error:
        print_error(told(error))
        code = remote.Exit.ERROR
    except ApiError as error:
        print_error(str(error))
        code = remote.Exit.ERROR
    except typer.TyperException as error:
        # Not 2, which is usual for a command line that is wrong: it says here that something is not in sync.
        if message := error.format_message().strip():
            print_error(usage(message))
        code = remote.Exit.ERROR
    except InterruptedBySignal as error:
        print_error("interrupted")
        code = error.exit_code
    sys.exit(code)
