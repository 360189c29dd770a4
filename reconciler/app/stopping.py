"""The end of the process: signals are heard whatever the event loop does, and the end comes in any case."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = structlog.get_logger("service")

STOP_TIMEOUT = 18.0
"""Seconds from the signal to the end of the process, whatever hangs. What is cut off is done again at the next start.
"""

_STOPPING = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def ended_by_signals(on_signal: Callable[[], None], timeout: float = STOP_TIMEOUT) -> Iterator[None]:
    """Have `on_signal` called, in a thread of its own, when the process is asked to stop while the block runs; and end
    the process when the block has not ended `timeout` seconds later. Threads that were started in the block and that
    the interpreter would wait for are waited for here, within that bound. Only for the main thread.
    """
    before = set(threading.enumerate())
    reading, writing = socket.socketpair()
    writing.setblocking(False)  # noqa: FBT003 - the standard library's signature
    listener = threading.Thread(target=_listen, args=(reading, on_signal, timeout), name="signals", daemon=True)
    with reading, _told(writing):
        listener.start()
        try:
            yield
            _join(before)
        finally:
            writing.close()
            listener.join()


@contextlib.contextmanager
def _told(writing: socket.socket) -> Iterator[None]:
    """The numbers of signals are written to the socket. The system's part of the interpreter does it, so it also works
    while the main thread is busy or blocked.
    """
    descriptor = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _pass) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor)


def _pass(_number: int, _frame: object) -> None:
    """A signal must have a handler to be written to the socket."""


def _listen(reading: socket.socket, on_signal: Callable[[], None], timeout: float) -> None:
    numbers = b"\0"
    while numbers and not set(numbers) & set(_STOPPING):
        numbers = reading.recv(64)
    if numbers:
        on_signal()
        _await_end(reading, timeout)


def _await_end(reading: socket.socket, timeout: float) -> None:
    """Until the other end is closed, or the time is over. Further signals neither hasten nor delay it."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0] and not reading.recv(64):
            return
    log.error("stop took too long", seconds=timeout)
    os._exit(1)


def _join(before: set[threading.Thread]) -> None:
    for thread in threading.enumerate():
        if thread not in before and not thread.daemon:
            thread.join()
