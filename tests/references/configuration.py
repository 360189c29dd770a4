"""`docs/configuration.md`, from the settings model."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from reconciler.settings import Settings
from reconciler.settings.restart import NEEDS_RESTART
from tests.references.markdown import GENERATED, document, paragraph, table
from tests.unit.settings.example import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_INTRODUCTION = """\
# The configuration

{generated}

One file, `reconciler.yaml`; `--config` or `RECONCILER_CONFIG` names another. Paths in it are relative to its folder.
Unknown keys, values of another type, and keys that have no effect beside the others are refused, with the key's path
and the reason: `reconciler check` says so without starting anything. Secrets stand in files (`…_file`) or in
environment variables (`…_env`), never in the file itself.

While the service runs it looks at this file and at every file that it names. A version that can be used takes effect at
once; one that cannot is refused, with the reason in `/healthz` and in the log, and the old one stays. Keys of which the
tables say `restart` take effect at the next start, and a version that changes them is refused until then. `…[]` stands
for each entry of a list."""

_SCALARS = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "file"}
_UNITS = (("second", "seconds"), ("byte", "bytes"), ("day", "days"))


@dataclass(frozen=True)
class Part:
    """A mapping of the file: where it stands (`fabrics[].cluster`; empty for the whole file), and what it is."""

    place: str
    model: type[BaseModel]

    def key(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def entries(self) -> Iterator[tuple[str, FieldInfo]]:
        return ((self.key(name), field) for name, field in self.model.model_fields.items())


def parts(part: Part | None = None) -> Iterator[Part]:
    """The whole file, and every mapping within it, each before its own."""
    part = part or Part("", Settings)
    yield part
    for key, field in part.entries():
        for model, is_listed in _models(field.annotation):
            yield from parts(Part(f"{key}[]" if is_listed else key, model))


def _models(annotation: Any, *, is_listed: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """The mappings that a value may be, or hold as a list."""
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation, is_listed
    within = is_listed or get_origin(annotation) in {tuple, list}
    for one in get_args(annotation):
        yield from _models(one, is_listed=within)


def render() -> str:
    return document(
        _INTRODUCTION.format(generated=GENERATED),
        "## A whole file",
        paragraph("One of every sort, with each key at its default where it has one:"),
        example(COMPLETE),
        *(piece for part in parts() for piece in _section(part)),
    )


def _section(part: Part) -> Iterator[str]:
    yield f"## `{part.place}`" if part.place else "## The top level"
    yield paragraph(inspect.getdoc(part.model) or "")
    excerpt = _excerpt(part.place) if part.place else None
    if excerpt:
        yield example(excerpt)
    yield table(["key", "type", "default", "unit", "effect", "a change needs"], map(_row, part.entries()))


def _row(key_and_field: tuple[str, FieldInfo]) -> list[str]:
    key, field = key_and_field
    name = key.rpartition(".")[2]
    kind, effect = _type(field.annotation), field.description or ""
    return [f"`{name}`", kind, _default(field), _unit(kind, effect), _effect(effect), _change(key)]


def _type(annotation: Any) -> str:
    arguments = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is Literal:
        return " ".join(f"`{one}`" for one in arguments)
    if get_origin(annotation) in {tuple, list}:
        return "list"
    if get_origin(annotation) is dict:
        return "mapping"
    if isinstance(annotation, type):
        return "mapping" if issubclass(annotation, BaseModel) else _SCALARS.get(annotation, annotation.__name__)
    # A type with what it must keep to: that is told by the key's own description.
    kinds = [_type(one) for one in (arguments if not hasattr(annotation, "__metadata__") else arguments[:1])]
    return " or ".join(dict.fromkeys(kinds))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value in ((), {}, []):
        return "none"
    if isinstance(value, BaseModel):
        return "its keys'"
    return f"`{str(value).lower() if isinstance(value, bool) else _spelled(value)}`"


def _spelled(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unit(kind: str, effect: str) -> str:
    """The first that the description names."""
    if "number" not in kind:
        return ""
    found = {unit: effect.lower().find(word) for word, unit in _UNITS if word in effect.lower()}
    return min(found, key=lambda unit: found[unit], default="")


def _effect(text: str) -> str:
    """Without the default, which has a column of its own, where it says no more than that."""
    return re.sub(r"\s*Default (?:`[^`]*`|[\w.+-]+)(?: \([^)]*\))?\.$", "", " ".join(text.split()))


def _change(key: str) -> str:
    return "restart" if any(key == one or key.startswith(f"{one}.") for one in NEEDS_RESTART) else "reload"


def example(value: Any) -> str:
    dumped = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    return f"```yaml\n{dumped}```"


def _excerpt(place: str) -> Any:
    """What the whole example has there, with the keys that lead to it; None: nothing."""
    found: Any = COMPLETE
    steps = place.split(".")
    for step in steps:
        found = found.get(step.removesuffix("[]")) if isinstance(found, dict) else None
        if step.endswith("[]"):
            found = found[0] if found else None
    if not found:
        return None
    for step in reversed(steps):
        found = {step.removesuffix("[]"): [found] if step.endswith("[]") else found}
    return found
