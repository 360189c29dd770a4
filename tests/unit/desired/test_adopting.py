"""What only a cluster has, committed into a fabric's directory on a branch on which others push too."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.desired.adopting import DirectoryAdoption, Seen
from reconciler.desired.manifests.crds import read_crds
from reconciler.desired.memory_publishing import MemoryPublisher
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.errors import StalledError
from reconciler.model.adoption import Outcome
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.kinds import KINDS
from reconciler.model.objects import Resource
from reconciler.model.served import Served
from reconciler.model.tree import TreeEntry
from reconciler.plan.places import blob_id
from reconciler.plan.structure import ensure
from tests.unit.desired.folder import DIRECTORY, FABRIC, vpc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.adoption import Adoption
    from reconciler.model.revision import Revision

CRDS = Path(__file__).parents[2] / "crds"
THE_FABRIC = Fabric(FABRIC, "gitops", "main", DIRECTORY, cluster=ClusterPolicy())


@dataclass
class Branch:
    """A branch in memory, as a mirror shows it too (`source.Files`)."""

    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)

    def fetch(self) -> Revision:
        return self.publisher.history[-1].revision

    def tip(self) -> Revision | None:
        return self.fetch()

    def tree(self, revision: Revision, path: str) -> str | None:
        raise NotImplementedError

    def ancestry(self, commits: Iterable[str], revision: Revision) -> Mapping[str, bool]:
        raise NotImplementedError

    def list_files(self, revision: Revision, path: str) -> tuple[TreeEntry, ...]:
        (files,) = (one.files for one in self.publisher.history if one.revision == revision)
        found = {name: data for name, data in files.items() if name.startswith(f"{path}/")}
        return tuple(TreeEntry(name, "100644", blob_id(found[name]), len(found[name])) for name in sorted(found))

    def read_blobs(self, entries: Iterable[TreeEntry]) -> Iterator[tuple[str, bytes]]:
        blobs = {blob_id(data): data for one in self.publisher.history for data in one.files.values()}
        return ((entry.blob, blobs[entry.blob]) for entry in entries)

    @property
    def files(self) -> dict[str, str]:
        """What people see in the fabric's directory now, the structure's own files aside."""
        files = self.publisher.history[-1].files
        mine = {name.removeprefix(f"{DIRECTORY}/"): data.decode() for name, data in files.items()}
        return {name: text for name, text in mine.items() if name.startswith(("managed/", "unmanaged/")) and text}

    def push(self, **files: str | None) -> None:
        """Each by its path, with `__` for a slash and `_` for a dot."""
        named = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
        self.publisher.push({f"{DIRECTORY}/{name}": text.encode() if text else None for name, text in named.items()})

    def adopt(self, *objects: Resource, is_managed: bool = False, served: Served | None = None) -> Adoption:
        source = FabricSource(self, THE_FABRIC, ParseCache())
        adoption = DirectoryAdoption(source, THE_FABRIC, is_managed=is_managed)
        return adoption.adopt(self.publisher, Seen(objects, served or Served()))


@pytest.fixture
def branch() -> Branch:
    """With the structure, and nothing in it."""
    found = Branch()
    found.publisher.push({one.path: one.content for one in ensure(FABRIC, DIRECTORY, ()).changes})
    return found


def _vpc(name: str, vlan: int = 1000, **metadata: Any) -> Resource:
    """A VPC as the API gives it."""
    subnet = {"subnet": "10.0.1.0/24", "vlan": vlan, "gateway": "10.0.1.1", "dhcp": {}}
    body = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": "u-1",
            "resourceVersion": "77",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "selfLink": "/x",
            "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {}}}],
            "labels": {"fabric.githedgehog.com/ipv4ns": "default"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            **metadata,
        },
        "spec": {"vlanNamespace": "default", "ipv4Namespace": "default", "subnets": {"default": subnet}},
        "status": {"secret": "x"},
    }
    return Resource.from_body(body, KINDS["VPC"])


def test_to_unmanaged(branch: Branch) -> None:
    """One commit with a file for each object, to the byte, and a message that tells how to go on."""
    found = branch.adopt(_vpc("b"), _vpc("a"))

    assert list(branch.files) == ["unmanaged/vpcs/a.yaml", "unmanaged/vpcs/b.yaml"]
    assert branch.files["unmanaged/vpcs/a.yaml"] == (
        "apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata:\n  name: a\n  namespace: default\n"
        "spec:\n  subnets:\n    default:\n      subnet: 10.0.1.0/24\n      vlan: 1000\n"
    )
    last = branch.publisher.history[-1]
    assert found.published is not None
    assert found.published.revision == last.revision
    assert last.message.startswith(
        "Adopt 2 objects from the cluster of fabric dc1\n\n- Nothing in Git declared them: 2 VPC."
    )
    assert "\n- VPC/a: unmanaged/vpcs/a.yaml\n" in last.message
    assert last.message.endswith("\n\nReconciled-by: hedgehog-reconciler\n")


@pytest.mark.parametrize("is_managed", [True, False])
def test_again_nothing(branch: Branch, *, is_managed: bool) -> None:
    """A second run makes no commit."""
    branch.adopt(_vpc("a"), is_managed=is_managed)
    before = len(branch.publisher.history)

    found = branch.adopt(_vpc("a"), is_managed=is_managed)

    assert (found.published, len(branch.publisher.history)) == (None, before)
    assert [one.outcome for one in found.objects] == ([] if is_managed else [Outcome.UNCHANGED])


def test_comments_of_people_stay(branch: Branch) -> None:
    """A file that says the same in other words is left; one that says something else is brought up to date."""
    branch.adopt(_vpc("a"), _vpc("b"))
    branch.push(unmanaged__vpcs__a_yaml="# ask Jo\n" + branch.files["unmanaged/vpcs/a.yaml"])

    found = branch.adopt(_vpc("a"), _vpc("b", vlan=7))

    assert [one.outcome for one in found.objects] == [Outcome.UNCHANGED, Outcome.UPDATED]
    assert branch.files["unmanaged/vpcs/a.yaml"].startswith("# ask Jo\n")
    assert "vlan: 7\n" in branch.files["unmanaged/vpcs/b.yaml"]


@pytest.mark.parametrize("text", ["[", "a: b\n", vpc("a") + "---\n" + vpc("x"), vpc("other")], ids=str)
def test_a_place_that_is_taken(branch: Branch, text: str) -> None:
    """Nothing is overwritten that does not declare the very object alone; the others are adopted."""
    branch.push(unmanaged__vpcs__a_yaml=text)

    found = branch.adopt(_vpc("a"), _vpc("b"))

    assert [(one.outcome, one.rule) for one in found.objects] == [("blocked", "PlaceTaken"), ("created", "")]
    assert branch.files["unmanaged/vpcs/a.yaml"] == text
    assert (
        f"VPC/a could not be adopted: {DIRECTORY}/unmanaged/vpcs/a.yaml is there"
        in branch.publisher.history[-1].message
    )


def test_to_managed(branch: Branch) -> None:
    """With the marks of ingestion; what an earlier run put aside moves there."""
    branch.adopt(_vpc("a"), _vpc("b"))
    branch.push(unmanaged__vpcs__b_yaml="# mine\n" + branch.files["unmanaged/vpcs/b.yaml"])

    branch.adopt(_vpc("a"), _vpc("b"), is_managed=True)

    assert sorted(branch.files) == ["managed/vpcs/a.yaml", "managed/vpcs/b.yaml", "unmanaged/vpcs/b.yaml"]
    assert yaml.safe_load(branch.files["managed/vpcs/a.yaml"])["metadata"]["annotations"] == {
        "hnp.githedgehog.com/managed-by": "hedgehog-reconciler",
        "hnp.githedgehog.com/fabric": FABRIC,
    }


@pytest.mark.parametrize(
    "text",
    [vpc("a"), vpc("a") + "---\n" + vpc("a", 2), vpc("a", more="  annotations: 7\n")],
    ids=["sound", "twice", "refused"],
)
def test_what_git_declares_is_not_adopted(branch: Branch, text: str) -> None:
    """Wherever, and however wrong: its identity is claimed."""
    branch.push(anywhere__x_yaml=text)

    found = branch.adopt(_vpc("a"))

    assert (found.objects, found.changes) == ((), ())


def test_others_are_first(branch: Branch) -> None:
    """For the new tip it is decided anew: what somebody declared meanwhile is not adopted."""
    branch.publisher.before_push(lambda: branch.push(managed__mine_yaml=vpc("a")))

    found = branch.adopt(_vpc("a"), _vpc("b"), is_managed=True)

    assert found.published is not None
    assert found.published.tries == 2
    assert list(branch.files) == ["managed/mine.yaml", "managed/vpcs/b.yaml"]
    assert branch.publisher.history[-1].message.startswith("Adopt 1 object ")


def test_broken_files_stand_in_the_way_of_managed(branch: Branch) -> None:
    """They may declare anything; in `unmanaged/`, which is not applied, nothing can be declared twice."""
    branch.push(managed__broken_yaml="a: [\n", managed__worse_yaml="b: [\n")

    with pytest.raises(StalledError, match=r"managed/broken.yaml, line \d.*and 1 more.*mend it first"):
        branch.adopt(_vpc("a"), is_managed=True)
    assert branch.adopt(_vpc("a")).published is not None


def test_without_the_structure(branch: Branch) -> None:
    """It says how to get it."""
    branch.push(_hnp__manifest_yaml=None)

    with pytest.raises(StalledError, match=r"reconciler init dc1") as refused:
        branch.adopt(_vpc("a"))
    assert refused.value.reason == "StructureMissing"


def test_in_the_directory_of_another_fabric(branch: Branch) -> None:
    """Nothing is written, and it says whose it is."""
    text = branch.publisher.history[-1].files[f"{DIRECTORY}/.hnp/manifest.yaml"].decode()
    branch.push(_hnp__manifest_yaml=text.replace(FABRIC, "dc9"))

    with pytest.raises(StalledError, match="dc9") as refused:
        branch.adopt(_vpc("a"))
    assert refused.value.reason == "OtherFabric"


def test_what_could_not_be_applied_is_not_managed(branch: Branch) -> None:
    """By its schema, or because no pass would read it; in `unmanaged/` it may lie."""
    odd = replace(_vpc("a"), spec={"subnets": 7})
    loud = replace(_vpc("b"), labels={"a": 1})  # type: ignore[dict-item]

    found = branch.adopt(odd, loud, is_managed=True, served=read_crds(CRDS))

    assert [(one.outcome, one.rule) for one in found.objects] == [("blocked", "WrongType"), ("blocked", "NotText")]
    assert branch.adopt(odd, served=read_crds(CRDS)).published is not None


def test_what_cannot_be_written(branch: Branch) -> None:
    """A text that would mean something else is not written."""
    found = branch.adopt(replace(_vpc("a"), spec={"x": "\ud800"}))

    assert [(one.outcome, one.rule) for one in found.objects] == [("blocked", "NotWritten")]
    assert found.changes == ()
