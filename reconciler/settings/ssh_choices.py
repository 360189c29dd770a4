"""Which keys of a repository go with ssh, and which do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.ssh import check_ssh_user, is_ssh, parse_ssh
from reconciler.settings.findings import Finding
from reconciler.settings.places import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEYS = ("ssh_key_file", "ssh_key_env")
_ONLY_SSH = (*_KEYS, "known_hosts_file")
_ONLY_HTTPS = ("password_file", "password_env")


def ssh_choices(document: Any) -> Iterator[Finding]:
    """Findings for repositories over ssh that lack something, and for keys that have no effect beside their URL."""
    for place, repository in find(document, "repositories[]"):
        url = repository.get("url") if isinstance(repository, dict) else None
        if isinstance(url, str):
            found = _over_ssh(url, repository) if is_ssh(url) else _not_over_ssh(repository)
            yield from (Finding((*place, *key), reason) for key, reason in found)


def _over_ssh(url: str, repository: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    if repository.get("ca_file") is not None:
        yield ("ca_file",), "has no effect over ssh"
    auth = repository.get("auth")
    if auth is None:
        yield ("auth",), "required for ssh: known_hosts_file, and ssh_key_file or ssh_key_env"
    elif isinstance(auth, dict):
        yield from ((("auth", *key), reason) for key, reason in _login(url, auth))


def _login(url: str, auth: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    if auth.get("known_hosts_file") is None:
        yield ("known_hosts_file",), "required for ssh: no host key is trusted because it is the first"
    given = {key for key in (*_KEYS, *_ONLY_HTTPS) if auth.get(key) is not None}
    # With a key as well it is one too many, and without any it is one too few: both are said of the mapping.
    if len(given) == 1 and given <= set(_ONLY_HTTPS):
        yield (given.pop(),), "has no effect over ssh: ssh_key_file or ssh_key_env is needed"
    yield from ((("username",), reason) for reason in _user(url, auth.get("username")))


def _user(url: str, username: Any) -> Iterator[str]:
    if not isinstance(username, str):
        return
    if _names_user(url):
        yield "has no effect: url names the user"
        return
    try:
        check_ssh_user(username)
    except ValueError as error:
        yield str(error)


def _names_user(url: str) -> bool:
    """A URL that is none names nobody; what is wrong with it is said of the url."""
    try:
        return parse_ssh(url).user is not None
    except ValueError:
        return False


def _not_over_ssh(repository: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    auth = repository.get("auth")
    for key in _ONLY_SSH:
        if isinstance(auth, dict) and auth.get(key) is not None:
            yield ("auth", key), "has no effect: url is not ssh"
