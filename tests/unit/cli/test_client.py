"""What the client tells of answers that repeat its token, or of there being none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reconciler.cli import client
from reconciler.cli.client import ApiClient, ApiError
from tests.unit.loopback import Answer, as_json, error

if TYPE_CHECKING:
    from tests.unit.loopback import Loopback


@pytest.mark.parametrize("token", ["message", "error", "unauthorized"])
def test_a_token_that_is_a_name_of_our_own(service: Loopback, token: str) -> None:
    """A token may be a word of the API: the sentence is told, without it."""
    service.answer("GET /fabrics", error(401, "unauthorized", f"Refused, said we: {token}!"))

    with pytest.raises(ApiError, match=r"^Refused, said we: \*\*\*! What --token-file"):
        ApiClient(service.url, token).get("/fabrics", "fabrics")


def test_a_token_that_json_writes_otherwise(service: Loopback) -> None:
    """JSON has many ways to write a text; none of them hides the token from us."""
    body = json.dumps({"error": {"message": "no: a/token-of-it"}}).replace("/", "\\/").replace("-", "\\u002d")
    service.answer("GET /fabrics", Answer(403, body.encode()))

    with pytest.raises(ApiError, match=r"^no: \*\*\*$"):
        ApiClient(service.url, "a/token-of-it").get("/fabrics", "fabrics")


def test_health_that_is_bad(service: Loopback) -> None:
    """All of it is told, so that each text of it is without the token."""
    web = {"state": "failed", "reason": "got my-own-token", "restarts": 1}
    body = {"status": "failing", "components": {"web": web}}
    service.answer("GET /healthz", as_json(body, 503))

    shown = ApiClient(service.url, "my-own-token").health("/healthz")

    assert shown == {"status": "failing", "components": {"web": {**web, "reason": "got ***"}}}


def test_what_succeeds_is_as_it_was_said(service: Loopback) -> None:
    """Nobody in front of the service wrote it."""
    service.answer("GET /fabrics", as_json({"fabrics": ["main"]}))

    assert ApiClient(service.url, "main").get("/fabrics", "fabrics") == {"fabrics": ["main"]}


def test_a_cause_that_quotes_the_token(service: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why there is no answer is told in the words of a library."""

    def fail(_answer: object) -> bytes:
        raise ValueError(f"{'x' * 180} header 'Bearer my-own-token'")

    monkeypatch.setattr(client, "_read", fail)
    with pytest.raises(ApiError) as failed:
        ApiClient(service.url, "my-own-token").get("/fabrics", "fabrics")

    assert "header 'Bearer ***" in str(failed.value)
    assert "my-" not in str(failed.value)
