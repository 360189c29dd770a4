"""How the schemas of a server are read: from either OpenAPI document, and again only where they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, KindNotServedError
from reconciler.model.kinds import KINDS
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.kubernetes.openapi import documents_of, kinds_of
from tests.unit.targets.api_server import ApiServer, Scripted, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.kinds import Kind

VPC, SWITCH = KINDS["VPC"], KINDS["Switch"]
SPEC = {"type": "object", "properties": {"mode": {"type": "string"}}}
OTHER_SPEC = {"type": "object", "properties": {"mode": {"type": "integer"}}}
NOT_THERE = Scripted(404, b"404 page not found\n")
NOT_MODIFIED = Scripted(304, b"")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = ApiServer()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def cluster(server: ApiServer) -> Iterator[KubernetesCluster]:
    made = KubernetesCluster(ClusterAccess(server=server.url, token=lambda: b"t"), "fabric", lambda _: None)
    yield made
    made.close()


def _said(kind: Kind) -> JSONObject:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}


def _definition(kind: Kind, spec: JSON) -> JSONObject:
    said = "x-kubernetes-group-version-kind"
    return {"type": "object", "properties": {"kind": {"type": "string"}, "spec": spec}, said: [_said(kind)]}


def _paths(kind: Kind) -> JSONObject:
    collection = f"/apis/{kind.api_version}/namespaces/{{namespace}}/{kind.plural}"
    operations = {"parameters": [{"name": "limit"}], "get": {"x-kubernetes-group-version-kind": _said(kind)}}
    everywhere = f"/apis/{kind.api_version}/{kind.plural}"
    return {everywhere: operations, collection: operations, f"{collection}/{{name}}": operations}


def document_3(kind: Kind, spec: JSON = SPEC) -> JSONObject:
    """The document of the kind's group."""
    return {"openapi": "3.0.0", "paths": _paths(kind), "components": {"schemas": {"x": _definition(kind, spec)}}}


def document_2(*kinds: tuple[Kind, JSON]) -> JSONObject:
    """The document of all groups."""
    definitions = {kind.name: _definition(kind, spec) for kind, spec in kinds}
    paths = {path: operations for kind, _ in kinds for path, operations in _paths(kind).items()}
    return {"swagger": "2.0", "paths": paths, "definitions": definitions}


