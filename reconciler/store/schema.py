"""The tables. Values are kept whole, as JSON; a column beside them is a key, an order, or has a writer of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
)

from reconciler.model.commit_status import CommitStatus
from reconciler.model.notifications import Followed
from reconciler.model.passes import InventoryEntry, ObjectState, PassRecord
from reconciler.model.requests import Request
from reconciler.model.status import FabricRecord
from reconciler.store.codec import JSON_OBJECT, Codec, UnreadableError

VERSION = 5
"""Version of this schema. A change of the tables, or of a stored type that cannot read what was written, raises it, and
has a step in `migrations/versions`.
"""

ALEMBIC_SINCE = 5
"""The first version in which Alembic's own table tells the version."""


def revision_of(version: int) -> str:
    """A version as Alembic names its step."""
    return f"{version:04}"


class Moment(TypeDecorator[datetime]):
    """A time, as RFC 3339 text in UTC with microseconds: one length, so that the order of text is that of time."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - given by SQLAlchemy
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without offset cannot be stored")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - see above
        try:
            return None if value is None else datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise UnreadableError("a stored time cannot be read") from None


class Encoded(TypeDecorator[Any]):
    """A value of the type that the codec speaks for."""

    impl = Text
    cache_ok = True

    def __init__(self, codec: Codec[Any]) -> None:
        super().__init__()
        # By the parameter's name: that makes it part of SQLAlchemy's key for compiled statements.
        self.codec = codec

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002 - see above
        return self.codec.encode(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - see above
        return self.codec.decode(value or "")


metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))
"""Tells programs of before Alembic that they cannot use the file: it says 5 for ever."""

alembic_version = Table(
    "alembic_version",
    metadata,
    # As Alembic makes it. Known here so that a file can be looked at, and made, without loading Alembic.
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

fabrics = Table(
    "fabrics",
    metadata,
    Column("name", Text, primary_key=True),
    # These three are moved by others than passes, and count instead of what `record` says of them.
    Column("desired_revision", Text),
    Column("next_poll", Moment),
    Column("effective_interval", Float, nullable=False),
    Column("record", Encoded(Codec(FabricRecord)), nullable=False),
)


def _per_object(name: str, type_: type) -> Table:
    return Table(
        name,
        metadata,
        Column("fabric", Text, ForeignKey(fabrics.c.name), primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("namespace", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("value", Encoded(Codec(type_)), nullable=False),
    )


inventory = _per_object("inventory", InventoryEntry)
objects = _per_object("objects", ObjectState)

netbox_places = Table(
    "netbox_places",
    metadata,
    Column("fabric", Text, ForeignKey(fabrics.c.name), primary_key=True),
    # The NetBox of which `netbox_lines` speaks.
    Column("place", Text, nullable=False),
)

netbox_lines = Table(
    "netbox_lines",
    metadata,
    Column("fabric", Text, ForeignKey(fabrics.c.name), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("line", Text, nullable=False),
)

passes = Table(
    "passes",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("fabric", Text, ForeignKey(fabrics.c.name), nullable=False),
    Column("finished", Moment, nullable=False),
    Column("record", Encoded(Codec(PassRecord)), nullable=False),
    Index("passes_of_fabric", "fabric", "sequence"),
)

requests = Table(
    "requests",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("fabric", Text, ForeignKey(fabrics.c.name), nullable=False),
    # When the request reached a terminal state; null while it is unfinished.
    Column("ended", Moment, index=True),
    Column("request", Encoded(Codec(Request)), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("received", Moment, nullable=False, index=True),
    Column("requests", Encoded(Codec(tuple[str, ...])), nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("repository", Text, primary_key=True),
    Column("last_received", Moment),
    Column("last_verified", Moment),
    # What polls found since then and no delivery had announced: the first time, the last time, and what.
    Column("silent_since", Moment),
    Column("last_unannounced", Moment),
    Column("unannounced", Text),
)

suspensions = Table(
    "suspensions",
    metadata,
    # Without a reference to a fabric's row: one that never had a pass can be suspended too.
    Column("fabric", Text, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("reason", Text),
    Column("by", Text),
)

approvals = Table(
    "approvals",
    metadata,
    # One for a fabric, since only one plan can be the present one.
    Column("fabric", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("by", Text),
)

commit_statuses = Table(
    "commit_statuses",
    metadata,
    # Without a reference to a fabric's row, as `suspensions`.
    Column("fabric", Text, primary_key=True),
    Column("commit", Text, primary_key=True),
    Column("repository", Text, nullable=False),
    # The order of all changes. Its own of each row's last change, by which the forge's answer is known to be of it.
    Column("sequence", Integer, nullable=False, unique=True),
    # Whether the forge is still to be told.
    Column("is_owed", Boolean, nullable=False),
    Column("status", Encoded(Codec(CommitStatus)), nullable=False),
    Index("commit_statuses_owed", "is_owed", "repository", "sequence"),
)

notifications = Table(
    "notifications",
    metadata,
    # By the name of the notification; without a reference to a fabric's row, as `suspensions`.
    Column("notification", Text, primary_key=True),
    Column("fabric", Text, primary_key=True),
    Column("followed", Encoded(Codec(Followed)), nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body", Encoded(JSON_OBJECT), nullable=False),
)
