"""What was written to NetBox, and what forges are to be told."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""CREATE TABLE netbox_places (
        fabric TEXT NOT NULL, place TEXT NOT NULL, PRIMARY KEY (fabric),
        FOREIGN KEY(fabric) REFERENCES fabrics (name)
    )""")
    op.execute("""CREATE TABLE netbox_lines (
        fabric TEXT NOT NULL, model TEXT NOT NULL, "key" TEXT NOT NULL, line TEXT NOT NULL,
        PRIMARY KEY (fabric, model, "key"), FOREIGN KEY(fabric) REFERENCES fabrics (name)
    )""")
    op.execute("""CREATE TABLE commit_statuses (
        fabric TEXT NOT NULL, "commit" TEXT NOT NULL, repository TEXT NOT NULL, sequence INTEGER NOT NULL,
        is_owed BOOLEAN NOT NULL, status TEXT NOT NULL, PRIMARY KEY (fabric, "commit"), UNIQUE (sequence)
    )""")
    op.execute("CREATE INDEX commit_statuses_owed ON commit_statuses (is_owed, repository, sequence)")
