"""Control of the lab's Kubernetes API server: genuine kube-apiserver and etcd, and nothing behind them.

No controllers run: nothing collects garbage, fills in status or ends a namespace that was deleted.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.lab import audit, journal
from tests.lab.certificates import Authority, write_private_key
from tests.lab.commands import Command, run
from tests.lab.errors import LabError
from tests.lab.kubernetes_api import KubernetesAPI
from tests.lab.kubernetes_build import kubernetes_programs, needed_programs
from tests.lab.packages import locate
from tests.lab.ports import HOST, free_ports
from tests.lab.process import Background
from tests.lab.state import remember, remembered

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.lab.progress import Progress

HEDGEHOG_GROUPS = "githedgehog.com"
"""The ending of the API groups whose objects belong to the fabric."""

LIMITED_USER = "lab-user"
"""The user of `limited_token`, who may do nothing until a test binds a role to this name."""

_START_TIMEOUT = 90.0
# with a watch open, a server that is asked to end goes on for its request timeout, a minute; a test cannot wait so long
_STOP_GRACE = 3.0
_KUBECTL_TIMEOUT = 120.0
_ETCD_TIMEOUT = 30.0
_LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class KubernetesState:
    programs: str
    port: int
    etcd_port: int
    etcd_peer_port: int
    admin_token: str
    limited_token: str


class KubernetesServer:
    """One API server with an administrator (by certificate and by token) and a user without rights (by token)."""

    name = "kubernetes"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._certificates = folder / "certificates"
        self._audit_log = folder / "audit.jsonl"
        self._etcd = Background(folder, "etcd")
        self._apiserver = Background(folder, "kube-apiserver")

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self._state().port}"

    @property
    def ca_file(self) -> Path:
        """The authority's certificate in PEM."""
        return self._certificates / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, with a client certificate; context `lab`, namespace `default`."""
        return self._folder / "admin.kubeconfig"

    @property
    def admin_token(self) -> str:
        return self._state().admin_token

    @property
    def limited_token(self) -> str:
        """The token of `LIMITED_USER`."""
        return self._state().limited_token

    @property
    def api(self) -> KubernetesAPI:
        """For set-up and clearing away; its writes are not counted by `writes_since`."""
        return KubernetesAPI(self._certificates, self._state().port)

    def needed_programs(self) -> set[str]:
        return {"kubectl"} | needed_programs()

    def up(self, progress: Progress) -> None:
        programs = kubernetes_programs(progress)
        if not self.exists():
            self._lay_out(programs)
        if not self.is_running():
            progress.say("starting the Kubernetes API server")
            self.start()

    def down(self) -> None:
        self.stop()
        self._etcd.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def exists(self) -> bool:
        return self._state_file.exists()

    def is_running(self) -> bool:
        return self._etcd.is_running() and self._apiserver.is_running()

    def stop(self) -> None:
        """End the API server; etcd stays. A watch that is open then is cut."""
        self._apiserver.stop(grace=_STOP_GRACE)

    def start(self) -> None:
        state = self._state()
        self._etcd.start(_etcd_command(state, self._folder))
        self._apiserver.start(_apiserver_command(state, self._folder, self._audit_log))
        self._apiserver.wait_until(lambda: self.api.text("GET", "/readyz"), timeout=_START_TIMEOUT)
        self.api.create_namespace("default")

    def restart(self) -> None:
        """Afterwards a watch from before is too old (410): the server's memory of changes begins anew."""
        self.stop()
        self.start()

    def compact(self) -> None:
        """Make etcd forget all versions but the last. Clients notice after a restart: until then the API server answers
        from its memory.
        """
        etcd = f"http://{HOST}:{self._state().etcd_port}/v3"
        revision = _post(f"{etcd}/maintenance/status", {})["header"]["revision"]
        _post(f"{etcd}/kv/compaction", {"revision": revision, "physical": True})

    def variables(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.kubeconfig)}

    def mark(self) -> int:
        """A moment, for `writes_since` and `requests_since`."""
        return journal.length(self._audit_log)

    def writes_since(self, mark: int) -> list[audit.AuditEvent]:
        """The write requests that arrived since the mark, without the server's and the lab's own; see `audit`."""
        return audit.writes_since(self._audit_log, mark)

    def requests_since(self, mark: int) -> list[audit.Asked]:
        """Every request for objects that arrived since the mark, reads and watches too; see `audit`."""
        return audit.requests_since(self._audit_log, mark)

    def authorized_since(self, mark: int, user: str) -> list[audit.Authorized]:
        """What a user asked since the mark, and whether it was refused; see `audit`."""
        return audit.authorized_since(self._audit_log, mark, user)

    def apply_crds(self, folder: Path) -> None:
        """Apply the CustomResourceDefinitions in the folder's `*.yaml` and wait until they are served."""
        self.api.apply_crds(folder)

    def create_namespace(self, prefix: str = "test") -> str:
        """A namespace that nobody used before; its name."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.api.create_namespace(name)
        return name

    def account_token(self, namespace: str, account: str) -> str:
        """Make a ServiceAccount; a token of it that is good for an hour."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}
        self.api.request("POST", accounts, manifest)
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        token: str = self.api.request("POST", f"{accounts}/{account}/token", wanted)["status"]["token"]
        return token

    def delete_hedgehog_objects(self, namespace: str) -> None:
        """Delete what tests left in the namespace of the fabric's kinds, finalizers notwithstanding."""
        self.api.delete_objects(namespace, group_suffix=HEDGEHOG_GROUPS)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What `kubectl` printed, run as the administrator. Raises `LabError` with its message when it fails."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "KUBECONFIG": str(self.kubeconfig)}
        return run([locate("kubectl"), *arguments], timeout=_KUBECTL_TIMEOUT, env=environment, stdin=stdin)

    def write_kubeconfig(self, path: Path, *, token: str) -> Path:
        """Write a kubeconfig with a token, for this user's eyes only; the path."""
        return self._write_kubeconfig(path, {"token": token})

    @property
    def _state_file(self) -> Path:
        return self._folder / "state.json"

    def _state(self) -> KubernetesState:
        found = remembered(self._state_file, KubernetesState)
        if found is None:
            raise LabError("the Kubernetes API server is not up: make lab")
        return found

    def _lay_out(self, programs: Path) -> None:
        """Write what the server is started with; the state says that the rest is there."""
        authority = Authority(self._certificates)
        authority.issue_server("server")
        authority.issue_client("admin", group="system:masters")
        service_accounts = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private_key(self._certificates / "service-accounts.key", service_accounts)
        tokens = [secrets.token_hex(20), secrets.token_hex(20)]
        (self._folder / "audit-policy.yaml").write_text(audit.POLICY, encoding="ascii")
        lines = [f"{tokens[0]},lab-admin,1,system:masters\n", f"{tokens[1]},{LIMITED_USER},2\n"]
        (self._folder / "tokens.csv").write_text("".join(lines), encoding="ascii")
        port, etcd_port, etcd_peer_port = free_ports(3)
        remember(self._state_file, KubernetesState(str(programs), port, etcd_port, etcd_peer_port, *tokens))
        certificate, key = (self._certificates / f"admin.{kind}" for kind in ("crt", "key"))
        user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        self._write_kubeconfig(self.kubeconfig, user)

    def _write_kubeconfig(self, path: Path, user: dict[str, str]) -> Path:
        cluster = {"server": self.url, "certificate-authority-data": _base64(self.ca_file)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "lab", "user": user}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "default"}}],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=1), encoding="ascii")
        return path


