"""Documents in memory: gone with the process."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject


class MemoryDocuments:
    """`ports.Documents` without persistence. What is loaded or saved is copied, as a database would."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._collections: dict[str, dict[str, JSONObject]] = {}

    def load(self, collection: str) -> Mapping[str, JSONObject]:
        with self._lock:
            return copy.deepcopy(self._collections.get(collection, {}))

    def save(self, collection: str, changes: Mapping[str, JSONObject | None]) -> None:
        with self._lock:
            documents = self._collections.setdefault(collection, {})
            for key, document in changes.items():
                if document is None:
                    documents.pop(key, None)
                else:
                    documents[key] = copy.deepcopy(document)
