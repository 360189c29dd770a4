"""The desired state of a fabric: which files count, what is refused, and what is read only once."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.git import GitRemote, Mirror
from reconciler.desired.manifests.files import ParsedFile
from reconciler.desired.selection import Limits
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.errors import GitUnavailableError
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.objects import ObjectKey, Source
from reconciler.model.problems import Severity
from reconciler.model.revision import Revision
from tests.processes.desired.origins import Content, Link, Origin, Submodule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from reconciler.desired.tree import TreeEntry
    from reconciler.model.desired import Desired
    from reconciler.model.problems import Path as FieldPath
    from reconciler.ports import DesiredSource

FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1")


class CountingMirror(Mirror):
    """A mirror that remembers which files were read."""

    def __init__(self, remote: GitRemote, directory: Path) -> None:
        super().__init__(remote, directory)
        self.read: list[str] = []

    def read_blobs(self, entries: Iterable[TreeEntry]) -> Iterator[tuple[str, bytes]]:
        wanted = list(entries)
        self.read += [entry.path for entry in wanted]
        return super().read_blobs(wanted)


@pytest.fixture
def mirror(origin: Origin, tmp_path: Path) -> CountingMirror:
    return CountingMirror(GitRemote("gitops", origin.url, "main", allow_local=True), tmp_path / "mirror")


@pytest.fixture
def source(mirror: Mirror) -> FabricSource:
    return FabricSource(mirror, FABRIC, ParseCache())


def _vpc(name: str, spec: str = "{}") -> str:
    return f"apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def _key(name: str, namespace: str = "default") -> ObjectKey:
    return ObjectKey("VPC", namespace, name)


def _read(origin: Origin, source: FabricSource, files: Mapping[str | bytes, Content]) -> Desired:
    origin.commit(files)
    return source.read(source.fetch())


def _problems(desired: Desired) -> list[tuple[str, str, Severity]]:
    return [(problem.file, problem.rule, problem.severity) for problem in desired.problems]


def test_it_is_the_port(source: FabricSource) -> None:
    """The source has the methods that passes call."""
    port: DesiredSource = source

    assert port is source


def test_yaml_files_below_the_fabrics_path_count(origin: Origin, source: FabricSource) -> None:
    """Files of both suffixes at any depth are read; other files and other directories are not."""
    desired = _read(
        origin,
        source,
        {
            "fabrics/dc1/a.yaml": _vpc("a"),
            "fabrics/dc1/managed/vpcs/b.yml": _vpc("b"),
            "fabrics/dc1/deep/raw/c.yaml": _vpc("c"),
            "fabrics/dc1/many.yaml": f"{_vpc('d')}---\n{_vpc('e')}",
            "fabrics/dc1/README.md": _vpc("no"),
            "fabrics/dc1/x.yaml.bak": _vpc("no"),
            "fabrics/dc1/X.YAML": _vpc("no"),
            "fabrics/dc1/raw/f.yaml": _vpc("no"),
            "fabrics/dc1/raw/sub/g.yml": "not: [valid",
            "fabrics/dc1/raw/notes.txt": "x",
            "fabrics/dc1/unmanaged/h.yaml": "not: [valid",
            "fabrics/dc1/.hnp/manifest.yaml": "version: 1",
            "fabrics/dc10/i.yaml": _vpc("no"),
            "fabrics/j.yaml": _vpc("no"),
        },
    )

    assert {key.name for key in desired.manifests} == {"a", "b", "c", "d", "e"}
    assert desired.problems == ()
    assert desired.is_complete
    assert desired.waiting_in_raw == 2
    assert desired.manifests[_key("e")].source == Source("fabrics/dc1/many.yaml", 1, 6)
    assert desired.revision == source.last_fetched()


def test_the_fabrics_namespace_is_the_only_one(origin: Origin, mirror: Mirror) -> None:
    """What names no namespace stands in the fabric's; two fabrics of one repository do not share parsed files."""
    cache = ParseCache()
    one = FabricSource(mirror, FABRIC, cache)
    two = FabricSource(mirror, Fabric("dc1b", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy("prod")), cache)
    origin.commit({"fabrics/dc1/a.yaml": _vpc("a")})
    revision = one.fetch()

    assert one.read(revision).manifests.keys() == {_key("a")}
    assert two.read(revision).manifests.keys() == {_key("a", "prod")}


