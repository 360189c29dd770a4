"""A real NetBox. The only home of pynetbox, and of requests to NetBox."""

from reconciler.targets.netbox.client import NetBoxAccess
from reconciler.targets.netbox.server import NetBoxServer

__all__ = ["NetBoxAccess", "NetBoxServer"]
