"""The types of single values: what a path, a name, a URL or a secret's place may be.

Reasons speak of the rule, never of the value: people put secrets into the wrong key.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from reconciler.settings.names import FABRIC_NAME, REPOSITORY_NAME, SLUG
from reconciler.settings.secret import UnusableError, check_file, check_kubeconfig, read_file, read_variable
from reconciler.settings.urls import (
    check_https_or_loopback,
    check_repository_url,
    check_web_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Section(BaseModel):
    """A mapping of the file. Unknown keys and values of another type are refused; nothing is converted."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


def refuse(reason: str) -> NoReturn:
    """End the validation of a value with this reason."""
    raise PydanticCustomError("refused", "{reason}", {"reason": reason})


def _by(check: Any) -> AfterValidator:
    """A validator from a function that raises ValueError with the reason, and returns the value to use."""

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except ValueError as error:
            refuse(str(error))

    return AfterValidator(validate)


def _check_printable(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must not hold control characters")
    return text


Text = Annotated[str, _by(_check_printable)]
"""One line, not empty."""


_CRUD = " .,:;<>\"'\\"
"""What git cuts off from both ends of a name."""


def _check_identity(text: str) -> str:
    """As git stores it: what it would leave out without a word is refused."""
    if {"<", ">"} & set(_check_printable(text)):
        raise ValueError("must not hold < or >")
    if text != text.strip(_CRUD):
        raise ValueError("must not begin or end with a blank or one of . , : ; \" ' \\")
    return text


IdentityText = Annotated[str, _by(_check_identity)]
"""Name or address of who commits."""


# Lists


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


FROM_LIST = BeforeValidator(_as_tuple)
"""YAML's lists become tuples, as frozen values want them."""


# Files and secrets


def folder_of(info: ValidationInfo) -> Path:
    """Where relative paths begin: the folder of the configuration file."""
    folder: Path = info.context["folder"] if info.context else Path()
    return folder


def _as_path(value: Any, info: ValidationInfo) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str):
        refuse("must be the path of a file")
    try:
        return folder_of(info) / _check_printable(value)
    except ValueError as error:
        refuse(str(error))


def looks_at_secrets(info: ValidationInfo) -> bool:
    """Whether files and variables must be there and fit: not where nothing is connected to."""
    return not (info.context and info.context.get("is_offline"))


def _unusable(error: UnusableError, path: Path, folder: Path) -> str:
    """The reason, and where a file was looked for that was named relative to the configuration and is missing. The path
    itself is not told: it may be the secret, written where its file was to be named.
    """
    is_missing = str(error) == os.strerror(errno.ENOENT).lower()
    return f"{error} below {folder}" if is_missing and path.is_relative_to(folder) else str(error)


def _file(check: Callable[[Path], object]) -> AfterValidator:
    def validate(path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and looks_at_secrets(info):
            try:
                check(path)
            except UnusableError as error:
                refuse(_unusable(error, path, folder_of(info)))
        return path

    return AfterValidator(validate)


class SecretMark:
    """Marks the keys whose file holds a secret."""


SECRET: Final = SecretMark()

_File = Annotated[Path | None, BeforeValidator(_as_path)]

ReadableFile = Annotated[_File, _file(check_file)]
"""A file of any size that can be read and is not empty."""

SecretFile = Annotated[_File, _file(read_file), SECRET]
"""The file of a secret."""

Kubeconfig = Annotated[_File, _file(check_kubeconfig), SECRET]
"""A file of any size that holds a secret among other things."""


def _check_variable(name: str, info: ValidationInfo) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        refuse("must be the name of an environment variable")
    if looks_at_secrets(info):
        try:
            read_variable(name)
        except UnusableError as error:
            refuse(str(error))
    return name


SecretVariable = Annotated[str, AfterValidator(_check_variable)] | None
"""The name of an environment variable that is set and not empty."""


# Names

FabricName = Annotated[str, Field(pattern=FABRIC_NAME)]
RepositoryName = Annotated[str, Field(pattern=REPOSITORY_NAME)]
Namespace = Annotated[str, Field(pattern=FABRIC_NAME)]
Slug = Annotated[str, Field(pattern=SLUG)]


def _check_user(name: str) -> str:
    if ":" in _check_printable(name):
        # HTTP takes what follows for the password.
        raise ValueError("must not hold a colon")
    return name


UserName = Annotated[str, _by(_check_user)]


def _check_branch(name: str) -> str:
    """As `git check-ref-format --branch`, narrowed to characters that no shell, URL or log takes for something else."""
    parts = name.split("/")
    is_odd = ".." in name or name.startswith("-") or name == "HEAD"
    if is_odd or not all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", part) for part in parts):
        raise ValueError("must be the name of a branch: letters, digits and ._- in parts divided by /")
    if any(part.endswith((".", ".lock")) for part in parts):
        raise ValueError("must be the name of a branch: no part may end in . or .lock")
    if parts[0] == "refs":
        raise ValueError("must be the name of a branch, without refs/heads/")
    return name


Branch = Annotated[str, _by(_check_branch)]

# Paths of fabrics

LONGEST_PATH = 255
MOST_LEVELS = 10
RESERVED = frozenset(
    {
        ".git",
        ".github",
        ".gitlab",
        ".gitea",
        ".forgejo",
        ".bitbucket",
        ".circleci",
        ".svn",
        ".hg",
        ".hnp",
        ".venv",
        "venv",
        ".tox",
        "__pycache__",
        "node_modules",
    }
)
"""Folders that belong to Git, to forges, to tools, or to the structure that a fabric has inside of its own."""


def check_fabric_path(path: str) -> str:
    """The path without a closing slash. Raises ValueError with the reason."""
    if not path.strip("/ "):
        raise ValueError("must name a folder of the repository, not its root")
    if path.startswith("/"):
        raise ValueError("must be relative to the root of the repository")
    if not path.isprintable() or "\\" in path:
        raise ValueError("must not hold control characters or backslashes")
    parts = path.removesuffix("/").split("/")
    if len(path) > LONGEST_PATH or len(parts) > MOST_LEVELS:
        raise ValueError(f"must have at most {LONGEST_PATH} characters and {MOST_LEVELS} levels")
    for part in parts:
        _check_part(part)
    return "/".join(parts)


def _check_part(part: str) -> None:
    if part in {"", ".", ".."}:
        raise ValueError("must not hold empty parts, . or ..")
    if part != part.strip():
        raise ValueError("must not hold parts that begin or end with a space")
    # As file systems see it that ignore case and a closing dot.
    if part.casefold().rstrip(".") in RESERVED:
        raise ValueError("must not hold a reserved part: " + ", ".join(sorted(RESERVED)))


FabricPath = Annotated[str, _by(check_fabric_path)]

# URLs

RepositoryUrl = Annotated[str, _by(check_repository_url)]
SafeUrl = Annotated[str, _by(check_https_or_loopback)]
WebUrl = Annotated[str, _by(check_web_url)]

# State


def _as_state(value: str, info: ValidationInfo) -> str:
    if value.startswith(("postgresql://", "postgresql+")):
        return value
    name = value.removeprefix("sqlite:///")
    if name == value or name in {"", ":memory:"} or "?" in name or not name.isprintable():
        refuse("must be sqlite:///PATH")
    return f"sqlite:///{folder_of(info) / name}"


StateUrl = Annotated[str, AfterValidator(_as_state)]
"""`sqlite:///PATH`, the path absolute after validation."""

# Numbers

Seconds = Annotated[float, Field(ge=1, le=604_800)]
"""From a second to a week."""
