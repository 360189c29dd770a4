"""Requests to one NetBox: REST for writing, GraphQL or REST for reading.

pynetbox keeps the session and knows the addresses. Its requests stay unused: they take a redirect for success, send no
conditions with a write and cut nothing to the size that NetBox takes; its records would cost a request each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import quote_plus, urlsplit, urlunsplit

import pynetbox
import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay

from reconciler.errors import NetBoxAccessError, NetBoxUnavailableError
from reconciler.plan.netbox_features import has_feature
from reconciler.targets.netbox.answers import BusyError, LostError, RefusedError, plain, read_answer, translate
from reconciler.targets.netbox.session import BoundedSession
from reconciler.threads import ContextPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tenacity import RetryCallState

    from reconciler.model.calls import CallHook
    from reconciler.model.json import JSON, JSONObject

Params: TypeAlias = Mapping[str, str | Sequence[str]]
S = TypeVar("S")
T = TypeVar("T")

_ATTEMPTS = 4
_PATIENCE = 75.0
"""Seconds after which no further attempt is made: a NetBox that times out once is asked once more, no oftener."""

_MOST_ALIASES = 10
"""NetBox takes no more in a query by default."""

_ALIAS = re.compile(r"\w+:\w+\(")

_LONGEST_QUERY = 3500
"""Characters, as sent. Queries travel as GET, so that they are reads for every proxy and log; gunicorn takes 4,094."""


class RefusedReadError(NetBoxAccessError):
    """NetBox refused to answer what was asked, whoever asks; `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NoGraphQLError(NetBoxAccessError):
    """NetBox does not answer what we ask by GraphQL: it is turned off, or does not know what is asked for."""


@dataclass(frozen=True, slots=True)
class NetBoxAccess:
    """Where NetBox is and who we are. `token` gives the token of the moment and is asked before every request;
    `ca_file` holds the certificates to trust (PEM), None for the system's; `writers` are the parallel bulk writes.
    `is_pressed` tells whether somebody waits for us to be done, so that an overdue answer is waited for no longer;
    `on_call` is told of each request.
    """

    url: str
    token: Callable[[], bytes]
    ca_file: Path | None = None
    writers: int = 2
    is_pressed: Callable[[], bool] = lambda: False
    on_call: CallHook = lambda *_: None


class NetBoxClient:
    """Raises NetBoxUnavailableError and NetBoxAccessError everywhere; what else, each method says."""

    def __init__(self, access: NetBoxAccess, sleep: Callable[[float], None]) -> None:
        self._api = pynetbox.api(access.url)
        session = BoundedSession(access.token, access.ca_file, access.writers + 1, access.is_pressed)
        session.on_call = access.on_call
        self.written = session.written
        self._session = session
        self._version = ""
        self._auth = session.token_auth
        self._api.http_session = session
        self._readers = access.writers
        self._root: str = self._api.base_url.removesuffix("/api")
        self.address = _public(self._root)
        self._reading = _retrying((BusyError, LostError), sleep)
        self._writing = _retrying(BusyError, sleep)

    def version(self) -> str:
        """NetBox's version, asked with our token."""
        status = self._reading(self._get, f"{self._root}/api/status/", {})
        version = status.get("netbox-version") if isinstance(status, dict) else None
        if not version:
            raise NetBoxAccessError(f"{self.address}: this is not a NetBox")
        self._version = plain(version)
        return self._version

    def release(self) -> str:
        """The release (`4.7`) by NetBox's last answer, or its version where no answer told that: asked once."""
        if not self._session.api_version and not self._version:
            self.version()
        return self._session.api_version or self._version

    def offers(self, feature: str) -> bool:
        """Whether NetBox has a feature of `plan.netbox_features`, by its release."""
        return has_feature(self.release(), feature)

    def token_version(self) -> str:
        """`v1` or `v2`, by the form of our token."""
        return self._auth.version()

    def query(self, *parts: str) -> dict[str, list[JSONObject]]:
        """The answers to GraphQL fields (`site_list(…){…}`), by name, in as few requests as their length allows, and
        these at once. Raises NoGraphQLError.
        """
        found: dict[str, list[JSONObject]] = {}
        for answer in self.at_once(lambda text: self._reading(self._query, text), list(_packed(parts))):
            for name, items in answer.items():
                found.setdefault(name, []).extend(items)
        return found

    def at_once(self, read: Callable[[S], T], items: Sequence[S]) -> list[T]:
        """What is read of each item, of as many at once as requests may be under way."""
        if len(items) < 2:  # noqa: PLR2004 - nothing to be done at once
            return [read(item) for item in items]
        with ContextPool(self._readers, "netbox-reader") as pool:
            return list(pool.map(read, items))

    def listing(self, path: str, params: Params) -> list[JSONObject]:
        """All objects of a REST list that is known to be short."""
        results, is_cut = self.page(path, {**params, "limit": "1000"})
        if is_cut:
            raise NetBoxAccessError(f"{self.address}: /api/{path}/ answers more than was asked for")
        return results

    def page(self, path: str, params: Params) -> tuple[list[JSONObject], bool]:
        """The first objects of a REST list, and whether there are more."""
        answer = self._reading(self._get, self._url(path), params)
        return answer["results"], bool(answer["next"])

    def look(self, path: str) -> None:
        """See whether we may look at a list at all: GraphQL passes over what we may not see, REST refuses."""
        self._reading(self._get, self._url(path), {"limit": "1", "fields": "id"})

    def write(self, method: str, path: str, body: JSON, etags: Sequence[str] = ()) -> JSON:
        """One write. With `etags` NetBox refuses it (412) unless every record's is among them. Sent again only when it
        was certainly not carried out. Raises LostError, RefusedError.
        """
        return self._writing(self._write, method, self._url(path), body, etags)

    def _url(self, path: str) -> str:
        """The address of a list (`ipam/vlan-groups`) or of a record in it (`ipam/vlan-groups/7`)."""
        app, name, *record_id = path.split("/")
        base = getattr(getattr(self._api, app), name.replace("-", "_")).url
        return "/".join([base, *record_id, ""])

    def _query(self, text: str) -> dict[str, list[JSONObject]]:
        try:
            answer = self._get(f"{self._root}/graphql/", {"query": text})
        except RefusedReadError as error:
            raise NoGraphQLError(error.message) from None
        if errors := answer.get("errors"):
            raise _query_error(errors, self.address)
        data: dict[str, list[JSONObject]] = answer["data"]
        return data

    def _get(self, url: str, params: Params) -> JSON:
        where = f"GET {urlsplit(url).path}"
        return _read(where, lambda: self._send("GET", url, where, {"params": params}, {}))

    def _write(self, method: str, url: str, body: JSON, etags: Sequence[str]) -> JSON:
        headers = {"Content-Type": "application/json", **({"If-Match": ", ".join(etags)} if etags else {})}
        where = f"{method} {urlsplit(url).path}"
        return self._send(method, url, where, {"data": json.dumps(body).encode()}, headers)

    def _send(self, method: str, url: str, where: str, content: Mapping[str, Any], headers: Mapping[str, str]) -> JSON:
        def work() -> JSON:
            accept = {"Accept": "application/json", **headers}
            return read_answer(self._api.http_session.request(method, url, headers=accept, **content), where)

        return _guarded(where, work)


def pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: half a second, doubled each time, or what NetBox asked for; at most ten."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, BusyError) else 0.0
    return float(min(max(0.5 * 2 ** (state.attempt_number - 1), asked), 10.0))


def _retrying(errors: type[Exception] | tuple[type[Exception], ...], sleep: Callable[[float], None]) -> Retrying:
    patience = stop_after_attempt(_ATTEMPTS) | stop_after_delay(_PATIENCE)
    return Retrying(retry=retry_if_exception_type(errors), stop=patience, wait=pause, sleep=sleep, reraise=True)


def _guarded(where: str, work: Callable[[], JSON]) -> JSON:
    """Carry out a request; what the libraries raise comes out as our errors."""
    try:
        return work()
    except requests.RequestException as error:
        raise translate(error, where) from None


def _read(where: str, work: Callable[[], JSON]) -> JSON:
    """Carry out a request that only reads: there is nothing in it that could be refused for one record's sake."""
    try:
        return _guarded(where, work)
    except RefusedError as error:
        text = f"{where}: HTTP {error.status}: {error.message}"
        if error.status >= requests.codes.server_error:
            raise NetBoxUnavailableError(text) from None
        raise RefusedReadError(text, error.status) from None


def _packed(parts: Iterable[str]) -> Iterator[str]:
    """GraphQL documents of these fields: none too long for a URL, none with too many aliases, and none with two pages
    of a list, which take long enough to be read at once.
    """
    taken: dict[str, str] = {}
    for part in parts:
        name, together = part.partition("(")[0].rpartition(":")[2], "".join([*taken.values(), part])
        is_full = name in taken or len(_ALIAS.findall(together)) > _MOST_ALIASES
        if taken and (is_full or len(quote_plus(together)) > _LONGEST_QUERY):
            yield "{" + " ".join(taken.values()) + "}"
            taken = {}
        taken[name] = part
    if taken:
        yield "{" + " ".join(taken.values()) + "}"


def _query_error(errors: JSON, address: str) -> NetBoxAccessError | NetBoxUnavailableError:
    """An error with a path arose while NetBox looked; one without means that it does not know what we ask for. What we
    may not see is null to it, which its own schema forbids where a record must refer to it.
    """
    first = errors[0] if isinstance(errors, list) and errors else errors
    message = plain(first.get("message") if isinstance(first, dict) else first)
    if "non-nullable" in message:
        return NetBoxAccessError(f"{address}: we may not view what records refer to: {message}")
    if isinstance(first, dict) and first.get("path"):
        return NetBoxUnavailableError(f"{address}: GraphQL: {message}")
    return NoGraphQLError(f"{address}: its GraphQL does not know what we ask: {message}", reason="NetBoxUnsupported")


def _public(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
