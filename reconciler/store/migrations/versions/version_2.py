"""Suspensions, and what only polls found."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE webhooks ADD COLUMN silent_since VARCHAR")
    op.execute("ALTER TABLE webhooks ADD COLUMN last_unannounced VARCHAR")
    op.execute("ALTER TABLE webhooks ADD COLUMN unannounced TEXT")
    op.execute(
        "CREATE TABLE suspensions (fabric TEXT NOT NULL, since VARCHAR NOT NULL, reason TEXT, PRIMARY KEY (fabric))"
    )
