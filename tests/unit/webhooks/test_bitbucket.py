"""What proves deliveries of Bitbucket, Cloud and Data Center, and what is read from them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.requests import Delivery, RefUpdate
from tests.payloads import bitbucket, github
from tests.unit.webhooks.reading import lowered, refusal_of
from webhooks.providers.bitbucket import delivery_id, is_authentic, parse

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from webhooks.payload import MalformedPayloadError

MAIN = RefUpdate("refs/heads/main", github.COMMIT)
OTHER = "b" * 40


def parsed(payload: JSON, event: str = "repo:push") -> Delivery:
    body = github.encoded(payload)
    return parse(lowered(bitbucket.headers(body, event=event)), body)


def of_data_center(payload: JSON, event: str = "repo:refs_changed") -> Delivery:
    body = github.encoded(payload)
    return parse(lowered(bitbucket.data_center_headers(body, event=event)), body)


def refused(payload: JSON, event: str = "repo:push") -> MalformedPayloadError:
    return refusal_of(lambda: parsed(payload, event))


# Proof


def test_signature() -> None:
    """The signature is the SHA-256 one under the old name of the header."""
    body = github.encoded(bitbucket.push())

    assert is_authentic(bitbucket.SECRET, lowered(bitbucket.headers(body)), body, 0.0)
    assert is_authentic(bitbucket.SECRET, lowered(bitbucket.data_center_headers(body)), body, 0.0)


@pytest.mark.parametrize("signature", ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha256=\u00e9"])
def test_the_id_of_the_hook_proves_nothing(signature: str) -> None:
    """A delivery with the hook's id and without the right signature is not authentic: the id is sent in clear."""
    body = github.encoded(bitbucket.push())
    headers = lowered(bitbucket.headers(body) | {"X-Hub-Signature": signature})

    assert headers["x-hook-uuid"]
    assert not is_authentic(bitbucket.SECRET, headers, body, 0.0)


# Ids


def test_ids() -> None:
    """Cloud and Data Center number a delivery under names of their own."""
    assert delivery_id({"x-request-uuid": "a", "x-request-id": "b"}, b"") == "a"
    assert delivery_id({"x-request-id": "b"}, b"") == "b"
    assert refusal_of(lambda: delivery_id({"x-hook-uuid": "c"}, b"")).field == "x-request-id"


# Cloud


def test_push() -> None:
    """A push names the ref, the commit and the page of the repository."""
    assert parsed(bitbucket.push()) == Delivery(
        provider="bitbucket",
        id=bitbucket.UUID,
        event="push",
        ref="refs/heads/main",
        commit=github.COMMIT,
        replaces=github.BEFORE,
        urls=(bitbucket.URL,),
        details={"repository": "net/gitops", "pusher": "emma"},
    )


def test_several_refs() -> None:
    """A push tells of every ref that it moved, and of those that it deleted."""
    changes = [
        bitbucket.change(bitbucket.branch("topic", OTHER)),
        bitbucket.change(bitbucket.branch("v1", OTHER, "tag")),
        bitbucket.change(bitbucket.branch("v2", OTHER, "annotated_tag")),
        bitbucket.change(bitbucket.branch(), bitbucket.branch(commit=github.BEFORE)),
        bitbucket.change(None, bitbucket.branch("old")),
    ]

    assert parsed(bitbucket.push(changes=changes)).updates == (
        RefUpdate("refs/heads/topic", OTHER),
        RefUpdate("refs/tags/v1", OTHER),
        RefUpdate("refs/tags/v2", OTHER),
        replace(MAIN, replaces=github.BEFORE),
        RefUpdate("refs/heads/old", None, is_deletion=True, replaces=github.COMMIT),
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([], id="none"),
        pytest.param([bitbucket.change(bitbucket.branch(kind="bookmark"))], id="another kind of ref"),
    ],
)
def test_no_ref(changes: list[JSON]) -> None:
    """A push that moves no branch and no tag is a push all the same, of nothing."""
    delivery = parsed(bitbucket.push(changes=changes))

    assert (delivery.event, delivery.updates) == ("push", ())


