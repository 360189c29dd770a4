"""NetBox's configuration in the lab: everything on loopback, nothing of it secret.

NetBox imports this file; ports and the stores' password come from the environment that the lab starts it with.
"""

from __future__ import annotations

import os

_PASSWORD = os.environ["LAB_STORES_PASSWORD"]
_REDIS = {"HOST": "127.0.0.1", "PORT": int(os.environ["LAB_REDIS_PORT"]), "PASSWORD": _PASSWORD, "SSL": False}

ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES = {
    "default": {
        "NAME": os.environ["LAB_DATABASE"],
        "USER": "netbox",
        "PASSWORD": _PASSWORD,
        "HOST": "127.0.0.1",
        "PORT": os.environ["LAB_POSTGRES_PORT"],
        "CONN_MAX_AGE": 300,
        # a reset replaces the database under living workers: they have to notice
        "CONN_HEALTH_CHECKS": True,
    }
}
REDIS = {"tasks": {**_REDIS, "DATABASE": 0}, "caching": {**_REDIS, "DATABASE": 1}}
# both are part of the dump: a password or token made under other values is not recognized
SECRET_KEY = "known-to-everyone-and-good-for-a-test-server-on-loopback-only"
API_TOKEN_PEPPERS = {1: "known-to-everyone-and-good-for-a-test-server-on-loopback-only"}

AUTH_PASSWORD_VALIDATORS: list[object] = []
CENSUS_REPORTING_ENABLED = False
ISOLATED_DEPLOYMENT = True
RELEASE_CHECK_URL = None
TRANSLATION_ENABLED = False
TIME_ZONE = "UTC"
# a worker on this queue alone sends webhooks; on the default queue it would also index each written object
QUEUE_MAPPINGS = {"webhook": "high"}
