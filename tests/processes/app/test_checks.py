"""`reconciler check`: everything is tried, what fails is named, and nothing is left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.checks import Check, run_checks
from reconciler.model.kinds import DECLARABLE, GATEWAY, OBSERVED
from reconciler.plan.netbox_rights import needed_rights
from tests.unit.app.configuration import LOCAL, local_repository, settings
from tests.unit.loopback import Answer, Loopback, as_json, closed_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind

REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ALLOWED = as_json({"status": {"allowed": True}}, 201)
SCHEMAS = "GET /openapi/v2"
OVER_REST = "records are read over REST, which is slower: "
GRAPHQL = "GET /graphql/?query=%7Bsite_list%28pagination%3A%7Blimit%3A1%7D%29%7Bid%7D%7D"


def _openapi(*kinds: Kind, spec: JSONObject | None = None) -> Answer:
    """The document of a server that serves these kinds, with a schema of this spec."""
    paths, definitions = {}, {}
    for kind in kinds:
        said = {"group": kind.group, "version": kind.version, "kind": kind.name}
        collection = f"/apis/{kind.api_version}/namespaces/{{namespace}}/{kind.plural}"
        paths[collection] = {"get": {"x-kubernetes-group-version-kind": said}}
        properties = {} if spec is None else {"spec": spec}
        definitions[kind.name] = {"x-kubernetes-group-version-kind": [said], "properties": properties}
    return as_json({"paths": paths, "definitions": definitions})


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server that is a good Kubernetes API and a good NetBox at once."""
    with serving() as loopback:
        loopback.answer("GET /version", as_json({"gitVersion": "v1.32.4"}))
        loopback.answer(REVIEW, ALLOWED)
        loopback.answer(SCHEMAS, _openapi(*OBSERVED, spec={"type": "object"}))
        loopback.answer("GET /api/status/", as_json({"netbox-version": "4.7.3"}))
        loopback.answer(GRAPHQL, as_json({"data": {"site_list": []}}))
        for right in needed_rights("4.7.3"):
            loopback.answer(f"GET /api/{right.path}/?limit=1&fields=id", as_json({"results": []}))
            for method in ("POST", "PATCH", "DELETE"):
                loopback.answer(f"{method} /api/{right.path}/", as_json([], 201))
        yield loopback


def _checks(folder: Path, repository: Path, *fabrics: dict[str, Any]) -> dict[str, Check]:
    found = list(run_checks(settings(folder, *fabrics, repositories=[local_repository(repository)])))
    assert len({check.subject for check in found}) == len(found)
    return {check.subject: check for check in found}


def _cluster(server: Loopback) -> dict[str, Any]:
    return {"cluster": {"server": server.url, "token_file": "secrets/kube-token"}}


def _netbox(server: Loopback) -> dict[str, Any]:
    return {"netbox": {"url": server.url, "token_file": "secrets/netbox-token"}}


def test_all_is_well(tmp_path: Path, repository: Path, server: Loopback) -> None:
    """Each repository, cluster and NetBox is tried for real, and says what answered."""
    checks = _checks(tmp_path, repository, {**_cluster(server), **_netbox(server)})

    assert {subject: check.state for subject, check in checks.items()} == {
        "repository gitops": "ok",
        "fabric dc1: directory": "ok",
        "fabric dc1: cluster": "ok",
        "fabric dc1: schemas": "ok",
        "fabric dc1: netbox": "ok",
        "fabric dc1: netbox version": "ok",
    }
    assert "main" in checks["repository gitops"].message
    assert "v1.32.4" in checks["fabric dc1: cluster"].message
    assert "4.7.3" in checks["fabric dc1: netbox"].message


def test_a_directory_that_is_not_there(tmp_path: Path, repository: Path) -> None:
    """A mistyped path is told with what mends it; of a fabric that is disabled nothing is wanted."""
    typo = {**LOCAL, "path": "fabrics/dc1typo"}

    checks = _checks(tmp_path, repository, typo, LOCAL, {**typo, "path": "fabrics/dc3typo", "enabled": False})

    assert [subject for subject, check in checks.items() if check.state != "ok"] == ["fabric dc1: directory"]
    message = checks["fabric dc1: directory"].message
    assert message.startswith("PathNotFound: fabrics/dc1typo: there is no such directory at main@sha1:")
    assert message.endswith("`reconciler init dc1` makes it, or correct `path`")
    assert "fabrics/dc2" in checks["fabric dc2: directory"].message
    assert "fabric dc3: directory" not in checks


