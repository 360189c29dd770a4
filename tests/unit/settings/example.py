"""A configuration that is good in every key, to be changed in one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.errors import ConfigurationError
from reconciler.settings import Settings, load

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-7f3a"

SECRET_FILES = (
    "api-token",
    "git-token",
    "webhook",
    "dc1.kubeconfig",
    "netbox-token",
    "forge-token",
    "hook-secret",
    "ca.pem",
    "any",
)

COMPLETE: dict[str, Any] = {
    "server": {
        "host": "127.0.0.1",
        "port": 8080,
        "public_url": None,
        "max_body_bytes": 5242880,
        "api_token_file": "secrets/api-token",
        "protect_reads": False,
    },
    "state": "sqlite:///state/reconciler.db",
    "workers": 1,
    "poll": {"interval": 3600, "jitter": 0.1},
    "history": {"days": 30, "passes": 1000},
    "repositories": [
        {
            "name": "gitops",
            "url": "https://git.example.com/net/gitops.git",
            "branch": "main",
            "auth": {"username": "bot", "password_file": "secrets/git-token"},
            "ca_file": None,
            "webhook": {"provider": "github", "secret_file": "secrets/webhook"},
            "commit": {
                "author": "hedgehog-reconciler",
                "email": "reconciler@localhost",
                "signing_key_file": None,
                "signing_format": "ssh",
            },
            "forge": {"kind": "github", "api_url": "https://api.github.com", "token_file": "secrets/forge-token"},
            "allow_local": False,
        },
    ],
    "fabrics": [
        {
            "name": "dc1",
            "repository": "gitops",
            "path": "gitops/hedgehog/dc1",
            "enabled": True,
            "interval": None,
            "cluster": {
                "kubeconfig": "secrets/dc1.kubeconfig",
                "context": None,
                "namespace": "default",
                "mode": "apply",
                "self_heal": True,
                "prune": False,
                "max_deletes": 10,
                "approval": "none",
                "take_over": False,
            },
            "netbox": {
                "url": "http://127.0.0.1:8000",
                "token_file": "secrets/netbox-token",
                "ca_file": None,
                "site": "dc1",
                "self_heal": True,
                "prune": True,
                "max_deletes": 100,
                "take_over": False,
                "writers": 2,
                "ports": "used",
                "webhook_secret_file": None,
            },
            "structure": {"enabled": False, "push": True},
        },
    ],
    "notifications": [
        {
            "name": "people",
            "kind": "webhook",
            "url": "https://hooks.example.com/reconciler",
            "secret_file": "secrets/hook-secret",
            "ca_file": None,
            "fabrics": None,
            "tell": ["error", "out_of_sync", "recovery"],
            "after": {"error": 30, "out_of_sync": 300, "disabled": 0, "recovery": 30},
            "repeat": None,
        },
    ],
    "tracing": {
        "endpoint": "https://otel.example.com/v1/traces",
        "service_name": "hedgehog-reconciler",
        "sample": 1.0,
        "headers_file": None,
        "ca_file": None,
    },
}
"""The example of the documentation, with every key at its default where it has one."""

MINIMAL: dict[str, Any] = {
    "repositories": [{"name": "gitops", "url": "https://git.example.com/gitops"}],
    "fabrics": [{"name": "dc1", "repository": "gitops", "path": "dc1"}],
}
"""What cannot be left out."""


class ConfigurationFile:
    """A configuration in a folder of its own, with secrets beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "reconciler.yaml"
        (folder / "secrets").mkdir()
        for name in SECRET_FILES:
            self.secret(name, f"{CANARY}-{name}\n".encode())

    def secret(self, name: str, content: bytes, mode: int = 0o600) -> Path:
        path = self.folder / "secrets" / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def load(self, document: Any) -> Settings:
        return self.load_text(yaml.safe_dump(document, allow_unicode=True))

    def load_text(self, text: str | bytes) -> Settings:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load(self.path)

    def refusal(self, document: Any) -> list[str]:
        """The findings for a document that must be refused."""
        with pytest.raises(ConfigurationError) as refused:
            self.load(document)
        head, *findings = refused.value.message.split("\n")
        assert head == f"{self.path} cannot be used:"
        return findings


def changed(document: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """A copy with values at dotted keys (`fabrics.0.cluster.prune`); `...` removes a key."""
    result = copy.deepcopy(document)
    for dotted, value in changes:
        *parents, last = [int(part) if part.isdigit() else part for part in dotted.split(".")]
        target: Any = result
        for parent in parents:
            target = target[parent]
        if value is ...:
            del target[last]
        else:
            target[last] = value
    return result
