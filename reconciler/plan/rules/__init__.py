"""What an applier must check itself before it writes: references, and rules within one document and across them.

Schemas (types, patterns, enums) are checked elsewhere and may not have been yet: a value of another type than the
schema's breaks no rule here. Nor does what a fabric's own configuration decides (its address pools, its ranges of
ASNs): that is left to the server.

Source of the rules: the admission webhooks of githedgehog/fabric.
"""

from reconciler.plan.rules.check import broken_rules
from reconciler.plan.rules.facts import Facts
from reconciler.plan.rules.table import facts_of

__all__ = ["Facts", "broken_rules", "facts_of"]
