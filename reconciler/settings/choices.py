"""Keys of one mapping that depend on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.settings.findings import Finding
from reconciler.settings.places import find
from reconciler.settings.ssh_choices import ssh_choices
from reconciler.settings.urls import refused_scheme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Choice(NamedTuple):
    """Of these keys at most one may be given; one must be, where `is_required`. With `only_with`, all of this holds
    only where that key is given too, and without it these keys have no effect and are refused.
    """

    mapping: str
    keys: tuple[str, ...]
    is_required: bool = False
    only_with: str | None = None


CHOICES = (
    Choice("server", ("api_token_file", "api_token_env")),
    Choice("tracing", ("headers_file", "headers_env")),
    Choice("repositories[].auth", ("password_file", "password_env", "ssh_key_file", "ssh_key_env"), is_required=True),
    Choice("repositories[].webhook", ("secret_file", "secret_env"), is_required=True),
    Choice("repositories[].commit", ("signing_key_file", "signing_key_env")),
    Choice("repositories[].forge", ("token_file", "token_env"), is_required=True),
    Choice("fabrics[].cluster", ("kubeconfig", "in_cluster", "server", "local"), is_required=True),
    Choice("fabrics[].cluster", ("context",), only_with="kubeconfig"),
    Choice("fabrics[].cluster", ("token_file", "token_env"), is_required=True, only_with="server"),
    Choice("fabrics[].cluster", ("ca_file",), only_with="server"),
    Choice("fabrics[].netbox", ("url", "local"), is_required=True),
    Choice("fabrics[].netbox", ("token_file", "token_env"), is_required=True, only_with="url"),
    Choice("fabrics[].netbox", ("ca_file",), only_with="url"),
    Choice("fabrics[].netbox", ("webhook_secret_file", "webhook_secret_env"), only_with="url"),
    Choice("notifications[]", ("url", "url_file", "url_env"), is_required=True),
    Choice("notifications[]", ("secret_file", "secret_env")),
    Choice("notifications[]", ("token_file", "token_env")),
)


def choices(document: Any) -> Iterator[Finding]:
    """Findings for mappings that give too many, too few, or idle keys."""
    for choice in CHOICES:
        for place, mapping in find(document, choice.mapping):
            if isinstance(mapping, dict):
                yield from (Finding((*place, *key), reason) for key, reason in _check(choice, mapping))
    yield from _unguarded_reads(document)
    yield from _local_repositories(document)
    yield from ssh_choices(document)


def _check(choice: Choice, mapping: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    given = [key for key in choice.keys if _is_given(mapping, key)]
    names = ", ".join(choice.keys)
    if choice.only_with is not None and not _is_given(mapping, choice.only_with):
        yield from (((key,), f"has no effect without {choice.only_with}") for key in given)
    elif len(given) > 1:
        yield (), f"only one of these keys may be given: {names}"
    elif choice.is_required and not given:
        yield (), f"one of these keys is required: {names}"


def _is_given(mapping: Mapping[str, Any], key: str) -> bool:
    """Null and false are how a key says that it is not used."""
    value = mapping.get(key)
    return value is not None and value is not False


def _unguarded_reads(document: Any) -> Iterator[Finding]:
    for place, server in find(document, "server"):
        has_token = isinstance(server, dict) and any(
            _is_given(server, key) for key in ("api_token_file", "api_token_env")
        )
        if isinstance(server, dict) and server.get("protect_reads") is True and not has_token:
            yield Finding((*place, "protect_reads"), "needs api_token_file or api_token_env")


def _local_repositories(document: Any) -> Iterator[Finding]:
    for place, repository in find(document, "repositories[]"):
        url = repository.get("url") if isinstance(repository, dict) else None
        if isinstance(url, str):
            reason = refused_scheme(url, allow_local=repository.get("allow_local") is True)
            if reason:
                yield Finding((*place, "url"), reason)
