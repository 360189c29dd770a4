"""`reconciler init-netbox --rebind`: bind the sites of fabrics to this installation, whoever had them before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import StalledError
from reconciler.model.netbox_site import INSTALLATION, Binding

if TYPE_CHECKING:
    from reconciler.model.fabric import Fabric
    from reconciler.model.netbox_site import Site
    from reconciler.ports import NetBox


def binding(netbox: NetBox, fabric: Fabric) -> Binding:
    """Whose the site of this fabric is now; nothing is written. Raises as `NetBox.site`."""
    assert fabric.netbox is not None  # noqa: S101 - only such fabrics get here
    site = netbox.site(fabric.netbox.site)
    before = site.fields.get(INSTALLATION) if site else None
    return Binding(fabric.name, fabric.netbox.site, fabric.netbox.installation, str(before) if before else None)


def rebind(netbox: NetBox, one: Binding) -> Site:
    """Bind a site, whoever has it. Raises as `NetBox.write_site`; StalledError where there is nothing to bind."""
    site = netbox.site(one.site)
    if site is None or INSTALLATION not in site.fields:
        lacking = f"the custom field {INSTALLATION}" if site else "the site"
        raise StalledError(f"site {one.site}: {lacking} does not exist in NetBox", reason="NotPrepared")
    netbox.write_site(site, {INSTALLATION: one.installation})
    return site


def tell(netbox: NetBox, site: Site, one: Binding) -> None:
    """Say in the site's journal who has it now, and who had it. Raises as `NetBox.note`."""
    was = f"; before, it was bound to {one.before}" if one.before else ""
    text = f"Bound to installation {one.installation} by init-netbox --rebind, for fabric {one.fabric}{was}."
    netbox.note(site, text, is_trouble=one.is_elsewhere)