def test_an_absent_directory_is_a_problem(origin: Origin, source: FabricSource) -> None:
    """Without the fabric's directory nothing is desired, and nothing may be deleted for it."""
    desired = _read(origin, source, {"fabrics/dc2/a.yaml": _vpc("a")})

    assert (desired.manifests, desired.is_complete) == ({}, False)
    assert _problems(desired) == [("fabrics/dc1", "PathNotFound", Severity.ERROR)]
    assert source.tree(desired.revision) is None
    told = f"there is no such directory at {desired.revision}: `reconciler init dc1` makes it, or correct `path`"
    assert [problem.message for problem in desired.problems] == [told]


@pytest.mark.parametrize("content", [Link("dc2"), Submodule(), "a file"])
def test_what_is_no_directory_is_absent(content: Content, origin: Origin, source: FabricSource) -> None:
    """A link to a directory, a submodule or a file in the fabric's place is no directory."""
    desired = _read(origin, source, {"fabrics/dc1": content, "fabrics/dc2/a.yaml": _vpc("a")})

    assert [problem.rule for problem in desired.problems] == ["PathNotFound"]


def test_a_path_never_leaves_the_tree(origin: Origin, mirror: Mirror) -> None:
    """Paths are names in the commit's tree: there is no parent, no root and no pattern."""
    origin.commit({"fabrics/dc2/a.yaml": _vpc("a"), "fabrics/dc1/b.yaml": _vpc("b")})
    revision = mirror.fetch()

    for path in (
        "../dc1",
        "/..",
        "fabrics/../../etc",
        "fabrics/dc1/../dc2",
        "fabrics/./dc1",
        "fabrics//dc1",
        "*",
        ":/",
    ):
        source = FabricSource(mirror, Fabric("dc1", "gitops", "main", path), ParseCache())
        desired = source.read(revision)

        assert desired.manifests == {}, path
        assert [problem.rule for problem in desired.problems] == ["PathNotFound"], path
        assert source.tree(revision) is None, path


def test_links_and_submodules_are_skipped_and_told(origin: Origin, source: FabricSource) -> None:
    """Where manifests may be behind them it is an error, so that nothing is deleted; elsewhere a warning."""
    desired = _read(
        origin,
        source,
        {
            "fabrics/dc1/a.yaml": _vpc("a"),
            "fabrics/dc1/b.yaml": Link("/etc/passwd"),
            "fabrics/dc1/module": Submodule(),
            "fabrics/dc1/shared": Link("../shared"),
            "fabrics/dc1/README.md": Link("../README.md"),
            "fabrics/dc1/raw/c.yaml": Link("../a.yaml"),
            "fabrics/dc1/unmanaged/x": Submodule(),
            "fabrics/module": Submodule(),
        },
    )

    assert _problems(desired) == [
        ("fabrics/dc1/README.md", "SymlinkSkipped", Severity.WARNING),
        ("fabrics/dc1/b.yaml", "SymlinkSkipped", Severity.ERROR),
        ("fabrics/dc1/module", "SubmoduleSkipped", Severity.ERROR),
        ("fabrics/dc1/shared", "SymlinkSkipped", Severity.ERROR),
    ]
    assert desired.manifests.keys() == {_key("a")}
    assert desired.waiting_in_raw == 0


