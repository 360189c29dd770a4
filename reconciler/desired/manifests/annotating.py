"""Annotations put into the text of a document, which stays as it is otherwise: comments, order, quotes and line breaks.

Text is inserted where the parser's marks say, in the style of its surroundings. Nothing here has to be right for every
document: the result is read again, and what means anything else than it should is not used.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from reconciler.desired.manifests.cutting import line_end
from reconciler.desired.manifests.dumping import dump
from reconciler.desired.manifests.loader import load_sound
from reconciler.desired.manifests.nodes import Node, root
from reconciler.plan.texts import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.desired.manifests.cutting import Part
    from reconciler.model.json import JSON, JSONObject

_STEP = "  "


class Annotated(NamedTuple):
    data: bytes
    is_rewritten: bool
    """Whether the text is a new one: its own could not take the annotations."""


def annotate(part: Part, value: JSONObject, annotations: Mapping[str, str]) -> Annotated | None:
    """A document that declares an object, with these annotations. None where no text can be found that means that."""
    wanted = with_annotations(value, annotations)
    edited = _edited(part, annotations)
    if edited is not None and means(edited, wanted):
        return Annotated(edited, is_rewritten=False)
    written = dump(wanted)
    return Annotated(written, is_rewritten=True) if means(written, wanted) else None


def with_annotations(value: JSONObject, annotations: Mapping[str, str]) -> JSONObject:
    """The value with these annotations in the place of any that have the same names."""
    metadata = value["metadata"]
    merged = {**(metadata.get("annotations") or {}), **annotations}
    return {**value, "metadata": {**metadata, "annotations": merged}}


def means(data: bytes, value: JSON) -> bool:
    """Whether a text is one document of exactly this value."""
    document = load_sound(data)
    return document is not None and _canonical(document.value) == _canonical(value)


def _canonical(value: JSON) -> str:
    """Unlike `==`, tells 1 from true and from 1.0."""
    return json.dumps(value, sort_keys=True)


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def _edited(part: Part, annotations: Mapping[str, str]) -> bytes | None:
    """The text with the annotations; None where it has no place for them."""
    text = part.text
    edits = sorted(_Editor(text, annotations).edits(root(part.events)))
    if not edits or edits[0].start < part.start or edits[-1].end > part.end:
        return None
    pieces, position = [], part.start
    for edit in edits:
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
    return part.around("".join([*pieces, text[position : part.end]]))


class _Editor:
    """Finds what to insert and to replace in one document. No edit: there is no place for it."""

    def __init__(self, text: str, annotations: Mapping[str, str]) -> None:
        self._text = text
        self._annotations = annotations

    def edits(self, document: Node) -> Iterable[_Edit]:
        metadata = _member(document, "metadata")
        if metadata is None or not metadata.is_mapping:
            return
        found = metadata.members().get("annotations")
        if found is None:
            yield from self._add(metadata)
        elif found[1].is_mapping:
            yield from self._extend(*found)
        elif found[1].is_scalar:
            yield from self._fill(*found, is_flow=metadata.is_flow)

    def _add(self, metadata: Node) -> Iterator[_Edit]:
        """Behind the name, which every object has."""
        found = metadata.members().get("name")
        if found is None:
            return
        key, name = found
        if metadata.is_flow:
            yield _insert(name.end, f', "annotations": {self._flow()}')
            return
        indent = self._indent(key)
        if indent is not None:
            yield self._lines(name.end, [f"{indent}annotations:", *self._block(indent + _STEP, self._annotations)])

    def _fill(self, key: Node, value: Node, *, is_flow: bool) -> Iterator[_Edit]:
        """In the place of a null."""
        if is_flow:
            yield _Edit(value.start, value.end, self._gap(value) + self._flow())
            return
        indent = self._indent(key)
        if indent is not None:
            if value.end > value.start:
                yield _Edit(value.start, value.end, "")
            yield self._lines(value.end, self._block(indent + _STEP, self._annotations))

    def _extend(self, key: Node, value: Node) -> Iterator[_Edit]:
        """Older values of ours are replaced; the others go to the front."""
        members = value.members()
        for name, (_, old) in members.items():
            if name in self._annotations:
                yield self._replace(old, self._annotations[name])
        missing = {name: text for name, text in self._annotations.items() if name not in members}
        if not missing:
            return
        if value.is_flow:
            yield _insert(value.opened, _flow_members(missing) + (", " if members else ""))
            return
        indent = self._indent(next(value.items()))
        if indent is not None:
            yield self._lines(key.end, self._block(indent, missing))

    def _replace(self, old: Node, text: str) -> _Edit:
        # The text of a block scalar ends with its last line.
        has_break = self._text[old.start : old.end].endswith("\n")
        return _Edit(old.start, old.end, self._gap(old) + quoted(text) + (self._break(old.end) if has_break else ""))

    def _gap(self, value: Node) -> str:
        """A blank in front of what takes the place of nothing."""
        return " " if value.end == value.start and self._text[value.start - 1] != " " else ""

    def _lines(self, position: int, lines: Iterable[str]) -> _Edit:
        """Lines behind that in which something ends."""
        end = line_end(self._text, position)
        has_break = self._text[:end].endswith("\n")
        line_break = self._break(end)
        block = line_break.join(lines)
        return _insert(end, block + line_break if has_break else line_break + block)

    def _break(self, end: int) -> str:
        """The line break in use at the end of a line."""
        return "\r\n" if self._text[:end].endswith("\r\n") else "\n"

    def _indent(self, key: Node) -> str | None:
        """What stands before a key in its line; None where that is more than blanks."""
        before = self._text[self._text.rfind("\n", 0, key.start) + 1 : key.start]
        return before if not before.strip(" ") else None

    def _flow(self) -> str:
        return "{" + _flow_members(self._annotations) + "}"

    @staticmethod
    def _block(indent: str, annotations: Mapping[str, str]) -> list[str]:
        return [f"{indent}{name}: {quoted(text)}" for name, text in annotations.items()]


def _member(mapping: Node, name: str) -> Node | None:
    found = mapping.members().get(name)
    return found[1] if found else None


def _insert(position: int, text: str) -> _Edit:
    return _Edit(position, position, text)


def _flow_members(annotations: Mapping[str, str]) -> str:
    """As JSON and YAML both read it."""
    return ", ".join(f'"{name}": {quoted(text)}' for name, text in annotations.items())
