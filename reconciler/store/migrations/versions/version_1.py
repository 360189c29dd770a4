"""The first state file: fabrics, passes, requests, deliveries, inventory, objects, documents."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    """CREATE TABLE fabrics (
        name TEXT NOT NULL, desired_revision TEXT, next_poll VARCHAR, effective_interval FLOAT NOT NULL,
        record TEXT NOT NULL, PRIMARY KEY (name)
    )""",
    """CREATE TABLE inventory (
        fabric TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (fabric, kind, namespace, name), FOREIGN KEY(fabric) REFERENCES fabrics (name)
    )""",
    """CREATE TABLE objects (
        fabric TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (fabric, kind, namespace, name), FOREIGN KEY(fabric) REFERENCES fabrics (name)
    )""",
    """CREATE TABLE passes (
        sequence INTEGER NOT NULL, id TEXT NOT NULL, fabric TEXT NOT NULL, finished VARCHAR NOT NULL,
        record TEXT NOT NULL, PRIMARY KEY (sequence), UNIQUE (id), FOREIGN KEY(fabric) REFERENCES fabrics (name)
    )""",
    "CREATE INDEX passes_of_fabric ON passes (fabric, sequence)",
    """CREATE TABLE requests (
        sequence INTEGER NOT NULL, id TEXT NOT NULL, fabric TEXT NOT NULL, ended VARCHAR, request TEXT NOT NULL,
        PRIMARY KEY (sequence), UNIQUE (id), FOREIGN KEY(fabric) REFERENCES fabrics (name)
    )""",
    "CREATE INDEX ix_requests_ended ON requests (ended)",
    """CREATE TABLE deliveries (
        provider TEXT NOT NULL, id TEXT NOT NULL, received VARCHAR NOT NULL, requests TEXT NOT NULL,
        PRIMARY KEY (provider, id)
    )""",
    "CREATE INDEX ix_deliveries_received ON deliveries (received)",
    """CREATE TABLE webhooks (
        repository TEXT NOT NULL, last_received VARCHAR, last_verified VARCHAR, PRIMARY KEY (repository)
    )""",
    """CREATE TABLE documents (
        collection TEXT NOT NULL, "key" TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, "key")
    )""",
    "INSERT INTO schema_version (version) VALUES (1)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
