"""What the tests of all providers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from webhooks.payload import MalformedPayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as the route hands them on."""
    return {name.lower(): value for name, value in headers.items()}


def refusal_of(call: Callable[[], object]) -> MalformedPayloadError:
    """The error of a call that must refuse; its message can be printed."""
    with pytest.raises(MalformedPayloadError) as caught:
        call()
    assert caught.value.message.isprintable()
    return caught.value
