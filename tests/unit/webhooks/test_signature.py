"""Signatures of deliveries."""

from __future__ import annotations

import pytest

from reconciler.model.requests import Receiver
from tests.payloads import github
from webhooks.signature import is_authentic, verified

BODY = b'{"ref": "refs/heads/main"}'


def receiver(repository: str, secret: bytes) -> Receiver:
    return Receiver("github", repository, f"https://github.example.com/net/{repository}", secret)


def test_published_vector() -> None:
    """The example in GitHub's documentation is authentic."""
    header = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert is_authentic(b"It's a Secret to Everybody", b"Hello, World!", header)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="absent"),
        pytest.param(b"sha256=", id="empty digest"),
        pytest.param("sha256=é".encode("latin-1"), id="not ASCII"),
        pytest.param("sha256=é".encode(), id="UTF-8"),
        pytest.param(b"sha256=" + b"0" * 64, id="zeros"),
        pytest.param(github.signature(BODY, b"other").encode(), id="another secret"),
        pytest.param(github.signature(BODY + b" ").encode(), id="another body"),
        pytest.param(github.signature(BODY).encode()[:-1], id="a digit short"),
        pytest.param(github.signature(BODY).encode() + b"0", id="a digit long"),
        pytest.param(github.signature(BODY).encode() + b"\n", id="line break at the end"),
        pytest.param(b" " + github.signature(BODY).encode(), id="space at the start"),
        pytest.param(github.signature(BODY).upper().encode(), id="upper case"),
        pytest.param(github.signature(BODY).encode().removeprefix(b"sha256="), id="no algorithm"),
        pytest.param(github.signature(BODY).encode().replace(b"sha256", b"sha1"), id="another algorithm"),
        pytest.param(b"sha256=" + b"0" * 1_000_000, id="a million digits"),
    ],
)
def test_forged_header(header: bytes) -> None:
    """A header that is not exactly the signature of the body is not authentic, and raises nothing."""
    assert not is_authentic(github.SECRET, BODY, header)


def test_empty_secret_proves_nothing() -> None:
    """A signature that anybody can make, with the empty secret, is not authentic."""
    assert not is_authentic(b"", BODY, github.signature(BODY, b"").encode())


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        pytest.param(b"first", ["a"], id="first"),
        pytest.param(b"second", ["b", "c"], id="a secret that two repositories share"),
        pytest.param(b"third", ["d"], id="last"),
        pytest.param(b"unknown", [], id="none"),
    ],
)
def test_verified_receivers(secret: bytes, expected: list[str]) -> None:
    """Only receivers whose own secret signed the body are trusted, in their order."""
    receivers = [receiver("a", b"first"), receiver("b", b"second"), receiver("c", b"second"), receiver("d", b"third")]

    trusted = verified(receivers, BODY, github.signature(BODY, secret).encode())

    assert [one.repository for one in trusted] == expected


def test_no_receivers() -> None:
    """Without receivers nothing is trusted."""
    assert verified([], BODY, github.signature(BODY).encode()) == ()


def test_every_distinct_secret_is_tried_once() -> None:
    """The number of comparisons depends neither on which secret matches nor on how many repositories share it."""
    tried: list[bytes] = []

    class Counting(bytes):
        """A secret that tells when it is used as a key."""

        __slots__ = ()

        def __len__(self) -> int:
            tried.append(bytes(self))
            return super().__len__()

    receivers = [receiver(str(place), Counting(secret)) for place, secret in enumerate([b"x", b"y", b"x", b"z"])]
    verified(receivers, BODY, github.signature(BODY, b"x").encode())
    with_match = sorted(tried)
    tried.clear()
    verified(receivers, BODY, github.signature(BODY, b"none").encode())

    assert set(with_match) == {b"x", b"y", b"z"}
    assert sorted(tried) == with_match
