"""Git, cluster and NetBox as they are: read with git's own commands and the servers' own APIs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import yaml

from reconciler.model.kinds import DECLARABLE
from tests.soak.truth import MODELS, World

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.e2e.targets import ClusterView, NetBoxView
    from tests.lab.git_server import Repository
    from tests.soak.truth import Records
    from tests.soak.world import SoakFabric

_TIMEOUT = 30.0
_IDLE_FOLDERS = ("raw/", "unmanaged/", ".hnp/")
"""Where files of a fabric's directory are not desired state."""


def git(repository: Repository, *arguments: str) -> str:
    """What git says of the bare repository itself, past its server."""
    command = ["git", "-C", str(repository.path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT).stdout


def tip(repository: Repository) -> str:
    return git(repository, "rev-parse", "refs/heads/main").strip()


def files(repository: Repository, commit: str, directory: str) -> dict[str, str]:
    """The texts of the directory's YAML files at a commit, by their path below it."""
    listed = git(repository, "ls-tree", "-r", "--name-only", commit, "--", f"{directory}/").splitlines()
    names = [name for name in listed if name.endswith(".yaml")]
    return {name.removeprefix(f"{directory}/"): text for name, text in _texts(repository.path, commit, names).items()}


def _texts(repository: Path, commit: str, names: list[str]) -> dict[str, str]:
    wanted = "".join(f"{commit}:{name}\n" for name in names)
    command = ["git", "-C", str(repository), "cat-file", "--batch"]
    said = subprocess.run(command, input=wanted.encode(), check=True, capture_output=True, timeout=_TIMEOUT).stdout
    found: dict[str, str] = {}
    place = 0
    for name in names:
        head, _, _ = said[place:].partition(b"\n")
        start, size = place + len(head) + 1, int(head.split()[2])
        found[name] = said[start : start + size].decode()
        place = start + size + 1
    return found


def declared(repository: Repository, commit: str, directory: str) -> dict[str, JSONObject]:
    """The documents that count at a commit, by kind and name. Raises YAMLError for a broken file."""
    texts = files(repository, commit, directory)
    counted = [text for name, text in texts.items() if not name.startswith(_IDLE_FOLDERS)]
    documents = [one for text in counted for one in yaml.safe_load_all(text) if one]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in documents}


def live(cluster: ClusterView) -> dict[str, JSONObject]:
    """Every object that Git may hold, by kind and name."""
    found: dict[str, JSONObject] = {}
    for kind in DECLARABLE:
        path = f"/apis/{kind.group}/{kind.version}/namespaces/{cluster.namespace}/{kind.plural}"
        items = cluster.server.api.request("GET", path)["items"]
        # the items of a list do not say what they are
        found |= {f"{kind.name}/{item['metadata']['name']}": {**item, "kind": kind.name} for item in items}
    return found


def records(netbox: NetBoxView) -> Records:
    """The fabric's tagged records of the models that are looked at. NetBox ignores a filter that it does not know, so
    the keys are looked at again.
    """
    found = {}
    for model in MODELS:
        rows = netbox.records(model, tag="hh-managed", cf_hh_key__isw=f"{netbox.site}/")
        found[model] = [row for row in rows if (row["custom_fields"].get("hh_key") or "").startswith(f"{netbox.site}/")]
    return found


def read(fabric: SoakFabric, commit: str) -> World:
    """The world as it is for a fabric that says that it is in sync at a commit."""
    found = declared(fabric.view.repository, commit, fabric.view.path)
    return World(found, live(fabric.cluster), records(fabric.netbox) if fabric.netbox else None)
