"""The sync status in NetBox: each fabric's site says how the fabric stood when its last pass ended, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from reconciler.errors import ReconcilerError
from reconciler.model.netbox_site import INSTALLATION, STATUS_FIELDS
from reconciler.model.requests import Trigger
from reconciler.model.status import ConnectionState, SyncStatus
from reconciler.plan.netbox_site import bound_elsewhere, site_write, standing
from reconciler.status.sync_status import sync_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.fabric import Fabric, NetBoxPolicy
    from reconciler.model.netbox_site import Site, SiteValue, SiteWrite
    from reconciler.model.passes import PassRecord
    from reconciler.model.status import FabricRecord, Suspension
    from reconciler.ports import Clock, NetBox
    from reconciler.status.sync_status import Verdict

log = structlog.get_logger("netbox")


class Memory(Protocol):
    """What is known of fabrics. Raises StateError."""

    def fabric(self, name: str) -> FabricRecord: ...

    def suspension(self, fabric: str) -> Suspension | None: ...


class SiteStatus:
    """Tells NetBox, in the thread of the pass and after its end was stored. What cannot be told is logged, and told
    after the next pass: it makes no pass fail.
    """

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock
        self._told: dict[str, tuple[object, Mapping[str, SiteValue]]] = {}
        """By fabric, which site it has and what that says, as far as it is known: a pass that changes nothing asks
        nothing either.
        """

    def pass_ended(self, fabric: Fabric, netbox: NetBox | None, record: PassRecord) -> None:
        if netbox is None or fabric.netbox is None:
            return
        try:
            self._tell(fabric, fabric.netbox, netbox, is_poll=Trigger.POLL in record.triggers)
        except ReconcilerError as error:
            self.forget(fabric.name)
            log.warning("status not shown in NetBox", fabric=fabric.name, reason=error.reason, error=error.message)

    def left_alone(self, fabric: Fabric, netbox: NetBox) -> bool:
        """Tell the site of a fabric of which no pass is made. True: it says so, or cannot, or says nothing of this
        fabric anyway; False: NetBox could not be told.
        """
        if fabric.netbox is None:
            return True
        try:
            known = self._memory.fabric(fabric.name)
            self._show(fabric, fabric.netbox, netbox, known, is_poll=False, is_bound=True)
        except ReconcilerError as error:
            self.forget(fabric.name)
            log.warning("status not shown in NetBox", fabric=fabric.name, reason=error.reason, error=error.message)
            return False
        return True

    def forget(self, fabric: str) -> None:
        """Ask the site next time."""
        self._told.pop(fabric, None)

    def _tell(self, fabric: Fabric, policy: NetBoxPolicy, netbox: NetBox, *, is_poll: bool) -> None:
        known = self._memory.fabric(fabric.name)
        connection = known.connections.get("netbox")
        if connection is None or connection.state is not ConnectionState.OK:
            self.forget(fabric.name)
            log.info("status not shown in NetBox", fabric=fabric.name, reason="NetBoxNotReached")
            return
        self._show(fabric, policy, netbox, known, is_poll=is_poll)

    def _show(
        self,
        fabric: Fabric,
        policy: NetBoxPolicy,
        netbox: NetBox,
        known: FabricRecord,
        *,
        is_poll: bool,
        is_bound: bool = False,
    ) -> None:
        """Write what the site does not say yet. `is_bound`: only to one that is ours already."""
        place = netbox.address, policy.site
        before, told = self._told.get(fabric.name, (None, {}))
        verdict = sync_status(fabric, known, self._clock.now(), self._memory.suspension(fabric.name))
        if self._change(verdict, known, told if before == place else {}, is_poll=is_poll) is None:
            return
        site = self._site(fabric.name, policy, netbox)
        if site is None or (is_bound and (site.fields[INSTALLATION] or "") != policy.installation):
            return
        change = self._change(verdict, known, site.fields, is_poll=is_poll)
        if change is not None:
            _write(netbox, site, change, policy, verdict)
        self._told[fabric.name] = place, site.fields if change is None else {**site.fields, **change.fields}

    def _change(
        self, verdict: Verdict, known: FabricRecord, told: Mapping[str, SiteValue], *, is_poll: bool
    ) -> SiteWrite | None:
        now = standing(verdict.status.value, known)
        return site_write(told, now, at=self._clock.now(), is_poll=is_poll)

    def _site(self, fabric: str, policy: NetBoxPolicy, netbox: NetBox) -> Site | None:
        """The site, where it is ours to write to and can hold a status."""
        site = netbox.site(policy.site)
        if site is None:
            return None
        lacking = [name for name in (*STATUS_FIELDS, INSTALLATION) if name not in site.fields]
        if lacking:
            log.info("status not shown in NetBox", fabric=fabric, reason="NotPrepared", lacking=lacking)
            return None
        if bound_elsewhere(site.fields, policy.installation) and not policy.take_over:
            log.info("status not shown in NetBox", fabric=fabric, reason="NetBoxBoundElsewhere")
            return None
        return site


def _write(netbox: NetBox, site: Site, change: SiteWrite, policy: NetBoxPolicy, verdict: Verdict) -> None:
    netbox.write_site(site, {**change.fields, INSTALLATION: policy.installation})
    if change.is_new_status:
        is_trouble = verdict.status in {SyncStatus.ERROR, SyncStatus.OUT_OF_SYNC}
        was = f" (was {change.was})" if change.was else ""
        text = f"Sync status is {change.fields['hh_sync_status']}{was}. {verdict.reason}: {verdict.message}"
        netbox.note(site, text, is_trouble=is_trouble)
