"""Fabrics as the service tells of them, by the names that people type."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.cli.client import ApiError, NotFoundError
from reconciler.plan.suggestion import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.client import ApiClient
    from reconciler.model.json import JSONObject


def fabric_path(fabric: str) -> str:
    """A name is one segment, whatever characters somebody typed."""
    return f"/fabrics/{quote(fabric, safe='')}"


def fabrics(api: ApiClient, fabric: str | None) -> list[JSONObject]:
    """All of them, or the one of this name, which is told whole. Raises ApiError."""
    if fabric is not None:
        with named(api, fabric):
            return [api.get(fabric_path(fabric), "problems")]
    found: list[JSONObject] = api.get("/fabrics", "fabrics")["fabrics"]
    return found


@contextmanager
def named(api: ApiClient, fabric: str | None) -> Iterator[None]:
    """Where the service knows no fabric of this name, say which one may be meant."""
    try:
        yield
    except NotFoundError:
        if (near := _near(api, fabric)) is None:
            raise
        raise ApiError(f"no fabric {fabric!r} is configured: {near}") from None


def _near(api: ApiClient, fabric: str | None) -> str | None:
    """What to say of the name; None where nothing can be said, or the fabric is there."""
    try:
        known = [one["name"] for one in fabrics(api, None)]
    except ApiError:
        return None
    return None if fabric is None or fabric in known else suggestion(fabric, known)
