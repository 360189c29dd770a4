"""A real NetBox. The only home of pynetbox, and of requests to NetBox."""

from reconciler.targets.netbox.client import NetBoxAccess
from reconciler.targets.netbox.probing import NetBoxProbe
from reconciler.targets.netbox.server import NetBoxServer
from reconciler.targets.netbox.setup import NetBoxSetup

__all__ = ["NetBoxAccess", "NetBoxProbe", "NetBoxServer", "NetBoxSetup"]
