"""The configuration, for commands that work by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.settings import Settings


def load(path: Path, *, is_offline: bool = False) -> Settings:
    """As `settings.load`; a path that is wrong is told with what to do about it. Raises ConfigurationError."""
    from reconciler.settings import load as load_settings

    try:
        return load_settings(path, is_offline=is_offline)
    except ConfigurationError as error:
        if (hint := _hint(path)) is not None:
            raise ConfigurationError(f"{error.message}: {hint}") from None
        raise


def _hint(path: Path) -> str | None:
    """What to do where it is the path that is wrong, or who asks for it."""
    try:
        is_there = path.exists()
    except PermissionError:
        return "its folder is closed to this user, run it as the service's user"
    return None if is_there else "name the configuration with --config or RECONCILER_CONFIG; the README shows one"


def findings(error: ConfigurationError) -> list[str]:
    """What is wrong, key by key, without the line above them that names the file."""
    head, *keys = error.message.split("\n")
    return keys or [head]
