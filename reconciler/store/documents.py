"""Persistence of the embedded stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.store.rows import Part
from reconciler.store.schema import documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject


class DocumentPart(Part):
    """Implements `ports.Documents`."""

    def load(self, collection: str) -> Mapping[str, JSONObject]:
        with self._database.reading() as connection:
            rows = connection.execute(select(documents).where(documents.c.collection == collection))
            return {row.key: row.body for row in rows}

    def save(self, collection: str, changes: Mapping[str, JSONObject | None]) -> None:
        gone = [{"gone": key} for key, body in changes.items() if body is None]
        written = [
            {"collection": collection, "key": key, "body": body} for key, body in changes.items() if body is not None
        ]
        of_collection = documents.c.collection == collection
        statement = insert(documents)
        upsert = statement.on_conflict_do_update(
            index_elements=[*documents.primary_key],
            set_={"body": statement.excluded.body},
        )
        with self._database.writing() as connection:
            if gone:
                connection.execute(delete(documents).where(of_collection, documents.c.key == bindparam("gone")), gone)
            if written:
                connection.execute(upsert, written)
