"""What is secret in a kubeconfig."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from reconciler.settings.document import plain_data
from reconciler.settings.known_secrets import note

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = "client-key-data"
"""Base64 of a private key in PEM."""

_ODD = re.compile(
    r"""["']?\b(?:token|password|client-key-data|id-token|refresh-token|access-token)["']?\s*:\s*["']?([^\s"',}]+)"""
)
"""The credentials in what is no YAML."""


def note_credentials(kubeconfig: bytes) -> None:
    """Remember the tokens, passwords and keys in a kubeconfig, whether it can be used or not."""
    text = kubeconfig.decode(errors="replace")
    try:
        users = _items(_member(plain_data(text), "users"))
    except ValueError:
        # Whoever uses it says what is wrong with it, and may quote it.
        for found in _ODD.finditer(text):
            note(found[1].encode())
        return
    for entry in users:
        for name, value in _credentials(_member(entry, "user")):
            note(value.strip().encode(errors="replace"))
            if name == _KEY:
                _note_key(value)


def _credentials(user: Any) -> Iterator[tuple[str, str]]:
    """Names and values of what is secret in the entry of a user."""
    names = ("token", "password", _KEY)
    found = [(name, _member(user, name)) for name in names]
    config = _member(_member(user, "auth-provider"), "config")
    found += [(name, value) for name, value in _pairs(config) if "token" in name or "secret" in name]
    yield from ((name, value) for name, value in found if isinstance(value, str) and value.strip())


def _note_key(encoded: str) -> None:
    try:
        key = base64.b64decode(encoded)
    except ValueError:  # no base64: there is no key that anybody could read out of it
        return
    if key:
        note(key)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _pairs(value: Any) -> list[tuple[str, Any]]:
    return [(str(name), one) for name, one in value.items()] if isinstance(value, dict) else []
