"""The migrated database that a NetBox of the lab begins with, and how it is made.

NetBox' migrations take 6 to 9 minutes of computing, a restore of their result one second. So they are run when the
version changes, by `python -m tests.lab make-netbox-dump`, and their result is kept beside this file. The accounts
below are in it: made-up values, good on loopback only.
"""

from __future__ import annotations

import gzip
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.commands import run
from tests.lab.netbox_install import CONSTRAINTS, DUMP, VERSION, netbox_environment, netbox_root, process_environment
from tests.lab.netbox_stores import DATABASE, NetBoxStores
from tests.lab.ports import free_ports
from tests.lab.postgres import make_folder

if TYPE_CHECKING:
    from tests.lab.progress import Progress

ADMIN_USER = "admin"
ADMIN_PASSWORD = "lab-admin"
_TOKEN_KEY = "labwritekey1"
_TOKEN_TEXT = "madeUpForTheLabOnlyMayWriteEverything000"
_READER_KEY = "labreaderkey"
_READER_TEXT = "madeUpForTheLabOnlyMayReadEverything0000"
TOKEN = f"nbt_{_TOKEN_KEY}.{_TOKEN_TEXT}"
READ_ONLY_TOKEN = f"nbt_{_READER_KEY}.{_READER_TEXT}"
TOKEN_V1 = "madeUpForTheLabOnlyOldKindOfToken0000000"
_MIGRATE_TIMEOUT = 3600.0
_DUMP_TIMEOUT = 300.0
_CONSTRAINTS_HEADER = f"""\
# What NetBox {VERSION} is installed with: the packages that made {DUMP.name} beside this file.
# To take newer ones, delete this file and the lab's cache, then: python -m tests.lab make-netbox-dump
"""

# the API never accepts a token's text, only NetBox' own models do
_ACCOUNTS = f"""
from users.models import Token, User
admin = User.objects.create_superuser({ADMIN_USER!r}, "admin@example.com", {ADMIN_PASSWORD!r})
Token(user=admin, version=2, key={_TOKEN_KEY!r}, token={_TOKEN_TEXT!r}).save()
Token(user=admin, version=2, key={_READER_KEY!r}, token={_READER_TEXT!r}, write_enabled=False).save()
Token(user=admin, version=1, token={TOKEN_V1!r}).save()
"""


def make_dump(progress: Progress) -> Path:
    """Migrate an empty database, add the accounts, write the dump and the list of the packages that made it."""
    environment = netbox_environment(progress)
    folder = Path(tempfile.mkdtemp(prefix="reconciler-lab-dump-"))
    postgres_folder = make_folder()
    postgres_port, redis_port = free_ports(2)
    stores = NetBoxStores(folder, postgres_folder, (postgres_port, redis_port), secrets.token_hex(16))
    try:
        stores.start()
        _migrate(stores, environment, folder, progress)
        text = stores.postgres.dump(DATABASE)
    finally:
        stores.stop()
        shutil.rmtree(postgres_folder)
        shutil.rmtree(folder)
    DUMP.write_bytes(gzip.compress(text.encode(), mtime=0))
    installed = run([environment / "bin/pip", "freeze"], timeout=_DUMP_TIMEOUT)
    CONSTRAINTS.write_text(_CONSTRAINTS_HEADER + installed, encoding="utf-8")
    return DUMP


def _migrate(stores: NetBoxStores, environment: Path, folder: Path, progress: Progress) -> None:
    stores.postgres.execute(f"create database {DATABASE}")
    root = netbox_root(folder)
    settings = {**process_environment(root), **stores.settings()}
    netbox = environment / "bin/netbox"
    progress.say(f"migrating an empty database to NetBox {VERSION}, 6 to 9 minutes")
    run([netbox, "migrate", "--no-input", "-v0"], timeout=_MIGRATE_TIMEOUT, env=settings, cwd=root)
    run([netbox, "nbshell", "-c", _ACCOUNTS], timeout=_DUMP_TIMEOUT, env=settings, cwd=root)
