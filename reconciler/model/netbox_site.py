"""A fabric's site in NetBox: the custom fields by which it says whose it is and how the fabric stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SYNC_STATUS = "hh_sync_status"
REVISION = "hh_revision"
LAST_SYNC = "hh_last_sync"
DRIFT = "hh_drift"
VALID_UNTIL = "hh_valid_until"
INSTALLATION = "hh_installation"

STATUS_FIELDS = (SYNC_STATUS, REVISION, LAST_SYNC, DRIFT, VALID_UNTIL)
"""Those that say how the fabric stands."""

SiteValue: TypeAlias = "str | int | None"


@dataclass(frozen=True, slots=True)
class Site:
    """A site as NetBox holds it. `fields` are those of our custom fields that sites have there, by name; times are as
    NetBox writes them.
    """

    id: int
    slug: str
    fields: Mapping[str, SiteValue]


@dataclass(frozen=True, slots=True)
class Binding:
    """A fabric's site, the installation that it is to be bound to, and the one that it is bound to."""

    fabric: str
    site: str
    installation: str
    before: str | None

    @property
    def is_due(self) -> bool:
        return self.before != self.installation

    @property
    def is_elsewhere(self) -> bool:
        """Whether another installation has the site."""
        return self.is_due and self.before is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a fabric stands, as its site shows it until `valid_until`."""

    status: str
    revision: str | None
    last_sync: datetime | None
    drift: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class SiteWrite:
    """Values of custom fields to write; `was` is the sync status before it changed, None where it did not."""

    fields: Mapping[str, SiteValue]
    is_new_status: bool = False
    was: str | None = None