def test_repository_without_a_page() -> None:
    """A repository that names no address is read, and matches nothing."""
    assert parsed(bitbucket.push(repository={"slug": "gitops"})).urls == ()
    assert parsed(bitbucket.push(repository={"links": {}})).urls == ()


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        pytest.param(bitbucket.push(repository=None), "repository", id="null repository"),
        pytest.param(bitbucket.push(repository={"links": []}), "repository.links", id="links is a list"),
        pytest.param(
            bitbucket.push(repository={"links": {"html": {"href": []}}}),
            "repository.links.html.href",
            id="page is a list",
        ),
        pytest.param(
            bitbucket.push(repository={"links": {"clone": "boom"}}), "repository.links.clone", id="addresses are text"
        ),
        pytest.param(
            bitbucket.push(repository={"links": {"clone": [{"name": "http", "href": []}]}}),
            "repository.links.clone[0].href",
            id="an address is a list",
        ),
        pytest.param(
            bitbucket.push(repository={"links": {"clone": ["x"]}}), "repository.links.clone[0]", id="an address is text"
        ),
        pytest.param(bitbucket.push(push=None), "push", id="null push"),
        pytest.param(bitbucket.push(push={"changes": {}}), "push.changes", id="changes is an object"),
        pytest.param(bitbucket.push(changes=[None]), "push.changes[0]", id="null change"),
        pytest.param(bitbucket.push(changes=[{}]), "push.changes[0]", id="change of nothing"),
        pytest.param(bitbucket.push(changes=[{"new": {}}]), "push.changes[0].new.type", id="ref without a kind"),
        pytest.param(
            bitbucket.push(changes=[{"new": {"type": "branch", "target": {"hash": OTHER}}}]),
            "push.changes[0].new.name",
            id="ref without a name",
        ),
        pytest.param(
            bitbucket.push(changes=[{"new": {"type": "branch", "name": "main"}}]),
            "push.changes[0].new.target",
            id="ref without a commit",
        ),
        pytest.param(
            bitbucket.push(changes=[{"new": bitbucket.branch(commit="HEAD")}]),
            "push.changes[0].new.target.hash",
            id="commit is none",
        ),
        pytest.param(bitbucket.push(actor="emma"), "actor", id="actor is text"),
    ],
)
def test_refused_push(payload: JSON, field: str) -> None:
    """A push whose needed fields are missing or of another kind is refused, and the field is named."""
    assert refused(payload).field == field


# Data Center


def test_push_of_data_center() -> None:
    """A push names every ref, its commit, and the addresses to clone from."""
    changes = [
        bitbucket.data_center_change("refs/heads/old", kind="DELETE"),
        bitbucket.data_center_change("refs/tags/v1", OTHER, "ADD"),
        bitbucket.data_center_change(),
    ]

    assert of_data_center(bitbucket.data_center_push(changes)) == Delivery(
        provider="bitbucket",
        id=bitbucket.UUID,
        event="push",
        ref="refs/heads/old",
        commit=None,
        is_deletion=True,
        replaces=github.BEFORE,
        further=(
            RefUpdate("refs/tags/v1", OTHER, replaces=github.BEFORE),
            replace(MAIN, replaces=github.BEFORE),
        ),
        urls=(
            "https://bitbucket.example.com/scm/net/gitops.git",
            "ssh://git@bitbucket.example.com:7999/net/gitops.git",
        ),
        details={"repository": "gitops", "pusher": "admin"},
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({}, "changes[0].ref", id="no ref"),
        pytest.param({"ref": "refs/heads/main"}, "changes[0].ref", id="ref is text"),
        pytest.param({"ref": {"id": "main"}, "toHash": OTHER}, "changes[0].ref.id", id="short ref"),
        pytest.param({"ref": {"id": "refs/heads/main"}}, "changes[0].toHash", id="no commit"),
        pytest.param(
            {"ref": {"id": "refs/heads/main"}, "toHash": OTHER, "type": 1}, "changes[0].type", id="kind is a number"
        ),
    ],
)
def test_refused_push_of_data_center(change: JSON, field: str) -> None:
    """A change whose needed fields are missing or of another kind is refused, and the field is named."""
    assert refused(bitbucket.data_center_push([change]), "repo:refs_changed").field == field


# Other events


def test_ping() -> None:
    """The test of a connection is a ping, and names no repository."""
    assert of_data_center({"test": True}, "diagnostics:ping") == Delivery("bitbucket", bitbucket.UUID, "ping")


@pytest.mark.parametrize("event", ["repo:fork", "pr:opened", "pullrequest:created"])
def test_other_events(event: str) -> None:
    """Of any other event only its name is read, whatever its payload holds."""
    assert parsed({"repository": 5, "push": 6}, event) == Delivery("bitbucket", bitbucket.UUID, event)
