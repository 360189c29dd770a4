"""Which objects of a cluster get a file, and which; and what the commit says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model.adoption import Adopted, Adoption, Draft, Outcome
from reconciler.model.ingestion import Ground
from reconciler.model.objects import Manifest, ObjectKey, Resource, Source
from reconciler.model.tree import TreeEntry
from reconciler.plan.adoption import choose, kinds_text, path_of, review_of, route, subject_of
from reconciler.plan.places import blob_id
from tests.unit.plan.world import FABRIC, key, resource, vpc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.changes import FileChange

DIRECTORY = "gitops/dc1"
CONTENT, ASIDE = b"managed\n", b"aside\n"


def _plain(kind: str, name: str, **changes: Any) -> Resource:
    """An object that somebody else made."""
    return Resource(key(kind, name), "uid", "1", {"mode": "x"}, **changes)


def _draft(name: str, **spec: Any) -> Draft:
    return Draft(Manifest(key("VPC", name), Source(""), spec), CONTENT, ASIDE)


def _ground(files: Mapping[str, bytes], *others: TreeEntry) -> Ground:
    entries = [TreeEntry(f"{DIRECTORY}/{path}", "100644", blob_id(data), len(data)) for path, data in files.items()]
    return Ground(FABRIC, DIRECTORY, tuple(sorted([*entries, *others], key=lambda entry: entry.path)))


def _changes(found: Adoption) -> dict[str, bytes | None]:
    changes: tuple[FileChange, ...] = found.changes
    return {one.path: one.content for one in changes}


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        pytest.param(_plain("VPC", "a", is_deleting=True), "Deleting", id="deleting"),
        pytest.param(_plain("VPC", "a", has_owner=True), "Owned", id="owned"),
        pytest.param(_plain("VPC", "../a"), "InvalidName", id="a path"),
        pytest.param(_plain("VPC", "A"), "InvalidName", id="upper case"),
        pytest.param(resource(vpc("a"), "dc2"), "OtherFabric", id="of another fabric"),
        pytest.param(resource(vpc("a")), "Ours", id="ours"),
        pytest.param(replace(_plain("GatewayGroup", "default"), spec={}), "MadeByController", id="the controller's"),
    ],
)
def test_what_is_left_alone(one: Resource, rule: str) -> None:
    """Each with its reason."""
    found = choose([one], set(), FABRIC)

    assert found.objects == ()
    assert [(left.key, left.outcome, left.rule, left.path) for left in found.left] == [(one.key, "left", rule, "")]


def test_what_is_chosen() -> None:
    """All that Git does not declare, by key."""
    objects = [_plain("VPC", "b"), _plain("GatewayGroup", "default"), _plain("Switch", "s"), _plain("VPC", "a")]

    found = choose(objects, {key("VPC", "b")}, FABRIC)

    assert [str(one.key) for one in found.objects] == ["GatewayGroup/default", "Switch/s", "VPC/a"]
    assert found.left == ()


def test_marks_alone_make_nothing_ours() -> None:
    """Annotations that somebody copied: only who applied it owns it."""
    copied = replace(_plain("VPC", "a"), annotations=resource(vpc("a"), "dc2").annotations)

    assert choose([copied], set(), FABRIC).objects == (copied,)


@pytest.mark.parametrize("is_managed", [True, False])
def test_a_new_file(*, is_managed: bool) -> None:
    """Called in `unmanaged/` as it would be in `managed/`."""
    found = route(_ground({}), [_draft("a")], {}, is_managed=is_managed)

    path = "managed/vpcs/a.yaml" if is_managed else "unmanaged/vpcs/a.yaml"
    assert path_of(key("VPC", "a"), is_managed=is_managed) == path
    assert _changes(found) == {f"{DIRECTORY}/{path}": CONTENT}
    assert found.objects == (Adopted(key("VPC", "a"), Outcome.CREATED, path),)
    assert not found.is_blocked


def test_changes_are_sorted() -> None:
    """By path, whatever the order of the objects."""
    found = route(_ground({}), [_draft("b"), _draft("a")], {}, is_managed=True)

    assert [one.path for one in found.changes] == [f"{DIRECTORY}/managed/vpcs/{name}.yaml" for name in "ab"]


@pytest.mark.parametrize(
    ("stands", "outcome"),
    [
        pytest.param(Manifest(key("VPC", "a"), Source("f"), {"x": 1}), Outcome.UNCHANGED, id="the same"),
        pytest.param(
            Manifest(key("VPC", "a"), Source("f"), {"x": 1}, {}, {"hnp.githedgehog.com/fabric": "x"}),
            Outcome.UNCHANGED,
            id="the same but for annotations of ours",
        ),
        pytest.param(Manifest(key("VPC", "a"), Source("f"), {"x": 2}), Outcome.UPDATED, id="another content"),
        pytest.param(Manifest(key("VPC", "b"), Source("f"), {"x": 1}), Outcome.BLOCKED, id="another object"),
        pytest.param(None, Outcome.BLOCKED, id="something else"),
    ],
)
def test_a_file_that_is_there(stands: Manifest | None, outcome: Outcome) -> None:
    """In `unmanaged/` it is brought up to date where it declares the very object."""
    path = "unmanaged/vpcs/a.yaml"

    found = route(_ground({path: b"# mine\n"}), [_draft("a", x=1)], {path: stands}, is_managed=False)

    (one,) = found.objects
    assert one.outcome is outcome
    assert _changes(found) == ({f"{DIRECTORY}/{path}": CONTENT} if outcome is Outcome.UPDATED else {})
    assert found.is_blocked is (outcome is Outcome.BLOCKED)
    assert (
        not found.is_blocked
        or one.message == f"{DIRECTORY}/{path} is there and is not the file of VPC/a: it is not overwritten"
    )


def test_nothing_is_overwritten_in_managed() -> None:
    """Whatever the file there declares: the desired state does not know it by this name."""
    path = "managed/vpcs/a.yaml"

    found = route(_ground({path: b""}), [_draft("a")], {path: _draft("a").manifest}, is_managed=True)

    assert (found.changes, [one.rule for one in found.objects]) == ((), ["PlaceTaken"])


def test_a_link_in_the_way() -> None:
    """Nothing is written through it."""
    link = TreeEntry(f"{DIRECTORY}/unmanaged/vpcs", "120000", "1" * 40, 4)

    found = route(_ground({}, link), [_draft("a")], {}, is_managed=False)

    assert found.changes == ()
    assert "symbolic link" in found.objects[0].message


def test_a_draft_that_cannot_be() -> None:
    """It is named with the reason."""
    found = route(_ground({}), [replace(_draft("a"), rule="TooLong", message="m")], {}, is_managed=True)

    assert found == Adoption((), (Adopted(key("VPC", "a"), Outcome.BLOCKED, "", "TooLong", "m"),))


@pytest.mark.parametrize(("aside", "moves"), [(ASIDE, True), (b"# seen by me\n", False)], ids=["as it was", "edited"])
def test_what_lay_aside_moves(*, aside: bytes, moves: bool) -> None:
    """An object that was adopted to `unmanaged/` before is not there twice; what people edited stays."""
    found = route(_ground({"unmanaged/vpcs/a.yaml": aside}), [_draft("a")], {}, is_managed=True)

    removal = {f"{DIRECTORY}/unmanaged/vpcs/a.yaml": None} if moves else {}
    assert _changes(found) == {f"{DIRECTORY}/managed/vpcs/a.yaml": CONTENT, **removal}


def _adopted(kind: str, name: str, outcome: Outcome = Outcome.CREATED, message: str = "") -> Adopted:
    one = ObjectKey(kind, "default", name)
    return Adopted(one, outcome, path_of(one, is_managed=False), "", message)


FOUND = Adoption(
    (),
    (
        _adopted("Connection", "c"),
        _adopted("VPC", "a"),
        _adopted("VPC", "b", Outcome.UPDATED),
        _adopted("VPC", "d", Outcome.UNCHANGED),
        _adopted("VPC", "e", Outcome.BLOCKED, "it is in the way"),
        _adopted("VPC", "f", Outcome.LEFT),
    ),
)


def test_the_subject() -> None:
    """It counts what was written."""
    assert subject_of(FABRIC, FOUND) == "Adopt 3 objects from the cluster of fabric dc1"
    assert subject_of(FABRIC, Adoption((), FOUND.objects[:1])) == "Adopt 1 object from the cluster of fabric dc1"


@pytest.mark.parametrize(("is_managed", "said"), [(False, "move its file to raw/"), (True, "From the next pass on")])
def test_the_review(*, is_managed: bool, said: str) -> None:
    """How many of which kind, where they are, what to look at, how to go on, and each file."""
    lines = review_of(FOUND, is_managed=is_managed)

    place = "managed/" if is_managed else "unmanaged/"
    assert lines[0] == f"Nothing in Git declared them: 2 VPC, 1 Connection. They are in {place} now, one file each."
    assert said in "\n".join(lines)
    assert lines[-4:] == [
        "VPC/e could not be adopted: it is in the way",
        "Connection/c: unmanaged/connections/c.yaml",
        "VPC/a: unmanaged/vpcs/a.yaml",
        "VPC/b: unmanaged/vpcs/b.yaml (changed)",
    ]
    assert all(len(line) < 200 for line in lines)


def test_kinds_are_in_the_order_of_applies() -> None:
    """As people read a fabric."""
    assert kinds_text(FOUND.objects) == "5 VPC, 1 Connection"
