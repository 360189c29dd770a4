"""What each forge sends: which headers prove, name and number a delivery, and what its payload says.

Pure: bytes in, a `Delivery` out. A provider is one module with a `parse` function, and a row in `PROVIDERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from webhooks.payload import FORM_TYPE, JSON_TYPE, MalformedPayloadError
from webhooks.providers import github

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.requests import Delivery

__all__ = ["PROVIDERS", "MalformedPayloadError", "Provider"]


@dataclass(frozen=True, slots=True)
class Provider:
    """How a forge sends. Names of headers are in lower case; `media_types` are the content types it may use.

    `parse(headers, body)` raises MalformedPayloadError, and nothing else.
    """

    signature_header: str
    event_header: str
    delivery_header: str
    parse: Callable[[Mapping[str, str], bytes], Delivery]
    media_types: frozenset[str] = frozenset({JSON_TYPE, FORM_TYPE})


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        github.NAME: Provider(
            signature_header=github.SIGNATURE_HEADER,
            event_header=github.EVENT_HEADER,
            delivery_header=github.DELIVERY_HEADER,
            parse=github.parse,
        ),
    },
)
"""By the name that configuration and the route `/webhooks/{provider}` use."""
