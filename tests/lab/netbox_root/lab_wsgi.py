"""What gunicorn serves in the lab: NetBox, its static files, and a log of every request.

Runs inside NetBox's own virtual environment.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.handlers import StaticFilesHandler  # type: ignore[import-not-found]  # NetBox's own
from django.db import connections  # type: ignore[import-not-found]  # NetBox's own
from netbox.wsgi import application as netbox  # type: ignore[import-not-found]  # NetBox's own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOG = os.open(os.environ["LAB_ACCESS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

# serves them from the installed package, so nothing has to be collected first
_served = StaticFilesHandler(netbox)
# a connection opened while loading must not be shared by the workers that are forked from here
connections.close_all()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Log each request before its answer leaves, so that whoever has the answer finds the line.

    gunicorn's own access log is written after the answer, and a reader could miss the newest request.
    """

    def start_and_log(status: str, *rest: Any) -> Any:
        line = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "code": int(status.split(" ", 1)[0]),
            "user_agent": environ.get("HTTP_USER_AGENT", ""),
        }
        os.write(_LOG, json.dumps(line).encode() + b"\n")
        return start_response(status, *rest)

    answer: Iterable[bytes] = _served(environ, start_and_log)
    return answer
