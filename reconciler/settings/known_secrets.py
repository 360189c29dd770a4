"""The secrets that this process has read, so that no text that leaves it holds one.

What is read as a secret is noted where it is read, before anybody can use it. Whoever writes texts for people (the log)
asks for them to be hidden.
"""

from __future__ import annotations

import re
from threading import Lock

from reconciler.model.hiding import HIDDEN, forms

_WORD = 8
"""Characters below which a secret is hidden only where it stands as a word of its own."""

_LINE = 16
"""Characters of a line of a secret with several, a key, that are hidden without the others."""

MOST = 4096
"""Secrets that are remembered: those of the configuration, and the last of those that they took the place of."""

_KUBECONFIG = re.compile(
    r"""["']?\b(?:token|password|client-key-data|id-token|refresh-token|access-token)["']?\s*:\s*["']?([^\s"',}]+)"""
)


class KnownSecrets:
    """Remembers secrets and hides them, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._secrets: dict[bytes, tuple[str, ...]] = {}
        """The forms in which each may appear, the oldest first."""
        self._forms: tuple[str, ...] = ()
        self._words: re.Pattern[str] | None = None

    def add(self, secret: bytes) -> None:
        """Hide this from now on: as it is, in a URL, in JSON, and in base64, be it after a user's name."""
        with self._lock:
            if secret in self._secrets:
                return
            self._secrets[secret] = tuple(forms(secret.decode(errors="replace")))
            while len(self._secrets) > MOST:
                del self._secrets[next(iter(self._secrets))]
            found = {form for known in self._secrets.values() for form in known}
            # The longest first: one secret may be the beginning of another.
            self._forms = tuple(sorted((one for one in found if len(one) >= _WORD), key=len, reverse=True))
            short = sorted((re.escape(one) for one in found if len(one) < _WORD), key=len, reverse=True)
            self._words = re.compile(rf"(?<!\w)(?:{'|'.join(short)})(?!\w)") if short else None

    def __contains__(self, secret: bytes) -> bool:
        return secret in self._secrets

    def hide(self, text: str) -> str:
        """The text with all of them replaced. Texts without any, which are most, cost a search for each form."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        words = self._words
        return text if words is None else words.sub(HIDDEN, text)


KNOWN = KnownSecrets()
"""Those of this process."""


def note(secret: bytes) -> None:
    """Remember a secret that was read; of one with several lines, a key, each of them too."""
    if secret in KNOWN:
        return
    KNOWN.add(secret)
    lines = secret.decode(errors="replace").splitlines()
    for line in lines if len(lines) > 1 else ():
        if len(line.strip()) >= _LINE and not line.startswith("-----"):
            KNOWN.add(line.strip().encode())


def note_credentials(kubeconfig: bytes) -> None:
    """Remember the tokens, passwords and keys in a kubeconfig."""
    for found in _KUBECONFIG.finditer(kubeconfig.decode(errors="replace")):
        KNOWN.add(found[1].encode())
