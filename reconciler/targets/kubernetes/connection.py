"""How to reach a Kubernetes API, and as whom.

Nothing here speaks to a server. Errors name files and keys, never their content: a kubeconfig is full of secrets,
and the client library's own errors quote it.
"""

from __future__ import annotations

import base64
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from kubernetes.client import Configuration
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from reconciler.errors import ConfigurationError
from reconciler.model.paths import can_be_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kubernetes.aio.client import Configuration as AsyncConfiguration

    from reconciler.model.calls import CallHook
    from reconciler.model.json import JSON, JSONObject

AnyConfiguration = TypeVar("AnyConfiguration", Configuration, "AsyncConfiguration")
"""Of the client library's blocking half or of its asynchronous one: they differ only in type, and in that the first
takes proxies from the environment.
"""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token and CA."""

_MAX_FILE = 1 << 20
_KEYS = ("certificate-authority", "client-certificate", "client-key")
"""What a kubeconfig gives as a file, or itself under the same name with `-data`."""

_TOKEN_FILE = "tokenFile"  # noqa: S105 - a member of a kubeconfig

_TOKEN = re.compile(r"[!-~]+")
_REFUSED_USER_KEYS = {
    "exec": "it would run a program",
    "auth-provider": "it would run a program or send tokens elsewhere",
    "as": "impersonation is not supported, and ignoring it would give other rights",
}


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """Where the API is and who we are: exactly one of `kubeconfig`, `in_cluster` and `server`.

    `context` is one of the kubeconfig's, None its current one. With `server` (a URL) goes `token`, which gives the
    bearer token of the moment and is asked before every request, and `ca_file`, None for the system's CAs. `on_call` is
    told of each request.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    in_cluster: bool = False
    server: str | None = None
    token: Callable[[], bytes] | None = None
    ca_file: Path | None = None
    on_call: CallHook = lambda *_: None

    @contextmanager
    def filled(self, configuration: AnyConfiguration) -> Iterator[AnyConfiguration]:
        """Put it into a configuration of the client library. Keys that a kubeconfig holds itself are in files, which
        the library wants, only until the end of the block: a client must have read them by then.

        Raises ConfigurationError.
        """
        with TemporaryDirectory(prefix="reconciler-keys-") as folder:  # open to nobody else
            yield self._fill(configuration, Path(folder))

    def certificates(self) -> tuple[Path, ...]:
        """The files of keys and certificates that a client reads when it is made, and that the access does not name by
        itself: those that a kubeconfig names, and the pod's CA. Raises ConfigurationError.
        """
        if self.kubeconfig is not None:
            return _files_in(self.kubeconfig, self.context, _KEYS)
        return (SERVICE_ACCOUNT / "ca.crt",) if self.in_cluster else ()

    def token_files(self) -> tuple[Path, ...]:
        """The token files that a kubeconfig names. They are read before every request. Raises ConfigurationError."""
        return () if self.kubeconfig is None else _files_in(self.kubeconfig, self.context, (_TOKEN_FILE,))

    def _fill(self, configuration: AnyConfiguration, folder: Path) -> AnyConfiguration:
        if self.kubeconfig is not None:
            return from_kubeconfig(configuration, self.kubeconfig, self.context, folder)
        if self.in_cluster:
            return from_pod(configuration)
        if self.server is None or self.token is None:
            raise ConfigurationError("a cluster needs kubeconfig, in_cluster, or server with a token")
        return from_server(configuration, self.server, self.token, self.ca_file)


def from_kubeconfig(configuration: AnyConfiguration, path: Path, context: str | None, folder: Path) -> AnyConfiguration:
    """Put in the server and user of a context (None: the current one) of a kubeconfig file. Keys and certificates that
    the file holds itself are written into `folder`.

    Raises ConfigurationError; also for a user that needs a program to be run.
    """
    merged = _merged(path)
    cluster, user = _checked_context(merged.value, path, context)
    _check_files(path, cluster, user)
    try:
        _write_out(cluster, folder)
        _write_out(user, folder)
        KubeConfigLoader(merged, active_context=context, config_base_path=None).load_and_set(configuration)
    except Exception as error:  # noqa: BLE001 - what its YAML, base64 and look-ups raise; the message quotes the file
        raise ConfigurationError(f"kubeconfig {path} cannot be used: {type(error).__name__}") from None
    if token_file := user.get(_TOKEN_FILE):
        _renew(configuration, partial(_read, path.parent / token_file, "token file"))
    return configuration


def from_server(
    configuration: AnyConfiguration, server: str, token: Callable[[], bytes], ca_file: Path | None = None
) -> AnyConfiguration:
    """Put in a server with a bearer token. Plain http is for a loopback address only. Raises ConfigurationError."""
    parts = urlsplit(server)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not is_safe or not parts.hostname:
        raise ConfigurationError(f"cluster server {public_address(server)!r} is not an https URL")
    if ca_file is not None:
        _read(ca_file, "CA file")
    configuration.host = server.rstrip("/")
    configuration.ssl_ca_cert = str(ca_file) if ca_file is not None else None
    _renew(configuration, token)
    return configuration


