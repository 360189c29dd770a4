"""Whatever a page names as a command is one: the command, its options, the targets of make."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import typer

from reconciler.cli import app
from tests.unit.docs.spoken import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_INLINE = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"^```sh\n(.*?)^```|^    (make .*)$", re.MULTILINE | re.DOTALL)


def _options() -> dict[str, set[str]]:
    group = typer.main.get_command(app)
    found = {}
    for name, command in getattr(group, "commands", {}).items():
        found[name] = {"--help"} | {option for one in command.params for option in one.opts if option.startswith("--")}
    return found


OPTIONS = _options()
GLOBAL = {"--help", "--version", "--install-completion", "--show-completion"}


def _named(page: Path, program: str) -> list[list[str]]:
    """The words behind the program's name, wherever the page names it with more than that."""
    text = page.read_text()
    codes = _INLINE.findall(text)
    codes += [line for block in _BLOCK.findall(text) for line in "".join(block).splitlines()]
    return [code.split()[1:] for code in codes if re.match(rf"{program} [a-z-]", code)]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_commands_and_options(page: Path) -> None:
    """Each command that is named exists, with each option that is named."""
    wrong = []
    for name, *rest in _named(page, "reconciler"):
        known = GLOBAL if name.startswith("--") else OPTIONS.get(name)
        options = re.findall(r"--[a-z-]+", " ".join([name, *rest]))
        if known is None or not set(options) <= known:
            wrong.append(" ".join([name, *rest]))

    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_targets_of_make(page: Path) -> None:
    """Each target that is named exists."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {words[0] for words in _named(page, "make")} - targets == set()
