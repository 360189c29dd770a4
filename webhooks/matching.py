"""Which configured repositories a delivery speaks of. Forges know one repository under several addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.requests import Delivery, Receiver

_DEFAULT_PORTS = {"http": 80, "https": 443, "git": 9418}
_WEB_HOSTS = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""Where forges take ssh on the port of https, for networks that let nothing else out."""

# git@host:path, as ssh and scp read it; a colon before the first slash, and no scheme.
_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?(?P<host>\[[^\]]+\]|[^@/:\[\]]+):(?P<path>(?!//).+)", re.DOTALL)


def matching(delivery: Delivery, receivers: Iterable[Receiver]) -> tuple[str, ...]:
    """Names of the repositories that the delivery speaks of, each once, in the order of `receivers`.

    Pass only receivers whose secret verified: a secret must not speak for the repositories of others.
    """
    known = {normalise(url) for url in delivery.urls} - {None}
    return tuple(dict.fromkeys(one.repository for one in receivers if normalise(one.url) in known))


def normalise(url: str) -> str | None:
    """`host[:port]/path` of a repository's address, whatever the scheme, user, default port, `.git` or slash at its
    end; the host in lower case, the path as it is. A port of ssh is left out, for it tells nothing of the web server
    that goes with it. A local path or file:// gives `/path`. None when it is no address.
    """
    scp = None if "://" in url else _SCP_LIKE.fullmatch(url)
    if scp is not None:
        return _joined(scp["host"].strip("[]"), None, scp["path"])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a bracket or a port that is none
        return None
    path = unquote(parts.path)
    if parts.scheme in {"", "file"}:
        return _joined("", None, path) if host in {"", "localhost"} and path.startswith("/") else None
    is_silent = parts.scheme == "ssh" or port == _DEFAULT_PORTS.get(parts.scheme)
    return _joined(host, None if is_silent else port, path) if host else None


def _joined(host: str, port: int | None, path: str) -> str | None:
    bare = path.strip("/").removesuffix(".git").rstrip("/")
    if not bare:
        return None
    place = host.lower().rstrip(".")
    place = _WEB_HOSTS.get(place, place)
    return f"{place}:{port}/{bare}" if port is not None else f"{place}/{bare}"