@pytest.mark.parametrize(
    ("limits", "problems", "names"),
    [
        pytest.param(Limits(file=200), [("fabrics/dc1/c.yaml", "FileTooLarge")], {"a", "b", "e"}, id="a file's size"),
        pytest.param(Limits(files=2), [("fabrics/dc1/c.yaml", "TooManyFiles")], {"a", "b"}, id="files"),
        pytest.param(Limits(total=500), [("fabrics/dc1/c.yaml", "TooManyFiles")], {"a", "b"}, id="bytes in all"),
        pytest.param(
            Limits(path=30), [("fabrics/dc1/one/two/three/e.ya…", "PathTooLong")], {"a", "b", "c"}, id="a path"
        ),
        pytest.param(
            Limits(levels=2), [("fabrics/dc1/one/two/three/e.yaml", "PathTooDeep")], {"a", "b", "c"}, id="depth"
        ),
        pytest.param(Limits(files=4, levels=3), [], {"a", "b", "c", "e"}, id="exactly at the limits"),
    ],
)
def test_limits(
    limits: Limits,
    problems: list[tuple[str, str]],
    names: set[str],
    origin: Origin,
    mirror: CountingMirror,
) -> None:
    """What is over a limit is never read and is told, as an error; the rest of the fabric goes on."""
    large = _vpc("c", "{text: " + "x" * 400 + "}")
    origin.commit(
        {
            "fabrics/dc1/a.yaml": _vpc("a"),
            "fabrics/dc1/b.yaml": _vpc("b"),
            "fabrics/dc1/c.yaml": large,
            "fabrics/dc1/d.txt": "x" * 10_000,
            "fabrics/dc1/one/two/three/e.yaml": _vpc("e"),
        },
    )
    source = FabricSource(mirror, FABRIC, ParseCache(), limits)

    desired = source.read(source.fetch())

    assert [(problem.file, problem.rule) for problem in desired.problems] == problems
    assert all(problem.is_refusal for problem in desired.problems)
    assert {key.name for key in desired.manifests} == names
    assert len(mirror.read) == len(names)


def test_the_limits_of_the_design() -> None:
    """16 MiB a file, 100,000 files, 512 MiB in all."""
    assert (Limits().file, Limits().files, Limits().total) == (2**24, 100_000, 2**29)


def test_a_file_over_the_limit_is_not_read(origin: Origin, source: FabricSource, mirror: CountingMirror) -> None:
    """A file of more than 16 MiB is refused by its size alone."""
    desired = _read(origin, source, {"fabrics/dc1/a.yaml": _vpc("a"), "fabrics/dc1/big.yaml": b"#" * (2**24 + 1)})

    assert _problems(desired) == [("fabrics/dc1/big.yaml", "FileTooLarge", Severity.ERROR)]
    assert mirror.read == ["fabrics/dc1/a.yaml"]


def test_two_documents_of_one_identity_are_both_refused(origin: Origin, source: FabricSource) -> None:
    """Neither is applied, each names the other's place, and the identity counts as declared."""
    desired = _read(
        origin,
        source,
        {
            "fabrics/dc1/a.yaml": f"{_vpc('x')}---\n{_vpc('same')}",
            "fabrics/dc1/b.yaml": _vpc("same", "{other: 1}"),
            "fabrics/dc1/c.yaml": f"{_vpc('twice')}---\n{_vpc('twice')}",
        },
    )

    assert desired.manifests.keys() == {_key("x")}
    assert desired.refused == {_key("same"), _key("twice")}
    assert desired.declares(_key("same"))
    assert not desired.is_complete
    assert [(problem.file, problem.document, problem.rule) for problem in desired.problems] == [
        ("fabrics/dc1/a.yaml", 1, "DuplicateIdentity"),
        ("fabrics/dc1/b.yaml", 0, "DuplicateIdentity"),
        ("fabrics/dc1/c.yaml", 0, "DuplicateIdentity"),
        ("fabrics/dc1/c.yaml", 1, "DuplicateIdentity"),
    ]
    assert [problem.message for problem in desired.problems[:2]] == [
        "VPC/same is declared in fabrics/dc1/b.yaml too (document 0, line 1)",
        "VPC/same is declared in fabrics/dc1/a.yaml too (document 1, line 6)",
    ]


def test_identical_copies_are_duplicates_too(origin: Origin, source: FabricSource) -> None:
    """One blob in two places declares its objects twice; each place is named."""
    desired = _read(origin, source, {"fabrics/dc1/a.yaml": _vpc("x"), "fabrics/dc1/b.yaml": _vpc("x")})

    assert [(problem.file, problem.rule) for problem in desired.problems] == [
        ("fabrics/dc1/a.yaml", "DuplicateIdentity"),
        ("fabrics/dc1/b.yaml", "DuplicateIdentity"),
    ]


