"""`POST /webhooks/{provider}`: deliveries of the forges, and of NetBox.

The order is size, signature, duplicate, parse, match, deliver, answer: nothing of a body is interpreted before its
signature was verified, and nothing is answered before it is durable. What is stored is compared with what was stored
before in the same transaction; for what is not stored the look comes before the answer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
import structlog
from starlette.routing import Route
from structlog.contextvars import bind_contextvars

from reconciler.model.requests import Accepted
from webhooks.api.context import in_thread
from webhooks.errors import RETRY_AFTER, ASCIIJSONResponse, RefusalError, refusal
from webhooks.matching import matching
from webhooks.payload import MalformedPayloadError, media_type
from webhooks.providers import PROVIDERS, recognised
from webhooks.signature import verified
from webhooks.text import printable
from webhooks.unverified import UnverifiedLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from reconciler.model.json import JSONObject
    from reconciler.model.requests import Delivery, Receiver
    from webhooks.api.context import Context
    from webhooks.providers import Provider

_log = structlog.get_logger("webhooks")

_REASONS = {"duplicate": "a delivery with this id was taken in before"}
_SETTLED = {"accepted", "duplicate"}
"""Results of the intake that were compared with what is stored."""

_CHEAP = 64 * 1024
"""Bytes to be signed that take less time than going to a thread and back, about a millisecond."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A delivery that a secret proves: whom it may speak for, and what it says, or why that cannot be read. `names` are
    the repositories that it speaks of, or the fabrics; `id` is the sender's.
    """

    names: tuple[str, ...]
    id: str
    known_as: str
    """The id by which it is remembered. Senders number their deliveries each for himself: one who knows the secret of
    one repository must not use up the ids of another, be it by chance.
    """
    content: Delivery | MalformedPayloadError


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
        ids = [request.id for request in accepted.requests]
        named = {"provider": label, "id": delivery_id, "requests": ids}
        _log.info("delivery", **named, result=accepted.result, reason=accepted.reason)
        return ASCIIJSONResponse(_answer(delivery_id, accepted), 202 if accepted.result == "accepted" else 200)

    async def _take(self, route: str, request: Request) -> tuple[str, Accepted]:
        """The delivery's id, and what became of it."""
        self._context.refuse_while_stopping()
        headers = {key.lower(): value for key, value in request.headers.items()}
        async with self._context.bodies.body(request) as body:
            provider, receivers = self._receivers(route, headers)
            _require_media_type(provider, headers)
            read = partial(_read, provider, receivers, headers, body, self._context.options.now())
            reading = await self._aside(read, len(body) * len(receivers))
        if reading is None:
            raise self._unproven(route, request)
        # On every line from here to the end of the request; before, anybody could have sent it.
        bind_contextvars(delivery=reading.id)
        return reading.id, await self._settle(provider.NAME, reading)

    def _receivers(self, route: str, headers: Mapping[str, str]) -> tuple[Provider, Sequence[Receiver]]:
        provider = recognised(route, headers)
        receivers = self._intake.receivers(route) if provider is not None else ()
        if provider is None or not receivers:
            raise RefusalError(404, "not_found", f"No repository or fabric uses the provider {printable(route)}.")
        return provider, receivers

    async def _aside(self, read: Callable[[], _Reading | None], cost: int) -> _Reading | None:
        """Read a delivery, in a thread when it costs much: large bodies times many secrets would hold up the event
        loop, and strangers choose the bodies. `cost`: bytes to be signed.
        """
        return read() if cost <= _CHEAP else await in_thread(self._context.deliveries, read)

    def _unproven(self, route: str, request: Request) -> RefusalError:
        self._context.options.on_unverified(route)
        client = request.client.host if request.client else ""
        if self._unverified.exceeded(client, anyio.current_time()):
            return RefusalError(
                429, "too_many_unverified", "Too many deliveries without a valid signature.", headers=RETRY_AFTER
            )
        return RefusalError(401, "bad_signature", "The signature is missing or made with another secret.")

    async def _settle(self, provider: str, reading: _Reading) -> Accepted:
        """What became of a delivery. One that causes nothing, or cannot be read, may have been taken in before."""
        try:
            accepted = await self._accept(reading)
        except MalformedPayloadError:
            known = await self._intake.known(provider, reading.known_as)
            if known is None:
                raise
            return known
        if accepted.result in _SETTLED:
            return accepted
        return await self._intake.known(provider, reading.known_as) or accepted

    async def _accept(self, reading: _Reading) -> Accepted:
        if isinstance(reading.content, MalformedPayloadError):
            raise reading.content
        self._context.refuse_while_stopping()
        delivery = reading.content
        if delivery.event == "edit":
            return await self._intake.edited(delivery, reading.names)
        repositories = reading.names
        accepted = await self._deliver(delivery, repositories)
        if repositories and accepted.result not in _SETTLED:
            await self._intake.verified(repositories)
        return accepted

    async def _deliver(self, delivery: Delivery, repositories: Sequence[str]) -> Accepted:
        if delivery.event == "ping":
            return Accepted("ping", reason=_pinged(delivery, repositories))
        if delivery.event != "push":
            return Accepted("ignored", reason=f"the event {delivery.event} causes nothing, only push does")
        if not repositories:
            return Accepted("ignored", reason=_unmatched(delivery))
        return await self._intake.deliver(delivery, repositories)


def _read(
    provider: Provider, receivers: Sequence[Receiver], headers: Mapping[str, str], body: bytes, now: float
) -> _Reading | None:
    """None when no secret proves the delivery. Raises MalformedPayloadError when it has no id."""
    trusted = verified(receivers, lambda secret: provider.is_authentic(secret, headers, body, now))
    if not trusted:
        return None
    delivery_id = provider.delivery_id(headers, body)
    everybody = tuple(dict.fromkeys(one.repository for one in trusted))
    try:
        delivery = provider.parse(headers, body)
    except MalformedPayloadError as error:
        return _Reading(everybody, delivery_id, _known_as(delivery_id, everybody), error)
    names = everybody if delivery.event == "edit" else matching(delivery, trusted)
    known_as = _known_as(delivery_id, names or everybody)
    return _Reading(names, delivery_id, known_as, replace(delivery, id=known_as))


def _known_as(delivery_id: str, names: Iterable[str]) -> str:
    speakers = hashlib.sha256("\0".join(sorted(names)).encode()).hexdigest()[:16]
    return f"{speakers}:{delivery_id}"


def _require_media_type(provider: Provider, headers: Mapping[str, str]) -> None:
    if media_type(headers) not in provider.MEDIA_TYPES:
        allowed = " or ".join(sorted(provider.MEDIA_TYPES))
        raise RefusalError(415, "unsupported_type", f"The content type must be {allowed}.", field="content-type")


def _pinged(delivery: Delivery, repositories: Sequence[str]) -> str:
    if repositories:
        return f"the webhook works for {', '.join(repositories)}"
    if delivery.urls:
        return "the signature is right, but no repository that it speaks for has one of these addresses"
    return "the signature is right"


def _unmatched(delivery: Delivery) -> str:
    if delivery.urls:
        return "no repository that this signature speaks for has one of its addresses"
    return "it names no address of its repository"


def _answer(delivery_id: str, accepted: Accepted) -> JSONObject:
    answer: JSONObject = {"delivery": delivery_id, "result": accepted.result}
    if accepted.result != "accepted":
        answer["reason"] = accepted.reason or _REASONS.get(accepted.result, accepted.result)
    answer["requests"] = [{"id": one.id, "fabric": one.fabric, "state": one.state} for one in accepted.requests]
    return answer
