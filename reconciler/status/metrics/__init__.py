"""Metrics for Prometheus, by subject. The only home of its client library."""

from reconciler.status.metrics.whole import INTERNAL_ERROR, PRIORITIES, Metrics, Standing

__all__ = ["INTERNAL_ERROR", "PRIORITIES", "Metrics", "Standing"]