def index(**hashes: str) -> JSONObject:
    """The index, with the hash of the document of each kind's group."""
    paths = {f"apis/{KINDS[name].api_version}": hashed for name, hashed in hashes.items()}
    return {
        "paths": {"api/v1": {}}
        | {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={h}"} for path, h in paths.items()}
    }


def _asked(server: ApiServer) -> list[tuple[str, str | None]]:
    """Path and wanted ETag of each request so far."""
    found = [(one.path, one.headers.get("If-None-Match")) for one in server.asked]
    server.asked.clear()
    return found


class TestGroupByGroup:
    def test_each_group_is_read(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """The schemas are those of the specs; groups that are not ours are not read."""
        server.then = [
            Scripted(200, index(VPC="1", Switch="1")),
            Scripted(200, document_3(VPC)),
            Scripted(200, document_3(SWITCH, OTHER_SPEC)),
        ]

        served = cluster.served()

        found = {kind.name: schema.body for kind in (VPC, SWITCH) if (schema := served.schema(kind))}
        assert found == {"VPC": SPEC, "Switch": OTHER_SPEC}
        assert [path for path, _ in _asked(server)] == [
            "/openapi/v3",
            f"/openapi/v3/apis/{VPC.api_version}",
            f"/openapi/v3/apis/{SWITCH.api_version}",
        ]

    def test_what_did_not_change_is_one_request(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """The index alone, by its ETag where it has one; the answer is the same value."""
        server.then = [
            Scripted(200, index(VPC="1"), {"ETag": '"a"'}),
            Scripted(200, document_3(VPC)),
            NOT_MODIFIED,
            Scripted(200, index(VPC="1"), {"ETag": '"a"'}),
        ]
        first = cluster.served()
        _asked(server)

        assert cluster.served() is first
        assert cluster.served().schema(VPC) is first.schema(VPC)
        assert _asked(server) == [("/openapi/v3", '"a"'), ("/openapi/v3", '"a"')]

    def test_only_changed_groups_are_read_again(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Schemas of the others stay the very same, and so do those that are as they were in a changed group."""
        server.then = [
            Scripted(200, index(VPC="1")),
            Scripted(200, document_3(VPC)),
            Scripted(200, index(VPC="1", Switch="1")),
            Scripted(200, document_3(SWITCH)),
            Scripted(200, index(VPC="2", Switch="1")),
            Scripted(200, document_3(VPC)),
            Scripted(200, index(VPC="3", Switch="1")),
            Scripted(200, document_3(VPC, OTHER_SPEC)),
        ]

        one, two, three, four = (cluster.served() for _ in range(4))

        assert one.schema(VPC) is two.schema(VPC) is three.schema(VPC)
        assert two.schema(SWITCH) is three.schema(SWITCH) is four.schema(SWITCH)
        assert (changed := four.schema(VPC)) is not None
        assert changed.body == OTHER_SPEC

    def test_a_group_that_is_gone(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Its kinds are served no longer, be it that the index says so, or the document is not there any more."""
        server.then = [
            Scripted(200, index(VPC="1", Switch="1")),
            *[Scripted(200, document_3(VPC))] * 2,
            Scripted(200, index(VPC="1")),
            Scripted(200, index(VPC="2")),
            NOT_THERE,
        ]
        cluster.served()

        assert cluster.served().find(VPC) is not None
        assert cluster.served().kinds == {}

    def test_what_failed_is_read_again(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """A document that could not be read is not taken for read, although the index was."""
        server.then = [
            Scripted(200, index(VPC="1"), {"ETag": '"a"'}),
            Scripted(500),
            Scripted(200, index(VPC="1"), {"ETag": '"a"'}),
            Scripted(200, document_3(VPC)),
        ]

        with pytest.raises(ClusterUnavailableError, match="read the schemas"):
            cluster.served()

        assert cluster.served().schema(VPC) is not None
        assert _asked(server)[2] == ("/openapi/v3", None)


class TestAllInOne:
    """Servers before 1.24."""

    def test_the_one_document_is_read(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Where there is no index."""
        server.then = [NOT_THERE, Scripted(200, document_2((VPC, SPEC), (SWITCH, OTHER_SPEC)))]

        served = cluster.served()

        found = {kind.name: schema.body for kind in (VPC, SWITCH) if (schema := served.schema(kind))}
        assert found == {"VPC": SPEC, "Switch": OTHER_SPEC}
        assert _asked(server) == [("/openapi/v3", None), ("/openapi/v2", None)]

    def test_it_is_not_read_again_while_it_is_the_same(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """The server is asked by its ETag; of a changed one, schemas that are as they were stay the very same."""
        server.then = [
            NOT_THERE,
            Scripted(200, document_2((VPC, SPEC), (SWITCH, SPEC)), {"ETag": '"a"'}),
            NOT_THERE,
            NOT_MODIFIED,
            NOT_THERE,
            Scripted(200, document_2((VPC, SPEC), (SWITCH, OTHER_SPEC)), {"ETag": '"b"'}),
        ]

        one, two, three = (cluster.served() for _ in range(3))

        assert one is two
        assert one.schema(VPC) is three.schema(VPC)
        assert one.schema(SWITCH) is not three.schema(SWITCH)
        assert [etag for path, etag in _asked(server) if path == "/openapi/v2"] == [None, '"a"', '"a"']

    def test_a_server_that_was_upgraded(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """The index is used as soon as there is one."""
        server.then = [
            NOT_THERE,
            Scripted(200, document_2((VPC, SPEC)), {"ETag": '"a"'}),
            Scripted(200, index(VPC="1")),
            Scripted(200, document_3(VPC, OTHER_SPEC)),
        ]
        cluster.served()

        assert (found := cluster.served().schema(VPC)) is not None
        assert found.body == OTHER_SPEC


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("before", [[], [NOT_THERE]], ids=["index", "all in one"])
def test_missing_rights(server: ApiServer, cluster: KubernetesCluster, before: list[Scripted], code: int) -> None:
    """They are an access error, in the server's words."""
    server.then = [*before, Scripted(code, status(code, "forbidden: User cannot get path"))]

    with pytest.raises(ClusterAccessError, match="read the schemas: forbidden: User cannot get path"):
        cluster.served()


def test_a_server_without_documents(server: ApiServer, cluster: KubernetesCluster) -> None:
    """It says so, instead of looking as if it served nothing."""
    server.then = [NOT_THERE, NOT_THERE]

    with pytest.raises(KindNotServedError, match="serves no OpenAPI document"):
        cluster.served()


@pytest.mark.parametrize(
    "answers",
    [
        [Scripted(200, b"<html>sign in</html>")],
        [Scripted(200, [])],
        [Scripted(200, {})],
        [Scripted(200, {"paths": {}})],
        [Scripted(200, index(VPC="1")), Scripted(200, b"<html>sign in</html>")],
        [NOT_THERE, Scripted(200, [])],
        [NOT_THERE, Scripted(504)],
    ],
)
def test_odd_answers(server: ApiServer, cluster: KubernetesCluster, answers: list[Scripted]) -> None:
    """What is no document is an outage, and no cluster that serves nothing."""
    server.then = answers

    with pytest.raises(ClusterUnavailableError, match="read the schemas"):
        cluster.served()


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"paths": [], "definitions": []},
        {"paths": {f"/apis/{VPC.api_version}/namespaces/{{namespace}}/vpcs": None}},
        {
            "paths": {
                f"/apis/{VPC.api_version}/namespaces/{{namespace}}/vpcs": {
                    "get": {"x-kubernetes-group-version-kind": []}
                }
            }
        },
        {"paths": {"/apis/apps/v1/namespaces/{namespace}/deployments": _paths(VPC)}},
    ],
)
def test_documents_that_tell_nothing(document: JSON) -> None:
    """They have no kinds of ours."""
    assert list(kinds_of(document)) == []


@pytest.mark.parametrize(
    "definition",
    [
        None,
        {"x-kubernetes-group-version-kind": [_said(VPC), _said(SWITCH)], "properties": {"spec": SPEC}},
        {"x-kubernetes-group-version-kind": [{"kind": "VPC"}], "properties": {"spec": SPEC}},
        {"x-kubernetes-group-version-kind": [_said(VPC)], "x-kubernetes-preserve-unknown-fields": True},
    ],
)
def test_kinds_without_a_schema(definition: JSON) -> None:
    """They are served all the same."""
    (found,) = kinds_of({"paths": _paths(VPC), "definitions": {"x": definition}})

    assert (found.name, found.plural, found.schema) == ("VPC", "vpcs", None)


def test_entries_of_an_index() -> None:
    """Those of our groups, whatever stands there."""
    paths: JSONObject = {
        "apis/vpc.githedgehog.com/v1beta1": None,
        "apis/vpc.githedgehog.com": {},
        "apis/apps/v1": {},
        "api/v1": {},
    }

    assert documents_of({"paths": paths}) == {"apis/vpc.githedgehog.com/v1beta1": "None"}
