"""Threads that go on in the context of whoever starts them: what is bound to each line of the log, and whose work that
is.

The standard library's threads begin with none.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class ContextPool(ThreadPoolExecutor):
    """A pool whose calls run in the context in which they were submitted."""

    def submit(
        self, call: Callable[Arguments, Answer], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Answer]:
        return super().submit(partial(copy_context().run, call, *args, **kwargs))
