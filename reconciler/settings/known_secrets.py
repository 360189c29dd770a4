"""The secrets that this process has read, so that no text that leaves it holds one.

What is read as a secret is noted where it is read, before anybody can use it. Whoever writes texts for people (the log)
asks for them to be hidden.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from reconciler.model.hiding import Hider

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = 16
"""Characters of a line of a secret with several, a key, that are hidden without the others."""

MOST = 256
"""Secrets that are remembered, each with its lines: those that were read last. A line of the log is searched for all of
them.
"""


class KnownSecrets:
    """Remembers secrets and hides them, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._secrets: dict[bytes, tuple[str, ...]] = {}
        """What is to be hidden for each, that one first which was read longest ago."""
        self._hider = Hider(())

    def add(self, secret: bytes) -> None:
        """Hide this from now on; of one with several lines, a key, each of them too."""
        with self._lock:
            known = self._secrets.pop(secret, None)
            self._secrets[secret] = known or tuple(_texts(secret))
            if known:
                return
            while len(self._secrets) > MOST:
                del self._secrets[next(iter(self._secrets))]
            self._hider = Hider(text for texts in self._secrets.values() for text in texts)

    def hide(self, text: str) -> str:
        """The text with all of them replaced."""
        return self._hider.hide(text)


def _texts(secret: bytes) -> Iterator[str]:
    text = secret.decode(errors="replace")
    yield text
    lines = text.splitlines()
    for line in lines if len(lines) > 1 else ():
        # The frame of a key is the same for all.
        if len(line.strip()) >= _LINE and not line.startswith("-----"):
            yield line.strip()


KNOWN = KnownSecrets()
"""Those of this process."""


def note(secret: bytes) -> None:
    """Remember a secret that was read."""
    KNOWN.add(secret)
