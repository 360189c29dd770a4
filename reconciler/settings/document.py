"""The file as YAML, before it means anything. The only home of the YAML parser in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from reconciler.errors import ConfigurationError
from reconciler.settings.findings import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_FILE = 1024 * 1024
"""Bytes. A fabric takes about 500."""

DEEPEST = 32
"""Levels. The C parser ends the process when it composes tens of thousands."""

MOST_NODES = 200_000
"""Values after aliases are expanded."""

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """Plain data only. What looks like a date stays text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's way to say it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
        try:
            return super().construct_object(node, deep=deep)
        except (AttributeError, KeyError, TypeError, ValueError):
            # What odd numbers and tags raise; it would not say where.
            raise yaml.constructor.ConstructorError(None, None, None, node.start_mark) from None


def read_document(path: Path) -> dict[str, Any]:
    """The file's mapping. Raises ConfigurationError, naming file, line and column, without quoting the file."""
    text = _read(path)
    try:
        _check_size(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise ConfigurationError(f"{path}: the file is empty")
            if not isinstance(node, yaml.MappingNode):
                raise ConfigurationError(f"{path}: the file must hold a mapping of keys")
            findings = list(_odd_keys(node))
            if findings:
                raise ConfigurationError("\n".join([f"{path} cannot be used:", *findings]))
            document: dict[str, Any] = loader.construct_document(node)
        finally:
            loader.dispose()
    except _RefusedError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: {_explain(error, text)}") from None
    return document


def plain_data(text: str) -> Any:
    """What the text means that others wrote as YAML, with whatever keys. Raises ValueError, which does not quote it."""
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader of our own
    except _RefusedError as error:
        raise ValueError(str(error)) from None
    except yaml.YAMLError as error:
        raise ValueError(_explain(error, text)) from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    if len(content) > LARGEST_FILE:
        raise ConfigurationError(f"{path}: the file is larger than {LARGEST_FILE} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}: line {line}: not UTF-8 text") from None


class _RefusedError(Exception):
    """YAML that we do not take. The text begins with the place."""


def _check_size(text: str) -> None:
    """Refuse what would be too deep or too large once composed. Raises _RefusedError, yaml.YAMLError."""
    sizes: dict[str | None, int] = {}
    opened: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            # An alias inside of what it names finds no size yet.
            if event.anchor not in sizes:
                raise _RefusedError(f"{_at(event.start_mark)}: an alias must name an anchor that stands before it")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            opened.append((event.anchor, total))
            total += 1
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            sizes[anchor] = total - before
        if len(opened) > DEEPEST or total > MOST_NODES:
            raise _RefusedError(f"{_at(event.start_mark)}: more than {DEEPEST} levels or {MOST_NODES} values")


def _odd_keys(node: yaml.Node) -> Iterator[str]:
    """Keys that are no text, or that stand twice in one mapping: of those the last would win in silence."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _odd_keys(item)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.tag not in {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}:
                yield f"{_at(key.start_mark)}: a key must be text"
            elif key.value in seen:
                yield f"{_at(key.start_mark)}: duplicate key {shown(key.value)}"
            else:
                seen.add(key.value)
            yield from _odd_keys(value)


def _at(mark: Any) -> str:
    """A mark of the C parser or of the Python one: two types, with the same two counts from 0."""
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _explain(error: yaml.YAMLError, text: str) -> str:
    """Place and problem. Not the error's own text, which quotes the line, and not tags or names in it."""
    if not isinstance(error, yaml.MarkedYAMLError):
        # A ReaderError, which counts bytes.
        line = text.encode()[: getattr(error, "position", 0)].count(b"\n") + 1
        return f"line {line}: a character that YAML does not allow"
    mark = error.problem_mark or error.context_mark
    place = f"{_at(mark)}: " if mark else ""
    if isinstance(error, yaml.constructor.ConstructorError):
        return f"{place}a value that is not plain data"
    return f"{place}{error.problem}"
