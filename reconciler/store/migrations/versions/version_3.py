"""Approvals, and by whom a fabric was suspended."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute('ALTER TABLE suspensions ADD COLUMN "by" TEXT')
    op.execute("""CREATE TABLE approvals (
        fabric TEXT NOT NULL, hash TEXT NOT NULL, since VARCHAR NOT NULL, "by" TEXT, PRIMARY KEY (fabric)
    )""")
