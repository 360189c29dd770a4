"""What is accepted of a configuration and should be looked at. The permissions of files change while it is in use."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from reconciler.settings.files import kubeconfig_files, named_files
from reconciler.settings.findings import dotted
from reconciler.settings.secret import is_world_readable
from reconciler.settings.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.settings.root import Settings


class Warned(NamedTuple):
    """The path of a key, what is to be said of it, and what to do. Only the advice names the file."""

    key: str
    message: str
    advice: str


def warnings_of(settings: Settings) -> Iterator[Warned]:
    """As things stand now: files are looked at."""
    for file in named_files(settings):
        if file.is_secret and is_world_readable(file.path):
            yield Warned(dotted(file.place), "every user of this machine can read this secret", _closing(file.path))
    for file in kubeconfig_files(settings):
        if is_world_readable(file.path):
            message = "every user of this machine can read a secret file that it names"
            yield Warned(dotted(file.place), message, _closing(file.path))
    for number, fabric in enumerate(settings.fabrics):
        url = urlsplit(fabric.netbox.url or "") if fabric.netbox else None
        if url is not None and url.scheme == "http" and not is_loopback(url.hostname or ""):
            message = "the token travels in the clear over plain http"
            yield Warned(f"fabrics[{number}].netbox.url", message, "name an https:// URL")


def _closing(path: Path) -> str:
    return f"chmod 0600 {shlex.quote(str(path))}"
