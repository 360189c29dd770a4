"""Are installed files what was recorded of them?"""

from __future__ import annotations

import pytest

from reconciler.model.integrity import NOT_APPLICABLE, Fault, Integrity, Mark, Mismatch
from reconciler.plan.integrity import (
    RecordError,
    build_id,
    compare,
    digest,
    manifest,
    parse_manifest,
    parse_record,
    unrecorded,
    without_byte_code,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EMPTY_IN_RECORD = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
A, B = Mark(10, "aa"), Mark(12, "bb")


def test_a_record() -> None:
    """Hashes are in hex, as every other tool tells them; names may hold commas; what has no hash is known, too."""
    text = f'reconciler/__init__.py,{EMPTY_IN_RECORD},0\n"odd, name.py",{EMPTY_IN_RECORD},0\nx.dist-info/RECORD,,\n'

    assert parse_record(text) == {
        "reconciler/__init__.py": Mark(0, EMPTY),
        "odd, name.py": Mark(0, EMPTY),
        "x.dist-info/RECORD": None,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("a.py,,\nb.py\n", "line 2 is damaged"),
        (f"a.py,{EMPTY_IN_RECORD},many\n", "line 1 is damaged"),
        ("a.py,md5=abc,1\n", "line 1 is damaged"),
        ("a.py,sha256=?,1\n", "line 1 is damaged"),
    ],
)
def test_a_damaged_record(text: str, message: str) -> None:
    """What cannot be read is no record of nothing."""
    with pytest.raises(RecordError, match=message):
        parse_record(text)


def test_as_recorded() -> None:
    """The same files are no mismatch, and neither is one without a hash, there or not."""
    recorded = {"a.py": A, "gone.pyc": None, "RECORD": None}

    assert list(compare(recorded, {"a.py": A, "RECORD": B})) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (None, Fault.MISSING),
        (Mark(9, "99"), Fault.TRUNCATED),
        (Mark(10, "ab"), Fault.CHANGED),
        (Mark(11, "ab"), Fault.CHANGED),
        (Mark(link="b.py"), Fault.CHANGED),
        (Mark(problem="permission denied"), Fault.UNREADABLE),
    ],
)
def test_a_file_that_is_not_as_recorded(found: Mark | None, fault: Fault) -> None:
    """Each way in which a file can differ has its name."""
    assert list(compare({"a.py": A}, {"a.py": found} if found else {})) == [Mismatch("a.py", fault, A, found)]


def test_a_link_that_leads_elsewhere() -> None:
    """Where it leads is all that a link has."""
    recorded = {"bin/python": Mark(link="python3")}

    assert list(compare(recorded, {"bin/python": Mark(link="python3")})) == []
    (wrong,) = compare(recorded, {"bin/python": Mark(link="elsewhere")})
    assert str(wrong) == "bin/python is changed: a link to elsewhere, a link to python3 expected"


def test_a_file_that_cannot_be_read() -> None:
    """The reason is said."""
    (wrong,) = compare({"a.py": A}, {"a.py": Mark(problem="permission denied")})

    assert str(wrong) == "a.py is unreadable: permission denied, 10 bytes (sha256 aa) expected"


def test_what_nobody_recorded() -> None:
    """Whatever else is found is extra, and all is told in the order of paths."""
    wrong = list(compare({"b.py": A}, {"a.py": B, "c.py": B}))

    assert [(one.path, one.fault) for one in wrong] == [
        ("a.py", Fault.EXTRA),
        ("b.py", Fault.MISSING),
        ("c.py", Fault.EXTRA),
    ]
    assert [str(one) for one in wrong[:2]] == [
        "a.py is extra, it is not of this build: 12 bytes (sha256 bb)",
        "b.py is missing: 10 bytes (sha256 aa) expected",
    ]


@pytest.mark.parametrize(
    ("path", "is_extra"),
    [
        ("reconciler/queue.py", False),
        ("reconciler/__pycache__/queue.cpython-311.pyc", False),
        ("reconciler/__pycache__/queue.cpython-313.opt-1.pyc", False),
        ("reconciler/__pycache__/queue.cpython-311.pyc.140234", False),  # while it is being written
        ("reconciler/__pycache__/gone.cpython-311.pyc", True),
        ("reconciler/__pycache__/queue.txt", True),
        ("reconciler/queue.pyc", True),
        ("webhooks/__pycache__/queue.cpython-311.pyc", True),
        ("reconciler/gone.py", True),
        ("RECORD", False),
    ],
)
def test_byte_code_belongs_to_its_module(path: str, is_extra: bool) -> None:  # noqa: FBT001 - a case
    """Byte-code of a module that is recorded is none of the build's files, and not extra; any other is stale."""
    known = {"reconciler/queue.py": A, "RECORD": None}

    assert unrecorded([path], known) == ([path] if is_extra else [])


def test_a_tree_without_its_byte_code() -> None:
    """A manifest does not name what Python writes itself."""
    files = {"a.py", "__pycache__/a.cpython-311.pyc", "x/__pycache__/b.cpython-311.pyc", "x/b.py"}

    assert set(without_byte_code(files, files)) == {"__pycache__/a.cpython-311.pyc", "a.py", "x/b.py"}


def test_the_build_is_our_content() -> None:
    """Another byte is another build; what installers write beside our packages is not of it, nor the order of lines."""
    ours = {"reconciler/a.py": A, "webhooks/b.py": B, "reconciler/__pycache__/a.cpython-311.pyc": None}

    assert build_id(ours) == build_id({"../bin/reconciler": A, **dict(reversed(ours.items()))})
    assert build_id(ours) != build_id({**ours, "webhooks/b.py": A})
    assert build_id(ours).startswith("sha256:")


def test_a_manifest() -> None:
    """It is read as it was written, and the same tree has the same name."""
    files = {"bin/python": Mark(link="python3"), "a.py": A}
    content = manifest(["lib", "bin"], files)

    assert parse_manifest(content) == (("bin", "lib"), files)
    assert digest(content) == digest(manifest(["bin", "lib"], dict(reversed(files.items()))))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 1, "folders": 1, "files": {}}',
        b'{"format": 1, "folders": [], "files": {"a": 1}}',
    ],
)
def test_what_is_no_manifest(content: bytes) -> None:
    """Anything else is refused, and not taken for an empty tree."""
    with pytest.raises(RecordError, match="it is not a manifest of a tree"):
        parse_manifest(content)


def test_a_manifest_of_a_later_format() -> None:
    """It is refused by its number."""
    with pytest.raises(RecordError, match="it has the format 2, this program reads 1"):
        parse_manifest(b'{"format": 2}')


def test_the_summary_names_the_first_files() -> None:
    """A reason is read by people: the first files, and how many more there are."""
    wrong = tuple(Mismatch(f"{name}.py", Fault.MISSING, A) for name in "abcde")

    said = Integrity("RECORD", 10, wrong).summary(most=2)

    assert said == (
        "a.py is missing: 10 bytes (sha256 aa) expected; b.py is missing: 10 bytes (sha256 aa) expected; and 3 more"
    )
    assert Integrity("RECORD", 10, wrong).is_whole is False
    assert Integrity("RECORD", 10).summary() == "all 10 files are as RECORD says"
    assert Integrity("RECORD", is_applicable=False).summary() == NOT_APPLICABLE
