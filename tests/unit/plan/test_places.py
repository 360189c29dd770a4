"""What stands in the way of a file, however many names differ in case alone."""

from __future__ import annotations

from itertools import islice, product

import pytest

from reconciler.plan.places import Obstacle, Places


class _Name(str):
    """A path that counts how often it is compared with another."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        type(self).compared += 1
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        type(self).compared += 1
        return str.__ne__(self, other)

    __hash__ = str.__hash__


def _spelled(count: int) -> list[str]:
    letters = product(*((letter, letter.upper()) for letter in "abcdefghijkl"))
    return ["".join(name) for name in islice(letters, count)]


@pytest.mark.parametrize("count", [2, 3, 2000])
def test_the_first_other_spelling_is_named(count: int) -> None:
    """Of any number, and for each of them."""
    names = _spelled(count)
    places = Places("d", ())
    for name in names:
        places.add(name)

    found = [places.obstacle(name) for name in names]

    others = [names[1], *(names[0] for _ in names[1:])]
    assert found == [
        Obstacle(f"d/{other}", f"d/{other} differs from d/{name} in upper and lower case alone")
        for name, other in zip(names, others, strict=True)
    ]


def test_one_spelling_is_in_nobodys_way() -> None:
    """However often it is told."""
    places = Places("d", ())
    for _ in range(3):
        places.add("a.yaml")

    assert places.obstacle("a.yaml") is None


def test_many_spellings_are_not_compared_with_each_other() -> None:
    """A few comparisons for each name."""
    names = [_Name(name) for name in _spelled(1000)]
    places = Places("d", ())
    _Name.compared = 0
    for name in names:
        places.add(name)
    for name in names:
        assert places._clash(name) is not None

    assert 0 < _Name.compared <= 10 * len(names)
