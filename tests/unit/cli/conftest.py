"""The command line as its entry point runs it, against a real HTTP server that answers as the service would."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from reconciler.cli import main
from reconciler.cli import output as out
from tests.logs import reset_logs
from tests.unit.loopback import Loopback, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="package")
def server() -> Iterator[Loopback]:
    with serving() as loopback:
        yield loopback


@pytest.fixture
def service(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """A service at the address that the environment names, without a token. It answers nothing yet."""
    server.answers.clear()
    server.asked.clear()
    server.otherwise = Loopback().otherwise
    monkeypatch.setenv("RECONCILER_SERVER", server.url)
    monkeypatch.delenv("RECONCILER_TOKEN", raising=False)
    return server


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Said]]:
    """Run `reconciler` with these arguments, in a pipe."""
    monkeypatch.setattr(out.console, "width", out.WIDE)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["reconciler", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Said(code, *capsys.readouterr())

    yield run
    reset_logs()
