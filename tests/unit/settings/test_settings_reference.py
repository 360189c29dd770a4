"""The reference of the configuration, and that every key in it has an effect."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.settings.unsupported import UNSUPPORTED
from tests.references import configuration
from tests.unit.settings.example import COMPLETE
from tests.unit.settings.test_settings_keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.settings.example import ConfigurationFile

ROOT = Path(__file__).parents[3]
SETTINGS = ROOT / "reconciler" / "settings"
TEXT = configuration.render()
EXAMPLES = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]


def test_every_key_is_in_it() -> None:
    """Each where it belongs, with type, effect and what a change of it needs."""
    keys = {key for part in configuration.parts() for key, _ in part.entries()}

    assert keys == {re.sub(r"\.0\b", "[]", key) for key, *_ in KEYS}
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    for part in configuration.parts():
        (section,) = [one for one in sections if one.startswith(f"`{part.place}`" if part.place else "The top level")]
        rows = re.findall(
            r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.*?) \| (.+) \| (reload|restart) \|$", section, re.MULTILINE
        )
        assert [row[0] for row in rows] == list(part.model.model_fields)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("poll.interval", ["`interval`", "number", "`3600`", "seconds"]),
        ("server.max_body_bytes", ["`max_body_bytes`", "whole number", "`5242880`", "bytes"]),
        ("history.days", ["`days`", "whole number", "`30`", "days"]),
        ("fabrics[].cluster.mode", ["`mode`", "`apply` `observe`", "`apply`", ""]),
        ("fabrics[].cluster.prune", ["`prune`", "true or false", "`false`", ""]),
        ("fabrics[].netbox.token_file", ["`token_file`", "file", "none", ""]),
        ("fabrics[].name", ["`name`", "text", "required", ""]),
        ("fabrics[].interval", ["`interval`", "number", "none", "seconds"]),
        ("fabrics", ["`fabrics`", "list", "required", ""]),
        ("repositories[].auth", ["`auth`", "mapping", "none", ""]),
    ],
)
def test_rows(key: str, expected: list[str]) -> None:
    """What a key may be, what it is by default, and in which unit."""
    found = {key: field for part in configuration.parts() for key, field in part.entries()}

    assert configuration._row((key, found[key]))[:4] == expected


def test_what_needs_a_restart() -> None:
    """Is said of each key, of those within a mapping too."""
    rows = {
        key for part in configuration.parts() for key, _ in part.entries() if configuration._change(key) == "restart"
    }

    assert {"server.host", "server.port", "state", "workers"} <= rows
    assert not rows & {"poll.interval", "fabrics", "server.public_url"}


@pytest.mark.parametrize("example", EXAMPLES, ids="-".join)
def test_examples_are_accepted(file: ConfigurationFile, example: dict[str, Any]) -> None:
    """The whole file, and each excerpt in the place of the same part of it."""
    file.load(_within(COMPLETE, example))


def _within(whole: Any, excerpt: Any) -> Any:
    """The whole with an excerpt in its place."""
    if isinstance(whole, dict) and isinstance(excerpt, dict):
        return whole | {key: _within(whole.get(key), value) for key, value in excerpt.items()}
    if isinstance(whole, list) and isinstance(excerpt, list) and whole:
        return [_within(whole[0], excerpt[0]), *whole[1:]] if excerpt else whole
    return excerpt


class _Accesses(ast.NodeVisitor):
    """The attributes that some source reads, and the names that it gives as text (of `attrgetter` and the like)."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.names.add(node.attr)
        self.generic_visit(node)


def _accesses(node: ast.AST) -> set[str]:
    found = _Accesses()
    found.visit(node)
    return found.names


def _sources(folder: Path) -> Iterator[ast.Module]:
    for file in sorted(folder.rglob("*.py")):
        if SETTINGS not in file.parents:
            yield ast.parse(file.read_text(encoding="utf-8"))


def _through_settings() -> dict[str, set[str]]:
    """By method of a section, what that method reads."""
    found: dict[str, set[str]] = {}
    for file in sorted(SETTINGS.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for one in node.body:
                    if isinstance(one, ast.FunctionDef):
                        found.setdefault(one.name, set()).update(_accesses(one))
    return found


def test_every_key_is_used() -> None:
    """By a part of the program outside of the settings, at once or by way of what the settings make of it."""
    used = {name for folder in ("reconciler", "webhooks") for one in _sources(ROOT / folder) for name in _accesses(one)}
    through = _through_settings()
    while more := {name for method in used & through.keys() for name in through[method]} - used:
        used |= more
    names = {key.rpartition(".")[2] for part in configuration.parts() for key, _ in part.entries()}

    assert names - used == {row.key for row in UNSUPPORTED} - used
