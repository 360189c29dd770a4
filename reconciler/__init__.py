"""Event-driven GitOps reconciler for Hedgehog Open Network Fabric."""

__version__ = "0.1.0"
