"""What proves a delivery, whoever sends it."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from reconciler.model.requests import Receiver
from webhooks.signature import header_bytes, is_digest, is_signature, is_token, verified

SECRET = b"correct horse battery staple"
BODY = b'{"ref": "refs/heads/main"}'


def digest(body: bytes = BODY, secret: bytes = SECRET, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret, body, getattr(hashlib, algorithm)).hexdigest().encode()


SIGNATURE = b"sha256=" + digest()


def receiver(repository: str, secret: bytes) -> Receiver:
    return Receiver("github", repository, f"https://github.example.com/net/{repository}", secret)


def test_published_vector() -> None:
    """The example in GitHub's documentation is authentic."""
    header = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert is_signature(b"It's a Secret to Everybody", b"Hello, World!", header)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_digest(algorithm: str) -> None:
    """A digest counts for its own algorithm alone."""
    made = digest(algorithm=algorithm)

    assert is_digest(SECRET, BODY, made, algorithm)
    assert not is_digest(SECRET, BODY, made, {"sha256": "sha512", "sha512": "sha256"}[algorithm])


@pytest.mark.parametrize(
    ("header", "algorithms", "expected"),
    [
        pytest.param(b"sha512=" + digest(algorithm="sha512"), ("sha256", "sha512"), True, id="allowed"),
        pytest.param(b"sha512=" + digest(algorithm="sha512"), ("sha256",), False, id="not allowed"),
        pytest.param(b"sha512=" + digest(), ("sha256", "sha512"), False, id="digest of another"),
        pytest.param(b"sha1=" + digest(), ("sha256", "sha512"), False, id="unknown"),
    ],
)
def test_algorithms(header: bytes, algorithms: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001 - a column
    """The header chooses only among the algorithms that its provider has."""
    assert is_signature(SECRET, BODY, header, algorithms) is expected


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="absent"),
        pytest.param(b"sha256", id="no digest"),
        pytest.param(b"sha256=", id="empty digest"),
        pytest.param("sha256=é".encode("latin-1"), id="not ASCII"),
        pytest.param("sha256=é".encode(), id="UTF-8"),
        pytest.param(b"sha256=" + b"0" * 64, id="zeros"),
        pytest.param(b"sha256=" + digest(secret=b"other"), id="another secret"),
        pytest.param(b"sha256=" + digest(BODY + b" "), id="another body"),
        pytest.param(SIGNATURE[:-1], id="a digit short"),
        pytest.param(SIGNATURE + b"0", id="a digit long"),
        pytest.param(SIGNATURE + b"\n", id="line break at the end"),
        pytest.param(b" " + SIGNATURE, id="space at the start"),
        pytest.param(b"sha256= " + digest(), id="space within"),
        pytest.param(b"sha256==" + digest(), id="two equals signs"),
        pytest.param(SIGNATURE.upper(), id="upper case"),
        pytest.param(b"sha256=" + digest().upper(), id="digest in upper case"),
        pytest.param(digest(), id="no algorithm"),
        pytest.param(b"sha1=" + digest(), id="another algorithm"),
        pytest.param(b"sha256=" + b"0" * 1_000_000, id="a million digits"),
    ],
)
def test_forged_header(header: bytes) -> None:
    """A header that is not exactly the signature of the body is not authentic, and raises nothing."""
    assert not is_signature(SECRET, BODY, header)


def test_empty_secret_proves_nothing() -> None:
    """What anybody can make, with the empty secret, is not authentic."""
    assert not is_signature(b"", BODY, b"sha256=" + digest(secret=b""))
    assert not is_digest(b"", BODY, digest(secret=b""))
    assert not is_token(b"", b"")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (SECRET, True),
        (SECRET[:-1], False),
        (SECRET + b" ", False),
        (SECRET.upper(), False),
        (b"", False),
        ("é".encode("latin-1"), False),
        (b"x" * 1_000_000, False),
    ],
    ids=["same", "short", "long", "upper case", "empty", "not ASCII", "a million letters"],
)
def test_token(token: bytes, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """A token is the secret, byte for byte."""
    assert is_token(SECRET, token) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"x": "é"}, b"\xe9", id="latin-1"),
        pytest.param({}, b"", id="absent"),
        pytest.param({"x": "\u20ac"}, b"", id="more than a byte"),
        pytest.param({"x": "\ud800"}, b"", id="lone surrogate"),
    ],
)
def test_header_bytes(headers: dict[str, str], expected: bytes) -> None:
    """A header gives the bytes that were sent, and nothing for what cannot have been sent."""
    assert header_bytes(headers, "x") == expected


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
    """Only receivers whose own secret proves the delivery are trusted, in their order."""
    receivers = [receiver("a", b"first"), receiver("b", b"second"), receiver("c", b"second"), receiver("d", b"third")]

    trusted = verified(receivers, lambda candidate: is_digest(candidate, BODY, digest(secret=secret)))

    assert [one.repository for one in trusted] == expected


def test_no_receivers() -> None:
    """Without receivers nothing is trusted, whatever would prove it."""
    assert verified([], lambda _: True) == ()


@pytest.mark.parametrize("right", [b"x", b"z", b"none"])
def test_every_distinct_secret_is_tried_once(right: bytes) -> None:
    """The number of comparisons depends neither on which secret matches nor on how many repositories share it."""
    tried: list[bytes] = []

    def proves(secret: bytes) -> bool:
        tried.append(secret)
        return secret == right

    verified([receiver(str(place), secret) for place, secret in enumerate([b"x", b"y", b"x", b"z"])], proves)

    assert sorted(tried) == [b"x", b"y", b"z"]
