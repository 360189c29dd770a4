"""The service runs under a ServiceAccount with exactly the rights that `reconciler rbac` prints."""

from __future__ import annotations

import json
import os
import shlex
from contextlib import closing
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from reconciler.app.checks import run_checks
from reconciler.errors import ClusterAccessError
from reconciler.model.kinds import AGENTS, KINDS, OBSERVED, Kind
from reconciler.plan.cluster_rights import Account, rbac_manifests
from reconciler.settings import load
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.kubernetes.connection import SERVICE_ACCOUNT
from tests.e2e.fabrics import files
from tests.e2e.installation import Installation, lay_out, wait_until
from tests.e2e.targets import ClusterView
from tests.lab.packages import ensure, locate
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from reconciler.app.checks import Check
    from reconciler.model.json import JSONObject
    from tests.lab.audit import Authorized
    from tests.lab.git_server import Repository
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

ACCOUNT = "robot"
VPC = ("VPC", "vpc-01")
SOON = 60.0
"""Seconds for what takes milliseconds on a machine at rest."""


@dataclass(frozen=True)
class Limited:
    """A service whose account has the rights of one mode, and no others."""

    service: Installation
    cluster: ClusterView
    account_namespace: str
    rules: list[JSONObject]
    """What the account is granted in the fabric's namespace, and beyond."""
    mark: int

    @property
    def role(self) -> str:
        mode = self.service.fabric_settings["cluster"]["mode"]
        roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.cluster.namespace}/roles"
        return f"{roles}/hedgehog-reconciler{'-observer' if mode == 'observe' else ''}"

    def asked(self) -> list[Authorized]:
        user = f"system:serviceaccount:{self.account_namespace}:{ACCOUNT}"
        return self.cluster.server.authorized_since(self.mark, user)


@pytest.fixture
def limited(
    crds: None, repository: Repository, namespace: str, kubernetes_server: KubernetesServer, tmp_path: Path
) -> Iterator[Callable[[str], Limited]]:
    """Makes one, laid out and not started. What it was granted is taken away after the test."""
    made: list[tuple[Installation, str]] = []

    def make(mode: str) -> Limited:
        account = Account(kubernetes_server.create_namespace("ops"), ACCOUNT)
        token = tmp_path / "token"
        token.touch(mode=0o600)
        token.write_text(kubernetes_server.account_token(*astuple(account)))
        cluster = {"server": kubernetes_server.url, "token_file": str(token), "ca_file": str(kubernetes_server.ca_file)}
        targets = {"cluster": {**cluster, "namespace": namespace, "mode": mode, "prune": True}}
        service = lay_out(tmp_path / "service", repository, "dc1", targets)
        manifests = list(rbac_manifests(namespace, account, is_observer=mode == "observe"))
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        kubernetes_server.kubectl("apply", "-f", "-", stdin=text)
        made.append((service, text))
        rules = [rule for one in manifests for rule in one.get("rules", [])]
        view = ClusterView(kubernetes_server, namespace)
        return Limited(service, view, account.namespace, rules, kubernetes_server.mark())

    yield make
    for service, manifests in made:
        service.close()
        kubernetes_server.kubectl("delete", "-f", "-", stdin=manifests)


def _is_granted(asked: Authorized, rules: Iterable[JSONObject]) -> bool:
    """By these rules alone: the server grants some of it to every account anyway."""
    if not asked.resource:
        return any(asked.path in rule.get("nonResourceURLs", []) and asked.verb in rule["verbs"] for rule in rules)
    return any(
        asked.group in rule.get("apiGroups", []) and asked.resource in rule["resources"] and asked.verb in rule["verbs"]
        for rule in rules
    )


def _check(service: Installation) -> Check:
    """What `reconciler check` says of the cluster."""
    service.write_settings()
    (found,) = [one for one in run_checks(load(service.process.configuration)) if one.subject == "fabric dc1: cluster"]
    return found


def _watches_are_live(service: Installation) -> bool:
    components = service.healthz()["components"]
    watches = [part for name, part in components.items() if name.startswith("watch/")]
    return len(watches) >= len(OBSERVED) and all(part["state"] == "running" and not part["reason"] for part in watches)


