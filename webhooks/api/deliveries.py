"""`POST /webhooks/{provider}`: deliveries of the forges.

The order is size, signature, duplicate, parse, match, deliver, answer: nothing of a body is interpreted before its
signature was verified, and nothing is answered before it is durable.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import structlog
from starlette.routing import Route

from reconciler.model.requests import Accepted
from webhooks.api.context import in_thread
from webhooks.errors import RETRY_AFTER, ASCIIJSONResponse, RefusalError, refusal
from webhooks.matching import matching
from webhooks.payload import header_token, media_type
from webhooks.providers import PROVIDERS
from webhooks.signature import verified
from webhooks.text import printable
from webhooks.unverified import UnverifiedLimit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from reconciler.model.json import JSONObject
    from reconciler.model.requests import Delivery, Receiver
    from webhooks.api.context import Context
    from webhooks.providers import Provider

_log = structlog.get_logger("webhooks")

_REASONS = {"duplicate": "a delivery with this id was taken in before"}


def routes(context: Context) -> list[Route]:
    return [Route("/webhooks/{provider}", Deliveries(context).post, methods=["POST"])]


class Deliveries:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._intake = context.intake
        self._unverified = UnverifiedLimit(context.options.unverified_per_minute)

    async def post(self, request: Request) -> Response:
        """202 for what causes work, 200 for what does not; each delivery is counted and logged once."""
        name = request.path_params["provider"]
        label = name if name in PROVIDERS else "unknown"
        try:
            delivery_id, accepted = await self._take(name, request)
        except Exception as error:
            refused = refusal(error)
            self._context.options.on_delivery(label, refused.code)
            _log.warning("delivery refused", provider=label, code=refused.code, reason=refused.message)
            raise
        self._context.options.on_delivery(label, accepted.result)
        _log.info("delivery", provider=label, id=delivery_id, result=accepted.result, reason=accepted.reason)
        return ASCIIJSONResponse(_answer(delivery_id, accepted), 202 if accepted.result == "accepted" else 200)

    async def _take(self, name: str, request: Request) -> tuple[str, Accepted]:
        """The delivery's id, and what became of it."""
        self._context.refuse_while_stopping()
        headers = {key.lower(): value for key, value in request.headers.items()}
        async with self._context.bodies.body(request) as body:
            provider, receivers = self._receivers(name)
            _require_media_type(provider, headers)
            trusted = await self._verified(provider, receivers, headers, body, request)
            delivery_id = header_token(headers, provider.delivery_header)
            known = await self._intake.known(name, delivery_id)
            if known is not None:
                return delivery_id, known
            delivery = await in_thread(self._context.deliveries, partial(provider.parse, headers, body))
        return delivery_id, await self._deliver(delivery, trusted)

    def _receivers(self, name: str) -> tuple[Provider, Sequence[Receiver]]:
        provider = PROVIDERS.get(name)
        receivers = self._intake.receivers(name) if provider is not None else ()
        if provider is None or not receivers:
            raise RefusalError(404, "not_found", f"No repository uses the provider {printable(name)}.")
        return provider, receivers

    async def _verified(
        self,
        provider: Provider,
        receivers: Sequence[Receiver],
        headers: Mapping[str, str],
        body: bytes,
        request: Request,
    ) -> tuple[Receiver, ...]:
        """The receivers that the delivery may speak for."""
        signature = headers.get(provider.signature_header, "").encode("latin-1")
        # In a thread: large bodies times many secrets would hold up the event loop, and strangers choose the bodies.
        trusted = await in_thread(self._context.deliveries, partial(verified, receivers, body, signature))
        if not trusted:
            raise self._unproven(request)
        return trusted

    def _unproven(self, request: Request) -> RefusalError:
        client = request.client.host if request.client else ""
        if self._unverified.exceeded(client, anyio.current_time()):
            return RefusalError(
                429, "too_many_unverified", "Too many deliveries without a valid signature.", headers=RETRY_AFTER
            )
        return RefusalError(401, "bad_signature", "The signature is missing or made with another secret.")

    async def _deliver(self, delivery: Delivery, trusted: Sequence[Receiver]) -> Accepted:
        repositories = matching(delivery, trusted)
        if repositories:
            await self._intake.verified(repositories)
        if delivery.event == "ping":
            return Accepted("ping", reason=_pinged(delivery, repositories))
        if delivery.event != "push":
            return Accepted("ignored", reason=f"the event {delivery.event} causes nothing, only push does")
        if not repositories:
            return Accepted("ignored", reason="no repository that this signature speaks for has one of its addresses")
        self._context.refuse_while_stopping()
        return await self._intake.deliver(delivery, repositories)


def _require_media_type(provider: Provider, headers: Mapping[str, str]) -> None:
    if media_type(headers) not in provider.media_types:
        allowed = " or ".join(sorted(provider.media_types))
        raise RefusalError(415, "unsupported_type", f"The content type must be {allowed}.", field="content-type")


def _pinged(delivery: Delivery, repositories: Sequence[str]) -> str:
    if repositories:
        return f"the webhook works for {', '.join(repositories)}"
    if delivery.urls:
        return "the signature is right, but no repository that it speaks for has one of these addresses"
    return "the signature is right"


def _answer(delivery_id: str, accepted: Accepted) -> JSONObject:
    answer: JSONObject = {"delivery": delivery_id, "result": accepted.result}
    if accepted.result != "accepted":
        answer["reason"] = accepted.reason or _REASONS.get(accepted.result, accepted.result)
    answer["requests"] = [{"id": one.id, "fabric": one.fabric, "state": one.state} for one in accepted.requests]
    return answer
