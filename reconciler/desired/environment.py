"""Which variables of ours the programs that we run get: those that say how to work here, and no secret of others."""

from __future__ import annotations

import re

_PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TERM|TMPDIR|(?i:(http|https|all|no)_proxy)"
    r"|SSL_CERT_(FILE|DIR)|CURL_\w+|OPENSSL_\w+|LD_\w+|DYLD_\w+|NIX_\w+"
)
"""Proxies, authorities and libraries are where the machine has them. Tokens that the configuration takes from variables
are not for git and ssh, which talk to one server with one credential.
"""


def is_passed_on(name: str) -> bool:
    """Whether a program that we run may have our variable of this name."""
    return _PASSED_ON.fullmatch(name) is not None
