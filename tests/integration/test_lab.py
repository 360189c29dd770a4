"""The lab's servers are real: what one client writes another reads, refusals refuse, outages are outages."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import kubernetes.client
import kubernetes.config
import pytest
import requests
import yaml

from tests.lab.certificates import Authority
from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.git_files import Fault
from tests.lab.lab import Lab
from tests.lab.server import outage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.json import JSON, JSONObject
    from tests.lab.git_server import GitServer, Repository
    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.netbox_server import NetBoxServer

pytestmark = pytest.mark.lab

_GIT_TIMEOUT = 60.0
_TIMEOUT = 30.0
_GROUP, _VERSION, _PLURAL = "lab.githedgehog.com", "v1", "widgets"

_CRD: JSONObject = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{_PLURAL}.{_GROUP}"},
    "spec": {
        "group": _GROUP,
        "scope": "Namespaced",
        "names": {"plural": _PLURAL, "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": _VERSION,
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                    }
                },
            }
        ],
    },
}


def _widget(name: str, *, finalizers: tuple[str, ...] = ()) -> JSONObject:
    metadata = {"name": name, "finalizers": list(finalizers)}
    return {"apiVersion": f"{_GROUP}/{_VERSION}", "kind": "Widget", "metadata": metadata, "spec": {"size": 3}}


def _clone(url: str, target: Path, environment: dict[str, str]) -> None:
    run(["git", "clone", "--quiet", url, target], timeout=_GIT_TIMEOUT, env=environment)


# --- Git ---------------------------------------------------------------------------------------------------------


def test_git_push_is_cloned_back(repository: Repository, tmp_path: Path) -> None:
    """What is pushed over HTTPS is what a clone gets."""
    commit = repository.push_files({"fabric/vpc.yaml": "kind: VPC\n"})
    _clone(repository.url, tmp_path / "clone", repository.server.environment())

    assert (tmp_path / "clone/fabric/vpc.yaml").read_text("utf-8") == "kind: VPC\n"
    assert run(["git", "-C", tmp_path / "clone", "rev-parse", "HEAD"], timeout=_GIT_TIMEOUT).strip() == commit


def test_git_push_builds_on_what_others_pushed(repository: Repository) -> None:
    """A second push keeps the first one's files, and removes those that it is told to."""
    repository.push_files({"kept": "1\n", "removed": "1\n"})
    repository.push_files({"removed": None, "added": "2\n"})
    listed = run(["git", "-C", repository.path, "ls-tree", "--name-only", "main"], timeout=_GIT_TIMEOUT)

    assert listed.split() == ["added", "kept"]


def test_git_requests_are_counted(repository: Repository) -> None:
    """A request is in the count as soon as its client has the answer."""
    mark = repository.server.mark()
    run(["git", "ls-remote", repository.url], timeout=_GIT_TIMEOUT, env=repository.server.environment())
    (discovery, *_) = [request for request in repository.server.requests_since(mark) if repository.name in request.path]

    assert (discovery.method, discovery.query, discovery.code) == ("GET", "service=git-upload-pack", 200)


def test_git_wrong_password_is_refused(repository: Repository, tmp_path: Path) -> None:
    """Without the right password nothing can be cloned, and the server answered 401."""
    repository.push_files({"a": "1\n"})
    mark = repository.server.mark()
    with pytest.raises(LabError, match=r"terminal prompts disabled|Authentication failed"):
        _clone(repository.url, tmp_path / "clone", repository.server.environment(password="wrong"))

    assert {request.code for request in repository.server.requests_since(mark)} == {401}


def test_git_unknown_authority_is_refused(repository: Repository, tmp_path: Path) -> None:
    """A client that trusts another authority does not get as far as a request."""
    Authority(tmp_path / "other")
    mark = repository.server.mark()
    with pytest.raises(LabError, match="certificate"):
        _clone(repository.url, tmp_path / "clone", repository.server.environment(ca_file=tmp_path / "other/ca.crt"))

    assert repository.server.requests_since(mark) == []


def test_git_fault_unavailable_hits_one_repository(repository: Repository, git_server: GitServer) -> None:
    """A repository set to be unavailable answers 503 until that is taken back."""
    git_server.set_fault(repository.name, Fault.UNAVAILABLE)
    with pytest.raises(LabError, match="503"):
        repository.push_files({"a": "1\n"})
    git_server.set_fault(repository.name, None)

    assert repository.push_files({"a": "1\n"})


def test_git_fault_hang_keeps_the_client_waiting(repository: Repository, git_server: GitServer) -> None:
    """A hanging repository gives its clients no answer at all."""
    git_server.set_fault(repository.name, Fault.HANG)
    with pytest.raises(LabError, match="did not end within"):
        run(["git", "ls-remote", repository.url], timeout=1.0, env=git_server.environment())


def test_git_comes_back_with_its_repositories(repository: Repository, git_server: GitServer) -> None:
    """During an outage nothing listens; afterwards the same URL serves the same repository."""
    commit = repository.push_files({"a": "1\n"})
    listing = ["git", "ls-remote", repository.url, "refs/heads/main"]
    with outage(git_server), pytest.raises(LabError, match="connect"):
        run(listing, timeout=_GIT_TIMEOUT, env=git_server.environment())

    assert run(listing, timeout=_GIT_TIMEOUT, env=git_server.environment()).startswith(commit)


