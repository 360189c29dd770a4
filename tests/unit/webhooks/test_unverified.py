"""The limit of unverified deliveries."""

from __future__ import annotations

import sys

from webhooks.unverified import UnverifiedLimit


def test_limit_within_a_minute() -> None:
    """The limit counts within a minute; then everyone begins anew."""
    limit = UnverifiedLimit(2)

    assert [limit.exceeded("a", now) for now in (100.0, 101.0, 102.0, 159.9, 160.0, 161.0, 162.0)] == [
        False,
        False,
        True,
        True,
        False,
        False,
        True,
    ]


def test_clients_are_counted_apart() -> None:
    """One client's deliveries are not another's."""
    limit = UnverifiedLimit(1)

    assert [limit.exceeded(client, 100.0) for client in ("a", "b", "a", "b")] == [False, False, True, True]


def test_memory_is_bounded() -> None:
    """Beyond 10,000 clients the rest count as one, and those already known still on their own."""
    limit = UnverifiedLimit(1)
    answers = [limit.exceeded(str(client), 100.0) for client in range(10_001)]
    before = sys.getsizeof(limit._counts)

    assert not any(answers)
    assert [limit.exceeded(str(client), 100.0) for client in range(20_000, 20_100)] == [True] * 100
    assert limit.exceeded("5", 100.0)
    assert sys.getsizeof(limit._counts) == before
