"""One pass over one fabric: fetch, read, observe, plan, apply, project, write to NetBox, record.

Every phase reports what it could not do to the pass's `Attempt`; `record` is the one exit, whatever happened.
"""

from __future__ import annotations

from reconciler.reconcile.engine import Subject, reconcile
from reconciler.reconcile.fights import Fights
from reconciler.reconcile.offline import Foresight
from reconciler.reconcile.preview import Preview, Previewer
from reconciler.reconcile.runner import PassRunner, Surroundings
from reconciler.reconcile.schemas import Inspector

__all__ = [
    "Fights",
    "Foresight",
    "Inspector",
    "PassRunner",
    "Preview",
    "Previewer",
    "Subject",
    "Surroundings",
    "reconcile",
]
