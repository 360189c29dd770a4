"""What proves deliveries of our own description, and what is read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.requests import Delivery
from tests.payloads import generic, github
from tests.unit.webhooks.reading import lowered, refusal_of
from webhooks.providers.generic import is_authentic, parse

if TYPE_CHECKING:
    from reconciler.model.json import JSON

BODY = github.encoded(generic.push())


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_signature(algorithm: str) -> None:
    """Either algorithm proves the body, and nothing else."""
    headers = lowered(generic.headers(BODY, algorithm=algorithm))

    assert is_authentic(generic.SECRET, headers, BODY, 0.0)
    assert not is_authentic(generic.SECRET, headers, BODY + b" ", 0.0)
    assert not is_authentic(b"another", headers, BODY, 0.0)


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha384"])
def test_other_algorithms(algorithm: str) -> None:
    """Other algorithms prove nothing, right as the digest may be."""
    assert not is_authentic(generic.SECRET, lowered(generic.headers(BODY, algorithm=algorithm)), BODY, 0.0)


def test_push() -> None:
    """A push names the ref, the commit and the repository."""
    assert parse(lowered(generic.headers(BODY)), BODY) == Delivery(
        provider="generic",
        id=generic.ID,
        event="push",
        ref="refs/heads/main",
        commit=github.COMMIT,
        urls=(generic.URL,),
    )


def test_deletion() -> None:
    """A commit of zeros says that the ref is gone."""
    body = github.encoded(generic.push(commit=github.NO_COMMIT))
    delivery = parse(lowered(generic.headers(body)), body)

    assert (delivery.is_deletion, delivery.commit) == (True, None)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        pytest.param(generic.push(ref="main"), "ref", id="short ref"),
        pytest.param(generic.push() | {"ref": None}, "ref", id="no ref"),
        pytest.param({"ref": "refs/heads/main", "repository": generic.URL}, "commit", id="no commit"),
        pytest.param(generic.push(commit="main"), "commit", id="commit is none"),
        pytest.param(generic.push(repository=None), "repository", id="no repository"),
        pytest.param(generic.push(repository=""), "repository", id="empty repository"),
        pytest.param(generic.push(repository={"url": generic.URL}), "repository", id="repository is an object"),
        pytest.param(generic.push(repository="x" * 2049), "repository", id="address too long"),
        pytest.param([], None, id="a list"),
    ],
)
def test_refused(payload: JSON, field: str | None) -> None:
    """All three members are needed, and the one that is wrong is named."""
    body = github.encoded(payload)

    assert refusal_of(lambda: parse(lowered(generic.headers(body)), body)).field == field


@pytest.mark.parametrize("value", ["", "a b", "\u00e9", "x" * 201])
def test_refused_id(value: str) -> None:
    """Without an id that is one word a delivery is refused."""
    headers = lowered(generic.headers(BODY)) | {"x-delivery-id": value}

    assert refusal_of(lambda: parse(headers, BODY)).field == "x-delivery-id"
