"""What outlives the process, in one SQLite file: requests, the outcome of passes, the poll's memory, and the
documents of the embedded stores. The only home of SQLAlchemy.
"""

from __future__ import annotations

from reconciler.store.look import Look, look_at, suspended_in
from reconciler.store.open import Store, open_store

__all__ = ["Look", "Store", "look_at", "open_store", "suspended_in"]
