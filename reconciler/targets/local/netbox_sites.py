"""Sites of the embedded NetBox: what they say of their fabric, and their journals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import StalledError
from reconciler.model.netbox import Ref
from reconciler.model.netbox_schema import CUSTOM_FIELD_PREFIX, SITES
from reconciler.model.netbox_setup import JOURNAL_ENTRIES
from reconciler.model.netbox_site import Site
from reconciler.plan.netbox_setup import wanted_of_sites
from reconciler.targets.local.netbox_rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.netbox_site import SiteValue
    from reconciler.targets.local.netbox_rows import Tables

LONGEST_JOURNAL = 100
"""Entries that are kept of all journals."""


def find(tables: Tables, slug: str) -> Site | None:
    row = tables.find(Ref(SITES, slug))
    if row is None:
        return None
    custom = {name: row.fields.get(CUSTOM_FIELD_PREFIX + name) for name in _names(tables)}
    return Site(row.id, slug, custom)


def prepare(tables: Tables) -> None:
    for thing in wanted_of_sites():
        if tables.find(thing.ref) is None:
            tables.insert(Row(thing.ref.model, 0, {"name": thing.ref.key}, thing.ref.key))


def write(tables: Tables, site: Site, fields: Mapping[str, SiteValue]) -> None:
    """Raises StalledError for a field that was not prepared, and a site that is gone."""
    row = tables.rows.get((SITES, site.id))
    unknown = sorted(fields.keys() - _names(tables))
    if row is None or unknown:
        what = f"no custom field {', '.join(unknown)}" if unknown else f"no site with id {site.id}"
        raise StalledError(f"the embedded NetBox has {what}", reason="NetBoxRejected")
    custom = {CUSTOM_FIELD_PREFIX + name: value for name, value in fields.items()}
    tables.put(replace(row, fields={**row.fields, **custom}, version=row.version + 1))


def note(tables: Tables, site: Site, text: str, *, is_trouble: bool) -> None:
    kind = "warning" if is_trouble else "info"
    tables.insert(Row(JOURNAL_ENTRIES, 0, {"site": site.id, "kind": kind, "comments": text}))
    for old in list(tables.of(JOURNAL_ENTRIES))[:-LONGEST_JOURNAL]:
        tables.remove(old)


def _names(tables: Tables) -> set[str]:
    """The custom fields that sites have."""
    return {thing.ref.key for thing in wanted_of_sites() if tables.find(thing.ref) and thing.ref.key.startswith("hh_")}