def test_one_bad_file_does_not_stop_the_others(origin: Origin, source: FabricSource) -> None:
    """Refused documents that can be identified count as declared; everything else is read."""
    desired = _read(
        origin,
        source,
        {
            "fabrics/dc1/a.yaml": _vpc("a"),
            "fabrics/dc1/binary.yaml": bytes(range(256)),
            "fabrics/dc1/broken.yaml": _vpc("broken", "["),
            "fabrics/dc1/deep.yaml": _vpc("deep", "[" * 40_000),
            "fabrics/dc1/foreign.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
            "fabrics/dc1/empty.yaml": "",
            "fabrics/dc1/z.yaml": _vpc("z"),
        },
    )

    assert {key.name for key in desired.manifests} == {"a", "z"}
    assert desired.refused == {_key("broken"), _key("deep")}
    assert [(problem.file.rpartition("/")[2], problem.rule) for problem in desired.problems] == [
        ("binary.yaml", "InvalidEncoding"),
        ("broken.yaml", "InvalidYAML"),
        ("deep.yaml", "TooDeep"),
        ("foreign.yaml", "UnknownKind"),
    ]


def test_names_that_are_no_text_do_not_confuse(origin: Origin, source: FabricSource) -> None:
    """Files whose names look alike once they are made printable are still two files."""
    desired = _read(origin, source, {b"fabrics/dc1/\xff.yaml": _vpc("a"), rb"fabrics/dc1/\xff.yaml": _vpc("b")})

    assert {key.name for key in desired.manifests} == {"a", "b"}
    assert {manifest.source.file for manifest in desired.manifests.values()} == {r"fabrics/dc1/\xff.yaml"}


def test_a_file_is_read_once(origin: Origin, source: FabricSource, mirror: CountingMirror) -> None:
    """Unchanged files come from the cache, also under a new name; a changed one is read again."""
    first = _read(origin, source, {"fabrics/dc1/a.yaml": _vpc("a"), "fabrics/dc1/b.yaml": _vpc("b")})
    assert len(mirror.read) == 2
    mirror.read.clear()

    assert source.read(first.revision) == first
    assert mirror.read == []

    second = _read(origin, source, {"fabrics/dc1/moved.yaml": _vpc("a"), "fabrics/dc1/b.yaml": _vpc("b", "{x: 1}")})
    assert mirror.read == ["fabrics/dc1/b.yaml"]
    assert second.manifests[_key("a")].source.file == "fabrics/dc1/moved.yaml"
    assert second.manifests[_key("b")].spec == {"x": 1}


def test_problems_come_from_the_cache_too(origin: Origin, source: FabricSource, mirror: CountingMirror) -> None:
    """A broken file is no less broken the second time, and is not parsed again."""
    first = _read(origin, source, {"fabrics/dc1/a.yaml": _vpc("a", "[")})
    mirror.read.clear()

    assert source.read(first.revision).problems == first.problems != ()
    assert mirror.read == []


def test_an_old_revision_can_be_read(origin: Origin, source: FabricSource) -> None:
    """Each revision has its own content, in any order."""
    old = _read(origin, source, {"fabrics/dc1/a.yaml": _vpc("a")})
    new = _read(origin, source, {"fabrics/dc1/b.yaml": _vpc("b")})

    assert source.read(old.revision).manifests.keys() == {_key("a")}
    assert source.read(new.revision).manifests.keys() == {_key("b")}
    assert source.ancestry([old.revision.commit], new.revision) == {old.revision.commit: True}
    assert source.ancestry([new.revision.commit], old.revision) == {new.revision.commit: False}
    assert source.tree(old.revision) != source.tree(new.revision)


def test_an_unreadable_mirror_is_an_error_not_an_empty_fabric(source: FabricSource, origin: Origin) -> None:
    """What could not be read is never taken for deleted."""
    origin.commit({"fabrics/dc1/a.yaml": _vpc("a")})
    source.fetch()

    with pytest.raises(GitUnavailableError):
        source.read(Revision("main", "1" * 40))


