"""Every configuration that is delivered is one that the service takes, and the files beside it fit it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.deploy.files import CONFIGURATIONS, DEPLOY, laid_out, manifest, read, secret_files

OVERLAY = DEPLOY / "kubernetes" / "overlays" / "example"


def _id(path: Path) -> str:
    return path.relative_to(DEPLOY).as_posix()


def test_all_are_tried() -> None:
    """One for each kind of forge, and one for each way to deploy."""
    assert [_id(path) for path in CONFIGURATIONS] == [
        *(f"examples/{name}.yaml" for name in ("compose", "gitea", "github", "gitlab", "systemd")),
        "kubernetes/base/reconciler.yaml",
        "kubernetes/overlays/example/reconciler.yaml",
    ]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=_id)
def test_a_configuration_is_taken(configuration: Path, tmp_path: Path) -> None:
    """With the secrets that it names, and without a warning."""
    settings = laid_out(configuration, tmp_path)

    assert settings.warnings == ()
    assert settings.server.api_token is not None


@pytest.mark.parametrize("name", ["github", "gitlab", "gitea"])
def test_a_forge_announces_pushes(name: str, tmp_path: Path) -> None:
    """The example is of the forge that its name says."""
    (repository,) = laid_out(DEPLOY / "examples" / f"{name}.yaml", tmp_path).repositories

    assert repository.webhook is not None
    assert repository.webhook.provider == name


@pytest.mark.parametrize("name", ["compose.yaml", "systemd.yaml"])
def test_state_is_where_it_is_kept(name: str) -> None:
    """In the volume, or in the unit's own folder: nowhere else can be written."""
    assert read(DEPLOY / "examples" / name)["state"] == "sqlite:////var/lib/hedgehog-reconciler/reconciler.db"


def test_compose_hands_over_the_secrets_that_the_example_names() -> None:
    """In their folder: of a file that is mounted by itself the old one stays when another one replaces it."""
    (service,) = read(DEPLOY / "compose.yaml")["services"].values()

    assert {path.parent for path in secret_files(DEPLOY / "examples" / "compose.yaml")} == {Path("/run/secrets")}
    assert "./secrets:/run/secrets:ro" in service["volumes"]


def test_the_overlay_says_how_to_make_the_secret_that_it_names() -> None:
    """The command in its head makes every file that its configuration names, where the pod finds it."""
    named = secret_files(OVERLAY / "reconciler.yaml")
    made = set(re.findall(r"--from-file=(\S+)", (OVERLAY / "kustomization.yaml").read_text()))
    (container,) = manifest("base", "Deployment")["spec"]["template"]["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}

    assert made == {path.name for path in named}
    assert {str(path.parent) for path in named} == {mounts["secrets"]}
