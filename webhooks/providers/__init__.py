"""What each forge, and NetBox, sends: what proves, numbers and names a delivery, and what its payload says.

Pure: bytes in, a `Delivery` out. A provider is one module with what `Provider` asks for, and a row in `PROVIDERS`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from webhooks.providers import bitbucket, forgejo, generic, gitea, github, gitlab, netbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.requests import Delivery

__all__ = ["PROVIDERS", "Provider", "recognised"]


class Provider(Protocol):
    """How a forge sends. The names of headers are in lower case, the body is raw.

    `delivery_id` and `parse` raise MalformedPayloadError, and nothing else; `is_authentic` raises nothing.
    """

    NAME: str
    """In the configuration and in the route `/webhooks/{provider}`."""

    MEDIA_TYPES: frozenset[str]
    """The content types that it may use."""

    def is_authentic(self, secret: bytes, headers: Mapping[str, str], body: bytes, _now: float, /) -> bool:
        """Whether the secret proves the delivery; in constant time. `_now`: Unix seconds."""

    def delivery_id(self, headers: Mapping[str, str], body: bytes, /) -> str:
        """What numbers the delivery, unique per provider: a word of at most 200 visible ASCII characters."""

    def parse(self, headers: Mapping[str, str], body: bytes, /) -> Delivery:
        """What the delivery says."""


_ALL: tuple[Provider, ...] = (github, gitlab, gitea, forgejo, bitbucket, generic, netbox)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({provider.NAME: provider for provider in _ALL})
"""By the name that configuration and the route use."""


def recognised(route: str, headers: Mapping[str, str]) -> Provider | None:
    """Whose a delivery to `/webhooks/{route}` is; None where there is no such provider.

    Gitea and Forgejo send GitHub's headers too, and are often set up as if they were GitHub. On its route a delivery
    of theirs is read and proven by their own rules: the two sign forms differently.
    """
    if route == github.NAME:
        for provider in (forgejo, gitea):
            if any(name.startswith(provider.PREFIX) for name in headers):
                return PROVIDERS[provider.NAME]
    return PROVIDERS.get(route)
