"""Documents in memory: gone with the process."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject


class MemoryDocuments:
    """`ports.Documents` without persistence. What is loaded or saved is copied, as a database would.

    Documents are kept pickled: reading 300 records back takes an eighth of a deep copy's time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._collections: dict[str, dict[str, bytes]] = {}

    def load(self, collection: str) -> Mapping[str, JSONObject]:
        with self._lock:
            return {key: pickle.loads(kept) for key, kept in self._collections.get(collection, {}).items()}  # noqa: S301 - our own

    def save(self, collection: str, changes: Mapping[str, JSONObject | None]) -> None:
        with self._lock:
            documents = self._collections.setdefault(collection, {})
            for key, document in changes.items():
                if document is None:
                    documents.pop(key, None)
                else:
                    documents[key] = pickle.dumps(document)
