"""What is secret in a kubeconfig, and in files that it names."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from reconciler.model.paths import can_be_shown
from reconciler.settings.document import plain_data
from reconciler.settings.known_secrets import note

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = "client-key-data"
"""Base64 of a private key in PEM."""

_FILES = ("client-key", "tokenFile")
"""What names a file with a secret."""

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


def secret_files(kubeconfig: bytes, context: str | None) -> tuple[str, ...]:
    """The files of the key and of the token that the user of a context has (None: of the current one), relative to the
    kubeconfig's folder. None of what cannot be used: whoever uses it says what is wrong with it.
    """
    try:
        config = plain_data(kubeconfig.decode(errors="replace"))
    except ValueError:
        return ()
    chosen = _named(config, "context", context or _member(config, "current-context"))
    user = _named(config, "user", _member(chosen, "user"))
    found = [_member(user, key) for key in _FILES if not _member(user, f"{key}-data")]
    return tuple(name for name in found if isinstance(name, str) and name and can_be_shown(name))


def _named(config: Any, member: str, name: Any) -> Any:
    """The entry of this name in the list of contexts or users; None where there is none."""
    entries = _items(_member(config, f"{member}s"))
    found = (_member(entry, member) for entry in entries if name and _member(entry, "name") == name)
    return next(found, None)


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
