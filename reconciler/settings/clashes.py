"""What two entries of the configuration may not share, and what must refer to each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from reconciler.settings.fabrics import ClusterSettings
from reconciler.settings.fields import check_fabric_path
from reconciler.settings.findings import Finding, dotted, shown
from reconciler.settings.places import find, text_at
from reconciler.settings.repositories import RepositorySettings
from reconciler.settings.urls import canonical, canonical_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

    from reconciler.settings.findings import Place


def clashes(document: Any, folder: Path) -> Iterator[Finding]:
    """Findings between entries. `folder`: where relative paths of the configuration begin."""
    yield from _repeated(document, "repositories[]", ("name",), lambda r: text_at(r, "name"), "the same name as")
    yield from _repeated(document, "fabrics[]", ("name",), lambda f: text_at(f, "name"), "the same name as")
    yield from _repeated(document, "notifications[]", ("name",), lambda n: text_at(n, "name"), "the same name as")
    yield from _repeated(document, "fabrics[]", ("netbox", "site"), _netbox, "the same NetBox and site as")
    yield from _repeated(
        document,
        "fabrics[]",
        ("cluster", "namespace"),
        lambda fabric: _cluster(fabric, folder),
        "the same cluster and namespace as",
    )
    yield from _unknown_repositories(document)
    yield from _overlaps(document)


def _repeated(
    document: Any,
    entries: str,
    key: Place,
    identity: Callable[[Any], Hashable | None],
    relation: str,
) -> Iterator[Finding]:
    """Findings for entries whose identity another one before them has. None has no identity."""
    first: dict[Hashable, Place] = {}
    for place, entry in find(document, entries):
        own = identity(entry)
        if own is not None and own in first:
            yield Finding((*place, *key), f"{relation} {dotted(first[own])}")
        elif own is not None:
            first[own] = place


def _netbox(fabric: Any) -> Hashable | None:
    url = text_at(fabric, "netbox", "url")
    site = text_at(fabric, "netbox", "site", default=text_at(fabric, "name"))
    return (canonical(url), site) if url and site else None


def _cluster(fabric: Any, folder: Path) -> Hashable | None:
    """Which namespace of which cluster, as far as the file alone tells. Embedded stores are one for each fabric."""
    namespace = text_at(fabric, "cluster", "namespace", default=ClusterSettings.model_fields["namespace"].default)
    server = text_at(fabric, "cluster", "server")
    kubeconfig = text_at(fabric, "cluster", "kubeconfig")
    if namespace is None:
        return None
    if server:
        return "server", canonical(server), namespace
    if kubeconfig and kubeconfig.isprintable():
        context = text_at(fabric, "cluster", "context", default="")
        # Not Path.resolve, which raises for links that lead to each other.
        return "kubeconfig", os.path.realpath(folder / kubeconfig), context, namespace
    is_in_cluster = any(value is True for _, value in find(fabric, "cluster.in_cluster"))
    return ("in_cluster", namespace) if is_in_cluster else None


def _unknown_repositories(document: Any) -> Iterator[Finding]:
    known = {name for _, name in find(document, "repositories[].name") if isinstance(name, str)}
    for place, name in find(document, "fabrics[].repository"):
        if isinstance(name, str) and name not in known:
            yield Finding(place, f"no repository has the name {shown(name)}")


def _overlaps(document: Any) -> Iterator[Finding]:
    """Two fabrics that would read, write and prune by the same files."""
    trees = _trees(document)
    seen: dict[Hashable, list[tuple[tuple[str, ...], Place]]] = {}
    for place, fabric in find(document, "fabrics[]"):
        path = _parts(text_at(fabric, "path"))
        repository = text_at(fabric, "repository")
        if path is None or repository is None:
            continue
        others = seen.setdefault(trees.get(repository, repository), [])
        for other, other_place in others:
            shorter = min(len(path), len(other))
            if path[:shorter] == other[:shorter]:
                relation = "the same folder as" if path == other else "overlaps"
                yield Finding((*place, "path"), f"{relation} {dotted((*other_place, 'path'))}")
        others.append((path, place))


def _trees(document: Any) -> dict[str, Hashable]:
    """The tree of files that each repository's name stands for: two names may stand for one."""
    default = RepositorySettings.model_fields["branch"].default
    trees: dict[str, Hashable] = {}
    for _, repository in find(document, "repositories[]"):
        name, url = text_at(repository, "name"), text_at(repository, "url")
        branch = text_at(repository, "branch", default=default)
        if name and url and branch:
            trees[name] = (canonical_repository(url), branch)
    return trees


def _parts(path: str | None) -> tuple[str, ...] | None:
    try:
        return None if path is None else tuple(check_fabric_path(path).split("/"))
    except ValueError:
        return None
