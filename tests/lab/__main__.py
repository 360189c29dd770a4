"""`python -m tests.lab up | down | status | env | make-netbox-dump`."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from tests.lab.errors import LabError
from tests.lab.lab import NAMES, Lab, default_folder
from tests.lab.netbox_dump import make_dump
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DESCRIPTION = "Real servers for tests: Git over HTTPS and ssh, a Kubernetes API server, NetBox."


def up(lab: Lab, names: list[str]) -> int:
    progress = Progress()
    lab.up(progress, names)
    progress.say(f"up: {', '.join(names)}")
    return status(lab, names)


def down(lab: Lab, names: list[str]) -> int:
    lab.down(names)
    return 0


def status(lab: Lab, names: list[str]) -> int:
    """One line for each server; fails unless all run."""
    servers = lab.servers(names)
    for server in servers:
        answer = f"running {server.url}" if server.is_running() else "stopped" if server.exists() else "absent"
        sys.stdout.write(f"{server.name:<10} {answer}\n")
    return 0 if all(server.is_running() for server in servers) else 1


def env(lab: Lab, names: list[str]) -> int:
    """Lines for a shell's `eval`, passwords and tokens included."""
    for server in lab.servers(names):
        if server.exists():
            for name, value in server.variables().items():
                sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def make_netbox_dump(_lab: Lab, _names: list[str]) -> int:
    sys.stdout.write(f"{make_dump(Progress())}\n")
    return 0


_COMMANDS: dict[str, Callable[[Lab, list[str]], int]] = {
    "up": up,
    "down": down,
    "status": status,
    "env": env,
    "make-netbox-dump": make_netbox_dump,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 not, with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=_DESCRIPTION)
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("servers", nargs="*", metavar="server", help=f"of {', '.join(NAMES)}; by default all")
    given = parser.parse_args(arguments)
    unknown = set(given.servers) - set(NAMES)
    if unknown:
        parser.error(f"no server {', '.join(sorted(unknown))}")
    try:
        return _COMMANDS[given.command](Lab(default_folder()), given.servers or list(NAMES))
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
