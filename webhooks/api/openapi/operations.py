"""Every route: what it takes, what it answers, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from webhooks.api.openapi.shapes import flag, listed, mapped, maybe, record, ref, text, word
from webhooks.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered if all is well."""

    about: str
    shape: JSONObject = field(default_factory=dict)
    media_type: str = JSON_TYPE


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `errors` are the codes of each status beside those of its sort; `is_open`: it never needs
    the token, others that read do where reads are protected.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, Answer]
    about: str = ""
    body: JSONObject | None = None
    errors: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    query: Mapping[str, JSONObject] = field(default_factory=dict)
    is_open: bool = False

    @property
    def name(self) -> str:
        """Of the operation, for generated clients."""
        words = self.path.replace("{", "").replace("}", "").replace(".json", "").split("/")
        return "_".join([self.method, *filter(None, words)]).replace("-", "_")


PATH_PARAMETERS: Mapping[str, JSONObject] = {
    "name": text("The name of a fabric.", "dc1"),
    "id": text("The id of a pass or a request.", "0123456789abcdef0123456789abcdef"),
    "provider": word("Who delivers.", PROVIDERS),
}

_UNKNOWN = {404: ("not_found",)}
_PREVIEW = {404: ("unknown_fabric",), 409: ("fabric_disabled",), 503: ("busy", "stopping")}
_WRITE = {
    400: ("invalid", "malformed", "incomplete"),
    408: ("timeout",),
    413: ("too_large",),
    503: ("stopping", "busy"),
}
_BY = maybe(text("In whose name; at most 100 characters.", "jane"))
_OF_FABRICS = {404: ("unknown_fabric",), 409: ("fabric_disabled", "fabric_suspended")}


def _probe(path: str, summary: str, shape: JSONObject) -> Operation:
    answers = {200: Answer("All is well.", shape), 503: Answer("Something is not.", shape)}
    return Operation("get", path, summary, answers, is_open=True)


