"""Which keys a receiver of notifications takes, by its kind, and the fabrics that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.settings.findings import Finding, shown
from reconciler.settings.places import find, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED = {
    "slack": {
        "url": "a Slack URL is a secret: use url_file or url_env",
        **dict.fromkeys(("secret_file", "secret_env", "token_file", "token_env"), "has no effect for slack"),
    },
    "alertmanager": dict.fromkeys(("secret_file", "secret_env"), "has no effect for alertmanager"),
}
"""By kind, keys that it does not take, with the reason."""


def notification_rules(document: Any) -> Iterator[Finding]:
    """Keys without effect, and fabrics that are not there."""
    for place, entry in find(document, "notifications[]"):
        refused = _REFUSED.get(text_at(entry, "kind") or "", {})
        yield from (Finding((*place, key), why) for key, why in refused.items() if text_at(entry, key) is not None)
    known = {name for _, name in find(document, "fabrics[].name") if isinstance(name, str)}
    for place, name in find(document, "notifications[].fabrics[]"):
        if isinstance(name, str) and name not in known:
            yield Finding(place, f"no fabric has the name {shown(name)}")
