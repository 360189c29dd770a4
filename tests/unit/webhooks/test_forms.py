"""Urlencoded forms: what any encoder makes is decoded, and no form costs more than a few times its size."""

from __future__ import annotations

import contextlib
import tracemalloc
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.webhooks.reading import refusal_of
from webhooks.payload import MalformedPayloadError, form_field

MIB = 1024 * 1024


@given(value=st.binary(max_size=60))
def test_what_an_encoder_made(value: bytes) -> None:
    """The field is what the encoder was given, byte for byte."""
    assert form_field(b"a=1&payload=" + quote_plus(value).encode(), "payload") == value


@given(value=st.binary(max_size=60))
def test_what_a_zealous_encoder_made(value: bytes) -> None:
    """An encoder may escape every byte, in lower case too."""
    assert form_field(b"payload=" + b"".join(b"%%%02x" % byte for byte in value), "payload") == value


def test_an_equals_sign_in_a_value() -> None:
    """Some encoders leave it as it is: only the first one of a field ends its name."""
    assert form_field(b"payload=a=b==&x", "payload") == b"a=b=="


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"payload=%", "the body is not an urlencoded form"),
        (b"payload=%4", "the body is not an urlencoded form"),
        (b"payload=%zz", "the body is not an urlencoded form"),
        (b"payload=a b", "the body is not an urlencoded form"),
        (b"payload=\xff", "the body is not an urlencoded form"),
        (b"payload=a\r\n", "the body is not an urlencoded form"),
        (b"a=1&b=2", "the form holds payload 0 times instead of once"),
        (b"payload=1&payload=1", "the form holds payload 2 times instead of once"),
        (b"&" * 11, "the form holds more than 10 fields"),
    ],
)
def test_what_is_no_form(body: bytes, message: str) -> None:
    """It is refused, and the message says why."""
    assert refusal_of(lambda: form_field(body, "payload")).message == message


@pytest.mark.parametrize("unit", [b"%", b"%41", b"=", b"+", b"&", b"%3D%0A", b"payload=&"])
def test_no_form_is_expensive(unit: bytes) -> None:
    """Whatever 5 MiB of a form hold, decoding takes less than ten times as much memory."""
    body = b"payload=" + unit * (5 * MIB // len(unit))
    tracemalloc.start()
    with contextlib.suppress(MalformedPayloadError):
        form_field(body, "payload")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 50 * MIB