# --- Kubernetes --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def widgets(kubernetes_server: KubernetesServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A kind of this module's own."""
    folder = tmp_path_factory.mktemp("crds")
    (folder / "widgets.yaml").write_text(yaml.safe_dump(_CRD), encoding="utf-8")
    kubernetes_server.apply_crds(folder)
    yield
    kubernetes_server.kubectl("delete", "crd", _CRD["metadata"]["name"])


@pytest.fixture
def objects(kubernetes_server: KubernetesServer, widgets: None) -> Iterator[kubernetes.client.CustomObjectsApi]:
    with kubernetes.config.new_client_from_config(str(kubernetes_server.kubeconfig)) as client:
        yield kubernetes.client.CustomObjectsApi(client)


def _get_size(objects: kubernetes.client.CustomObjectsApi, namespace: str, name: str) -> int:
    found: JSON = objects.get_namespaced_custom_object(
        _GROUP, _VERSION, namespace, _PLURAL, name, _request_timeout=(_TIMEOUT, _TIMEOUT)
    )
    return int(found["spec"]["size"])


def _list_names(objects: kubernetes.client.CustomObjectsApi, namespace: str) -> list[str]:
    found: JSON = objects.list_namespaced_custom_object(
        _GROUP, _VERSION, namespace, _PLURAL, _request_timeout=(_TIMEOUT, _TIMEOUT)
    )
    return [item["metadata"]["name"] for item in found["items"]]


def test_kubernetes_object_is_created_read_and_counted(
    kubernetes_server: KubernetesServer, objects: kubernetes.client.CustomObjectsApi, namespace: str
) -> None:
    """One create is one write in the audit log, reads are none."""
    mark = kubernetes_server.mark()
    objects.create_namespaced_custom_object(_GROUP, _VERSION, namespace, _PLURAL, _widget("a"))

    assert _get_size(objects, namespace, "a") == 3
    (write,) = kubernetes_server.writes_since(mark)
    assert (write.verb, write.resource, write.namespace) == ("create", _PLURAL, namespace)
    assert (write.user, write.code) == ("admin", 201)


def test_kubernetes_namespace_is_cleared_in_spite_of_finalizers(
    kubernetes_server: KubernetesServer, objects: kubernetes.client.CustomObjectsApi, namespace: str
) -> None:
    """Clearing a namespace deletes also what waits for a controller, and counts as nobody's write."""
    objects.create_namespaced_custom_object(
        _GROUP, _VERSION, namespace, _PLURAL, _widget("a", finalizers=("lab.githedgehog.com/hold",))
    )
    mark = kubernetes_server.mark()
    kubernetes_server.delete_hedgehog_objects(namespace)

    assert _list_names(objects, namespace) == []
    assert kubernetes_server.writes_since(mark) == []


def test_kubernetes_limited_user_has_no_rights_until_bound(
    kubernetes_server: KubernetesServer, widgets: None, namespace: str, tmp_path: Path
) -> None:
    """The limited token is known (403, not 401) and may do what a role bound to its user says."""
    limited = kubernetes_server.write_kubeconfig(tmp_path / "kubeconfig", token=kubernetes_server.limited_token)
    listing = ("get", f"{_PLURAL}.{_GROUP}", "--namespace", namespace, "--kubeconfig", str(limited), "--output", "name")
    with pytest.raises(LabError, match="Forbidden"):
        kubernetes_server.kubectl(*listing)
    role = ("--namespace", namespace, "--verb", "list", "--resource", f"{_PLURAL}.{_GROUP}")
    kubernetes_server.kubectl("create", "role", "reader", *role)
    binding = ("--namespace", namespace, "--role", "reader", "--user", "lab-user")
    kubernetes_server.kubectl("create", "rolebinding", "reader", *binding)

    assert kubernetes_server.kubectl(*listing) == ""


def test_kubernetes_comes_back_with_its_objects(
    kubernetes_server: KubernetesServer, objects: kubernetes.client.CustomObjectsApi, namespace: str
) -> None:
    """During an outage nothing listens; afterwards the same kubeconfig reads the same object."""
    objects.create_namespaced_custom_object(_GROUP, _VERSION, namespace, _PLURAL, _widget("a"))
    with outage(kubernetes_server), pytest.raises(LabError, match="refused"):
        kubernetes_server.kubectl("get", "namespaces", "--request-timeout=5s")

    assert _get_size(objects, namespace, "a") == 3


# --- NetBox ------------------------------------------------------------------------------------------------------


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"{'Bearer' if token.startswith('nbt_') else 'Token'} {token}"}


def _create_site(netbox: NetBoxServer, slug: str, token: str) -> requests.Response:
    site = {"name": slug, "slug": slug, "status": "active"}
    return requests.post(f"{netbox.url}/api/dcim/sites/", json=site, headers=_headers(token), timeout=_TIMEOUT)


