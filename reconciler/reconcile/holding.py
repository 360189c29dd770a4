"""Whose a site of NetBox is: two installations that write to one place would undo each other's work for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from reconciler.errors import StalledError
from reconciler.model.netbox_site import INSTALLATION
from reconciler.plan.netbox_site import BOUND_ELSEWHERE, bound_elsewhere

if TYPE_CHECKING:
    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.ports import NetBox

log = structlog.get_logger("netbox")


class Holding:
    """A fabric's hold on its site, as it was when the pass looked.

    Raises StalledError (`NetBoxBoundElsewhere`) where another installation holds it and nobody said to take it over.
    """

    def __init__(self, netbox: NetBox, policy: NetBoxPolicy, fabric: str) -> None:
        self._netbox = netbox
        self._fabric = fabric
        self._policy = policy
        self.is_bound = not policy.installation
        """Whether the site is there, and bound to this installation; or to none, where that is all the same."""
        if not self.is_bound:
            self._look()

    def _look(self) -> None:
        site = self._netbox.site(self._policy.site)
        fields = site.fields if site else {}
        other = bound_elsewhere(fields, self._policy.installation)
        if other is not None and not self._policy.take_over:
            raise StalledError(
                f"site {self._policy.site} of {self._netbox.address} is bound to installation {other}, and this is "
                f"{self._policy.installation}: another reconciler shows a fabric there, or this fabric's name, "
                "repository, branch or path was changed; nothing is written. Stop the other one if there is one, then "
                f"bind the site to this installation: reconciler init-netbox {self._fabric} --rebind "
                "(netbox.take_over: true does it too, and takes over records of people besides)",
                reason=BOUND_ELSEWHERE,
            )
        self.is_bound = fields.get(INSTALLATION) == self._policy.installation

    def bind(self) -> None:
        """Before anything is written that belongs to the site: see to it that everybody can read whose it is."""
        if self.is_bound:
            return
        site = self._netbox.site(self._policy.site)
        if site is None:
            return  # it could not be made, and nothing that needs it will be
        if INSTALLATION not in site.fields:
            self._netbox.prepare_sites()
        self._netbox.write_site(site, {INSTALLATION: self._policy.installation})
        self.is_bound = True
        log.info("site bound", site=self._policy.site, installation=self._policy.installation)
