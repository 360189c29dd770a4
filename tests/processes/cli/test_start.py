"""What the command line loads before it knows which command is wanted: people wait for it, at each press of TAB too."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {
    "kubernetes",
    "sqlalchemy",
    "pynetbox",
    "git",
    "aiohttp",
    "starlette",
    "uvicorn",
    "pydantic",
    "alembic",
    "jinja2",
}


def test_what_serves_is_not_loaded() -> None:
    """None of the libraries that the service is made of."""
    script = "import json, sys, reconciler.cli; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert HEAVY & set(json.loads(done.stdout)) == set()
