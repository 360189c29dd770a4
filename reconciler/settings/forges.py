"""Whether a repository can be found at its forge by what the configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.plan.forge_project import ENDINGS, check_api, project_of
from reconciler.settings.findings import Finding
from reconciler.settings.places import find, text_at
from reconciler.settings.urls import check_https_or_loopback, check_repository_url

if TYPE_CHECKING:
    from collections.abc import Iterator


def forges(document: Any) -> Iterator[Finding]:
    """An API of another kind than it is said to be, and a repository whose url does not tell its project."""
    for place, repository in find(document, "repositories[]"):
        kind, api_url = (text_at(repository, "forge", key) for key in ("kind", "api_url"))
        url = text_at(repository, "url")
        if kind in ENDINGS and api_url and url and _are_addresses(api_url, url):
            yield from (Finding((*place, "forge", *key), reason) for key, reason in _check(kind, api_url, url))


def _are_addresses(api_url: str, url: str) -> bool:
    """What is none is said of its own key."""
    try:
        check_https_or_loopback(api_url)
        check_repository_url(url)
    except ValueError:
        return False
    return True


def _check(kind: str, api_url: str, url: str) -> Iterator[tuple[tuple[str, ...], str]]:
    try:
        check_api(kind, api_url)
    except ValueError as error:
        yield ("api_url",), str(error)
    try:
        project_of(kind, api_url, url)
    except ValueError as error:
        yield (), str(error)
