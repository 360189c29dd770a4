"""What is wrong with a configuration, and where. A finding names keys, never the value: that may be a secret."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from reconciler.settings.names import IN_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Place: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists, from the root."""

LONGEST_KEY = 64
"""Characters of a key that a message shows: an unknown key is whatever somebody typed."""


class Finding(NamedTuple):
    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{dotted(self.place)}: {self.reason}"

    @property
    def order(self) -> tuple[tuple[int, str], ...]:
        """Puts findings of one list in the order of its elements."""
        return tuple((part, "") if isinstance(part, int) else (-1, part) for part in self.place)


def dotted(place: Place) -> str:
    """As people write it: `repositories[0].auth.password_file`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in place)
    return text.removeprefix(".")


def shown(key: str) -> str:
    """A key on one line, whatever it holds."""
    clean = key if key.isprintable() else ascii(key)[1:-1]
    return clean if len(clean) <= LONGEST_KEY else f"{clean[:LONGEST_KEY]}…"


def from_validation(error: ValidationError, root: type[BaseModel]) -> Iterator[Finding]:
    """The findings of pydantic, in our words."""
    for found in error.errors(include_url=False, include_input=False):
        place = found["loc"]
        if found["type"] == "extra_forbidden":
            yield Finding(place, _unknown(str(place[-1]), _keys_at(root, place[:-1])))
        else:
            yield Finding(place, _reason(found["type"], found["msg"], found.get("ctx", {})))


_REASONS = {
    "missing": "required",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "string_type": "must be text (in quotes, where YAML takes it for something else)",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
}


def _reason(type_: str, message: str, context: Mapping[str, Any]) -> str:
    if type_ == "string_pattern_mismatch":
        return IN_WORDS[context["pattern"]]
    template = _REASONS.get(type_)
    return message if template is None else template.format(**{key: _whole(value) for key, value in context.items()})


def _whole(value: Any) -> Any:
    """A limit as it is documented: 1, not 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=2)
    return f"unknown key; did you mean {' or '.join(close)}?" if close else "unknown key"


def _keys_at(root: type[BaseModel], place: Place) -> list[str]:
    """The keys that a mapping at this place may have."""
    model: type[BaseModel] | None = root
    for part in place:
        if isinstance(part, str) and model is not None:
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section in `Section`, `Section | None` or `tuple[Section, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)
