"""The pure parts: choosing objects, writing values, reading what a browser wants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import Headers

from tests.unit.webhooks.dashboard import samples
from webhooks.dashboard import formats
from webhooks.dashboard.marks import condition_mark, mark
from webhooks.dashboard.objects import PAGE, Query, select
from webhooks.negotiation import prefers_html

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), ["vpc-3", "vpc-7", "vpc-6", "vpc-4", "vpc-2", "vpc-1", "leaf-1", "vpc-8", "vpc-5"]),
        (Query(kind="Switch"), ["leaf-1"]),
        (Query(state="changed"), ["vpc-7"]),
        (Query(text="LEAF"), ["leaf-1"]),
        (Query(text="vpcs/vpc-2.yaml"), ["vpc-2"]),
        (Query(kind="VPC", state="in_sync", text="vpc"), ["vpc-8"]),
        (Query(kind="nonesuch"), []),
    ],
)
def test_select(query: Query, expected: list[str]) -> None:
    """What needs a look comes first; kind, state and text choose together."""
    selection = select(samples.resources(), query)

    assert [one["name"] for one in selection.rows] == expected
    assert (selection.total, selection.kinds) == (len(expected), {"Switch": 1, "VPC": 8})


@pytest.mark.parametrize(
    ("page", "first", "number"), [(1, 0, PAGE), (2, PAGE, PAGE), (3, 2 * PAGE, 50), (9, 2 * PAGE, 50)]
)
def test_pages(page: int, first: int, number: int) -> None:
    """A page beyond the last is the last."""
    many = [samples.resource(f"vpc-{one:04}") for one in range(250)]

    selection = select(many, Query(page=page))

    assert (selection.pages, len(selection.rows)) == (3, number)
    assert selection.rows[0]["name"] == f"vpc-{first:04}"


def test_fields_without_text() -> None:
    """An object that no file declares is found by what it has."""
    bare = samples.resource(file=None, reason=None, message=None)

    assert select([bare], Query(text="vpc-1")).total == 1
    assert select([bare], Query(text="yaml")).total == 0


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "²", "9999999", "1.5"])
def test_pages_that_make_no_sense(page: str) -> None:
    """They are the first."""
    assert Query.parse({"page": page}) == Query()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "now"), (0.9, "now"), (59, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago"), (3600, "1 h ago"),
     (86400 * 3, "3 d ago"), (-30, "in 30 s"), (-7200, "in 2 h")],
)  # fmt: skip
def test_age(seconds: float, expected: str) -> None:
    """The largest unit that fits, in the past and in the future."""
    assert formats.age(NOW - timedelta(seconds=seconds), NOW) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(None, "unknown"), (0.0571, "57 ms"), (1.0, "1 s"), (90.25, "90.2 s"), (300.0, "5 min")]
)
def test_duration(seconds: float | None, expected: str) -> None:
    assert formats.duration(seconds) == expected


@pytest.mark.parametrize(
    ("revision", "expected"),
    [(f"main@sha1:{'0123456789' * 4}", "main@0123456789"), ("odd", "odd"), (None, "none"), ("", "none")],
)
def test_commit(revision: str | None, expected: str) -> None:
    assert formats.commit(revision) == expected


@pytest.mark.parametrize(
    ("found", "expected"), [(None, "absent"), ("1", '"1"'), (1, "1"), ({"b": 1, "a": "é"}, '{"a": "é", "b": 1}')]
)
def test_value(found: object, expected: str) -> None:
    """Text that looks like a number keeps its quotes; what is absent is not the text `null`."""
    assert formats.value(found) == expected


def test_path() -> None:
    """Every segment is quoted, and what is empty is left out of the query."""
    assert formats.path("fabrics", "a/../b", q="x y&z", kind="", page=2) == "/fabrics/a%2F..%2Fb?q=x+y%26z&page=2"


@pytest.mark.parametrize(
    ("kind", "status", "tone"),
    [("Ready", "True", "ok"), ("GitReady", "False", "bad"), ("Stalled", "True", "bad"), ("Stalled", "False", "ok"),
     ("Reconciling", "True", "busy"), ("Reconciling", "False", "ok"), ("Fighting", "Unknown", "idle")],
)  # fmt: skip
def test_conditions(kind: str, status: str, tone: str) -> None:
    """Some conditions are good when true, others when false."""
    assert condition_mark({"type": kind, "status": status}).tone == tone


def test_unknown_words() -> None:
    """A state of a newer API is shown as it is called."""
    assert mark("half_done").label == "Half done"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("*/*", False),
        ("text/*", False),
        ("text/html", True),
        ("TEXT/HTML;charset=utf-8", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("application/json", False),
        ("application/json,text/html", True),
        ("application/json,text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
        ("text/html;q=" + "9" * 10_000, False),
        ("," * 10_000 + "text/html", False),
    ],
)
def test_accept(accept: str | None, expected: bool) -> None:  # noqa: FBT001 - a row of the table
    """A page goes to who names it, and prefers it to JSON."""
    assert prefers_html(Headers({} if accept is None else {"accept": accept})) is expected
