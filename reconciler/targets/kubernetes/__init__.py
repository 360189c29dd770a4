"""The Kubernetes API of a fabric's control plane. The only home of the `kubernetes` client library."""

from reconciler.targets.kubernetes.cluster import KubernetesCluster
from reconciler.targets.kubernetes.connection import ClusterAccess

__all__ = ["ClusterAccess", "KubernetesCluster"]
