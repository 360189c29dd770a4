"""Looks at the real results: the cluster's objects and NetBox's records, not at what the service says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from reconciler.model.kinds import DECLARABLE, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.json import JSONObject
    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.netbox_server import NetBoxServer

TIMEOUT = 60.0
PAGE = 1000
STATUS_PATHS = ("/api/dcim/sites/", "/api/extras/journal-entries/")


@dataclass(frozen=True)
class ClusterView:
    """One namespace of the real API server, as an administrator sees it."""

    server: KubernetesServer
    namespace: str

    def _path(self, kind: str, name: str = "") -> str:
        of = KINDS[kind]
        return f"/apis/{of.group}/{of.version}/namespaces/{self.namespace}/{of.plural}/{name}".rstrip("/")

    def names(self, kind: str) -> set[str]:
        return {item["metadata"]["name"] for item in self._items(kind)}

    def _items(self, kind: str) -> list[JSONObject]:
        items: list[JSONObject] = self.server.api.request("GET", self._path(kind))["items"]
        return items

    def everything(self) -> set[tuple[str, str]]:
        """Kind and name of every object that Git may hold."""
        return {(kind.name, name) for kind in DECLARABLE for name in self.names(kind.name)}

    def specs(self, *kinds: str) -> dict[str, JSONObject]:
        """The spec of every object of these kinds (none: of all that Git may hold) by kind and name (`VPC/vpc-01`)."""
        found = ((kind, item) for kind in kinds or [kind.name for kind in DECLARABLE] for item in self._items(kind))
        return {f"{kind}/{item['metadata']['name']}": item.get("spec") or {} for kind, item in found}

    def read(self, kind: str, name: str) -> JSONObject:
        return self.server.api.request("GET", self._path(kind, name))

    def patch(self, kind: str, name: str, patch: str) -> None:
        """A change by somebody else, as a merge patch."""
        of = KINDS[kind]
        self.server.kubectl(
            *("patch", f"{of.plural}.{of.group}", name, "--namespace", self.namespace),
            *("--type", "merge", "--patch", patch),
        )

    def mark(self) -> int:
        return self.server.mark()

    def writes_since(self, mark: int) -> list[tuple[str, str, str]]:
        """Verb, resource and name of the write requests to this namespace."""
        return [
            (event.verb, event.resource, event.name)
            for event in self.server.writes_since(mark)
            if event.namespace == self.namespace
        ]

    def requests_since(self, mark: int, *verbs: str) -> list[tuple[str, str]]:
        """Verb and resource of the requests of these verbs to this namespace, or to all of them."""
        return [
            (asked.verb, asked.resource)
            for asked in self.server.requests_since(mark)
            if asked.verb in verbs and asked.namespace in {"", self.namespace}
        ]


@dataclass(frozen=True)
class NetBoxView:
    """The real NetBox, as an administrator sees it, within one site."""

    server: NetBoxServer
    site: str
    session: requests.Session = field(default_factory=requests.Session)

    def _call(self, method: str, path: str, **options: Any) -> JSONObject:
        headers = {"Authorization": f"Bearer {self.server.token}"}
        url = f"{self.server.url}/api/{path}"
        answer = self.session.request(method, url, headers=headers, timeout=TIMEOUT, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        body: JSONObject = answer.json() if answer.content else {}
        return body

    def records(self, model: str, **filters: str | list[str]) -> list[JSONObject]:
        found: list[JSONObject] = self._call("GET", f"{model}/", params={"limit": PAGE, **filters})["results"]
        return found

    def create(self, model: str, fields: JSONObject) -> JSONObject:
        return self._call("POST", f"{model}/", json=fields)

    def create_all(self, model: str, bodies: Iterable[JSONObject]) -> list[JSONObject]:
        """Several records, all or none."""
        answer: Any = self._call("POST", f"{model}/", json=list(bodies))
        made: list[JSONObject] = answer
        return made

    def update(self, model: str, record: JSONObject, fields: JSONObject) -> JSONObject:
        return self._call("PATCH", f"{model}/{record['id']}/", json=fields)

    def update_all(self, model: str, changes: list[JSONObject]) -> None:
        """Change many records, each named by its id, in one request."""
        self._call("PATCH", f"{model}/", json=changes)

    def delete(self, model: str, record: JSONObject) -> None:
        self._call("DELETE", f"{model}/{record['id']}/")

    def owned(self, model: str) -> dict[str, JSONObject]:
        """The fabric's own records by key. The fabric has the site's name."""
        found = self.records(model, tag="hh-managed") if self._has_tag() else []
        by_key = {record["custom_fields"].get("hh_key") or "": record for record in found}
        return {key: record for key, record in by_key.items() if key.startswith(f"{self.site}/")}

    def _has_tag(self) -> bool:
        # An unknown tag in a filter is an error, not an empty answer.
        return bool(self.records("extras/tags", slug="hh-managed"))

    def mark(self) -> int:
        return self.server.mark()

    def writes_since(self, mark: int) -> list[tuple[str, str]]:
        """Method and path of the REST write requests, but for those by which a site tells of its fabric: they follow
        the end of a pass.
        """
        return [write for write in self.all_writes_since(mark) if not write[1].startswith(STATUS_PATHS)]

    def all_writes_since(self, mark: int) -> list[tuple[str, str]]:
        """The same with those."""
        return [(write.method, write.path) for write in self.server.writes_since(mark)]
