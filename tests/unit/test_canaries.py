"""A secret is found in every form in which it gets into a text."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from tests.canaries import forms, found_in

SECRET = 'canary/with+odd"signs&ü'

SECRETS = {"it": SECRET, "other": "nowhere-to-be-seen"}


@pytest.mark.parametrize(
    "text",
    [
        f"token {SECRET}!",
        f"https://bot:{quote(SECRET, safe='')}@git.example.com/",
        json.dumps({"message": f"refused {SECRET}"}),
        *(base64.b64encode(f"{'u' * length}:{SECRET}".encode()).decode() for length in range(6)),
        base64.urlsafe_b64encode(f"{SECRET} and more".encode()).decode(),
    ],
)
def test_found(text: str) -> None:
    assert found_in(text.encode(), SECRETS) == {"it"}


def test_not_found() -> None:
    assert found_in(b"canary/with+odd signs", SECRETS) == set()


def test_a_key_of_many_lines() -> None:
    """Any line of it is a part of the secret; what frames it is not."""
    key = "-----BEGIN KEY-----\nAAAAB3NzaC1yc2EAAAA\nzzzzzzzzyyyyyyyyyx\n-----END KEY-----\n"

    assert found_in(b"a zzzzzzzzyyyyyyyyyx b", {"key": key}) == {"key"}
    assert found_in(b"-----BEGIN KEY-----", {"key": key}) == set()


def test_what_is_too_short_is_no_secret() -> None:
    assert forms("a") == frozenset()
