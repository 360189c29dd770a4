"""Everything that shows the reconciler at work without a fabric, a cluster or a NetBox of one's own."""
