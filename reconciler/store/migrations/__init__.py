"""How a state file of an earlier version becomes one of this version, by Alembic. Steps only add: nothing that was
stored is lost. Each step is written out, not derived from the tables as they are now: it must do the same for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert

from reconciler.store.schema import ALEMBIC_SINCE, alembic_version, revision_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCRIPTS = "reconciler.store:migrations"
"""Where Alembic finds its environment and the steps: inside of the package, so that they are in every installation."""


def migrate(connection: Connection, version: int) -> None:
    """Bring a file of this version (0: without tables) to the present one. To be called in one transaction, which is
    left open: it is whole or absent.
    """
    # Here, and not above: it takes 0.3 s and 11 MB, and is needed once after an upgrade.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if 0 < version < ALEMBIC_SINCE:
        alembic_version.create(connection)
        connection.execute(insert(alembic_version).values(version_num=revision_of(version)))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", SCRIPTS)
    command.upgrade(config, "head")
