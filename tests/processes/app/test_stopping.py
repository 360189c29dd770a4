"""The end of the process: whatever hangs, it comes within its bound; whatever does not, ends in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from reconciler.app.stopping import ended_by_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOUND = 1.0
"""Seconds of patience in these tests."""

PROGRAM = """
import asyncio, os, signal, sys, threading, time
import structlog
from reconciler.app.stopping import ended_by_signals

structlog.configure(processors=[lambda _logger, _method, event: event["event"]])

def stop_soon():
    print("told", flush=True)

with ended_by_signals(stop_soon, timeout={bound}):
    print("ready", flush=True)
{body}
print("ended in order", flush=True)
"""


def _run(body: str, number: int = signal.SIGTERM) -> tuple[int, str, float]:
    """Run a program whose block is `body`, and end it; its exit code, output, and the seconds that it took to end."""
    program = PROGRAM.format(bound=BOUND, body=textwrap.indent(body, "    "))
    with _started(program) as process:
        time.sleep(0.2)
        begun = time.monotonic()
        process.send_signal(number)
        out, _ = process.communicate(timeout=BOUND + 20)
    return process.returncode, out, time.monotonic() - begun


@contextmanager
def _started(program: str) -> Iterator[subprocess.Popen[str]]:
    """A program that said that it is ready."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_in_order(number: int) -> None:
    """What ends by itself when it is told ends the process at once, without an error."""
    code, out, seconds = _run("signal.pause(); asyncio.run(asyncio.sleep(0))", number)

    assert (code, _said(out)) == (0, ["told", "ended in order"])
    assert seconds < BOUND


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("while True: pass", id="a busy main thread"),
        pytest.param("while True: time.sleep(1000)", id="a main thread that sleeps"),
        pytest.param("async def f(): time.sleep(1000)\nasyncio.run(f())", id="a blocked event loop"),
        pytest.param(
            "async def f():\n"
            "    while True:\n"
            "        try: await asyncio.sleep(1000)\n"
            "        except asyncio.CancelledError: pass\n"
            "asyncio.run(f())",
            id="a task that does not end",
        ),
        pytest.param(
            "threading.Thread(target=time.sleep, args=(1000,)).start()", id="a thread that the interpreter waits for"
        ),
    ],
)
def test_what_hangs_is_cut_off(body: str) -> None:
    """Whatever hangs, the process ends within the bound, and its exit code says that it was cut off."""
    code, out, seconds = _run(body)

    assert (code, _said(out)) == (1, ["told", "stop took too long"])
    assert seconds < BOUND + 3


def test_further_signals() -> None:
    """A second signal neither hastens the end nor puts it off."""
    program = PROGRAM.format(bound=BOUND, body="    time.sleep(1000)")
    with _started(program) as process:
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < BOUND + 20:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        seconds = time.monotonic() - begun
        out, _ = process.communicate(timeout=20)

    assert (process.returncode, _said(out)) == (1, ["told", "stop took too long"])
    assert BOUND - 0.5 < seconds < BOUND + 3


def _said(out: str) -> list[str]:
    return out.splitlines()


def _heard(happening: Callable[[], None]) -> list[str]:
    """What is heard while something happens in a block."""
    heard: list[str] = []
    with ended_by_signals(lambda: heard.append(threading.current_thread().name)):
        happening()
    return heard


def test_nothing_is_left_behind() -> None:
    """After the block signals do what they did before, and no thread is left."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    threads = threading.active_count()

    def be_told() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)

    assert _heard(lambda: None) == []
    assert _heard(be_told) == ["signals"]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert threading.active_count() == threads
    assert signal.set_wakeup_fd(-1) == -1


def test_other_signals() -> None:
    """A signal that is no order to stop stops nothing, though somebody else handles it."""
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
    try:

        def be_told() -> None:
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.2)

        assert _heard(be_told) == []
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_error_of_the_block() -> None:
    """What the block raises is raised, at once."""

    def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        _heard(fail)
