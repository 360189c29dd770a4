"""The entry point: which commands there are, and how a wrong command line ends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler import __version__
from reconciler.cli import app
from reconciler.cli.hints import told
from reconciler.errors import ConfigurationError, GitAccessError, UnknownFabricError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.models import CommandInfo

    from reconciler.errors import ReconcilerError
    from tests.unit.cli.conftest import Said

PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"


def _commands() -> set[str]:
    return {name.replace("_", "-") for name in map(_name, app.registered_commands)}


def _name(command: CommandInfo) -> str:
    return command.name or str(getattr(command.callback, "__name__", ""))


def test_the_page_names_every_command() -> None:
    """The table of commands in the documentation is that of the program."""
    named = re.findall(r"^\| `reconciler ([\w-]+)", PAGE.read_text(), re.MULTILINE)

    assert set(named) == _commands()
    assert len(named) == len(set(named))


@pytest.mark.parametrize("command", sorted(_commands()))
def test_help(cli: Callable[..., Said], command: str) -> None:
    """Every command explains itself."""
    said = cli(command, "--help")

    assert said.code == 0
    assert f"reconciler {command}" in said.out
    assert "<bool>" not in said.out, "a flag takes no value"


def test_version(cli: Callable[..., Said]) -> None:
    """The version is that of the package, alone on its line."""
    assert cli("--version").out == f"{__version__}\n"


def test_without_a_command(cli: Callable[..., Said]) -> None:
    """Without a command the help is shown, and nothing was done."""
    said = cli()

    assert said.code == 1
    assert "Commands" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["stauts"], "No such command 'stauts'. Did you mean 'status'? Try --help."),
        (["passes"], "Missing argument 'fabric'. Try --help."),
        (["passes", "dc1", "--limit", "x"], "Invalid value for '--limit': it must be a whole number. Try --help."),
        (["passes", "dc1", "--limit", "0"], "Invalid value for '--limit': it must be at least 1. Try --help."),
        (["reconcile", "--wait", "soon"], "Invalid value for '--wait': it must be a number. Try --help."),
        (["reconcile", "--wait", "601"], "Invalid value for '--wait': it must be at most 600. Try --help."),
        (["status", "-o", "x"], "Invalid value for '--output' / '-o': 'x' is not one of 'text', 'json'. Try --help."),
    ],
)
def test_a_wrong_command_line_in_words(cli: Callable[..., Said], arguments: list[str], sentence: str) -> None:
    """As we would say it, and not the library."""
    assert cli(*arguments).err == f"error: {sentence}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["frobnicate"], "frobnicate", id="unknown command"),
        pytest.param(["status", "--nonsense"], "--nonsense", id="unknown option"),
        pytest.param(["passes"], "fabric", id="missing argument"),
        pytest.param(["status", "--output", "xml"], "--output", id="unknown form"),
        pytest.param(["serve", "--log-level", "loud"], "--log-level", id="unknown level"),
    ],
)
def test_a_wrong_command_line(cli: Callable[..., Said], arguments: list[str], words: str) -> None:
    """What is wrong is named, with exit code 1: 2 is for what is not in sync."""
    said = cli(*arguments)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: ")
    assert words in said.err.lower()
    assert said.err.endswith("Try --help.\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(
            GitAccessError("gitops: denied"), "gitops: denied (what to do: docs/operating.md#gitaccessdenied)", id="git"
        ),
        pytest.param(ConfigurationError("x.yaml: a: wrong"), "x.yaml: a: wrong", id="a key says it itself"),
        pytest.param(UnknownFabricError("no fabric 'x'"), "no fabric 'x'", id="so does a name"),
    ],
)
def test_what_to_do_next(error: ReconcilerError, said: str) -> None:
    """An error leads to what the operating guide says of its reason."""
    assert told(error) == said


def test_a_configuration_that_is_not_there(cli: Callable[..., Said], tmp_path: Path) -> None:
    """What a person can mend is a sentence with its place, not a traceback."""
    for command in ("serve", "check"):
        said = cli(command, "--config", str(tmp_path / "gone.yaml"))

        assert (said.code, said.out) == (1, "")
        assert "gone.yaml" in said.err
        assert "--config" in said.err
        assert "Traceback" not in said.err
