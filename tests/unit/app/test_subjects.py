"""What passes work on, built from the settings; and what may not be built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.live import Live
from reconciler.app.subjects import Stock, build_cluster, build_mirrors, build_netbox
from reconciler.errors import ConfigurationError
from reconciler.settings import NetBoxSettings
from reconciler.targets.kubernetes import KubernetesCluster
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox
from reconciler.targets.netbox import NetBoxServer
from tests.unit.app.configuration import LOCAL, kubeconfig, secret, settings
from tests.unit.loopback import as_json, serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.reconcile import Subject
    from reconciler.settings import Settings

TOKEN = {"token_file": "secrets/kube-token"}
NETBOX = {"url": "https://netbox.example.com/", "token_file": "secrets/netbox-token"}


def _subjects(found: Settings) -> Mapping[str, Subject]:
    """What passes work on, without watches."""
    folder = found.path.parent / "mirrors"
    subjects = Live(found, Stock(MemoryDocuments(), folder), lambda _fabric: None).subjects()
    assert not folder.exists(), "nothing is fetched yet"
    return subjects


def _refusal(found: Settings) -> str:
    with pytest.raises(ConfigurationError) as refused:
        _subjects(found)
    return refused.value.message


def test_embedded_targets(tmp_path: Path) -> None:
    """A fabric with `local` targets has embedded stores, each fabric its own, and says that they are simulated."""
    found = _subjects(settings(tmp_path, LOCAL, LOCAL))

    assert list(found) == ["dc1", "dc2"]
    for name, subject in found.items():
        assert subject.fabric.simulated == ("cluster", "netbox")
        assert isinstance(subject.cluster, LocalCluster)
        assert isinstance(subject.netbox, LocalNetBox)
        assert subject.cluster.address == subject.netbox.address == f"local:{name}"


def test_real_targets(tmp_path: Path) -> None:
    """A server, a kubeconfig and a NetBox are spoken to where the configuration says; nothing is sent yet."""
    path = kubeconfig(tmp_path, "dc2.kubeconfig", "https://k8s-2.example.com:6443")
    by_server = {"cluster": {"server": "https://k8s-1.example.com:6443", **TOKEN}, "netbox": NETBOX}

    found = _subjects(settings(tmp_path, by_server, {"cluster": {"kubeconfig": path}}))

    first, second = found["dc1"], found["dc2"]
    assert isinstance(first.cluster, KubernetesCluster)
    assert isinstance(first.netbox, NetBoxServer)
    assert isinstance(second.cluster, KubernetesCluster)
    assert first.cluster.address == "https://k8s-1.example.com:6443"
    assert second.cluster.address == "https://k8s-2.example.com:6443"
    assert first.netbox.address == "https://netbox.example.com"
    assert second.netbox is None
    assert first.fabric.simulated == second.fabric.simulated == ()


def test_no_target(tmp_path: Path) -> None:
    """A target that is not configured is not there."""
    (fabric,) = settings(tmp_path, {}).fabrics

    assert build_cluster(fabric, MemoryDocuments()) is None
    assert build_netbox(fabric, MemoryDocuments()) is None


def test_not_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`in_cluster` outside of a pod is refused, not replaced by something else."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    assert "KUBERNETES_SERVICE_HOST" in _refusal(settings(tmp_path, {"cluster": {"in_cluster": True}}))


def test_a_netbox_without_an_address(tmp_path: Path) -> None:
    """A NetBox is never replaced by an embedded one that nobody asked for."""
    (fabric,) = settings(tmp_path).fabrics
    without = fabric.model_copy(update={"netbox": NetBoxSettings.model_construct(local=False)})

    with pytest.raises(ConfigurationError, match="fabric dc1: netbox needs url with a token, or local"):
        build_netbox(without, MemoryDocuments())


def test_a_rotated_token_is_found(tmp_path: Path) -> None:
    """Tokens are read when they are used, so that one that was changed works without a restart."""
    with serving() as server:
        server.answer("GET /version", as_json({"gitVersion": "v1.32.4"}))
        cluster = {"server": server.url, **TOKEN}
        found = _subjects(settings(tmp_path, {"cluster": cluster}))["dc1"].cluster
        assert isinstance(found, KubernetesCluster)
        found.version()
        secret(tmp_path, "kube-token", "rotated\n")

        assert found.version() == "v1.32.4"
        found.close()

    assert [asked.headers["authorization"] for asked in server.asked] == [
        "Bearer canary-7f3a-kube-token",
        "Bearer rotated",
    ]


@pytest.mark.parametrize(
    "servers",
    [
        pytest.param(("https://k8s.example.com", "https://k8s.example.com"), id="equal"),
        pytest.param(("https://K8S.example.com/", "https://k8s.example.com:443"), id="spelled otherwise"),
    ],
)
def test_two_fabrics_on_one_cluster(tmp_path: Path, servers: tuple[str, str]) -> None:
    """Two kubeconfigs that lead to one namespace of one server are refused, with both fabrics named."""
    fabrics = [
        {"cluster": {"kubeconfig": kubeconfig(tmp_path, f"{n}.kubeconfig", server)}} for n, server in enumerate(servers)
    ]

    assert _refusal(settings(tmp_path, *fabrics)).startswith("fabrics dc1 and dc2 share namespace default of https://")


def test_two_namespaces_of_one_cluster(tmp_path: Path) -> None:
    """Two namespaces of one server are two places."""
    path = kubeconfig(tmp_path, "it.kubeconfig", "https://k8s.example.com")
    fabrics = [{"cluster": {"kubeconfig": path, "namespace": name}} for name in ("one", "two")]

    assert len(_subjects(settings(tmp_path, *fabrics))) == 2


def test_mirrors(tmp_path: Path) -> None:
    """Each repository has one mirror in the given folder, that follows its branch with its credentials."""
    other = {"name": "other", "url": "https://git.example.com/other.git", "branch": "production"}
    found = settings(tmp_path, repositories=[_repository(), other])

    mirrors = build_mirrors(found, tmp_path / "mirrors")

    remotes = {name: mirror.remote for name, mirror in mirrors.items()}
    assert [(name, remote.url, remote.branch) for name, remote in remotes.items()] == [
        ("gitops", "https://git.example.com/net/gitops.git", "main"),
        ("other", "https://git.example.com/other.git", "production"),
    ]
    assert (remotes["gitops"].username, remotes["gitops"].password()) == ("bot", "canary-7f3a-git-token")
    assert (remotes["other"].username, remotes["other"].password()) == (None, None)
    assert not (tmp_path / "mirrors").exists(), "nothing is fetched yet"


def test_a_mirror_over_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirror has user, key and known hosts as they are configured."""
    monkeypatch.setenv("TEST_SSH_KEY", "a key")
    url = "git.example.com:net/gitops.git"
    by_file = {"ssh_key_file": "secrets/git-token", "known_hosts_file": "secrets/kube-token", "username": "bot"}
    by_variable = {"ssh_key_env": "TEST_SSH_KEY", "known_hosts_file": "secrets/kube-token"}
    repositories = [{"name": "gitops", "url": url, "auth": by_file}, {"name": "b", "url": url, "auth": by_variable}]

    mirrors = build_mirrors(settings(tmp_path, repositories=repositories), tmp_path / "mirrors")

    found, other = mirrors["gitops"].remote, mirrors["b"].remote
    assert (found.ssh_key_file, found.username) == (tmp_path / "secrets/git-token", "bot")
    assert (other.ssh_key(), other.username) == (b"a key\n", "git")
    assert found.known_hosts_file == other.known_hosts_file == tmp_path / "secrets/kube-token"


def _repository() -> dict[str, Any]:
    return {
        "name": "gitops",
        "url": "https://git.example.com/net/gitops.git",
        "auth": {"username": "bot", "password_file": "secrets/git-token"},
    }
