"""Packages of some Debian release, fetched and unpacked beside the system's own, which stay untouched.

Where they come from is taken from the machine's own apt configuration: the source that serves its Debian release
serves the others too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.commands import run
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = "bookworm"
_APT_CONFIGURATION = Path("/etc/apt")
_OS_RELEASE = Path("/etc/os-release")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_DOWNLOAD_TIMEOUT = 900.0
_UNPACK_TIMEOUT = 300.0
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


@dataclass(frozen=True)
class Source:
    """One place that apt reads packages from."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str


def parse_one_line_style(text: str) -> Iterator[Source]:
    """The binary sources of a `sources.list` (sources.list(5), one-line-style format)."""
    for line in text.splitlines():
        found = _ONE_LINE.match(line.partition("#")[0].strip())
        if found:
            options = dict(option.partition("=")[::2] for option in (found["options"] or "").split())
            signed_by = options.get("signed-by", _KEYRING)
            yield Source(found["uri"], (found["suite"],), tuple(found["components"].split()), signed_by)


def parse_deb822_style(text: str) -> Iterator[Source]:
    """The binary sources of a `*.sources` file (sources.list(5), deb822-style format); embedded keys are not read."""
    for stanza in re.split(r"\n\s*\n", text):
        kept = [line for line in stanza.splitlines() if ":" in line and not line.startswith(("#", " "))]
        fields = {name.strip().lower(): value.split() for name, _, value in (line.partition(":") for line in kept)}
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) == ["yes"]:
            signed_by = "".join(fields.get("signed-by", [])) or _KEYRING
            for uri in fields.get("uris", []):
                yield Source(uri, tuple(fields.get("suites", [])), tuple(fields.get("components", [])), signed_by)


def archive(sources: list[Source], codename: str) -> Source:
    """The source of the release's main archive, not of its updates; raises `LabError` when apt has none."""
    for source in sources:
        if codename in source.suites and "main" in source.components:
            return source
    raise LabError(f"apt's configuration names no archive for Debian {codename}: set KUBEBUILDER_ASSETS instead")


def configured_sources(folder: Path = _APT_CONFIGURATION) -> list[Source]:
    """What the machine's apt reads packages from."""
    one_line = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]
    found = [source for path in one_line if path.exists() for source in parse_one_line_style(path.read_text("utf-8"))]
    for path in sorted(folder.glob("sources.list.d/*.sources")):
        found += parse_deb822_style(path.read_text("utf-8"))
    return found


def codename(os_release: Path = _OS_RELEASE) -> str:
    """The machine's Debian release; raises `LabError` on any other system."""
    text = os_release.read_text("utf-8") if os_release.exists() else ""
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    if fields.get("ID", "").strip('"') != "debian" or "VERSION_CODENAME" not in fields:
        raise LabError("kube-apiserver can be built on Debian only: set KUBEBUILDER_ASSETS to a folder that has it")
    return fields["VERSION_CODENAME"].strip('"')


class Packages:
    """A release as seen by a private apt whose lists and downloads are in `folder`; needs no privileges."""

    def __init__(self, folder: Path, release: str = RELEASE) -> None:
        self._folder = folder
        for part in ("lists/partial", "cache/archives/partial", "downloads"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        source = archive(configured_sources(), codename())
        lines = [f"{kind} [signed-by={source.signed_by}] {source.uri} {release} main\n" for kind in ("deb", "deb-src")]
        (folder / "sources.list").write_text("".join(lines), encoding="ascii")
        (folder / "status").touch()

    def update(self) -> None:
        """Read the archive's index."""
        self._apt_get("update")

    def unpack(self, names: list[str], into: Path) -> None:
        """Fetch binary packages and lay their files out below `into`, running none of their scripts."""
        self._apt_get("download", *names)
        for package in sorted((self._folder / "downloads").glob("*.deb")):
            run(["dpkg", "-x", package, into], timeout=_UNPACK_TIMEOUT)

    def fetch_source(self, name: str) -> Path:
        """Fetch a source package; the upstream's archive."""
        self._apt_get("source", "--download-only", name)
        (upstream,) = (self._folder / "downloads").glob(f"{name}_*.orig.tar.*")
        return upstream

    def _apt_get(self, *arguments: str) -> None:
        options = {
            "Dir::Etc::sourcelist": self._folder / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::Lists": self._folder / "lists",
            "Dir::Cache": self._folder / "cache",
            # nothing counts as installed: of what is, apt looks for that very version
            "Dir::State::status": self._folder / "status",
            "Debug::NoLocking": "1",
            # the lists are in a folder of this user, which apt's own user cannot enter
            "APT::Sandbox::User": "root",
        }
        flags: list[str | Path] = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        command: list[str | Path] = ["apt-get", "-qq", *flags, *arguments]
        run(command, timeout=_DOWNLOAD_TIMEOUT, cwd=self._folder / "downloads")
