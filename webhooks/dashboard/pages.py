"""The pages: what the API tells, read in a thread and rendered there."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.responses import RedirectResponse
from starlette.routing import Route

from webhooks.api.authentication import require_token
from webhooks.api.context import in_thread
from webhooks.dashboard.formats import path
from webhooks.dashboard.guards import requested
from webhooks.dashboard.objects import Query, select
from webhooks.dashboard.topology import svg
from webhooks.errors import RefusalError
from webhooks.negotiation import PageRoute, prefers_html
from webhooks.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio import CapacityLimiter
    from starlette.requests import Request
    from starlette.responses import Response

    from reconciler.model.json import JSONObject
    from webhooks.api.context import Context
    from webhooks.dashboard.rendering import Renderer

    Endpoint = Callable[[Request], Awaitable[Response]]
    Make = Callable[[Request], Response]

_PLACES = ("error", "out_of_sync", "never_synced", "disabled", "not_configured", "in_sync")
"""The order in which the first page counts."""


class Pages:
    def __init__(self, context: Context, renderer: Renderer) -> None:
        self._context = context
        self._status = context.status
        self._renderer = renderer

    def routes(self) -> list[Route]:
        context = self._context
        made: dict[str, Make] = {
            "/fabrics": self.overview,
            "/fabrics/{name}": self.fabric,
            "/fabrics/{name}/resources": self.objects,
            "/fabrics/{name}/resources/{kind}/{object:path}": self.object_,
            "/fabrics/{name}/passes": self.passes,
            "/fabrics/{name}/passes/{id}": self.pass_,
        }
        threaded = [self._route(url, partial(self._in, context.reads, make)) for url, make in made.items()]
        return [
            # For everybody: there is no JSON of this path that a page would have to make room for.
            Route("/", self._guarded(partial(self._in, context.reads, self.overview)), methods=["GET"]),
            *threaded,
            self._route("/fabrics/{name}/topology", partial(self._in, context.pictures, self.topology)),
            self._route("/fabrics/{name}/plan", self.plan),
            PageRoute("/healthz", partial(self._in, context.probes, self.health), methods=["GET"]),
        ]

    def _route(self, url: str, endpoint: Endpoint) -> Route:
        return PageRoute(url, self._guarded(endpoint), methods=["GET"])

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """Where reads are protected, people who are not logged in are led to where that is done; programs, which reach
        the first page only, need the token.
        """

        async def guarded(request: Request) -> Response:
            options, sessions = self._context.options, self._context.sessions
            if options.protect_reads and sessions.of(request.headers) is None:
                if prefers_html(request.headers):
                    return RedirectResponse(path("login", next=requested(request)), 303)
                require_token(request.headers, options.api_token)
            return await endpoint(request)

        return guarded

    async def _in(self, limiter: CapacityLimiter, make: Make, request: Request) -> Response:
        return await in_thread(limiter, partial(make, request))

    def overview(self, request: Request) -> Response:
        fabrics = self._status.fabrics()["fabrics"]
        counted = Counter(one["sync_status"] for one in fabrics)
        tally = {state: counted[state] for state in _PLACES if counted[state] or state == "in_sync"}
        ordered = sorted(fabrics, key=lambda one: (_PLACES.index(one["sync_status"]), one["name"]))
        return self._renderer.page(request, "overview.html", fabrics=ordered, tally=tally)

    def fabric(self, request: Request) -> Response:
        fabric = self._fabric(request)
        passes = self._status.passes(fabric["name"]) or {"passes": []}
        return self._of_fabric(request, "fabric.html", fabric, passes=passes["passes"][:5])

    def objects(self, request: Request) -> Response:
        fabric, query = self._brief(request), Query.parse(request.query_params)
        selection = select(self._resources(fabric["name"]), query)
        return self._of_fabric(request, "objects.html", fabric, query=query, selection=selection)

    def object_(self, request: Request) -> Response:
        fabric, kind, name = self._fabric(request), request.path_params["kind"], request.path_params["object"]
        found = [one for one in self._resources(fabric["name"]) if (one["kind"], one["name"]) == (kind, name)]
        if not found:
            raise RefusalError(404, "not_found", f"No {printable(kind)} {printable(name)} is known.")
        files = {one["file"] for one in found} - {None}
        problems = [problem for problem in fabric["problems"] if problem["file"] in files]
        return self._of_fabric(request, "object.html", fabric, found=found, problems=problems)

    def topology(self, request: Request) -> Response:
        fabric = self._brief(request)
        found = self._status.topology(fabric["name"])
        link_to = partial(_of_object, fabric["name"])
        # The picture escapes what it is made of.
        picture = Markup(svg(found, link_to)) if found and found["nodes"] else None  # noqa: S704
        return self._of_fabric(request, "topology.html", fabric, picture=picture)

    def passes(self, request: Request) -> Response:
        fabric = self._brief(request)
        passes = (self._status.passes(fabric["name"]) or {"passes": []})["passes"]
        return self._of_fabric(request, "passes.html", fabric, passes=passes)

    def pass_(self, request: Request) -> Response:
        fabric, pass_id = self._brief(request), request.path_params["id"]
        found = self._status.pass_(fabric["name"], pass_id)
        if found is None:
            raise RefusalError(404, "not_found", f"No pass {printable(pass_id)} of this fabric is known.")
        return self._of_fabric(request, "pass.html", fabric, found=found)

    async def plan(self, request: Request) -> Response:
        """The frame at once. A plan takes as long as Git, cluster and NetBox do: with `look` in the query it is
        made.
        """
        if not request.query_params.get("look"):
            return await self._in(self._context.reads, self._plan_frame, request)
        name = request.path_params["name"]
        plan = await in_thread(self._context.previews, lambda: self._context.plans.plan(name))
        return await self._in(self._context.reads, partial(self._plan_made, plan), request)

    def _plan_frame(self, request: Request) -> Response:
        return self._of_fabric(request, "plan.html", self._brief(request), plan=None)

    def _plan_made(self, plan: JSONObject, request: Request) -> Response:
        return self._of_fabric(request, "plan.html", self._brief(request), plan=plan)

    def health(self, request: Request) -> Response:
        health = self._status.healthz()
        return self._renderer.page(request, "health.html", 200 if health.is_ok else 503, health=health.body)

    def _of_fabric(self, request: Request, template: str, fabric: JSONObject, **values: Any) -> Response:
        return self._renderer.page(request, template, fabric=fabric, **values)

    def _fabric(self, request: Request) -> JSONObject:
        name = request.path_params["name"]
        fabric = self._status.fabric(name)
        if fabric is None:
            raise _unknown(name)
        return fabric

    def _brief(self, request: Request) -> JSONObject:
        """What the frame of its other pages tells of a fabric. Its details would cost a reading of all its objects."""
        name = request.path_params["name"]
        for fabric in self._status.fabrics()["fabrics"]:
            if fabric["name"] == name:
                found: JSONObject = fabric
                return found
        raise _unknown(name)

    def _resources(self, name: str) -> list[JSONObject]:
        found = self._status.resources(name)
        return [] if found is None else found["resources"]


def _of_object(fabric: str, kind: str, name: str) -> str:
    """The URL of an object's page; without a name that of all objects of the kind."""
    at = ("fabrics", fabric, "resources")
    return path(*at, kind, name) if name else path(*at, kind=kind)


def _unknown(name: str) -> RefusalError:
    return RefusalError(404, "unknown_fabric", f"No fabric {printable(name)} is configured.")
