"""How a state file of an earlier version becomes one of this version. Steps only add: nothing that was stored is lost.

Each step is written out, not derived from the tables as they are now: it must do the same for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from reconciler.store.schema import VERSION, schema_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

STEPS: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE webhooks ADD COLUMN silent_since VARCHAR",
        "ALTER TABLE webhooks ADD COLUMN last_unannounced VARCHAR",
        "ALTER TABLE webhooks ADD COLUMN unannounced TEXT",
        "CREATE TABLE suspensions (fabric TEXT NOT NULL, since VARCHAR NOT NULL, reason TEXT, PRIMARY KEY (fabric))",
    ),
    2: (
        'ALTER TABLE suspensions ADD COLUMN "by" TEXT',
        """CREATE TABLE approvals (
            fabric TEXT NOT NULL, hash TEXT NOT NULL, since VARCHAR NOT NULL, "by" TEXT, PRIMARY KEY (fabric)
        )""",
    ),
    3: (
        """CREATE TABLE netbox_places (
            fabric TEXT NOT NULL, place TEXT NOT NULL, PRIMARY KEY (fabric),
            FOREIGN KEY(fabric) REFERENCES fabrics (name)
        )""",
        """CREATE TABLE netbox_lines (
            fabric TEXT NOT NULL, model TEXT NOT NULL, "key" TEXT NOT NULL, line TEXT NOT NULL,
            PRIMARY KEY (fabric, model, "key"), FOREIGN KEY(fabric) REFERENCES fabrics (name)
        )""",
        """CREATE TABLE commit_statuses (
            fabric TEXT NOT NULL, "commit" TEXT NOT NULL, repository TEXT NOT NULL, sequence INTEGER NOT NULL,
            is_owed BOOLEAN NOT NULL, status TEXT NOT NULL, PRIMARY KEY (fabric, "commit"), UNIQUE (sequence)
        )""",
        "CREATE INDEX commit_statuses_owed ON commit_statuses (is_owed, repository, sequence)",
    ),
}
"""By version, the statements that lead to the next one."""


def migrate(connection: Connection, version: int) -> None:
    """Bring a file of this version to the present one. To be called in one transaction: it is whole or absent."""
    for step in range(version, VERSION):
        for statement in STEPS[step]:
            connection.exec_driver_sql(statement)
    connection.execute(update(schema_version).values(version=VERSION))