def _post(url: str, body: JSONObject) -> JSONObject:
    """The answer of etcd's JSON gateway."""
    try:
        with urlopen(Request(url, json.dumps(body).encode()), timeout=_ETCD_TIMEOUT) as answer:
            decoded: JSONObject = json.loads(answer.read(_LARGEST_ANSWER))
    except OSError as error:
        raise LabError(f"etcd: {error}") from error
    return decoded


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _etcd_command(state: KubernetesState, folder: Path) -> Command:
    client, peer = f"http://{HOST}:{state.etcd_port}", f"http://{HOST}:{state.etcd_peer_port}"
    return [
        f"{state.programs}/etcd",
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--quota-backend-bytes={4 << 30}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def _apiserver_command(state: KubernetesState, folder: Path, audit_log: Path) -> Command:
    certificates = folder / "certificates"
    accounts = certificates / "service-accounts.key"
    return [
        f"{state.programs}/kube-apiserver",
        f"--etcd-servers=http://{HOST}:{state.etcd_port}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={state.port}",
        f"--tls-cert-file={certificates / 'server.crt'}",
        f"--tls-private-key-file={certificates / 'server.key'}",
        f"--client-ca-file={certificates / 'ca.crt'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://lab",
        f"--service-account-key-file={accounts}",
        f"--service-account-signing-key-file={accounts}",
        "--service-cluster-ip-range=10.255.0.0/24",
        "--endpoint-reconciler-type=none",
        "--disable-admission-plugins=ServiceAccount",
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={audit_log}",
        # a log that is cut would lose the marks; by default it is, at 100 MB
        "--audit-log-maxsize=100000",
    ]
