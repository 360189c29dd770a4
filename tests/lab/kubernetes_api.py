"""The lab's own requests to the Kubernetes API: set-up and clearing away, not what tests are about."""

from __future__ import annotations

import json
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING

import yaml

from tests.lab.audit import LAB_AGENT
from tests.lab.errors import LabError
from tests.lab.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.json import JSON, JSONObject

_TIMEOUT = 30.0
_LARGEST = 256 << 20
_PAUSE = 0.05
_ESTABLISH_TIMEOUT = 60.0
_THREADS = 4
_PAGE = 500
_ROUNDS = 100
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class AnswerError(LabError):
    """The server answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"HTTP {code}: {message}")
        self.code = code


class KubernetesAPI:
    """Requests as the administrator whose certificate and key are in `certificates`."""

    def __init__(self, certificates: Path, port: int) -> None:
        self._certificates = certificates
        self._port = port

    def request(
        self, method: str, path: str, body: JSON = None, *, content_type: str = "application/json"
    ) -> JSONObject:
        """The answer's JSON. Raises `AnswerError` for a status of 400 or more, `LabError` without an answer."""
        answer = self.text(method, path, None if body is None else json.dumps(body), content_type=content_type)
        decoded: JSONObject = json.loads(answer)
        return decoded

    def text(self, method: str, path: str, body: str | None = None, *, content_type: str = "application/json") -> str:
        """As `request`, for answers that are not JSON."""
        connection = HTTPSConnection(HOST, self._port, timeout=_TIMEOUT, context=self._context())
        try:
            connection.request(method, path, body, {"Content-Type": content_type, "User-Agent": LAB_AGENT})
            answer = connection.getresponse()
            text = answer.read(_LARGEST).decode()
        except (OSError, HTTPException) as error:
            raise LabError(f"no answer from the Kubernetes API: {error}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise AnswerError(answer.status, text[:500])
        return text

    def create_namespace(self, name: str) -> None:
        """Make a namespace; one that exists is fine."""
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            self.request("POST", "/api/v1/namespaces", manifest)
        except AnswerError as error:
            if error.code != 409:
                raise

    def apply_crds(self, folder: Path) -> None:
        """Apply each CustomResourceDefinition of the folder's `*.yaml` and wait until its objects can be used.

        Raises `LabError` when the folder has none, or one is not served within a minute.
        """
        documents = [
            one for path in sorted(folder.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text("utf-8"))
        ]
        if not documents:
            raise LabError(f"no CustomResourceDefinition in {folder}")
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(self._apply_crd, documents))
            list(threads.map(self._wait_until_served, documents))

    def delete_objects(self, namespace: str, *, group_suffix: str) -> None:
        """Delete the namespace's objects of each API group with that ending, whatever finalizers they have."""
        for path in self._collections(namespace, group_suffix):
            for _ in range(_ROUNDS):
                objects = self.request("GET", f"{path}?limit={_PAGE}")["items"]
                if not objects:
                    break
                for found in objects:
                    self._release(path, found)
                self.request("DELETE", path)
            else:
                raise LabError(f"objects of {path} do not go away")

    def _release(self, path: str, found: JSONObject) -> None:
        metadata = found["metadata"]
        if metadata.get("finalizers"):
            freed = {"metadata": {"finalizers": None}}
            self.request("PATCH", f"{path}/{metadata['name']}", freed, content_type="application/merge-patch+json")

    def _collections(self, namespace: str, group_suffix: str) -> Iterator[str]:
        for group in self.request("GET", "/apis")["groups"]:
            if group["name"].endswith(group_suffix):
                version = group["preferredVersion"]["groupVersion"]
                for resource in self.request("GET", f"/apis/{version}")["resources"]:
                    if resource["namespaced"] and "deletecollection" in resource["verbs"]:
                        yield f"/apis/{version}/namespaces/{namespace}/{resource['name']}"

    def _apply_crd(self, document: JSONObject) -> None:
        path = f"{_CRDS}/{document['metadata']['name']}?fieldManager=lab&force=true"
        self.request("PATCH", path, document, content_type="application/apply-patch+yaml")

    def _wait_until_served(self, document: JSONObject) -> None:
        """An established definition is not at once in the list of resources that clients read."""
        name, spec = document["metadata"]["name"], document["spec"]
        deadline = time.monotonic() + _ESTABLISH_TIMEOUT
        while not self._is_served(spec["group"], spec["names"]["plural"]):
            if time.monotonic() > deadline:
                raise LabError(f"{name} is not served after {_ESTABLISH_TIMEOUT:.0f} s")
            time.sleep(_PAUSE)

    def _is_served(self, group: str, plural: str) -> bool:
        try:
            version = self.request("GET", f"/apis/{group}")["preferredVersion"]["groupVersion"]
            resources = self.request("GET", f"/apis/{version}")["resources"]
            self.request("GET", f"/apis/{version}/{plural}?limit=1")
        except AnswerError as error:
            # 404: not yet; 429: its storage is being prepared
            if error.code in {404, 429}:
                return False
            raise
        return any(resource["name"] == plural for resource in resources)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._certificates / "ca.crt")
        context.load_cert_chain(self._certificates / "admin.crt", self._certificates / "admin.key")
        return context
