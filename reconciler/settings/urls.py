"""Which URLs may be configured, and when two are the same. A refusal is a ValueError that does not quote the URL."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from reconciler.model.ssh import DEFAULT_PORT, is_ssh, parse_ssh

_DEFAULT_PORTS = {"https": 443, "http": 80}


def check_web_url(url: str) -> str:
    """An http or https URL, without a closing slash. Raises ValueError."""
    _split(url, {"https", "http"})
    return url.rstrip("/")


def check_https_or_loopback(url: str) -> str:
    """An https URL, or an http URL of this machine, without a closing slash. Raises ValueError."""
    parts = _split(url, {"https", "http"})
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https (plain http to a loopback address only)")
    return url.rstrip("/")


def check_secret_url(url: str) -> str:
    """As `check_https_or_loopback`, for a URL that is kept as a secret: it may hold a query. Raises ValueError."""
    check_https_or_loopback(url.partition("?")[0])
    if "#" in url or not url.isprintable() or " " in url:
        raise ValueError("must be a URL, without spaces, control characters and a fragment")
    return url


def check_repository_url(url: str) -> str:
    """The URL of a Git repository, of any scheme that a version of the reconciler supports. Raises ValueError.

    Whether the scheme may be used also depends on `allow_local`; see `refused_scheme`.
    """
    if is_ssh(url):
        parse_ssh(url)
        return url
    parts = _split(url, {"https", "http", "file"})
    if not parts.path.strip("/"):
        raise ValueError("must name a repository, not a server")
    return url


def refused_scheme(url: str, *, allow_local: bool) -> str | None:
    """Why a repository's URL may not be used although it is one; None where it may, or where it is none."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in {"http", "file"}:
        return None
    if scheme == "http" and not is_loopback(_host(url)):
        return "must be https: credentials and content would travel in the clear"
    return None if allow_local else "is on this machine: only accepted with allow_local: true"


def is_loopback(host: str) -> bool:
    """Whether only this machine answers under the name. Names are not resolved, `localhost` is known."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def canonical(url: str) -> str:
    """A form that is equal for URLs that differ only in the case of the host, the default port, a closing slash or
    `.git`. What is no URL is its own form.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/').removesuffix('.git')}"


def canonical_repository(url: str) -> str:
    """As `canonical`, for a repository: forges have one under the same path by https and by ssh, whoever the user is.
    Where ssh has a port of its own, nothing tells which web server goes with it.
    """
    try:
        address = parse_ssh(url) if is_ssh(url) else None
    except ValueError:
        return url
    if address is None:
        return canonical(url)
    host = f"[{address.host}]" if ":" in address.host else address.host
    place = f"https://{host}" if address.port in {None, DEFAULT_PORT} else f"ssh://{host}:{address.port}"
    return canonical(f"{place}/{address.path}")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _split(url: str, schemes: set[str]) -> SplitResult:
    if not url.isprintable() or " " in url:
        raise ValueError("must be a URL, without spaces and control characters")
    try:
        parts = urlsplit(url)
        # Only asking for it tells whether it is a number.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Its text quotes the URL.
        raise ValueError("must be a URL") from None
    if parts.scheme not in schemes:
        others = " or ssh://, or USER@HOST:PATH" if "file" in schemes else ""
        raise ValueError(f"must be a URL that begins with https://{others}")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password: they have keys of their own")
    if parts.query or parts.fragment:
        raise ValueError("must not hold a query or a fragment")
    if has_host == (parts.scheme == "file"):
        raise ValueError("must be file:///PATH" if parts.scheme == "file" else "must name a host")
    return parts
