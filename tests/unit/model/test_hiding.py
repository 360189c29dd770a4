"""Secrets are taken out of a text in every form."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.hiding import HIDDEN, Hider, hide, hide_bytes, hide_credentials
from tests.canaries import found_in

SECRET = 's3cret/with+odd"signs&ü'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token {SECRET}!", f"token {HIDDEN}!"),
        (f"https://bot:{quote(SECRET, safe='')}@host/", f"https://bot:{HIDDEN}@host/"),
        (json.dumps({"m": SECRET}), f'{{"m": "{HIDDEN}"}}'),
        (json.dumps({"m": SECRET}, ensure_ascii=False), f'{{"m": "{HIDDEN}"}}'),
        ("nothing of it", "nothing of it"),
    ],
)
def test_what_is_left(text: str, expected: str) -> None:
    assert hide(text, ["", SECRET]) == expected


@given(st.text(max_size=9), st.text(max_size=9))
def test_basic_authentication(before: str, after: str) -> None:
    """Whatever stands beside it, what is left tells nothing of the secret."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(f"{before}{SECRET}{after}".encode()).decode()

        assert HIDDEN in hide(text, [SECRET])
        assert found_in(hide(text, [SECRET]).encode(), {"it": SECRET}) == set()


def test_a_secret_within_another() -> None:
    assert hide("abcdefgh-and-more abcdefgh", ["abcdefgh", "abcdefgh-and-more"]) == f"{HIDDEN} {HIDDEN}"


def test_a_short_secret_is_looked_for_as_it_is() -> None:
    """Its base64 would be found by chance; what is shorter still, everywhere."""
    assert hide("abcd YWJjZA", ["abcd"]) == f"{HIDDEN} YWJjZA"
    assert hide("abcd", ["abc"]) == "abcd"


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [
        ("main", "refs/heads/main is maintained by domain admins", "refs/heads/*** is maintained by domain admins"),
        ("p@ss", "p@ss, a-p@ss-b, up@ss, p@ssword", "***, a-***-b, up@ss, p@ssword"),
        ("geheim7", "geheim7 geheim77", "*** geheim77"),
        ("geheim78", "xgeheim78y", "x***y"),
        ("a&b/c", "x=a%26b%2Fc&y", "x=***&y"),
    ],
)
def test_a_short_secret_is_a_word_of_its_own(secret: str, text: str, expected: str) -> None:
    """Within other words it stands by chance, and hiding it there would leave nothing that can be read."""
    assert hide(text, [secret]) == expected


def test_short_and_long_ones_together() -> None:
    hider = Hider(["main", "main-secret", "mainly"])

    assert hider.hide("main main-secret mainly domain") == "*** *** *** domain"
    assert hider.hide("nothing") == "nothing"


def test_a_secret_that_no_encoding_has() -> None:
    """Half of a character, as bytes of a file name become it, is no reason to fail."""
    assert hide("is half-\udc80-secret", ["half-\udc80-secret"]) == f"is {HIDDEN}"


@given(st.binary(max_size=9), st.binary(max_size=9), st.sampled_from([SECRET, "pässword☃x", "größe"]))
def test_bytes(before: bytes, after: bytes, secret: str) -> None:
    """In what may be no text each form of a secret is hidden, whatever its letters; every other byte stays."""
    in_base64 = base64.b64encode(secret.encode() + b"---")[: len(secret.encode()) * 8 // 6]
    for form in (secret.encode(), quote(secret).encode(), json.dumps(secret)[1:-1].encode(), in_base64):
        content = b" ".join([before, form, after])

        assert hide_bytes(content, [secret.encode()]) == b" ".join([before, HIDDEN.encode(), after])


def test_bytes_that_are_no_text() -> None:
    content = bytes(range(256))

    assert hide_bytes(content, [b"secret-of-bytes\xff", b""]) == content
    assert hide_bytes(b"\xfe secret-of-bytes\xff", [b"secret-of-bytes\xff"]) == b"\xfe ***"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://bot:hunter2@host/x and http://token@host", "see https://***@host/x and http://***@host"),
        ("'ssh://bot:p@ss@w'rd@host:22/x'", "'ssh://***@host:22/x'"),
        ("https://host/x@v1 git@host", "https://host/x@v1 git@host"),
    ],
)
def test_credentials_in_urls(text: str, expected: str) -> None:
    """Up to the last @ before the path: what follows the first may be the end of a password."""
    assert hide_credentials(text) == expected
