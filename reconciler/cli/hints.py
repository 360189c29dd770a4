"""What to do next about an error that does not say so itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ConfigurationError, UnknownFabricError

if TYPE_CHECKING:
    from reconciler.errors import ReconcilerError

BY_CODE = {
    "fabric_suspended": "`reconciler resume` takes it up again",
    "fabric_disabled": "enabled: true in the configuration of the service takes it up",
}
"""By the code of the API's answer."""


_LIBRARY = (
    (", unable to parse string as an integer", ""),
    (", unable to parse string as a number", ""),
    ("Input should be a valid integer", "it must be a whole number"),
    ("Input should be a valid number", "it must be a number"),
    ("Input should be greater than or equal to", "it must be at least"),
    ("Input should be less than or equal to", "it must be at most"),
    ("Input should be", "it must be"),
    ("Value error, ", ""),
)
"""What the library says of a value, and how we do."""


def usage(message: str) -> str:
    """What the library says of a wrong command line, as a sentence of ours with what to do."""
    for theirs, ours in _LIBRARY:
        message = message.replace(theirs, ours)
    return f"{message if message.endswith('?') else message.removesuffix('.') + '.'} Try --help."


def told(error: ReconcilerError) -> str:
    """The error's sentence, and where it is told what to do. What is wrong with a configuration says so by its key."""
    if isinstance(error, ConfigurationError | UnknownFabricError):
        return error.message
    return f"{error.message} (what to do: docs/operating.md#{error.reason.lower()})"
