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


def told(error: ReconcilerError) -> str:
    """The error's sentence, and where it is told what to do. What is wrong with a configuration says so by its key."""
    if isinstance(error, ConfigurationError | UnknownFabricError):
        return error.message
    return f"{error.message} (what to do: docs/operating.md#{error.reason.lower()})"