def test_every_right_is_asked_for(tmp_path: Path, repository: Path, server: Loopback) -> None:
    """To read every kind and to write those that Git may hold, and no right beyond."""
    _checks(tmp_path, repository, _cluster(server))

    asked = [json.loads(one.body)["spec"]["resourceAttributes"] for one in server.asked if one.target == REVIEW]
    rights = {(one["verb"], one["resource"]) for one in asked}
    assert {("list", "vpcs"), ("watch", "switches"), ("patch", "vpcs"), ("delete", "vpcs")} <= rights
    assert {verb for verb, resource in rights if resource == "switchprofiles"} == {"list", "watch"}
    assert {one["namespace"] for one in asked} == {"default"}


def test_an_observer_needs_no_right_to_write(tmp_path: Path, repository: Path, server: Loopback) -> None:
    """Where something else applies, only the rights to read are asked for."""
    cluster = _cluster(server)
    cluster["cluster"]["mode"] = "observe"

    check = _checks(tmp_path, repository, cluster)["fabric dc1: cluster"]

    asked = [json.loads(one.body)["spec"]["resourceAttributes"] for one in server.asked if one.target == REVIEW]
    assert {one["verb"] for one in asked} == {"list", "watch"}
    assert check.state == "ok"


def test_missing_rights_are_named(tmp_path: Path, repository: Path, server: Loopback) -> None:
    """A right that is denied fails the check of the cluster by its name; one that is granted is not named."""
    server.answer(REVIEW, ALLOWED, as_json({"status": {"allowed": False}}, 201), ALLOWED)

    check = _checks(tmp_path, repository, _cluster(server))["fabric dc1: cluster"]

    assert check.state == "failing"
    assert check.message == f"ClusterAccessDenied: {server.url} denies watch vlannamespaces.wiring.githedgehog.com"


@pytest.mark.parametrize(
    ("target", "answer", "expected"),
    [
        pytest.param("GET /version", Answer(401), ("cluster", "ClusterAccessDenied"), id="cluster, 401"),
        pytest.param(REVIEW, Answer(403), ("cluster", "ClusterAccessDenied"), id="cluster, no reviews"),
        pytest.param("GET /api/status/", Answer(403), ("netbox", "NetBoxAccessDenied"), id="NetBox, 403"),
        pytest.param("GET /api/status/", Answer(200), ("netbox", "NetBoxAccessDenied"), id="no NetBox"),
    ],
)
def test_what_fails_stops_nothing(
    tmp_path: Path, repository: Path, server: Loopback, target: str, answer: Answer, expected: tuple[str, str]
) -> None:
    """A connection that fails is named with its reason; all others are tried all the same."""
    server.answer(target, answer)

    checks = _checks(tmp_path, repository, {**_cluster(server), **_netbox(server)})

    subject, reason = f"fabric dc1: {expected[0]}", expected[1]
    assert [name for name, check in checks.items() if check.state == "failing"] == [subject]
    assert checks[subject].message.startswith(f"{reason}: ")
    assert checks.keys() >= {"repository gitops", "fabric dc1: cluster", "fabric dc1: netbox"}
    assert ("fabric dc1: schemas" in checks) is (expected[0] == "netbox")


@pytest.mark.parametrize(
    ("served", "state", "message"),
    [
        pytest.param(
            _openapi(*OBSERVED, spec={"type": "object"}),
            "ok",
            "all 15 kinds that Git may hold are served as this version applies them",
            id="all",
        ),
        pytest.param(
            _openapi(*(replace(kind, version="v1") if kind.name == "VPC" else kind for kind in DECLARABLE), spec={}),
            "failing",
            "the cluster serves in another version than this one applies: VPC as vpcs.vpc.githedgehog.com/v1",
            id="another version",
        ),
        pytest.param(
            _openapi(*(kind for kind in DECLARABLE if kind.group != GATEWAY), spec={}),
            "warning",
            "the cluster does not serve GatewayGroup, Gateway, GatewayPeering",
            id="not served",
        ),
        pytest.param(
            _openapi(*DECLARABLE[2:]),
            "warning",
            "the cluster does not serve VLANNamespace, IPv4Namespace, and has no schema for "
            + ", ".join(kind.name for kind in DECLARABLE[2:]),
            id="no schema",
        ),
        pytest.param(
            Answer(403),
            "warning",
            "ClusterAccessDenied: documents are not checked before they are sent: read the schemas: {}",
            id="no rights",
        ),
        pytest.param(Answer(502), "failing", "ClusterUnavailable: ", id="no answer"),
    ],
)
def test_schemas(tmp_path: Path, repository: Path, server: Loopback, served: Answer, state: str, message: str) -> None:
    """It is said which kinds can be applied and checked; a kind that is served otherwise is named with its version."""
    server.answer(SCHEMAS, served)

    check = _checks(tmp_path, repository, _cluster(server))["fabric dc1: schemas"]

    assert check.state == state
    assert check.message.startswith(message)


@pytest.fixture
def netbox_checks(tmp_path: Path, repository: Path, server: Loopback) -> Callable[[], dict[str, Check]]:
    """Checks the server as a NetBox."""

    def run() -> dict[str, Check]:
        found = _checks(tmp_path, repository, _netbox(server))
        return {subject.removeprefix("fabric dc1: "): check for subject, check in found.items() if "netbox" in subject}

    return run