def from_pod(
    configuration: AnyConfiguration, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> AnyConfiguration:
    """Put in the API server and service account of the pod that we run in. Raises ConfigurationError outside of one."""
    environ = os.environ if environ is None else environ
    folder = SERVICE_ACCOUNT if folder is None else folder
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigurationError("in_cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    address = f"[{host}]" if ":" in host else host
    read_token = partial(_read, folder / "token", "token file")
    return from_server(configuration, f"https://{address}:{port}", read_token, folder / "ca.crt")


def public_address(url: str) -> str:
    """The URL without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def unusable_certificates(address: str, error: OSError) -> ConfigurationError:
    """The error for keys and certificates of an access that TLS does not take; `error` is what it says of them."""
    why = " ".join(str(error).split())[:300] or type(error).__name__
    return ConfigurationError(f"cluster server {address}: its certificates cannot be used: {why}")


def _renew(configuration: Any, token: Callable[[], bytes]) -> None:
    """Have the token of the moment put into the configuration, now and before every request. The parameter's type is
    wider than the library's, which takes its hook for one that is always None.
    """

    def refresh(configuration: Configuration) -> None:
        text = token().decode("ascii", errors="replace").strip()
        if not _TOKEN.fullmatch(text):  # the HTTP library would quote it in its error
            raise ConfigurationError("the cluster's bearer token is not one: it is empty or holds odd characters")
        configuration.api_key["BearerToken"] = f"Bearer {text}"

    refresh(configuration)
    configuration.refresh_api_key_hook = refresh


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{what} {path}: {error.strerror}") from None
    if not content.strip() or len(content) > _MAX_FILE:
        raise ConfigurationError(f"{what} {path}: it is {'too large' if content.strip() else 'empty'}")
    return content


def _merged(path: Path) -> JSON:
    """The file as the library reads it, with the folder that relative paths in it refer to."""
    if os.pathsep in str(path):
        raise ConfigurationError(f"kubeconfig {path}: its path must not contain {os.pathsep!r}")
    _read(path, "kubeconfig")
    try:
        merged = KubeConfigMerger(str(path)).config
    except Exception:  # noqa: BLE001 - see from_kubeconfig
        merged = None
    if merged is None or not isinstance(merged.value, dict):
        raise ConfigurationError(f"kubeconfig {path}: it is not a kubeconfig in YAML")
    return merged


def _write_out(section: JSONObject, folder: Path) -> None:
    """Replace what a section holds itself by the name of a file. The library would do so too, but leave its files until
    the process ends in order, and their content in its memory.
    """
    for member in _KEYS:
        data = section.pop(f"{member}-data", None)
        if data:
            file = folder / member
            file.write_bytes(base64.standard_b64decode(data))
            section[member] = str(file)


def _check_files(path: Path, cluster: JSONObject, user: JSONObject) -> None:
    """Read those files of a context that are needed: neither the library nor TLS says which one is missing."""
    needed: list[tuple[JSONObject, Sequence[str]]] = [(user, (_TOKEN_FILE,))]
    if str(cluster["server"]).startswith("https"):
        needed += [(cluster, _KEYS[:1]), (user, _KEYS[1:])]
    for section, members in needed:
        for member in members:
            if section.get(member) and not section.get(f"{member}-data"):
                _read_named(path, member, str(section[member]))


def _read_named(path: Path, member: str, name: str) -> None:
    what = f"kubeconfig {path}: {member}"
    if not can_be_shown(name):  # perhaps the key itself
        raise ConfigurationError(f"{what}: it is not the path of a file")
    _read(path.parent / name, what)


def _files_in(path: Path, context: str | None, members: Sequence[str]) -> tuple[Path, ...]:
    """The files that a kubeconfig names in these members of the context's cluster and user."""
    sections = _checked_context(_merged(path).value, path, context)
    names = (section[m] for section in sections for m in members if section.get(m) and not section.get(f"{m}-data"))
    return tuple(path.parent / str(name) for name in names)


def _checked_context(config: JSONObject, path: Path, context: str | None) -> tuple[JSONObject, JSONObject]:
    """The context's cluster, and its user, {} when it has none."""
    where = f"kubeconfig {path}"
    name = context or config.get("current-context")
    if not name:
        raise ConfigurationError(f"{where}: it has no current-context, and no context is configured")
    chosen = _named(config, "contexts", "context", name, where)
    cluster = _named(config, "clusters", "cluster", chosen.get("cluster"), where)
    if not cluster.get("server"):
        raise ConfigurationError(f"{where}: cluster {chosen.get('cluster')!r} has no server")
    user = _named(config, "users", "user", chosen["user"], where) if chosen.get("user") else {}
    for key, why in _REFUSED_USER_KEYS.items():
        if key in user:
            raise ConfigurationError(f"{where}: user {chosen['user']!r} uses {key}: {why}")
    return cluster, user


def _named(config: JSONObject, section: str, member: str, name: JSON, where: str) -> JSONObject:
    """The entry of this name in one of a kubeconfig's lists."""
    for entry in config.get(section) or ():
        value = getattr(entry, "value", entry)
        if isinstance(value, dict) and value.get("name") == name and isinstance(value.get(member), dict):
            found: JSONObject = value[member]
            return found
    raise ConfigurationError(f"{where}: no entry {name!r} in its {section}")
