"""What holds for the whole process of a service, before anything of it runs."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.app.service import serve
from reconciler.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.app.parts import Parts


@pytest.fixture
def defaults() -> Iterator[tuple[float, tuple[int, int, int]]]:
    """Python's switch interval and thresholds of collections, which are in place again after the test."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield interval, thresholds
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


def _nothing() -> Parts:
    raise ConfigurationError("nothing to serve")


def test_the_event_loop_gets_its_turn(defaults: tuple[float, tuple[int, int, int]]) -> None:
    """A service changes threads ten times as often as Python does by itself, and looks through all of its objects for
    garbage a twentieth as often; young objects as ever.
    """
    interval, (young, middle, old) = defaults

    with pytest.raises(ConfigurationError, match="nothing to serve"):
        serve(_nothing)

    assert sys.getswitchinterval() == pytest.approx(interval / 10)
    assert gc.get_threshold() == (young, middle, old * 20)
