"""`python -m tests.bench`: prints the figures. Takes a few minutes; needs a lab that is up. With names of `PARTS`
behind (`python -m tests.bench mirror`) it prints those alone.

What is measured: from the end of `git push` to the object's new value in the cluster, and to the request's success;
a full pass with nothing to do; the first apply beside `kubectl apply --server-side` of the same files on the same
server; the service's peak memory (VmHWM); then what the modules of `PARTS` say. `python -m tests.bench first-run` needs
no lab, and is measured alone.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from reconciler.demo.fabric import FABRIC_500, build_fabric, render
from tests.bench import deliveries, edits, first_apply, first_run, idle, ingesting, mirror, parsing, planning, unchanged
from tests.bench.figures import say, summary
from tests.e2e.fabrics import file_name, files
from tests.e2e.installation import Installation, lay_out, wait_until
from tests.e2e.targets import ClusterView
from tests.lab.lab import NAMES, Lab, default_folder
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

CRDS = Path(__file__).parents[1] / "crds"
PARTS = (planning, ingesting, first_apply, unchanged, edits, parsing, deliveries, idle, mirror)
FIRST_RUN = "first-run"
PUSHES = 20
NO_OPS = 5
GOAL_APPLIED = 1.0
GOAL_MEMORY = 200


def main(*wanted: str) -> None:
    """Measure, and print one line a figure. `wanted` are names of parts, none: everything."""
    if wanted == (FIRST_RUN,):
        with tempfile.TemporaryDirectory() as folder:
            first_run.measure(Path(folder))
        return
    parts = {part.__name__.rpartition(".")[2]: part for part in PARTS}
    if unknown := set(wanted) - set(parts):
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are {', '.join([*parts, FIRST_RUN])}")
    lab = Lab(default_folder())
    lab.up(Progress(), NAMES)
    lab.kubernetes.apply_crds(CRDS)
    lab.netbox.reset()
    with tempfile.TemporaryDirectory() as folder:
        if not wanted:
            _baseline_then_service(lab, Path(folder))
        for name in wanted or parts:
            parts[name].measure(lab, Path(folder) / name)


def _baseline_then_service(lab: Lab, folder: Path) -> None:
    objects = len(files(FABRIC_500))
    kubectl = _kubectl_seconds(lab, folder / "kubectl")
    installation = _installation(lab, folder)
    cluster = ClusterView(lab.kubernetes, installation.fabric_settings["cluster"]["namespace"])
    try:
        first = _first_apply(installation)
        apply_seconds = first["phases"]["apply"]
        say("objects", f"{objects}")
        say("kubectl apply --server-side", f"{kubectl:.2f} s, {objects / kubectl:.0f} objects/s (baseline)")
        say("first apply", f"{apply_seconds:.2f} s, {objects / apply_seconds:.0f} objects/s (goal: no slower)")
        say("first mirror in NetBox", f"{first['phases']['netbox']:.2f} s, {_netbox_records(first)} records")
        say("full pass with nothing to do", summary(_no_ops(installation)))
        seen, succeeded = _pushes(installation, cluster)
        say("push -> seen in the cluster", f"{summary(seen)} (goal: under {GOAL_APPLIED:.0f} s)")
        say("push -> request succeeded, NetBox included", summary(succeeded))
        say(
            "peak memory of the service",
            f"{installation.process.peak_memory():.0f} MiB (goal: under {GOAL_MEMORY} MiB)",
        )
    finally:
        installation.close()
        lab.kubernetes.delete_hedgehog_objects(cluster.namespace)
        lab.git.delete_repository(installation.repository.name)


def _installation(lab: Lab, folder: Path) -> Installation:
    name = f"bench-{secrets.token_hex(3)}"
    lab.git.create_repository(name)
    token = folder / "netbox-token"
    token.touch(mode=0o600)
    token.write_text(lab.netbox.token)
    namespace = lab.kubernetes.create_namespace("bench")
    targets = {
        "cluster": {"kubeconfig": str(lab.kubernetes.kubeconfig), "namespace": namespace},
        "netbox": {"url": lab.netbox.url, "token_file": str(token), "site": name},
    }
    return lay_out(folder / "service", lab.git.repository(name), name, targets)


def _kubectl_seconds(lab: Lab, folder: Path) -> float:
    """The same files in waves by kind, as a person would apply them: one call of kubectl for the whole folder."""
    namespace = lab.kubernetes.create_namespace("kubectl")
    for name, text in files(FABRIC_500).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text or "")
    started = time.monotonic()
    lab.kubernetes.kubectl(
        *("apply", "--server-side", "--namespace", namespace, "--recursive", "--filename", str(folder))
    )
    seconds = time.monotonic() - started
    lab.kubernetes.delete_hedgehog_objects(namespace)
    return seconds


def _first_apply(installation: Installation) -> JSONObject:
    repository = installation.repository
    texts = {f"{installation.path}/{name}": text for name, text in files(FABRIC_500).items()}
    commit = repository.push_files(texts)
    installation.start()
    status = installation.wait_applied(commit, seconds=600)
    assert status["sync_status"] == "in_sync", status["message"]
    return next(p for p in installation.passes() if p["outcome"] == "succeeded" and p["counts"].get("created"))


def _netbox_records(first: JSONObject) -> int:
    records: int = first["counts"]["netbox_created"]
    return records


def _no_ops(installation: Installation) -> list[float]:
    found = []
    for _ in range(NO_OPS):
        started = time.monotonic()
        assert installation.reconcile()["outcome"] == "succeeded"
        found.append(time.monotonic() - started)
    return found


def _pushes(installation: Installation, cluster: ClusterView) -> tuple[list[float], list[float]]:
    """Change one VLAN, push, deliver; seconds until the cluster holds it, and until the request has succeeded."""
    document = next(found for found in build_fabric(FABRIC_500, namespace=None) if found.directory == "vpcs")
    body = yaml.safe_load(render(document))
    (subnet, content), *_ = body["spec"]["subnets"].items()
    seen, succeeded = [], []
    for number in range(PUSHES):
        content["vlan"] = 2900 + number
        commit = installation.push({file_name(document): yaml.safe_dump(body)}, deliver=False)
        started = time.monotonic()
        (request,) = installation.deliver(commit).json()["requests"]
        wait_until(lambda: _vlan(cluster, document.name, subnet) == content["vlan"])
        seen.append(time.monotonic() - started)
        wait_until(lambda: installation.get(f"/requests/{request['id']}")["state"] == "succeeded")  # noqa: B023
        succeeded.append(time.monotonic() - started)
    return seen, succeeded


def _vlan(cluster: ClusterView, vpc: str, subnet: str) -> int:
    vlan: int = cluster.read("VPC", vpc)["spec"]["subnets"][subnet]["vlan"]
    return vlan


if __name__ == "__main__":
    main(*sys.argv[1:])
