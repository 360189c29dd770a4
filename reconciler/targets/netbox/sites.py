"""A fabric's site: what it says of the fabric, and its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import NetBoxUnavailableError, StalledError
from reconciler.model.netbox_schema import CONTENT_TYPES, SITES
from reconciler.model.netbox_setup import JOURNAL_ENTRIES
from reconciler.model.netbox_site import Site
from reconciler.plan.netbox_setup import plan_setup, wanted_of_sites
from reconciler.targets.netbox.answers import RefusedError
from reconciler.targets.netbox.setup import NetBoxSetup, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox_site import SiteValue
    from reconciler.targets.netbox.client import NetBoxClient

_OURS = "hh_"


class Sites:
    """Raises as `ports.NetBox` says of sites."""

    def __init__(self, client: NetBoxClient) -> None:
        self._client = client

    def find(self, slug: str) -> Site | None:
        """Over REST: GraphQL does not tell of a field that was never set whether it exists."""
        found = self._client.listing(SITES, {"slug": slug, "fields": "id,slug,custom_fields"})
        return next((_site(raw) for raw in found if raw.get("slug") == slug), None)

    def prepare(self) -> None:
        """Make the custom fields that sites lack, and what those need."""
        setup, things = NetBoxSetup(self._client), wanted_of_sites()
        for change in plan_setup(things, setup.find(things)).changes:
            try:
                setup.carry_out(change)
            except (StalledError, NetBoxUnavailableError):
                # Another fabric's pass may have been quicker (NetBox answers 500 to who lost), and its is as good.
                if change.ref not in setup.find(things):
                    raise

    def write(self, site: Site, fields: Mapping[str, SiteValue]) -> None:
        body = {"custom_fields": dict(fields)} | said(self._client)
        self._send("PATCH", f"{SITES}/{site.id}", body)

    def note(self, site: Site, text: str, *, is_trouble: bool) -> None:
        subject = {"assigned_object_type": CONTENT_TYPES[SITES], "assigned_object_id": site.id}
        kind = "warning" if is_trouble else "info"
        self._send("POST", JOURNAL_ENTRIES, {**subject, "kind": kind, "comments": text})

    def _send(self, method: str, path: str, body: JSONObject) -> None:
        try:
            self._client.write(method, path, body)
        except RefusedError as error:
            kind = NetBoxUnavailableError if error.status >= 500 else StalledError  # noqa: PLR2004 - server errors
            raise kind(f"{method} /api/{path}/: NetBox refuses it: {error.message}", reason="NetBoxRejected") from None


def _site(raw: JSONObject) -> Site:
    fields = {name: _plain(value) for name, value in (raw.get("custom_fields") or {}).items() if name.startswith(_OURS)}
    return Site(int(raw["id"]), str(raw["slug"]), fields)


def _plain(value: JSON) -> SiteValue:
    """NetBox 4.7 shows a choice with its label. A field of another kind than ours says nothing that we know."""
    value = value.get("value") if isinstance(value, dict) else value
    return value if isinstance(value, str | int) else None
