"""What a fabric's site in NetBox is to say, and whose the site is. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.netbox_site import (
    DRIFT,
    INSTALLATION,
    LAST_SYNC,
    REVISION,
    STATUS_FIELDS,
    SYNC_STATUS,
    VALID_UNTIL,
    SiteWrite,
    Standing,
)
from reconciler.model.status import SyncStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.netbox_site import SiteValue
    from reconciler.model.status import FabricRecord

BOUND_ELSEWHERE = "NetBoxBoundElsewhere"


def standing(status: str, record: FabricRecord) -> Standing:
    """How the fabric of this record stands. It holds until the next poll is a whole interval late: whoever reads it
    later knows that the reconciler has not spoken since. That a fabric is left alone holds until somebody changes it.
    """
    due = None if status == SyncStatus.DISABLED else record.next_poll
    valid_until = None if due is None else due + timedelta(seconds=record.effective_interval)
    return Standing(status, record.applied_revision, record.last_sync, record.drift(), valid_until)


def site_write(
    before: Mapping[str, SiteValue], now: Standing, *, at: datetime, is_poll: bool = False
) -> SiteWrite | None:
    """What to write to a site that says `before`; None: nothing.

    Status, revision and drift are written as they change. What moves with every pass is written along with them, by
    the poll's pass, and once it no longer holds: a pass that changes nothing sends no write.
    """
    fields = _fields(now)
    told = {name: _plain(before.get(name)) for name in STATUS_FIELDS}
    wanted = {name: _plain(value) for name, value in fields.items()}
    if told == wanted:
        return None
    is_new_status = told[SYNC_STATUS] != wanted[SYNC_STATUS]
    is_changed = any(told[name] != wanted[name] for name in (SYNC_STATUS, REVISION, DRIFT))
    if not (is_changed or is_poll or _is_over(before.get(VALID_UNTIL), at)):
        return None
    was = before.get(SYNC_STATUS)
    return SiteWrite(fields, is_new_status, str(was) if is_new_status and was is not None else None)


def _fields(now: Standing) -> dict[str, SiteValue]:
    return {
        SYNC_STATUS: now.status,
        REVISION: now.revision,
        LAST_SYNC: _text(now.last_sync),
        DRIFT: now.drift,
        VALID_UNTIL: _text(now.valid_until),
    }


def _text(time: datetime | None) -> str | None:
    """To the millisecond, as the API tells times."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: SiteValue) -> SiteValue | datetime:
    """A value as it compares: NetBox may spell a time otherwise than we do, and no text as none."""
    return _time(value) or value or None if isinstance(value, str) else value


def _time(value: SiteValue) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _is_over(valid_until: SiteValue, at: datetime) -> bool:
    time = _time(valid_until)
    return time is None or time < at


def bound_elsewhere(fields: Mapping[str, SiteValue], installation: str) -> str | None:
    """The installation that a site is bound to when it is not ours; None: it is ours, or nobody's."""
    bound = fields.get(INSTALLATION)
    return str(bound) if bound and bound != installation else None
