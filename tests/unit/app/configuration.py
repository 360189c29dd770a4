"""Configurations for the composition root: a repository and fabrics whose targets each test chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from reconciler.settings import Settings, load

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-7f3a"
LOCAL: dict[str, Any] = {"cluster": {"local": True}, "netbox": {"local": True}}
REPOSITORY: dict[str, Any] = {
    "name": "gitops",
    "url": "https://git.example.com/net/gitops.git",
    "branch": "main",
    "auth": {"username": "bot", "password_file": "secrets/git-token"},
    "webhook": {"provider": "github", "secret_file": "secrets/webhook"},
}
SECRETS = ("api-token", "git-token", "webhook", "netbox-token", "kube-token")


def local_repository(path: Path) -> dict[str, Any]:
    """The settings of a repository on this machine, whose webhook has a canary for its secret."""
    webhook = {"provider": "github", "secret_file": "secrets/webhook"}
    return {"name": "gitops", "url": path.as_uri(), "allow_local": True, "webhook": webhook}


def secret(folder: Path, name: str, content: str) -> Path:
    """Write a secret that only its owner can read."""
    path = folder / "secrets" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def kubeconfig(folder: Path, name: str, server: str, **changes: Any) -> str:
    """Write a kubeconfig for this server, with other sections than usual; its path in the configuration."""
    content = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": f"{CANARY}-kubeconfig"}}],
        **changes,
    }
    secret(folder, name, yaml.safe_dump(content))
    return f"secrets/{name}"


def settings(folder: Path, *fabrics: dict[str, Any], **changes: Any) -> Settings:
    """A configuration with these fabrics (by default one with embedded targets), whose secrets are canaries."""
    for name in SECRETS:
        secret(folder, name, f"{CANARY}-{name}\n")
    entries = [
        {"name": f"dc{number}", "repository": "gitops", "path": f"fabrics/dc{number}", **fabric}
        for number, fabric in enumerate(fabrics or (LOCAL,), start=1)
    ]
    document = {
        "server": {"port": 0, "api_token_file": "secrets/api-token"},
        "repositories": [REPOSITORY],
        "fabrics": entries,
        **changes,
    }
    path = folder / "reconciler.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return load(path)
