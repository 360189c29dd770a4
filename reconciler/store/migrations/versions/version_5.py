"""Alembic's own table in place of `schema_version`, and what receivers of notifications know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # For ever: by it programs of before Alembic refuse the file with both versions named.
    op.execute("UPDATE schema_version SET version = 5")
    op.create_table(
        "notifications",
        sa.Column("notification", sa.Text, primary_key=True, nullable=False),
        sa.Column("fabric", sa.Text, primary_key=True, nullable=False),
        sa.Column("followed", sa.Text, nullable=False),
    )