def _read(path: str, summary: str, shape: JSONObject, about: str = "") -> Operation:
    errors = _UNKNOWN if "{" in path else {}
    return Operation("get", path, summary, {200: Answer("As it is now.", shape)}, about, errors=errors)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/webhooks/{provider}",
        "Take in a delivery of a forge, or of NetBox",
        {
            202: Answer("A push that causes work; stored.", ref("Delivery")),
            200: Answer("Nothing follows.", ref("Delivery")),
        },
        "The signature is the proof; how each provider signs, and what its payload looks like, is its own.",
        body={"description": "As the provider sends it.", "examples": [{"ref": "refs/heads/main"}]},
        errors={
            **_WRITE,
            400: ("malformed", "incomplete"),
            401: ("bad_signature",),
            404: ("not_found",),
            415: ("unsupported_type",),
            429: ("too_many_unverified",),
        },
        is_open=True,
    ),
    Operation(
        "post",
        "/reconcile",
        "Request a pass",
        {
            202: Answer("Accepted, and stored.", ref("Requests")),
            200: Answer(
                "With `wait`: all have ended, whatever the outcome. With `dry_run`: the plans.",
                {
                    "anyOf": [
                        ref("Requests"),
                        ref("DryRun"),
                    ]
                },
            ),
        },
        body=record(
            "What to reconcile; `{}` or nothing for all.",
            ["fabric", "wait", "dry_run"],
            fabric=maybe(text("A fabric; null: all.", "dc1")),
            wait={"type": "number", "minimum": 0, "maximum": 600, "description": "Seconds.", "examples": [60]},
            dry_run=flag("Only tell what would be done, after a fetch."),
        ),
        errors={**_WRITE, **_OF_FABRICS},
    ),
    _read("/requests/{id}", "Follow a request to its end", ref("Request")),
    _read("/fabrics", "Every fabric", record("In the order of the configuration.", fabrics=listed(ref("Fabric")))),
    _read(
        "/fabrics/{name}", "One fabric", ref("FabricDetails"), "A browser gets a page instead (`Accept: text/html`)."
    ),
    _read("/fabrics/{name}/resources", "The state of every object", record("By key.", resources=listed(ref("Object")))),
    _read(
        "/fabrics/{name}/topology",
        "How a fabric is wired",
        record(
            "Devices row by row, and cables.",
            fabric=text("Of which fabric.", "dc1"),
            nodes=listed(ref("Node")),
            links=listed(ref("Link")),
        ),
        "As Git declares it at the revision that was fetched last, with what only the cluster has.",
    ),
    _read("/fabrics/{name}/passes", "The history", record("The newest first.", passes=listed(ref("Pass")))),
    _read("/fabrics/{name}/passes/{id}", "One pass", ref("Pass")),
    Operation(
        "get",
        "/fabrics/{name}/plan",
        "What a pass would do now",
        {200: Answer("At the revision that was fetched last. Nothing is written.", ref("Plan"))},
        errors=_PREVIEW,
    ),
    Operation(
        "post",
        "/fabrics/{name}/approve",
        "Approve the present plan",
        {
            200: Answer(
                "The fabric, what was approved, and the request of the pass that carries it out.",
                {
                    "allOf": [
                        ref("FabricDetails"),
                        record(
                            "Beside it.",
                            approved=text("The whole hash.", "ab12" * 16),
                            request=maybe(ref("AcceptedRequest")),
                        ),
                    ]
                },
            )
        },
        body=record(
            "Which plan.", ["by"], hash=text("Its hash, or the first 12 or more characters.", "ab12ab12ab12"), by=_BY
        ),
        errors={
            **_WRITE,
            **_OF_FABRICS,
            409: ("plan_changed", "fabric_disabled", "fabric_suspended"),
        },
    ),
    Operation(
        "post",
        "/fabrics/{name}/suspend",
        "Leave a fabric alone",
        {200: Answer("The fabric as it then is.", ref("FabricDetails"))},
        body=record("May be empty.", ["reason", "by"], reason=maybe(text("At most 500 characters.", "cables")), by=_BY),
        errors={**_WRITE, 404: ("unknown_fabric",)},
    ),
    Operation(
        "post",
        "/fabrics/{name}/resume",
        "Take a fabric up again",
        {
            200: Answer(
                "The fabric, and the request of its full pass.",
                {
                    "allOf": [
                        ref("FabricDetails"),
                        record("Beside it; null where the fabric is disabled.", request=maybe(ref("AcceptedRequest"))),
                    ]
                },
            )
        },
        body=record("May be empty.", ["by"], by=_BY),
        errors={**_WRITE, 404: ("unknown_fabric",), 409: ("fabric_not_suspended",)},
    ),
    Operation(
        "get",
        "/events",
        "Follow the fabrics as they change",
        {200: Answer("Until the client leaves, or may read no more.", media_type="text/event-stream")},
        "Server-sent events. First an event `fabric` for each fabric, then one whenever it changed: the fabric as in "
        '`GET /fabrics`. `removed` when one leaves the configuration: `{"name"}`. `pass` when a pass ends: as in '
        "`GET /fabrics/{name}/passes/{id}`. A comment after 15 s of silence. Whoever comes again is told everything "
        "anew, so events have no ids. `busy`: 20 streams of the client's address are open, or 100 in all.",
        errors={404: ("unknown_fabric",), 503: ("busy", "stopping")},
        query={"fabric": text("Only this one.", "dc1")},
    ),
    _probe("/livez", "Whether the process lives", ref("Health")),
    _probe("/readyz", "Whether this process's own parts run", ref("Health")),
    _probe("/healthz", "Every part and every connection", ref("HealthDetails")),
    Operation("get", "/metrics", "Metrics", {200: Answer("In Prometheus' text format.", media_type="text/plain")}),
    Operation(
        "get",
        "/openapi.json",
        "This description",
        {
            200: Answer(
                "OpenAPI 3.1.",
                record(
                    "As the OpenAPI specification says.",
                    openapi=text("Its version.", "3.1.0"),
                    paths=mapped({"type": "object", "properties": {}}, "The routes.", "/fabrics"),
                ),
            ),
            304: Answer("It is as the `ETag` in `If-None-Match` says.", media_type=""),
        },
    ),
)