def test_rights_in_netbox_are_named(server: Loopback, netbox_checks: Callable[[], dict[str, Check]]) -> None:
    """Each right that the service misses fails the check by its name; one that only init-netbox misses is a warning.
    Nothing is written to find that out.
    """
    server.answer("PATCH /api/dcim/devices/", Answer(403))
    server.answer("DELETE /api/dcim/devices/", Answer(403))
    server.answer("GET /api/tenancy/tenants/?limit=1&fields=id", Answer(403))
    server.answer("POST /api/extras/webhooks/", Answer(403))

    checks = netbox_checks()

    assert checks["netbox"].state == "failing"
    assert checks["netbox"].message == (
        f"NetBoxAccessDenied: {server.url} denies change, delete dcim.device; view tenancy.tenant"
    )
    assert checks["netbox setup"].state == "warning"
    assert checks["netbox setup"].message == "reconciler init-netbox would need add extras.webhook"
    assert {one.body for one in server.asked if "/api/" in one.target and "GET" not in one.target} == {b"[]"}


@pytest.mark.parametrize(
    ("version", "graphql", "said"),
    [
        pytest.param("4.7.3", 200, ("ok", ["4.7.3 offers ", "If-Match", "read by GraphQL"]), id="newest"),
        pytest.param(
            "4.2.1", 200, ("warning", ["nothing beyond the oldest; lacks ", OVER_REST, "made for 4.2 to"]), id="older"
        ),
        pytest.param("5.0.0", 200, ("warning", ["5.0.0 is newer than what is known"]), id="newer"),
        pytest.param("4.7.3", 404, ("ok", [OVER_REST, "HTTP 404"]), id="no GraphQL"),
        pytest.param("4.7.3", 403, ("failing", ["NetBoxAccessDenied: GET /graphql/"]), id="no right"),
        pytest.param("4.7.3", 500, ("failing", ["NetBoxUnavailable: "]), id="no answer"),
    ],
)
def test_versions_of_netbox(
    server: Loopback,
    netbox_checks: Callable[[], dict[str, Check]],
    version: str,
    graphql: int,
    said: tuple[str, list[str]],
) -> None:
    """It is said what a version offers; one that nobody tried is a warning."""
    server.answer("GET /api/status/", as_json({"netbox-version": version}))
    if graphql != 200:
        server.answer(GRAPHQL, Answer(graphql))

    check = netbox_checks()["netbox version"]

    assert check.state == said[0]
    assert [part for part in said[1] if part not in check.message] == []


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    """A repository that cannot be reached fails, and embedded targets are what they are: always there."""
    checks = _checks(tmp_path, tmp_path / "nowhere.git", LOCAL)

    assert checks["repository gitops"].state == "failing"
    assert checks["fabric dc1: cluster"].state == checks["fabric dc1: netbox"].state == "ok"
    assert "simulated" in checks["fabric dc1: netbox"].message


def test_a_target_that_cannot_be_built(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that the adapter refuses is a failing check, not the end of all checks."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    checks = _checks(tmp_path, repository, {"cluster": {"in_cluster": True}}, LOCAL)

    assert checks["fabric dc1: cluster"].message.startswith("ConfigurationInvalid: ")
    assert checks["fabric dc2: cluster"].state == "ok"


def test_warnings_come_first(tmp_path: Path, repository: Path) -> None:
    """What the configuration is warned of is told too, with its key."""
    settings(tmp_path)
    (tmp_path / "secrets" / "api-token").chmod(0o644)

    first, *_ = _checks(tmp_path, repository).values()

    assert (first.subject, first.state) == ("configuration server.api_token_file", "warning")


def test_nothing_is_left_behind(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check writes nothing that stays, and nothing beside the state of a service that may be running."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    _checks(tmp_path, repository, LOCAL)

    assert not (tmp_path / "state").exists()
    assert list(temporary.iterdir()) == []


def test_receivers_of_notifications(tmp_path: Path, repository: Path, server: Loopback) -> None:
    """Whether anything answers where they are; they are sent nothing."""
    receivers = [
        {"name": "hook", "kind": "webhook", "url": f"{server.url}/hook"},
        {"name": "pager", "kind": "alertmanager", "url": f"http://127.0.0.1:{closed_port()}"},
    ]
    found = settings(tmp_path, repositories=[local_repository(repository)], notifications=receivers)
    checks = {check.subject: check for check in run_checks(found)}

    assert checks["notification hook"].state == "ok"
    assert checks["notification pager"] == Check(
        "notification pager", "failing", "it cannot be reached: Connection refused"
    )
    assert [asked for asked in server.asked if "hook" in asked.target] == []
