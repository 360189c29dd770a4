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
    """A switch interval and thresholds of collections as Python has them, whatever ran before in this process. What was
    set is in place again after the test.
    """
    set_before, thresholds_before = sys.getswitchinterval(), gc.get_threshold()
    interval, thresholds = 0.005, (700, 10, 10)
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
    yield interval, thresholds
    sys.setswitchinterval(set_before)
    gc.set_threshold(*thresholds_before)


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
