"""Secrets are taken out of a text in every form."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.hiding import HIDDEN, hide
from tests.canaries import found_in

SECRET = 's3cret/with+odd"signs&ü'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token {SECRET}!", f"token {HIDDEN}!"),
        (f"https://bot:{quote(SECRET, safe='')}@host/", f"https://bot:{HIDDEN}@host/"),
        (json.dumps({"m": SECRET}), f'{{"m": "{HIDDEN}"}}'),
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