def test_all_that_a_fabric_needs_is_granted(limited: Callable[[str], Limited]) -> None:
    """First apply, watches, an edit and a deletion healed, prune, and the status: nothing is refused, nothing is asked
    that the manifests do not grant, and nothing that they grant for all kinds goes unused.
    """
    found = limited("apply")
    service, cluster = found.service, found.cluster
    service.start()
    service.wait_applied(service.push(files()))
    wait_until(lambda: _watches_are_live(service), what="every watch is live")
    service.wait_idle()

    declared = cluster.read(*VPC)["spec"]
    subnet, content = next(iter(declared["subnets"].items()))
    cluster.patch(*VPC, json.dumps({"spec": {"subnets": {subnet: {"vlan": content["vlan"] + 700}}}}))
    wait_until(lambda: cluster.read(*VPC)["spec"] == declared, seconds=SOON, what="the edit is healed")
    attachment = next(iter(cluster.names("VPCAttachment")))
    resource = f"{KINDS['VPCAttachment'].plural}.{KINDS['VPCAttachment'].group}"
    cluster.server.kubectl("delete", resource, attachment, "--namespace", cluster.namespace)
    wait_until(lambda: attachment in cluster.names("VPCAttachment"), seconds=SOON, what="it is made again")
    service.wait_applied(service.push({f"managed/vpcattachments/{attachment}.yaml": None}))

    assert attachment not in cluster.names("VPCAttachment")
    assert service.wait_idle()["sync_status"] == "in_sync"
    assert _check(service).state == "ok"
    assert service.stop() == 0
    asked = found.asked()
    assert [one for one in asked if one.is_refused or not _is_granted(one, found.rules)] == []
    assert {one.namespace for one in asked} == {cluster.namespace, ""}
    used = {(one.verb, one.resource) for one in asked}
    assert used >= {("list", kind.plural) for kind in (*OBSERVED, *AGENTS)}
    assert used >= {("watch", kind.plural) for kind in OBSERVED}
    assert used >= {("patch", "vpcs"), ("delete", "vpcattachments")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a mount namespace")
def test_in_a_pod(limited: Callable[[str], Limited]) -> None:
    """All that it is told of the cluster are the files and the two variables that a pod has."""
    found = limited("apply")
    service, server = found.service, found.cluster.server
    token = service.folder.parent / "token"
    service.fabric_settings["cluster"] = {"in_cluster": True, "namespace": found.cluster.namespace}
    address = urlsplit(server.url)
    service.process.variables = {
        "KUBERNETES_SERVICE_HOST": f"{address.hostname}",
        "KUBERNETES_SERVICE_PORT": f"{address.port}",
    }
    service.process.program = _as_in_a_pod(service.process.program, {"token": token, "ca.crt": server.ca_file})

    service.start()
    service.wait_applied(service.push(files()))
    wait_until(lambda: _watches_are_live(service), what="every watch is live")

    assert service.wait_idle()["sync_status"] == "in_sync"
    assert not SERVICE_ACCOUNT.exists()  # what it read was there for this process alone
    asked = found.asked()
    assert asked
    assert [one for one in asked if one.is_refused] == []


def _as_in_a_pod(program: tuple[str, ...], account: dict[str, Path]) -> tuple[str, ...]:
    """The program with these files of its account where a pod has them; nobody else sees them there."""
    ensure({"unshare"}, Progress())
    copied = [f"cp {shlex.quote(str(file))} {SERVICE_ACCOUNT / name}" for name, file in account.items()]
    script = [
        "mount --make-rprivate /",
        'mount -t tmpfs tmpfs "$(readlink -f /var/run)"',
        f"mkdir -p {SERVICE_ACCOUNT}",
        *copied,
        'exec "$0" "$@"',
    ]
    return (str(locate("unshare")), "--mount", "sh", "-c", " && ".join(script), *program)


def test_an_observer_observes_and_cannot_write(limited: Callable[[str], Limited]) -> None:
    """It says what differs, and has no right to change it."""
    found = limited("observe")
    service = found.service
    service.start()
    commit = service.push(files())

    wait_until(lambda: service.status()["desired_revision"] == f"main@sha1:{commit}", what="the commit is known")
    status = service.wait_idle()

    assert status["sync_status"] == "out_of_sync", status["message"]
    assert status["counts"]["desired_only"] == status["counts"]["desired"] > 0
    assert found.cluster.everything() == set()
    assert _check(service).state == "ok"
    assert [one for one in found.asked() if one.is_refused or not _is_granted(one, found.rules)] == []
    cluster = service.fabric_settings["cluster"]
    token = service.folder.parent / "token"
    access = ClusterAccess(server=cluster["server"], token=token.read_bytes, ca_file=found.cluster.server.ca_file)
    body = {"apiVersion": KINDS["VPC"].api_version, "kind": "VPC", "metadata": {"name": "vpc-01"}, "spec": {}}
    with closing(KubernetesCluster(access, found.cluster.namespace)) as writing, pytest.raises(ClusterAccessError):
        writing.apply(body)


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        pytest.param("delete", KINDS["VPC"], id="to delete"),
        pytest.param("watch", KINDS["SwitchProfile"], id="to watch"),
        pytest.param("list", AGENTS[0], id="to list agents"),
    ],
)
def test_a_right_that_is_missing_is_named(limited: Callable[[str], Limited], verb: str, kind: Kind) -> None:
    """Kind and verb, and nothing else."""
    found = limited("apply")
    role = found.cluster.server.api.request("GET", found.role)
    role["rules"] = [one for rule in role["rules"] for one in _without(rule, verb, kind)]
    found.cluster.server.api.request("PUT", found.role, role)

    check = _check(found.service)

    assert check.state == "failing"
    address = found.cluster.server.url
    assert check.message == f"ClusterAccessDenied: {address} denies {verb} {kind.plural}.{kind.group}"


def _without(rule: JSONObject, verb: str, kind: Kind) -> Iterator[JSONObject]:
    """The rule, but for this verb on this kind."""
    if rule["apiGroups"] != [kind.group] or kind.plural not in rule["resources"] or verb not in rule["verbs"]:
        yield rule
        return
    others = [plural for plural in rule["resources"] if plural != kind.plural]
    left = [one for one in rule["verbs"] if one != verb]
    if others:
        yield {**rule, "resources": others}
    if left:
        yield {**rule, "resources": [kind.plural], "verbs": left}
