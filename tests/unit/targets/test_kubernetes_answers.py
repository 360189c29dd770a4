"""What answers of a Kubernetes API mean, and how null is got around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ApplyConflictError,
    ClusterAccessError,
    ClusterUnavailableError,
    DependencyNotReadyError,
    KindNotServedError,
    ObjectRejectedError,
    ReconcilerError,
    StaleObjectError,
)
from reconciler.targets.kubernetes.answers import read_error, write_error
from reconciler.targets.kubernetes.nulls import clearing_patch, null_fields
from reconciler.targets.kubernetes.transport import Answer
from tests.unit.targets.api_server import status

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

DOING = "apply VPC/v"


def _answer(code: int, message: str = "", reason: str | None = None, **details: JSON) -> Answer:
    return Answer(code, status(code, message, reason, **details))


def _denied(said: str, code: int = 403) -> Answer:
    return _answer(code, f'admission webhook "vvpc.kb.io" denied the request: {said}', "Forbidden")


REJECTED = [
    pytest.param(
        _answer(500, "failed to create typed patch object (ns/v): .spec.x: not declared"), id="no typed patch"
    ),
    pytest.param(_answer(422, "VPC is invalid", "Invalid"), id="schema"),
    pytest.param(_answer(400, "strict decoding error", "BadRequest"), id="400"),
    pytest.param(_answer(413, "request is too large"), id="413"),
    pytest.param(_denied("vlan 5 is out of range"), id="denied by admission"),
    pytest.param(_denied("VPC has attachments", code=400), id="denied by admission with another code"),
    pytest.param(_answer(403, 'admission webhook "x" denied the request without explanation'), id="denied, silently"),
]
WAITING = [
    pytest.param(_denied('switch "leaf-1" not found'), id="not found"),
    pytest.param(_denied("connection c-1 does not exist"), id="does not exist"),
    pytest.param(_denied("vpc v-1 doesn't exist", code=400), id="another code"),
    pytest.param(_answer(404, 'namespaces "x" not found', "NotFound", kind="namespaces", name="x"), id="namespace"),
]
UNAVAILABLE = [
    pytest.param(_answer(500, 'Internal error occurred: failed calling webhook "x": refused'), id="webhook down"),
    pytest.param(_answer(500, "etcdserver: leader changed", "InternalError"), id="500"),
    pytest.param(_answer(504, "timeout", "Timeout"), id="504"),
    pytest.param(Answer(502, None, "<html>bad gateway</html>"), id="gateway"),
    pytest.param(Answer(302, None, ""), id="redirect"),
]
ACCESS = [
    pytest.param(_answer(401, "Unauthorized", "Unauthorized"), id="401"),
    pytest.param(
        _answer(403, 'vpcs is forbidden: User "x" cannot patch: clusterrole "y" not found', "Forbidden"), id="403"
    ),
]
NOT_SERVED = [
    pytest.param(Answer(404, None, "404 page not found\n"), id="text"),
    pytest.param(_answer(404, "the server could not find the requested resource", "NotFound"), id="JSON"),
    pytest.param(_answer(404, 'vpcs "v" not found', "NotFound", name="v"), id="the object itself"),
]
STALE = [
    pytest.param(_answer(409, "the object has been modified", "Conflict"), id="modified"),
    pytest.param(
        _answer(409, "already exists", "AlreadyExists", causes=["odd", {"reason": "x"}]), id="created meanwhile"
    ),
]


@pytest.mark.parametrize("answer", REJECTED)
def test_the_object_is_at_fault(answer: Answer) -> None:
    """Only Git can change that."""
    assert isinstance(write_error(answer, DOING), ObjectRejectedError)


@pytest.mark.parametrize("answer", WAITING)
def test_something_else_is_missing(answer: Answer) -> None:
    """It may come."""
    assert isinstance(write_error(answer, DOING), DependencyNotReadyError)


@pytest.mark.parametrize("answer", UNAVAILABLE)
def test_the_server_is_at_fault(answer: Answer) -> None:
    """The object is not marked invalid for it."""
    assert isinstance(write_error(answer, DOING), ClusterUnavailableError)


@pytest.mark.parametrize("answer", ACCESS)
def test_we_may_not(answer: Answer) -> None:
    """Whatever else is not found."""
    assert isinstance(write_error(answer, DOING), ClusterAccessError)


@pytest.mark.parametrize("answer", NOT_SERVED)
def test_the_kind_is_not_served(answer: Answer) -> None:
    """An apply creates what is absent: its 404 is about the kind."""
    assert isinstance(write_error(answer, DOING), KindNotServedError)


@pytest.mark.parametrize("answer", STALE)
def test_a_race_was_lost(answer: Answer) -> None:
    """A 409 without conflicting fields."""
    assert isinstance(write_error(answer, DOING), StaleObjectError)


def _conflict(*causes: JSONObject) -> dict[str, str]:
    error = write_error(_answer(409, "conflict", "Conflict", causes=list(causes)), DOING)
    assert isinstance(error, ApplyConflictError)
    return error.conflicts


def _cause(field: str, message: str = 'conflict with "argocd"') -> JSONObject:
    return {"reason": "FieldManagerConflict", "field": field, "message": message}


@pytest.mark.parametrize(
    ("message", "manager"),
    [
        ('conflict with "argocd"', "argocd"),
        ('conflict with "kubectl-edit" using vpc.githedgehog.com/v1beta1', "kubectl-edit"),
        ('conflict with "kubectl-edit" using v1 at 2026-03-01T12:00:00Z', "kubectl-edit"),
        ('conflict with "odd \\" name"', 'odd \\" name'),
        ("something new", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_conflict_names_its_manager(message: str | None, manager: str) -> None:
    """In every form that servers use."""
    assert _conflict({**_cause(".spec.mode"), "message": message}) == {".spec.mode": manager}


def test_a_conflict_names_fields_not_what_is_around_them() -> None:
    """Old servers name both."""
    causes = [
        _cause(".spec.a"),
        _cause(".spec.a.b"),
        _cause(".spec.ab"),
        _cause(".spec.a.b"),
        {"reason": "Other", "field": ".x"},
    ]

    assert _conflict(*causes) == {".spec.a.b": "argocd", ".spec.ab": "argocd"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_answer(422, "y", causes=[{"field": "spec.x", "message": "not  so\n"}]), "apply VPC/v: spec.x: not so"),
        (_answer(422, "VPC is\n invalid", "Invalid", causes=[{"message": "no field"}]), "apply VPC/v: VPC is invalid"),
        (Answer(422, None, "some text"), "apply VPC/v: some text"),
        (Answer(422, {"details": "odd"}, ""), "apply VPC/v: no explanation"),
        (Answer(422, [1], ""), "apply VPC/v: no explanation"),
    ],
    ids=["fields", "message", "text", "odd", "list"],
)
def test_a_rejection_is_told_in_the_servers_words(answer: Answer, said: str) -> None:
    """On one line, with the fields where it names them."""
    assert write_error(answer, DOING).message == said


def test_a_message_has_an_end() -> None:
    """However much a server says."""
    assert len(write_error(_answer(422, "x" * 5000), DOING).message) == 1000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_answer(401, "Unauthorized"), ClusterAccessError),
        (_answer(403, "forbidden"), ClusterAccessError),
        (Answer(404, None, "404 page not found"), KindNotServedError),
        (_answer(400, "odd"), ClusterUnavailableError),
        (_answer(500, "broken"), ClusterUnavailableError),
    ],
)
def test_errors_of_reads(answer: Answer, error: type[ReconcilerError]) -> None:
    """No object is to blame."""
    found = read_error(answer, "list VPC")

    assert type(found) is error
    assert "list VPC" in found.message


NULL = 'Invalid value: "null": spec.a in body must be of type object: "null"'


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (_answer(422, "x", causes=[{"field": "spec.a", "message": NULL}]), {"spec.a"}),
        (_answer(422, "x", causes=[{"field": "spec.a", "message": 'must be of type array: "null"'}]), {"spec.a"}),
        (_answer(422, "x", causes=[{"field": "spec.a", "message": NULL}, {"field": "spec.b", "message": "no"}]), set()),
        (_answer(422, "x", causes=[{"field": "spec.a", "message": 'must be of type string: "null"'}]), set()),
        (_answer(422, "x"), set()),
        (_answer(200, "x", causes=[{"field": "spec.a", "message": NULL}]), set()),
    ],
    ids=["object", "list", "something else too", "scalar", "no causes", "no refusal"],
)
def test_null_is_recognised_when_it_is_all_that_is_wrong(answer: Answer, fields: set[str]) -> None:
    """Only then can clearing help."""
    assert null_fields(answer) == fields


def _live(*managers: str) -> JSONObject:
    fields: JSONObject = {"f:spec": {"f:subnets": {"f:b.c": {"f:dhcp": {"f:enable": {}}}}}}
    return {
        "metadata": {
            "resourceVersion": "7",
            "managedFields": [{"manager": one, "fieldsV1": fields} for one in managers],
        },
        "spec": {"mode": "x", "subnets": {"b.c": {"dhcp": {"enable": True}, "vlan": 1}}, "permit": [["a"]]},
    }


FIELD = "spec.subnets.b.c.dhcp"


def test_the_patch_clears_what_was_null() -> None:
    """Also under names with dots, and lists; in exactly the version that was read."""
    patch = clearing_patch(_live("hedgehog-reconciler"), {"spec": {}}, frozenset({FIELD, "spec.permit"}))

    assert patch == {
        "metadata": {"resourceVersion": "7"},
        "spec": {"subnets": {"b.c": {"dhcp": None}}, "permit": None},
    }


@pytest.mark.parametrize(
    ("live", "body", "fields"),
    [
        pytest.param(_live("argocd"), {}, {FIELD}, id="another owns a part"),
        pytest.param(_live(), {"spec": {"subnets": {"b.c": {"dhcp": None}}}}, {FIELD}, id="Git declares null"),
        pytest.param(_live(), {}, {FIELD, "spec.nonesuch"}, id="one is not there"),
        pytest.param(_live(), {}, {"spec.mode"}, id="no object"),
    ],
)
def test_what_is_not_ours_to_clear_is_left(live: JSONObject, body: JSONObject, fields: set[str]) -> None:
    """Then the refusal stands."""
    assert clearing_patch(live, body, frozenset(fields)) is None


@pytest.mark.parametrize("body", [{"spec": {"subnets": {"b.c": {"dhcp": {}}}}}, {"spec": {"subnets": "odd"}}])
def test_what_git_declares_otherwise_is_cleared(body: JSONObject) -> None:
    """`{}` among it: later servers make null of that too."""
    assert clearing_patch(_live(), body, frozenset({FIELD})) is not None
