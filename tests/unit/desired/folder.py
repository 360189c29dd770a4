"""A fabric's directory in memory: what a pass would find there, and what becomes of it by commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.desired import structure
from reconciler.desired.manifests.files import ParsedFile, read_file
from reconciler.desired.manifests.raw import no_check
from reconciler.desired.selection import Limits, select
from reconciler.model.ingestion import Ground, Origin
from reconciler.model.tree import TreeEntry
from reconciler.plan.places import blob_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.desired.manifests.raw import Check
    from reconciler.model.changes import FileChange
    from reconciler.model.ingestion import Ingestion
    from reconciler.model.structure import Structure

FABRIC = "dc1"
DIRECTORY = "gitops/dc1"


class Folder:
    """Files by their path in the directory. `others` are entries that have no content: links and submodules."""

    def __init__(self, files: Mapping[str, bytes | str] | None = None, others: Iterable[TreeEntry] = ()) -> None:
        self.files = {path: _bytes(content) for path, content in (files or {}).items()}
        self.others = tuple(others)
        self.read_paths: list[str] = []

    @property
    def ground(self) -> Ground:
        files = (
            TreeEntry(f"{DIRECTORY}/{path}", "100644", blob_id(content), len(content))
            for path, content in self.files.items()
        )
        listing = sorted((*files, *self.others), key=lambda entry: entry.path)
        return Ground(FABRIC, DIRECTORY, tuple(listing))

    def read(self, entries: Iterable[TreeEntry]) -> Iterator[tuple[str, bytes]]:
        for entry in entries:
            path = entry.path.removeprefix(f"{DIRECTORY}/")
            self.read_paths.append(path)
            yield entry.blob, self.files[path]

    def parsed(self) -> list[ParsedFile]:
        """What a pass would read as desired state."""
        chosen = select(self.ground.listing, DIRECTORY, Limits())
        return [
            read_file(self.files[one.path.removeprefix(f"{DIRECTORY}/")], one.path, "default") for one in chosen.files
        ]

    def ensure(self) -> Structure:
        return structure.ensure(self.ground, self.read)

    def take_in(self, check: Check = no_check, origin: Origin = Origin.RAW) -> Ingestion:
        declared = structure.declared_by(self.parsed())
        return structure.take_in(self.ground, "default", declared, self.read, check, origin)

    def apply(self, changes: Iterable[FileChange]) -> None:
        for change in changes:
            assert change.path.startswith(f"{DIRECTORY}/")
            path = change.path.removeprefix(f"{DIRECTORY}/")
            if change.content is None:
                del self.files[path]
            else:
                self.files[path] = change.content

    def run(self, origin: Origin = Origin.RAW) -> Ingestion:
        """One pass: its commit is made."""
        found = self.take_in(origin=origin)
        self.apply(found.changes)
        return found

    def text(self, path: str) -> str:
        return self.files[path].decode()

    def below(self, directory: str) -> list[str]:
        return sorted(path for path in self.files if path.startswith(f"{directory}/") and not path.endswith(".gitkeep"))


def vpc(name: str, vlan: int = 1000, more: str = "") -> str:
    return (
        f"apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata:\n  name: {name}\n{more}"
        f"spec:\n  subnets:\n    default: {{subnet: 10.0.1.0/24, vlan: {vlan}}}\n"
    )


def link(path: str) -> TreeEntry:
    return TreeEntry(f"{DIRECTORY}/{path}", "120000", "1" * 40, 4)


def submodule(path: str) -> TreeEntry:
    return TreeEntry(f"{DIRECTORY}/{path}", "160000", "2" * 40, 0)


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content
