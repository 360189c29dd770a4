"""The time of other machines, as their web servers tell it."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.app.subjects import build_cluster
from reconciler.errors import ReconcilerError
from reconciler.model.verification import Finding, Verdict
from reconciler.plan.clock_skew import FAILING_ABOVE, WARNING_ABOVE, judge, skew
from reconciler.settings.urls import is_loopback
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.settings import Settings

TIMEOUT = 5.0

_ADVICE = "keep the clocks of both machines by NTP: signed deliveries and tokens are refused by a wrong clock"


def verify_clock(settings: Settings, server: str | None) -> Iterator[Finding]:
    """Our clock against that of each host that we work with, and of the service where that is elsewhere."""
    addresses = sorted({_origin(url) for url in (*_urls(settings), *_remote(server))})
    found = [one for address in addresses if (one := _compare(address)) is not None]
    if not found:
        yield Finding("clock", Verdict.NOT_APPLICABLE, "no host that is asked over HTTP tells its time")
    yield from found


def _urls(settings: Settings) -> Iterator[str]:
    for repository in settings.repositories:
        if repository.url.startswith(("http://", "https://")):
            yield repository.url
    for fabric in settings.fabrics:
        if fabric.netbox is not None and fabric.netbox.url is not None:
            yield fabric.netbox.url
        if fabric.cluster is not None and not fabric.cluster.local:
            try:
                cluster = build_cluster(fabric, MemoryDocuments())
            except ReconcilerError:
                continue  # what is wrong with it is said by the check of its connection
            assert cluster is not None  # noqa: S101 - one is configured
            yield cluster.address


def _remote(server: str | None) -> Iterator[str]:
    if server is not None and not is_loopback(urlsplit(server).hostname or ""):
        yield server


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _compare(origin: str) -> Finding | None:
    """None for a host that does not answer, or does not tell its time: whether it must is the check of connections."""
    asked = datetime.now(UTC)
    said = ask_date(origin)
    if said is None:
        return None
    seconds = skew(asked, datetime.now(UTC), said)
    state = judge(seconds)
    if state is Verdict.OK:
        return Finding(f"clock of {origin}", state, f"at most {WARNING_ABOVE:.0f} s apart from ours")
    limit = FAILING_ABOVE if state is Verdict.FAILING else WARNING_ABOVE
    relation = "ahead of" if seconds > 0 else "behind"
    message = f"ours is {abs(seconds):.0f} s {relation} it, more than {limit:.0f} s"
    return Finding(f"clock of {origin}", state, message, _ADVICE)


def ask_date(origin: str) -> datetime | None:
    """The time that an http or https server tells in the head of whatever it answers."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=_unjudging())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
    )
    with closing(connection):
        try:
            connection.request("HEAD", "/")
            date = connection.getresponse().getheader("Date")
            return None if date is None else parsedate_to_datetime(date).astimezone(UTC)
        except (OSError, http.client.HTTPException, ValueError):
            return None


def _unjudging() -> ssl.SSLContext:
    """Nothing secret is sent, and only a time is read: the certificate is judged by the check of the connection."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