def test_the_lines_of_later_findings(origin: Origin, mirror: CountingMirror, source: FabricSource) -> None:
    """Fields that a later check complains of are found, in one look at each file; what cannot be found, and what is not
    the fabric's, keeps its document's line.
    """
    text = f"# c\n{_vpc('a', '')}  subnets:\n    x: {{vlan: no}}\n"
    desired = _read(origin, source, {"fabrics/dc1/a.yaml": text, "fabrics/dc1/b.yaml": _vpc("b"), "other.yaml": text})
    a, b = desired.manifests[_key("a")].source, desired.manifests[_key("b")].source
    vlan: FieldPath = ("spec", "subnets", "x", "vlan")
    places: list[tuple[Source, FieldPath]] = [
        (b, ("spec", "x")),
        (a, vlan),
        (a, ("spec",)),
        (Source("fabrics/dc1/gone.yaml", 0, 5), ("spec",)),
        (replace(a, file="other.yaml"), vlan),
    ]
    mirror.read.clear()

    assert a.line == 2
    assert source.lines(desired.revision, places) == [4, 7, 5, 5, 2]
    assert sorted(mirror.read) == ["fabrics/dc1/a.yaml", "fabrics/dc1/b.yaml"]
    assert source.lines(desired.revision, []) == []


def test_lines_of_a_file_that_is_too_large(origin: Origin, mirror: Mirror) -> None:
    """It is not read, and its findings stand where their documents begin."""
    origin.commit({"fabrics/dc1/a.yaml": _vpc("a")})
    source = FabricSource(mirror, FABRIC, ParseCache(), Limits(file=10))

    assert source.lines(source.fetch(), [(Source("fabrics/dc1/a.yaml", 0, 1), ("spec",))]) == [1]


def test_trailing_slashes_do_not_matter(origin: Origin, mirror: Mirror) -> None:
    """A path with a slash at its end is the same directory."""
    origin.commit({"fabrics/dc1/a.yaml": _vpc("a"), "fabrics/dc1/raw/b.yaml": _vpc("b")})
    source = FabricSource(mirror, Fabric("dc1", "gitops", "main", "fabrics/dc1/"), ParseCache())

    desired = source.read(source.fetch())

    assert (list(desired.manifests), desired.waiting_in_raw) == ([_key("a")], 1)


def _parsed(size: int) -> ParsedFile:
    return ParsedFile("f.yaml", size, (), ())


def test_the_cache_is_bounded() -> None:
    """What was not used for longest goes first; more than the limit is never kept."""
    cache = ParseCache(limit=3000)
    for blob in "abc":
        cache.put(blob, "default", _parsed(800))
    assert cache.get("a", "default") is not None

    cache.put("d", "default", _parsed(800))

    assert [blob for blob in "abcd" if cache.get(blob, "default")] == ["a", "c", "d"]
    cache.put("huge", "default", _parsed(5000))
    assert [blob for blob in ("a", "c", "d", "huge") if cache.get(blob, "default")] == []


def test_the_cache_counts_what_it_replaces_once() -> None:
    """Putting a file again does not use the room of two."""
    cache = ParseCache(limit=2000)
    cache.put("a", "default", _parsed(800))
    for _ in range(10):
        cache.put("b", "default", _parsed(800))

    assert cache.get("a", "default") is not None


def test_empty_files_do_not_fill_the_cache_for_ever() -> None:
    """Files without text take room too."""
    cache = ParseCache(limit=1000)
    for number in range(100):
        cache.put(str(number), "default", _parsed(0))

    assert sum(cache.get(str(number), "default") is not None for number in range(100)) == 10


def test_threads_share_the_cache() -> None:
    """Puts and gets from many threads keep the cache within its limit and lose nothing that fits."""
    cache = ParseCache(limit=1_000_000)

    def work(name: str) -> None:
        for number in range(200):
            cache.put(f"{name}{number}", "default", _parsed(10))
            assert cache.get(f"{name}{number}", "default") is not None

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert all(cache.get(f"{name}{number}", "default") for name in "abcd" for number in range(200))
