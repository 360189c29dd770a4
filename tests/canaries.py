"""Secrets that are looked for where none may be, in every form in which one gets there."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.lab import Lab

_SHORTEST = 8
"""Characters that a secret must have: a shorter one is found anywhere."""


def forms(secret: str) -> frozenset[bytes]:
    """How a secret may be written: as it is, in a URL, in JSON, in base64 with whatever stands before and after it.

    Of many lines, such as a key, each long one counts by itself.
    """
    return frozenset(form for line in _parts(secret) for form in _written(line))


def _parts(secret: str) -> list[str]:
    lines = [line.strip() for line in secret.splitlines()]
    return [line for line in lines if len(line) >= _SHORTEST and not line.startswith("-----")]


def _written(text: str) -> Iterator[bytes]:
    yield from (form.encode() for form in (text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]))
    for before in range(3):
        # The first and the last characters depend on what stands beside the secret, and are left out.
        encoded = base64.b64encode(b"\0" * before + text.encode())
        inner = encoded[4 if before else 0 : len(encoded) - 4]
        if len(inner) >= _SHORTEST:
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found_in(data: bytes, secrets: Mapping[str, str]) -> set[str]:
    """The names of the secrets that the data holds in any form."""
    return {name for name, secret in secrets.items() if any(form in data for form in forms(secret))}


def lab_secrets(lab: Lab) -> dict[str, str]:
    """What opens the lab's servers, by the name of its variable."""
    marks = ("PASSWORD", "TOKEN", "SECRET")
    variables = {
        name: value for server in lab.servers() if server.exists() for name, value in server.variables().items()
    }
    return {name: value for name, value in variables.items() if any(mark in name for mark in marks)}
