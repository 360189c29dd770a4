"""The Kubernetes target against a server that answers oddly, slowly, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ApplyConflictError,
    ClusterAccessError,
    ClusterUnavailableError,
    KindNotServedError,
    ObjectRejectedError,
    StaleObjectError,
)
from reconciler.model.kinds import KINDS
from reconciler.model.objects import Manifest, ObjectKey, Resource, Source
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from tests.unit.targets.api_server import ApiServer, Scripted, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject

VPC = KINDS["VPC"]
KEY = ObjectKey("VPC", "fabric", "v")
BODY = Manifest(KEY, Source("v.yaml"), {"subnets": {"a": {"vlan": 1}}}).body("dc1")
COLLECTION = "/apis/vpc.githedgehog.com/v1beta1/namespaces/fabric/vpcs"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = ApiServer()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def waits() -> list[float]:
    """How long the client would have waited between its tries."""
    return []


@pytest.fixture
def cluster(server: ApiServer, waits: list[float]) -> Iterator[KubernetesCluster]:
    access = ClusterAccess(server=server.url, token=lambda: b"canary-token\n")
    made = KubernetesCluster(access, "fabric", waits.append)
    yield made
    made.close()


def _item(name: str, **metadata: object) -> JSONObject:
    return {"metadata": {"name": name, "namespace": "fabric", "uid": f"u-{name}", "resourceVersion": "7", **metadata}}


def _page(*names: str, then: str = "") -> Scripted:
    return Scripted(200, {"items": [_item(name) for name in names], "metadata": {"continue": then}})


def _names(found: tuple[Resource, ...]) -> list[str]:
    return [one.key.name for one in found]


class TestList:
    def test_pages_are_joined(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Each is asked for with the token of the one before, in the fabric's namespace, with our token."""
        server.then = [_page("a", "b", then="t1"), _page("c")]

        assert _names(cluster.list(VPC)) == ["a", "b", "c"]
        assert [(one.path, one.query) for one in server.asked] == [
            (COLLECTION, {"limit": "500"}),
            (COLLECTION, {"limit": "500", "continue": "t1"}),
        ]
        assert server.asked[0].headers["authorization"] == "Bearer canary-token"
        assert server.asked[0].headers["User-Agent"] == "hedgehog-reconciler"

    def test_proxies_of_the_environment_are_not_used(self, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """The access says all; the watches would not use them either."""
        monkeypatch.delenv("NO_PROXY")
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        server.then = [_page("a")]
        cluster = KubernetesCluster(ClusterAccess(server=server.url, token=lambda: b"t"), "fabric")

        assert _names(cluster.list(VPC)) == ["a"]
        cluster.close()

    def test_an_expired_list_begins_again(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """What was read of it does not count twice."""
        server.then = [_page("a", then="t1"), Scripted(410, status(410, "expired", "Expired")), _page("a", "b")]

        assert _names(cluster.list(VPC)) == ["a", "b"]

    def test_a_list_that_keeps_expiring_is_given_up(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """After three beginnings."""
        server.then = [_page("a", then="t1"), Scripted(410)] * 4

        with pytest.raises(ClusterUnavailableError, match="3 times"):
            cluster.list(VPC)

        assert len(server.asked) == 6

    def test_pages_that_are_too_large_are_halved(
        self, server: ApiServer, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Down to one object, and no further."""
        monkeypatch.setattr("reconciler.targets.kubernetes.cluster.PAGE", 4)
        monkeypatch.setattr("reconciler.targets.kubernetes.transport.MAX_ANSWER", 1000)
        too_large = Scripted(200, {"items": [_item("x" * 1000)], "metadata": {}})
        server.then = [too_large, _page("a", then="t1"), too_large, _page("b"), too_large, too_large, too_large]

        assert _names(cluster.list(VPC)) == ["a", "b"]
        with pytest.raises(ClusterUnavailableError, match="answers with more than"):
            cluster.list(VPC)
        assert [one.query["limit"] for one in server.asked] == ["4", "2", "2", "1", "4", "2", "1"]

    def test_a_list_without_end_is_given_up(
        self, server: ApiServer, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that always has one more page does not hold us for ever."""
        monkeypatch.setattr("reconciler.targets.kubernetes.cluster.MAX_PAGES", 5)
        server.then = [_page("a", then="more")] * 9

        with pytest.raises(ClusterUnavailableError, match="more than"):
            cluster.list(VPC)

        assert len(server.asked) == 5

    @pytest.mark.parametrize(
        "body",
        [
            b"<html>sign in</html>",
            {},
            {"items": None},
            [],
            {"items": [{}]},
            {"items": ["odd"]},
            {"items": [{"metadata": 5}]},
        ],
        ids=["html", "no items", "null", "no object", "no metadata", "odd item", "odd metadata"],
    )
    def test_an_answer_that_is_no_list_is_an_error(
        self, server: ApiServer, cluster: KubernetesCluster, body: object
    ) -> None:
        """A 200 alone is not success: taken for empty, it would look as if everything were gone."""
        server.then = [Scripted(200, body)]

        with pytest.raises(ClusterUnavailableError):
            cluster.list(VPC)

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Scripted(404, b"404 page not found\n"), KindNotServedError),
            (Scripted(404, b"<html>no such site</html>"), ClusterUnavailableError),
            (Scripted(401, status(401, "Unauthorized")), ClusterAccessError),
            (Scripted(403, status(403, "forbidden")), ClusterAccessError),
            (Scripted(400, status(400, "odd")), ClusterUnavailableError),
            (Scripted(500, status(500, "broken")), ClusterUnavailableError),
            (Scripted(302, b"", {"Location": "http://127.0.0.1:1/"}), ClusterUnavailableError),
        ],
        ids=["404", "404 of a proxy", "401", "403", "400", "500", "redirect"],
    )
    def test_an_error_is_told_by_what_to_do_next(
        self, server: ApiServer, cluster: KubernetesCluster, answer: Scripted, error: type[Exception]
    ) -> None:
        """Asked once; redirects are not followed, so that no other host sees the token."""
        server.then = [answer]

        with pytest.raises(error, match="VPC"):
            cluster.list(VPC)

        assert len(server.asked) == 1


class TestTries:
    @pytest.mark.parametrize("code", [429, 502, 503])
    def test_a_busy_server_is_asked_again(
        self, server: ApiServer, cluster: KubernetesCluster, waits: list[float], code: int
    ) -> None:
        """After as many seconds as it says."""
        server.then = [Scripted(code, status(code, "busy"), {"Retry-After": "2"}), _page("a")]

        assert _names(cluster.list(VPC)) == ["a"]
        assert waits == [2.0]

    def test_a_server_that_stays_busy_is_given_up(
        self, server: ApiServer, cluster: KubernetesCluster, waits: list[float]
    ) -> None:
        """After three tries, with growing pauses of our own when it names none."""
        server.then = [Scripted(503, status(503, "storage is (re)initializing"))] * 5

        with pytest.raises(ClusterUnavailableError, match="busy: 503 storage is"):
            cluster.list(VPC)

        assert (len(server.asked), len(waits)) == (3, 2)
        assert all(0 <= wait <= 2 for wait in waits)

    def test_a_long_pause_is_the_callers_to_take(
        self, server: ApiServer, cluster: KubernetesCluster, waits: list[float]
    ) -> None:
        """A pass does not sleep for minutes because a server says so."""
        server.then = [Scripted(429, {}, {"Retry-After": "600"})]

        with pytest.raises(ClusterUnavailableError):
            cluster.list(VPC)

        assert (len(server.asked), waits) == (1, [])

    def test_a_date_to_come_back_at_is_not_read(
        self, server: ApiServer, cluster: KubernetesCluster, waits: list[float]
    ) -> None:
        """API servers send seconds; anything else is our own pause."""
        server.then = [Scripted(503, b"gone", {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}), _page()]

        assert cluster.list(VPC) == ()
        assert waits[0] <= 2

    def test_a_broken_connection_is_tried_again(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """An apply too: to repeat it changes nothing."""
        server.then = [Scripted(0, cut=True), Scripted(200, {**BODY, **_item("v")})]

        assert cluster.apply(BODY).key == KEY
        assert [one.method for one in server.asked] == ["PATCH", "PATCH"]

    def test_a_dead_server_is_unavailable(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """The error names the address and no secret."""
        server.then = [Scripted(0, cut=True)] * 3

        with pytest.raises(ClusterUnavailableError, match="cannot be reached") as raised:
            cluster.version()

        assert server.url in raised.value.message
        assert "canary" not in raised.value.message

    def test_a_server_without_tls_is_unavailable(self, server: ApiServer, waits: list[float]) -> None:
        """An https address at which something else answers. It is tried again, as a handshake that fails once is."""
        access = ClusterAccess(server=server.url.replace("http:", "https:"), token=lambda: b"canary-token")
        cluster = KubernetesCluster(access, "fabric", waits.append)

        with pytest.raises(ClusterUnavailableError, match="no TLS connection"):
            cluster.version()

        cluster.close()
        assert (server.asked, len(waits)) == ([], 2)

    def test_a_silent_server_is_unavailable(
        self, server: ApiServer, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is not asked again: each try costs the whole time-out."""
        monkeypatch.setattr("reconciler.targets.kubernetes.transport.TIMEOUT", (1.0, 0.5))
        server.then = [Scripted(200, b"", {"Content-Length": "100"})]

        with pytest.raises(ClusterUnavailableError, match=r"did not answer within 0\.5 s"):
            cluster.version()

        assert len(server.asked) == 1

    @pytest.mark.parametrize(("limit", "said"), [("MAX_ANSWER", "MiB"), ("MAX_SECONDS", "-1 s")])
    def test_an_endless_answer_is_given_up(
        self, server: ApiServer, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
    ) -> None:
        """By size and by time; the connection is not used again, but the client is."""
        module = "reconciler.targets.kubernetes.transport"
        with monkeypatch.context() as patch:
            patch.setattr(f"{module}.{limit}", 1000 if limit == "MAX_ANSWER" else -1.0)
            server.then = [Scripted(200, b"x" * 500_000)]
            with pytest.raises(ClusterUnavailableError, match=f"more than .*{said}"):
                cluster.version()

        server.then = [Scripted(200, {"gitVersion": "v1.36.0"})]
        assert cluster.version() == "v1.36.0"


class TestApply:
    def test_it_is_a_server_side_apply(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """With our manager, without force unless asked, and the answer of a creation (201) is read."""
        server.then = [
            Scripted(201, {**BODY, **_item("v")}),
            Scripted(200, {**BODY, **_item("v", resourceVersion="8")}),
        ]

        applied = [cluster.apply(BODY), cluster.apply(BODY, force=True)]

        assert [one.resource_version for one in applied] == ["7", "8"]
        assert {(one.method, one.path, one.headers["Content-Type"]) for one in server.asked} == {
            ("PATCH", f"{COLLECTION}/v", "application/apply-patch+yaml")
        }
        assert [one.query for one in server.asked] == [
            {"fieldManager": "hedgehog-reconciler", "force": force} for force in ("false", "true")
        ]
        assert server.asked[0].body == BODY

    def test_a_dry_run_is_a_forced_apply_that_stays_undone(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """The server is told so, and its answer is read as that of an apply."""
        server.then = [Scripted(200, {**BODY, **_item("v", resourceVersion="8")})]

        told = cluster.dry_run(BODY)

        (asked,) = server.asked
        assert told.resource_version == "8"
        assert (asked.method, asked.path, asked.body) == ("PATCH", f"{COLLECTION}/v", BODY)
        assert asked.query == {"fieldManager": "hedgehog-reconciler", "force": "true", "dryRun": "All"}

    def test_a_conflict_names_all_fields(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Those that the server names, and those that it should have named, by the object as it is."""
        cause = {"reason": "FieldManagerConflict", "field": ".spec.subnets.a", "message": 'conflict with "argocd"'}
        fields: JSONObject = {"f:spec": {"f:subnets": {"f:a": {"f:vlan": {}}}}}
        live = _item("v", managedFields=[{"manager": "argocd", "operation": "Apply", "fieldsV1": fields}])
        conflict = Scripted(409, status(409, "conflict", "Conflict", causes=[cause]))
        server.then = [conflict, Scripted(200, {**live, "spec": {"subnets": {"a": {"vlan": 2}}}})]

        with pytest.raises(ApplyConflictError) as raised:
            cluster.apply(BODY)

        assert raised.value.conflicts == {".spec.subnets.a.vlan": "argocd"}

    def test_a_conflict_is_told_even_when_the_object_cannot_be_read(
        self, server: ApiServer, cluster: KubernetesCluster
    ) -> None:
        """Then as the server named it."""
        cause = {"reason": "FieldManagerConflict", "field": ".spec.mode", "message": 'conflict with "argocd"'}
        server.then = [Scripted(409, status(409, "conflict", causes=[cause])), Scripted(403, status(403, "no get"))]

        with pytest.raises(ApplyConflictError) as raised:
            cluster.apply(BODY)

        assert raised.value.conflicts == {".spec.mode": "argocd"}

    def test_a_lost_race_is_stale(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """A 409 that is not about fields: the next pass tries again."""
        server.then = [Scripted(409, status(409, "the object has been modified", "Conflict"))]

        with pytest.raises(StaleObjectError, match="apply VPC/v"):
            cluster.apply(BODY)

    def test_an_answer_that_is_no_object_is_an_error(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """A 200 alone is not success."""
        server.then = [Scripted(200, b"ok")]

        with pytest.raises(ClusterUnavailableError, match="no VPC"):
            cluster.apply(BODY)


class TestNull:
    """A server that puts null where an apply empties an object."""

    REFUSED = Scripted(
        422,
        status(
            422,
            "invalid",
            "Invalid",
            causes=[{"field": "spec.subnets.a.dhcp", "message": 'must be of type object: "null"'}],
        ),
    )
    LIVE = Scripted(200, {**_item("v"), "spec": {"subnets": {"a": {"vlan": 1, "dhcp": {"enable": True}}}}})
    DONE = Scripted(200, {**BODY, **_item("v", resourceVersion="9")})

    def test_the_object_is_cleared_first(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """By a merge patch of exactly the version that was looked at; then the apply is sent again."""
        server.then = [self.REFUSED, self.LIVE, Scripted(200, _item("v")), self.DONE]

        assert cluster.apply(BODY).resource_version == "9"
        assert [one.method for one in server.asked] == ["PATCH", "GET", "PATCH", "PATCH"]
        assert server.asked[2].headers["Content-Type"] == "application/merge-patch+json"
        assert server.asked[2].body == {
            "metadata": {"resourceVersion": "7"},
            "spec": {"subnets": {"a": {"dhcp": None}}},
        }

    def test_an_object_that_changed_meanwhile_is_stale(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Nothing of it is cleared."""
        server.then = [self.REFUSED, self.LIVE, Scripted(409, status(409, "modified", "Conflict"))]

        with pytest.raises(StaleObjectError):
            cluster.apply(BODY)

    def test_what_cannot_be_cleared_stays_refused(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """The object cannot be read: the first answer counts."""
        server.then = [self.REFUSED, Scripted(404, status(404, "gone", "NotFound"))]

        with pytest.raises(ObjectRejectedError, match=r"spec\.subnets\.a\.dhcp"):
            cluster.apply(BODY)

        assert len(server.asked) == 2

    def test_a_dry_run_clears_nothing(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """It writes nothing, so the refusal is its answer."""
        server.then = [self.REFUSED]

        with pytest.raises(ObjectRejectedError, match="dry run of VPC/v"):
            cluster.dry_run(BODY)

        assert len(server.asked) == 1


class TestDelete:
    RESOURCE = Resource(KEY, "u-v", "7", {})

    def test_it_carries_preconditions(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Uid and resource version."""
        server.then = [Scripted(200, _item("v"))]

        cluster.delete(self.RESOURCE)

        (asked,) = server.asked
        assert (asked.method, asked.path) == ("DELETE", f"{COLLECTION}/v")
        assert asked.body["preconditions"] == {"uid": "u-v", "resourceVersion": "7"}

    def test_an_absent_object_is_fine(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """When the API server itself says so."""
        server.then = [Scripted(404, status(404, 'vpcs "v" not found', "NotFound", name="v"))]

        cluster.delete(self.RESOURCE)

        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Scripted(404, b"404 page not found\n"), KindNotServedError),
            (Scripted(404, b"<html>no such site</html>"), ClusterUnavailableError),
            (
                Scripted(404, status(404, "the server could not find the requested resource", "NotFound")),
                KindNotServedError,
            ),
        ],
        ids=["kind", "something between", "kind, in JSON"],
    )
    def test_another_404_is_no_success(
        self, server: ApiServer, cluster: KubernetesCluster, answer: Scripted, error: type[Exception]
    ) -> None:
        """It does not say that the object is gone."""
        server.then = [answer]

        with pytest.raises(error):
            cluster.delete(self.RESOURCE)

    def test_a_denied_delete_is_rejected(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """Admission says that others refer to it."""
        text = 'admission webhook "vvpc.kb.io" denied the request: VPC has attachments'
        server.then = [Scripted(403, status(403, text, "Forbidden"))]

        with pytest.raises(ObjectRejectedError, match="VPC has attachments"):
            cluster.delete(self.RESOURCE)


@pytest.mark.parametrize("body", [b"ok", {}, {"gitVersion": 5}, [1]], ids=["text", "none", "number", "list"])
def test_a_version_must_be_one(server: ApiServer, cluster: KubernetesCluster, body: object) -> None:
    """Any 200 would do otherwise, that of a login page for instance."""
    server.then = [Scripted(200, body)]

    with pytest.raises(ClusterUnavailableError):
        cluster.version()


class TestDenied:
    def test_each_right_is_asked_for(self, server: ApiServer, cluster: KubernetesCluster) -> None:
        """In the namespace; those that are not allowed are returned, and no status means not allowed."""
        server.then = [Scripted(201, {"status": {"allowed": allowed}}) for allowed in (True, False)]
        server.then += [Scripted(201, {"status": None}), Scripted(201, {})]

        denied = cluster.denied([VPC, KINDS["Server"]], ["list", "patch"])

        assert denied == (
            "patch vpcs.vpc.githedgehog.com",
            "list servers.wiring.githedgehog.com",
            "patch servers.wiring.githedgehog.com",
        )
        assert server.asked[0].body["spec"]["resourceAttributes"] == {
            "namespace": "fabric",
            "verb": "list",
            "group": "vpc.githedgehog.com",
            "resource": "vpcs",
        }

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Scripted(401, status(401, "Unauthorized")), ClusterAccessError),
            (Scripted(201, b"ok"), ClusterUnavailableError),
        ],
        ids=["401", "text"],
    )
    def test_an_answer_is_needed(
        self, server: ApiServer, cluster: KubernetesCluster, answer: Scripted, error: type[Exception]
    ) -> None:
        """Not knowing is not being allowed."""
        server.then = [answer]

        with pytest.raises(error):
            cluster.denied([VPC], ["list"])


def test_names_are_quoted_in_paths(server: ApiServer, cluster: KubernetesCluster) -> None:
    """A name cannot lead to another resource."""
    server.then = [Scripted(200, _item("x"))]

    cluster.delete(Resource(ObjectKey("VPC", "fabric", "../../x?y"), "u", "1", {}))

    assert server.asked[0].path == f"{COLLECTION}/..%2F..%2Fx%3Fy"
