"""The files in `deploy/`, as far as they are YAML, and configurations with the secrets that they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.settings import Settings, load
from reconciler.settings.files import named_files

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.yaml"))
CLUSTER_CONFIGURATIONS = sorted((DEPLOY / "kubernetes").glob("*/reconciler.yaml")) + sorted(
    (DEPLOY / "kubernetes").glob("*/*/reconciler.yaml")
)
CONFIGURATIONS = [*EXAMPLES, *CLUSTER_CONFIGURATIONS]


def read(path: Path) -> Any:
    """The one document of a file."""
    return yaml.safe_load(path.read_text())


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of each instruction of the Containerfile, in order."""
    lines = [line for line in (DEPLOY / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    words = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, rest.strip()) for name, _, rest in words]


def copied() -> list[str]:
    """What the image is built of: the sources of every COPY that does not copy from another stage."""
    copies = [rest.split() for name, rest in instructions() if name == "COPY"]
    return [name for words in copies if not words[0].startswith("--from") for name in words[:-1]]


def secret_files(configuration: Path) -> list[Path]:
    """Every file that a configuration names, as it names it or relative to the file's folder."""
    settings = load(configuration, is_offline=True)
    return [file.path for file in named_files(settings)]


def laid_out(configuration: Path, folder: Path) -> Settings:
    """The configuration as the service would load it, in a folder of its own in which every file that it names is."""
    text = configuration.read_text()
    for absolute in ("/run/secrets/", "/var/lib/"):
        text = text.replace(absolute, f"{folder}{absolute}")
    place = folder / "reconciler.yaml"
    place.write_text(text)
    for path in secret_files(place):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text("something\n")
    return load(place)


def manifests(folder: str) -> Iterator[Any]:
    """Every document of a folder of `deploy/kubernetes`, before kustomize."""
    for path in sorted((DEPLOY / "kubernetes" / folder).glob("*.yaml")):
        if path.name not in {"kustomization.yaml", "reconciler.yaml"}:
            yield from yaml.safe_load_all(path.read_text())


def manifest(folder: str, kind: str) -> Any:
    """The only one of its kind."""
    (found,) = [one for one in manifests(folder) if one["kind"] == kind]
    return found
