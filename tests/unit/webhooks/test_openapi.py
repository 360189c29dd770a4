"""The description of the API: it describes every route, says nothing that is not so, and is well-formed."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from starlette.routing import Route

from reconciler.errors import StateError
from tests.payloads import github
from tests.unit.webhooks.asgi import ask
from tests.unit.webhooks.openapi import Description
from webhooks.api.openapi.document import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from reconciler.model.json import JSONObject
    from webhooks.testing import FakeStatus

DESCRIPTION = Description(describe("1.2.3"))
OPERATIONS = [pytest.param(operation, id=f"{method} {path}") for method, path, operation in DESCRIPTION.operations()]
AUTHORIZED = {"Authorization": "Bearer canary-api-token"}


def test_every_route_is_described(app: Starlette) -> None:
    """And nothing else is. Pages for people are not: they are no API."""
    routes = [
        one for one in app.routes if isinstance(one, Route) and one.endpoint.__module__.startswith("webhooks.api")
    ]
    served = {(method, one.path) for one in routes for method in (one.methods or ()) if method != "HEAD"}

    assert {(method, path) for method, path, _ in DESCRIPTION.operations()} == served


async def test_it_is_served(app: Starlette) -> None:
    """As JSON, with a tag by which whoever has it already need not load it again."""
    answer = await ask(app, "GET", "/openapi.json")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["openapi"] == "3.1.0"
    assert {**answer.json, "info": {}} == {**DESCRIPTION.document, "info": {}}
    tag = answer.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for known in (tag, f'W/{tag}, "x"'):
        again = await ask(app, "GET", "/openapi.json", {"if-none-match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    other = await ask(app, "GET", "/openapi.json", {"if-none-match": '"other"'})
    assert other.status == 200


def _schemas(value: Any) -> Iterator[Any]:
    """Every schema that stands anywhere in the document."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "schema":
                yield member
            yield from _schemas(member)
    elif isinstance(value, list):
        for member in value:
            yield from _schemas(member)


def test_schemas_are_schemas() -> None:
    """Every one is valid JSON Schema, and every reference leads to one."""
    for schema in (*DESCRIPTION.schemas.values(), *_schemas(DESCRIPTION.document["paths"])):
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    named = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(DESCRIPTION.document))
    assert set(named) == DESCRIPTION.schemas.keys()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations(operation: Any) -> None:
    """Each is complete, and its examples are what it says."""
    assert operation["summary"]
    assert operation["security"]
    for status, response in operation["responses"].items():
        assert re.fullmatch(r"[2-5]\d\d", status)
        assert response["description"]
    contents = [one.get("content", {}) for one in operation["responses"].values()]
    contents.append(operation.get("requestBody", {"content": {}})["content"])
    for content in (one for of_media_type in contents for one in of_media_type.values()):
        if "example" in content:
            assert DESCRIPTION.findings(content["schema"], content["example"]) == []


def test_names_of_operations() -> None:
    """Generated clients make functions of them: each is one word, and there is one of each."""
    names = Counter(operation["operationId"] for _, _, operation in DESCRIPTION.operations())

    assert set(names.values()) == {1}
    assert all(name.isidentifier() for name in names)


def test_parameters() -> None:
    """Those of the path are declared, in its order."""
    for _, path, operation in DESCRIPTION.operations():
        declared = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
        assert declared == re.findall(r"{(\w+)}", path)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/fabrics/dc9", None, 404),
        ("GET", "/fabrics/dc9/plan", None, 404),
        ("GET", "/fabrics/dc9/topology", None, 404),
        ("GET", "/events?fabric=dc9", None, 404),
        ("GET", "/requests/nonesuch", None, 404),
        ("POST", "/reconcile", {"wait": "long"}, 400),
        ("POST", "/reconcile", {"fabric": "dc9"}, 404),
        ("POST", "/reconcile", {"fabric": "dc2"}, 409),
        ("POST", "/reconcile", {"fabric": "dc1"}, 202),
        ("POST", "/fabrics/dc1/resume", {}, 409),
        ("POST", "/fabrics/dc9/suspend", {}, 404),
        ("POST", "/fabrics/dc1/approve", {"hash": "0" * 12}, 409),
        ("POST", "/fabrics/dc1/approve", {"hash": 7}, 400),
        ("POST", "/webhooks/github", {}, 401),
        ("POST", "/webhooks/nonesuch", {}, 404),
    ],
)
def test_refusals(client: TestClient, method: str, path: str, body: object, expected: int) -> None:
    """Each is described, with its code."""
    answer = client.request(method, path, json=body, headers=AUTHORIZED)

    assert answer.status_code == expected
    DESCRIPTION.check(method, path, expected, answer.json())


def test_without_the_token(client: TestClient) -> None:
    """Whatever changes something says that it needs the token."""
    for method, path, operation in DESCRIPTION.operations():
        if operation["security"] == [{"token": []}]:
            answer = client.request(method, path.format(name="dc1"))
            assert answer.status_code == 401
            DESCRIPTION.check(method, path.format(name="dc1"), 401, answer.json())


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [("push", github.push(), 202), ("ping", github.ping(), 200), ("push", github.deletion(), 200), ("push", {}, 400)],
)
def test_deliveries(client: TestClient, event: str, payload: JSONObject, expected: int) -> None:
    """What they are answered is described, whether or not anything follows."""
    body = github.encoded(payload)

    answer = client.post("/webhooks/github", content=body, headers=github.headers(body, event=event))

    assert answer.status_code == expected
    DESCRIPTION.check("POST", "/webhooks/github", expected, answer.json())


def test_a_failing_state(client: TestClient, status: FakeStatus) -> None:
    """Probes say that something is wrong, and any other route that the state cannot be used."""
    status.is_ready = False
    DESCRIPTION.check("GET", "/readyz", 503, client.get("/readyz").json())
    status.failure = StateError("damaged")
    for path in ("/fabrics", "/fabrics/dc1", "/requests/r1", "/metrics", "/events"):
        DESCRIPTION.check("GET", path, 503, client.get(path).json())


def test_the_measure_measures() -> None:
    """A field too few, one too many and one of another type are found, wherever they are."""
    shape = DESCRIPTION.schemas["Pass"]
    ((_, _, operation),) = [one for one in DESCRIPTION.operations() if one[1] == "/fabrics/{name}/passes/{id}"]
    good = operation["responses"]["200"]["content"]["application/json"]["example"]

    assert DESCRIPTION.findings(shape, good) == []
    assert list(DESCRIPTION.undescribed(shape, good)) == []
    assert DESCRIPTION.findings(shape, {**good, "outcome": "splendid"}) != []
    assert DESCRIPTION.findings(shape, {name: good[name] for name in good if name != "phases"}) != []
    odd = {**good, "failures": [{**good["failures"][0], "mood": "bad"}]}
    assert list(DESCRIPTION.undescribed(shape, odd)) == [".failures[].mood"]
