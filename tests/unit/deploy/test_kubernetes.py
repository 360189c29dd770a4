"""The pod is as small as it can be: the restricted profile of Kubernetes, one at a time, its state kept."""

from __future__ import annotations

from typing import Any

from reconciler import __version__
from tests.unit.deploy.files import DEPLOY, manifest, read

NAME = "hedgehog-reconciler"


def _deployment() -> Any:
    return manifest("base", "Deployment")["spec"]


def _pod() -> Any:
    return _deployment()["template"]["spec"]


def _container() -> Any:
    (container,) = _pod()["containers"]
    return container


def test_the_pod_fits_the_restricted_profile() -> None:
    """Every rule of the Pod Security Standards' strictest profile, and a file system that cannot be written."""
    pod, container = _pod(), _container()

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(pod)
    assert all("hostPort" not in port for port in container["ports"])
    assert {key for volume in pod["volumes"] for key in volume if key != "name"} == {
        *("configMap", "secret", "persistentVolumeClaim", "emptyDir"),
    }
    labels = manifest("base", "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_there_is_one_at_a_time() -> None:
    """The old one ends before the new one starts, and has the time to end in order."""
    deployment = _deployment()

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert _pod()["terminationGracePeriodSeconds"] > 20


def test_only_state_and_temporary_files_can_be_written() -> None:
    """And state is kept on a claim."""
    mounts = {mount["name"]: mount for mount in _container()["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in _pod()["volumes"]}

    assert {name for name, mount in mounts.items() if not mount.get("readOnly")} == {"state", "tmp"}
    claim = manifest("base", "PersistentVolumeClaim")["metadata"]["name"]
    assert volumes["state"]["persistentVolumeClaim"] == {"claimName": claim}
    assert volumes["secrets"]["secret"]["defaultMode"] & 0o007 == 0


def test_probes_ask_what_they_are_about() -> None:
    """Whoever hangs is started again; whoever is only not ready is left alone."""
    container = _container()
    asked = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}

    assert asked == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


def test_names_fit_each_other() -> None:
    """The service leads to the container's port, the monitor and the policy to the service's."""
    (port,) = _container()["ports"]
    (served,) = manifest("base", "Service")["spec"]["ports"]
    policy = manifest("base", "NetworkPolicy")["spec"]
    (endpoint,) = manifest("monitoring", "ServiceMonitor")["spec"]["endpoints"]

    assert served["targetPort"] == port["name"] == policy["ingress"][0]["ports"][0]["port"]
    assert endpoint["port"] == served["name"]
    assert _pod()["serviceAccountName"] == manifest("base", "ServiceAccount")["metadata"]["name"] == NAME
    subjects = manifest("rbac/apply", "RoleBinding")["subjects"]
    assert subjects == [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}]


def test_whoever_may_go_out_goes_to_known_ports() -> None:
    """Names, https, ssh and the API server."""
    policy = manifest("base", "NetworkPolicy")["spec"]

    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443, 22, 6443}


def test_the_image_is_that_of_this_version() -> None:
    """Not whatever is the newest."""
    (image,) = read(DEPLOY / "kubernetes" / "base" / "kustomization.yaml")["images"]

    assert image == {"name": "hedgehog-reconciler", "newTag": __version__}