def _read_sites(netbox: NetBoxServer) -> list[str]:
    answer = requests.get(f"{netbox.url}/api/dcim/sites/", headers=_headers(netbox.token), timeout=_TIMEOUT)
    return [site["slug"] for site in answer.json()["results"]]


def test_netbox_site_is_created_read_and_counted(pristine_netbox: NetBoxServer) -> None:
    """One POST is one write in the access log, reads by REST and by GraphQL are none."""
    mark = pristine_netbox.mark()
    created = _create_site(pristine_netbox, "dc1", pristine_netbox.token)
    query = {"query": "{site_list{slug}}"}
    graphql = requests.post(
        f"{pristine_netbox.url}/graphql/", json=query, headers=_headers(pristine_netbox.token), timeout=_TIMEOUT
    )

    assert created.status_code == 201
    assert graphql.json()["data"] == {"site_list": [{"slug": "dc1"}]}
    assert _read_sites(pristine_netbox) == ["dc1"]
    (write,) = pristine_netbox.writes_since(mark)
    assert (write.method, write.path, write.code) == ("POST", "/api/dcim/sites/", 201)


def test_netbox_tokens(pristine_netbox: NetBoxServer) -> None:
    """Both kinds of token write; the read-only one is known and may not."""
    assert _create_site(pristine_netbox, "by-v2", pristine_netbox.token).status_code == 201
    assert _create_site(pristine_netbox, "by-v1", pristine_netbox.token_v1).status_code == 201
    refused = _create_site(pristine_netbox, "by-reader", pristine_netbox.read_only_token)

    assert (refused.status_code, refused.json()) == (
        403,
        {"detail": "You do not have permission to perform this action."},
    )


def test_netbox_reset_leaves_nothing(pristine_netbox: NetBoxServer) -> None:
    """A reset removes what was written, twice in a row, while the web part stays up."""
    for _ in range(2):
        _create_site(pristine_netbox, "dc1", pristine_netbox.token)
        pristine_netbox.reset()

        assert _read_sites(pristine_netbox) == []


def test_netbox_goes_back_to_a_backup(pristine_netbox: NetBoxServer) -> None:
    """What was there when the backup was taken is there again, as often as one wants, and nothing else."""
    _create_site(pristine_netbox, "before", pristine_netbox.token)
    with pristine_netbox.backup() as go_back:
        for _ in range(2):
            _create_site(pristine_netbox, "after", pristine_netbox.token)
            assert _read_sites(pristine_netbox) == ["after", "before"]
            go_back()
            assert _read_sites(pristine_netbox) == ["before"]


def test_netbox_comes_back_with_its_data(pristine_netbox: NetBoxServer) -> None:
    """During an outage nothing listens; afterwards the same URL serves the same site."""
    _create_site(pristine_netbox, "dc1", pristine_netbox.token)
    with outage(pristine_netbox), pytest.raises(requests.ConnectionError):
        _read_sites(pristine_netbox)

    assert _read_sites(pristine_netbox) == ["dc1"]


class _Receiver(BaseHTTPRequestHandler):
    """Takes one webhook and keeps its body."""

    bodies: ClassVar[list[JSONObject]] = []

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _subscribe(netbox: NetBoxServer, url: str) -> None:
    """Have NetBox call the URL for each new site."""
    hook = {"name": "lab", "payload_url": url}
    headers = _headers(netbox.token)
    created = requests.post(f"{netbox.url}/api/extras/webhooks/", json=hook, headers=headers, timeout=_TIMEOUT).json()
    action = {"action_type": "webhook", "action_object_type": "extras.webhook", "action_object_id": created["id"]}
    rule = {"name": "lab", "object_types": ["dcim.site"], "event_types": ["object_created"], **action}
    answer = requests.post(f"{netbox.url}/api/extras/event-rules/", json=rule, headers=headers, timeout=_TIMEOUT)
    answer.raise_for_status()


def test_netbox_webhook_is_sent_by_the_worker(pristine_netbox: NetBoxServer) -> None:
    """With the worker on, NetBox calls the URL that an event rule names."""
    with HTTPServer(("127.0.0.1", 0), _Receiver) as receiver:
        receiver.timeout = _TIMEOUT
        _subscribe(pristine_netbox, f"http://127.0.0.1:{receiver.server_port}/")
        pristine_netbox.start_webhook_worker()
        try:
            _create_site(pristine_netbox, "dc1", pristine_netbox.token)
            receiver.handle_request()
        finally:
            pristine_netbox.stop_webhook_worker()

    (body,) = _Receiver.bodies
    assert (body["event"], body["data"]["slug"]) == ("created", "dc1")


# --- all ---------------------------------------------------------------------------------------------------------


def test_lab_is_controlled_by_its_folder_alone(lab: Lab) -> None:
    """Another object for the same folder, as another process has, sees the same servers and leaves them alone."""
    again = Lab(lab.folder)
    urls = [server.url for server in lab.servers()]
    another = [server.url for server in again.servers()]

    assert another == urls
    assert all(server.is_running() for server in again.servers())
