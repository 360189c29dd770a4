"""Which project of a forge a repository is, by the addresses of both."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

ENDINGS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}
"""What the address of each API ends in; before it is what a forge that is not at the root of its host has in front of
its projects too. GitHub's own is at the root of a host for nothing else.
"""

_SSH = re.compile(r"(?:[^@/]+@)?(\[[^]]+\]|[^:/]+):(?!//)(.+)")
"""`host:path`, with or without a user."""

_PART = re.compile(r"[A-Za-z0-9_.-]+")
_LEAST = 2


def project_of(kind: str, api_url: str, url: str) -> str:
    """`owner/name`, at GitLab with any number of groups. Raises ValueError with the reason; it quotes no address."""
    parts = [part for part in _path(api_url, url).removesuffix(".git").split("/") if part]
    if len(parts) < _LEAST or (kind != "gitlab" and len(parts) != _LEAST):
        raise ValueError("the repository's url must end in the owner and the name that it has at the forge")
    if not all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts):
        raise ValueError("the owner and the name in the repository's url must be letters, digits and ._-")
    return "/".join(parts)


def check_api(kind: str, api_url: str) -> None:
    """Raises ValueError for an address that is none of an API of this kind."""
    ending = ENDINGS[kind]
    path = urlsplit(api_url).path.rstrip("/")
    if kind == "github" and not path:
        return
    if not path.endswith(ending):
        root = "https://api.github.com, or one that ends" if kind == "github" else "one that ends"
        raise ValueError(f"must be the address of the API: {root} in {ending}")


def _path(api_url: str, url: str) -> str:
    """The path of the project within the forge."""
    if "://" not in url:
        found = _SSH.fullmatch(url)
        return unquote(found[2]).strip("/") if found else ""
    parts, api = urlsplit(url), urlsplit(api_url)
    if parts.scheme == "file":
        raise ValueError("a repository on this machine is at no forge")
    path = unquote(parts.path).strip("/")
    # Over ssh a project's path is the same wherever the forge's pages are.
    prefix = api.path.strip("/").removesuffix(_ending(api.path)).strip("/")
    is_below = prefix and parts.scheme in {"http", "https"} and path.startswith(f"{prefix}/")
    return path.removeprefix(f"{prefix}/") if is_below else path


def _ending(path: str) -> str:
    return next((ending.strip("/") for ending in ENDINGS.values() if path.rstrip("/").endswith(ending)), "")
